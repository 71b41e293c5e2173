"""A new guild takes no applications until somebody opens them; what a guild in use has chosen stays."""

from __future__ import annotations

from guildhall.accounts.models import User
from guildhall.accounts.services import on_founded

from .services import edit_policy


@on_founded
def close_recruitment(officer: User) -> None:
    """Close the applications of a guild that was founded a moment ago."""
    edit_policy(actor=officer, is_open=False)
