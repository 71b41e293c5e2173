"""Roles: what each person should hold (`desired`), what they hold, and how one becomes the other (`sync`)."""
