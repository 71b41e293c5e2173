"""Servers that are broken while people use the site (issue 14)."""
