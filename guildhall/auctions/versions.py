"""What is compared where an auction is awarded as it was shown, and another officer may have changed it meanwhile (`core.versions`)."""

from __future__ import annotations

from collections.abc import Iterable

from guildhall.core.money import show_points
from guildhall.core.versions import require_version, version_of

from .models import SessionWinner


def _of_winners(rows: Iterable[SessionWinner]) -> dict[str, object]:
    standing = sorted((row for row in rows if row.state != SessionWinner.State.PASSED), key=lambda row: row.pk)
    return {str(row.pk): [row.user_id, show_points(row.amount), str(row.state)] for row in standing}


def winners_version(rows: Iterable[SessionWinner]) -> str:
    """Return the version of what `award_session` serves: who won, at what price, and who has it already."""
    return version_of(_of_winners(rows))


def require_winners(version: str | None, rows: Iterable[SessionWinner], *, item_name: str) -> None:
    """Refuse to award what is not as it was shown; the session is locked.

    Raises:
        StaleEdit: ``stale_edit``.
    """
    found = list(rows)
    words = [
        f"{row.character_name or row.user} for {show_points(row.amount)} ({row.get_state_display().lower()})"
        for row in found
        if row.state != SessionWinner.State.PASSED
    ]
    require_version(version, _of_winners(found), what=f"who won {item_name}", now="; ".join(words) or "nobody won it")
