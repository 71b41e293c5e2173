"""Rows that become rows of ours with a name: ranks, pools, item pools, events. There are few, so they come in one batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from django.db import models

from .difference import Changed, Known, RowT
from .loop import RowKind

Values = dict[str, object]


class NamedKind(RowKind[RowT, Values]):
    """Rows with a name, each written before the next one is looked at, so that two never get the same name.

    What people made here, and an import only found, is not written to.

    Attributes:
        model: what the rows become.
        names_are_unique: whether no two rows of ours have the same name.
        deleted: what is said of a row that the old system has deleted, with its id.
    """

    batch_size = None
    one_by_one = True
    always_built = True
    model: ClassVar[type[models.Model]]
    names_are_unique = True
    deleted: ClassVar[str]

    def change(self, step: Changed[RowT, Values]) -> None:
        """Write the new name and texts onto the row that an import made."""
        self.counts.changed += 1
        before = step.before
        current = self.model._default_manager.filter(pk=before.key).first()
        if current is not None and before.created:
            was = {name: getattr(current, name) for name in step.values}
            values = self.values_of_change(before.key, was, step)
            self.ctx.note_change(before, plain(was), plain(values))
            if self.ctx.commit:
                for name, value in values.items():
                    setattr(current, name, value)
                current.save()
                self.link(before.key, step.row)
        self.ctx.remember(
            self.kind, step.row.id, before.object_id, step.content, before=before, created=before.created, same_row=True
        )

    def values_of_change(self, key: int, was: Values, step: Changed[RowT, Values]) -> Values:
        """Return what to write: with the name as it was where another row of ours has the new one."""
        others = self.model._default_manager.exclude(pk=key)
        if self.names_are_unique and others.filter(name__iexact=step.values["name"]).exists():
            return {**step.values, "name": was["name"]}
        return step.values

    def link(self, key: int, row: RowT) -> None:
        """Tie our row to the rows that the old one refers to."""

    def brought(self) -> list[int]:
        """Return the ids of the rows that were brought; a record without content stands for none (an unknown event)."""
        known = self.ctx.known(self.kind)
        return [legacy_id for legacy_id in super().brought() if known[legacy_id].content]

    def vanish(self, legacy_id: int, before: Known) -> None:
        """Report the deletion. Our row stays: people may use it by now."""
        self.ctx.problem(self.table, legacy_id, "deleted_there", self.deleted.format(legacy_id))
        self.ctx.note_change(before, {}, {})


def plain(values: Mapping[str, object]) -> dict[str, object]:
    """Return values as JSON keeps them; what it does not know, as text."""
    return {
        key: value if isinstance(value, str | int | bool | dict | list | None) else str(value)
        for key, value in values.items()
    }


def free_name(name: str, taken: Mapping[str, int], limit: int) -> str:
    """Return `name` of at most `limit` characters, numbered where another row of the old system has it already."""
    base, number = name[:limit], 2
    name = base
    while name.casefold() in taken:
        name = f"{base[: limit - 5]} ({number})"
        number += 1
    return name
