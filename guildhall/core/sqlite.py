"""What SQLite can do today and Django 5.2 does not ask it about.

Invariant: a bulk write is one statement for a raid's worth of people on every database
(`raids/tests/test_statements.py`). Django cuts bulk writes on SQLite at 999 parameters, the limit of versions before
3.32 (2020); later ones take 32,766, and Django 6 asks for the real limit itself. Until then this says so.
"""

from __future__ import annotations

import sqlite3

PARAMETERS = 32_766


def raise_parameter_limit() -> None:
    """Let Django use as many parameters in one statement as SQLite takes."""
    if sqlite3.sqlite_version_info >= (3, 32, 0):
        # By `base`: its `features` cannot be imported first, and on another database nothing has imported either yet.
        from django.db.backends.sqlite3.base import DatabaseWrapper

        DatabaseWrapper.features_class.max_query_params = PARAMETERS  # type: ignore[method-assign, assignment]
