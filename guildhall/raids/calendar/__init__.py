"""Planned raids and other dates, with who comes: what the old calendar had, and what goes on here.

`services` (plan, change, call off, answer), `selectors` (what is coming, one date with its answers). The pages, the API and
the old API's `raid_signup` all go through these.
"""
