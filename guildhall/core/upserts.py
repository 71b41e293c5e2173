"""Rows that are inserted, or changed where they are there already, in one statement on any database."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeVar

from django.db.models import Model

from .inserts import insert

M = TypeVar("M", bound=Model)


def upsert(rows: Collection[M], *, by: Sequence[str], fields: Sequence[str], batch_size: int = 1000) -> None:
    """Insert rows; of one that has the same values in `by` the `fields` are changed instead. Joins the caller's transaction.

    Args:
        rows: all with their key set, or all without.
        by: fields that are unique together in the database; MySQL and MariaDB take whatever is unique.
    """
    insert(rows, by=by, fields=fields, batch_size=batch_size)
