"""Rows that become rows of ours one by one and move nothing: the calendar, comments, the log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import ClassVar

from django.db import connection, models

from guildhall.core.money import MAX_POINTS
from guildhall.eqdkp.legacy.rows import TableSpec
from guildhall.eqdkp.models import LegacyLog
from guildhall.raids.calendar.services import MOST_HOURS
from guildhall.raids.models import CalendarEvent, CalendarSignup

from .context import MAX_INTEGER, Context, fingerprint
from .difference import Changed, Created, Known, RowT
from .loop import RowKind
from .named import Values, plain

#: The most that each number of a row may be.
LARGEST: dict[type[models.Model], dict[str, int | Decimal]] = {
    CalendarEvent: {
        "deadline_hours": MOST_HOURS, "places": MAX_INTEGER, "calendar_number": MAX_INTEGER, "points": MAX_POINTS,
    },
    CalendarSignup: {"role": MAX_INTEGER, "raidgroup": MAX_INTEGER, "guest_class": MAX_INTEGER},
    LegacyLog: {"result": MAX_INTEGER},
}  # fmt: skip


def _size(value: object) -> int | Decimal:
    if isinstance(value, Decimal):
        return value.copy_abs()
    return abs(value) if isinstance(value, int) else 0


class TableKind(RowKind[RowT, Values]):
    """Rows of a simple table: each becomes the values of one of ours.

    Values with an ``id`` are for a row of ours that is there already, which takes them over.

    Attributes:
        spec: the table.
        model: what its rows become.
    """

    spec: TableSpec[RowT]
    model: ClassVar[type[models.Model]]

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx)
        self.table = self.called = self.spec.name

    def rows(self) -> Iterable[RowT]:
        """Return the rows of the table."""
        return self.ctx.snapshot.rows(self.spec)

    def fingerprint(self, row: RowT) -> str:
        """Return a fingerprint of the whole row."""
        return fingerprint(row)

    def build(self, row: RowT, before: Known | None) -> Values | None:
        """Return the values of our row, numbers that no database keeps put to 0; None where it is excluded."""
        values = self.values(row)
        if values is not None:
            self._fit(row.id, values)
        return values

    def values(self, row: RowT) -> Values | None:
        """Return the values of our row; None where it is excluded."""
        raise NotImplementedError

    def _fit(self, legacy_id: int, values: Values) -> None:
        """Put 0 for numbers that no database keeps, and say so: one of them would stop the whole import on PostgreSQL."""
        largest = LARGEST.get(self.model, {})
        too_much = {name: values[name] for name, most in largest.items() if _size(values.get(name)) > most}
        if too_much:
            said = ", ".join(f"{value} as {name.replace('_', ' ')}" for name, value in too_much.items())
            self.ctx.problem(
                self.table, legacy_id, "out_of_range",
                f"{self.table} {legacy_id} has {said}: more than can be kept; it is 0 here",
            )  # fmt: skip
            values.update(dict.fromkeys(too_much, 0))

    def change(self, step: Changed[RowT, Values]) -> None:
        """Write the values onto our row, also of one that comes back after it was deleted."""
        self.counts.changed += 1
        before, values = step.before, step.values
        current = self.model._default_manager.filter(pk=before.object_id).first()
        if current is not None:
            was = {key: getattr(current, key) for key in values}
            self.ctx.note_change(before, plain(was), plain(values))
            if self.ctx.commit:
                self.model._default_manager.filter(pk=current.pk).update(**values)
        self.ctx.remember(
            self.kind, step.row.id, before.object_id, step.content, before=before, created=before.created, same_row=True
        )

    def create(self, new: Sequence[Created[RowT, Values]]) -> None:
        """Insert new rows, and write those that take over one of ours."""
        made: list[Created[RowT, Values]] = []
        for step in new:
            here = step.values.pop("id", None)
            if not isinstance(here, int):
                made.append(step)
                continue
            self.counts.changed += 1
            if self.ctx.commit:
                self.model._default_manager.filter(pk=here).update(**step.values)
            self.ctx.remember(self.kind, step.row.id, here, step.content, before=step.before, created=False)
        self.counts.new += len(made)
        for step, key in zip(made, self._insert([step.values for step in made]), strict=True):
            self.ctx.remember(self.kind, step.row.id, key, step.content, before=step.before)

    def _insert(self, values: Sequence[Values]) -> list[int]:
        if not self.ctx.commit:
            return [self.ctx.fake_id() for _ in values]
        manager = self.model._default_manager
        if connection.features.can_return_rows_from_bulk_insert:
            return [row.pk for row in manager.bulk_create([self.model(**one) for one in values], batch_size=500)]
        return [manager.create(**one).pk for one in values]  # MySQL does not tell the keys of a bulk insert
