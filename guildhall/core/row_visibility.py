"""What a reader of Guildhall's own records (the audit trail, the outbox) is not shown, whatever their role."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from django.db import models

M = TypeVar("M", bound=models.Model)
Rows = Callable[[object], models.Q]


class RowVisibility:
    """One kind of record, whose readers get at it through `visible_to` alone."""

    def __init__(self) -> None:
        self._rules: list[Rows] = []

    def exclude_rows(self, rows: Rows) -> Rows:
        """Register which rows a reader must not be shown: `rows(reader)` is a condition on the record's model.

        An app registers what its own rules keep from somebody.
        """
        self._rules.append(rows)
        return rows

    def visible_to(self, reader: object, records: models.QuerySet[M]) -> models.QuerySet[M]:
        """Return `records` without what the apps keep back from `reader`, a person who is signed in."""
        for rows in self._rules:
            records = records.exclude(rows(reader))
        return records
