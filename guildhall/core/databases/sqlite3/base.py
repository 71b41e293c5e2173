"""Django's backend for SQLite, with revisions (`core.databases.revised`), and what SQLite can do that Django does not ask of it."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator

from django.db.backends.sqlite3.base import DatabaseWrapper as Django
from django.db.backends.sqlite3.features import DatabaseFeatures as DjangoFeatures

from guildhall.core.databases.revised import Context, Revised

PARAMETERS = 32_766


class DatabaseFeatures(DjangoFeatures):
    """What this SQLite can do.

    Invariant: a bulk write is one statement for a raid's worth of people on every database
    (`raids/tests/test_statements.py`). Django cuts bulk writes on SQLite at 999 parameters, the limit of versions before 3.32
    (2020); later ones take 32,766, and Django 6 asks for the real limit itself.
    """

    max_query_params = PARAMETERS if sqlite3.sqlite_version_info >= (3, 32, 0) else 999


class DatabaseWrapper(Revised, Django):
    """A connection that changes the revisions of the tables that it wrote."""

    features_class = DatabaseFeatures

    def finish_reading(self, context: Context) -> None:
        """Read what a RETURNING returned: SQLite commits nothing while it is unread."""
        wrapper = context["cursor"]
        if wrapper.cursor.description is not None:
            wrapper.cursor = _Read(wrapper.cursor)


class _Read:
    """A cursor whose rows have been read."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        self._rows: Iterator[object] = iter(cursor.fetchall())

    def fetchone(self) -> object:
        return next(self._rows, None)

    def fetchmany(self, size: int = 1) -> list[object]:
        return list(itertools.islice(self._rows, size))

    def fetchall(self) -> list[object]:
        return list(self._rows)

    def __iter__(self) -> Iterator[object]:
        return self._rows

    def __getattr__(self, name: str) -> object:
        return getattr(self._cursor, name)
