"""Rows that become rows of ours with a name: ranks, pools, item pools, events. There are few, so they come in one batch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from django.db import models

from .difference import Changed, Created, Known, RowT
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


class FoundByName(NamedKind[RowT]):
    """Rows of which one that has the name here already, whatever its case, is used as it is: ranks and pools."""

    def prepare(self, rows: Sequence[RowT]) -> None:
        """Read the names that are here."""
        here = self.model._default_manager.values_list("pk", "name")
        self.here: dict[str, int] = {name.casefold(): key for key, name in here}
        self.taken: dict[str, int] = {}

    def create(self, new: Sequence[Created[RowT, Values]]) -> None:
        """Make rows, or use those that have the name here."""
        for step in new:
            self.counts.new += 1
            name = str(step.values["name"]).casefold()
            key, created = self.here.get(name), False
            if key is None:
                created = True
                self.here[name] = key = self.make(step) if self.ctx.commit else self.ctx.fake_id()
            elif self.ctx.commit:
                created = self.use(key, step)
            self.ctx.remember(self.kind, step.row.id, key, step.content, created=created, before=step.before)

    def make(self, step: Created[RowT, Values]) -> int:
        """Make a row of ours and return its id."""
        raise NotImplementedError

    def use(self, key: int, step: Created[RowT, Values]) -> bool:
        """Use a row that is here; return whether it counts as made by an import."""
        return False

    def numbered_name(self, legacy_id: int, name: str, limit: int) -> str:
        """Return the name of a row, numbered where another one of the old system has it; report a name that differs."""
        found = free_name(name or f"{self.called.capitalize()} {legacy_id}", self.taken, limit)
        if found != name:
            text = f"{self.called} {legacy_id} “{name}” is called {found} here"
            self.ctx.problem(self.table, legacy_id, "name", text)
        self.taken[found.casefold()] = legacy_id
        return found


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
