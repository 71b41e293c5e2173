"""What items and adjustments have in common: they move points, so they are never changed but reversed and written anew."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol, TypeVar

from .context import Kind
from .dates import Dated, HasDate
from .difference import Created, Excluded, Known, State
from .loop import RowKind


class DocumentRow(HasDate, Protocol):
    """A row of the old system that moves points, and may belong to a raid."""

    @property
    def raid_id(self) -> int:
        """Return the raid's id; 0 for none."""


DocumentT = TypeVar("DocumentT", bound=DocumentRow)
StateT = TypeVar("StateT")


class DocumentKind(RowKind[Dated[DocumentT], StateT]):
    """Rows that become documents in the ledger.

    One that officers here undid stays undone, also when it comes back after it was excluded or deleted there.
    """

    batch_size = 2000

    def prepare(self, rows: Sequence[Dated[DocumentT]]) -> None:
        """Read the raids that the rows belong to."""
        self.raids = self.ctx.lookup(Kind.RAID, {one.row.raid_id for one in rows if one.row.raid_id})

    def raid_stands(self, raid_id: int) -> bool:
        """Return whether a raid that a row names stands: where it goes or comes, the row is looked at again."""
        return raid_id in self.raids and self.raids[raid_id].live

    def raid_here(self, raid_id: int) -> int | None:
        """Return our raid for one of the old system; None where it does not stand."""
        return self.raids[raid_id].object_id if self.raid_stands(raid_id) else None

    def stands(self, before: Known) -> bool:
        """Return whether the document stands or was undone by people."""
        return before.live or self.undone_by_people(before)

    def exclude(self, step: Excluded[Dated[DocumentT]]) -> None:
        """Reverse what stands of a row that cannot be brought any more."""
        before = step.before
        if before is not None and before.live:
            self.counts.gone += 1
            self.reverse(before)
        key = before.object_id if before is not None else None
        self.ctx.remember(self.kind, step.row.id, key, step.content, state=State.HELD, before=before)

    def create(self, new: Sequence[Created[Dated[DocumentT], StateT]]) -> None:
        """Write new documents with their entries."""
        self.counts.new += len(new)
        keys = self.store([step.values for step in new])
        for step, key in zip(new, keys, strict=True):
            self.ctx.remember(
                self.kind, step.row.id, key, step.content, before=step.before, data=self.data(step.row.row)
            )  # fmt: skip

    def vanish(self, legacy_id: int, before: Known) -> None:
        """Reverse what was deleted there."""
        self.ctx.look(self.table, legacy_id)
        self.reverse(before)

    @abstractmethod
    def data(self, row: DocumentT) -> dict[str, object]:
        """Return what of the row has no other place here."""

    @abstractmethod
    def undone_by_people(self, before: Known) -> bool:
        """Return whether officers here undid the document."""

    @abstractmethod
    def store(self, states: Sequence[StateT]) -> list[int]:
        """Write documents with their entries and return their keys in order; a dry run only counts what they move."""

    @abstractmethod
    def reverse(self, before: Known) -> None:
        """Reverse a document that stands."""
