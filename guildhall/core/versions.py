"""Editing what somebody else may have changed meanwhile: the form carries the version that it shows.

Invariant: a service that is given a version compares it, with the row locked, with that of what it is about to change, and
writes nothing where they differ; the refusal says what is there now (`raids/tests/test_stale_edits.py`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from .errors import Conflict


class StaleEdit(Conflict):
    """Somebody else changed what is being edited since it was shown (HTTP 409, code ``stale_edit``)."""

    default_code = "stale_edit"


def version_of(values: Mapping[str, object]) -> str:
    """Return a text that is another one whenever one of these values is."""
    return hashlib.sha256(json.dumps(values, default=str, sort_keys=True).encode()).hexdigest()[:24]


def require_version(version: str | None, values: Mapping[str, object], *, what: str, now: str) -> None:
    """Pass where `version` is None, or that of `values`, which were read under the lock.

    Args:
        what: what is edited, for the refusal.
        now: how it stands, for a person.

    Raises:
        StaleEdit: they differ.
    """
    current = version_of(values)
    if version is None or version == current:
        return
    raise StaleEdit(
        f"Nothing was stored: somebody else changed {what} since you opened it. It stands now as: {now}. What you entered is "
        "still in the fields; send it again to put it in its place, or leave the page to keep what is there.",
        figures={"now": {name: str(value) for name, value in values.items()}, "version": current},
    )
