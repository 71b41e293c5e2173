"""The one loop of the import: old rows, our rows, their difference, and how it is applied, in batches.

`bring` goes through the rows of a kind. Each batch is one transaction that writes our rows, the records that say which
row of the old system each stands for, and the import issues (`Context.batch`). What differs is decided by `differences`,
without a database; a kind says how its rows are compared, built and written.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Generic

from .context import Context, Counts
from .difference import (
    Changed,
    Created,
    Excluded,
    Known,
    RowT,
    State,
    Unchanged,
    ValuesT,
    differences,
    split_duplicates,
    vanished,
)


class RowKind(ABC, Generic[RowT, ValuesT]):
    """One kind of row of the old system: how it is read, compared, and written here.

    A batch may be done again after a deadlock, so whatever a kind keeps of a batch it sets in `prepare`.

    Attributes:
        kind: of its records (`LegacyRecord.Kind`).
        table: under which it is counted and its issues are reported; empty where it has no table of its own.
        called: what one row is called where it is there twice.
        batch_size: rows in a transaction; None for all of them, whose records are then kept in memory.
        vanished_size: vanished rows in a transaction.
        one_by_one: whether each new row is written before the next one is looked at, because names must not meet.
        deletions_first: whether vanished rows go before the others come, which may take their place.
        follows_deletions: whether what the old system no longer has is looked for: not where the source holds only a part.
        there: the ids that the old system has; complete from the start with `deletions_first`, else at the end.
        always_built, excluded_until_changed: see `difference.Rules`.
    """

    kind: str
    table: str
    called: str
    batch_size: int | None = 1000
    vanished_size = 200
    one_by_one = False
    deletions_first = False
    always_built = False
    excluded_until_changed = True

    def __init__(self, ctx: Context) -> None:
        self.ctx = ctx
        self.there: set[int] = set()
        self.follows_deletions = not ctx.snapshot.partial

    @property
    def counts(self) -> Counts:
        """Return what became of the rows of the table so far."""
        return self.ctx.counts[self.table]

    # -- reading -------------------------------------------------------------------------------------------------------
    @abstractmethod
    def rows(self) -> Iterable[RowT]:
        """Return the rows of the old system."""

    def prepare(self, rows: Sequence[RowT]) -> None:
        """Read what the rows of a batch need, before any of them is compared."""

    def records(self, ids: Sequence[int]) -> dict[int, Known]:
        """Return the records of these rows, as far as there are any."""
        return self.ctx.known(self.kind) if self.batch_size is None else self.ctx.lookup(self.kind, ids)

    def size(self, rows: Sequence[RowT]) -> int:
        """Return how many rows of the progress bar a batch is."""
        return len(rows)

    # -- the difference ------------------------------------------------------------------------------------------------
    @abstractmethod
    def fingerprint(self, row: RowT) -> str:
        """Return a fingerprint of the row with whatever else decides what becomes of it."""

    @abstractmethod
    def build(self, row: RowT, before: Known | None) -> ValuesT | None:
        """Return what becomes of the row here and report what is odd about it; None where it cannot be brought."""

    def stands(self, before: Known) -> bool:
        """Return whether our row follows the old one's changes; else the old one is brought anew."""
        return before.here

    def brought(self) -> list[int]:
        """Return the ids of the rows that were brought and whose deletion is followed."""
        return self.ctx.live_ids(self.kind)

    # -- writing -------------------------------------------------------------------------------------------------------
    def keep(self, row: RowT) -> None:
        """Count a row that is unchanged."""
        self.counts.same += 1

    def exclude(self, step: Excluded[RowT]) -> None:
        """Record that a row is not brought."""
        self.ctx.remember(self.kind, step.row.id, None, step.content, state=State.HELD, before=step.before)

    @abstractmethod
    def change(self, step: Changed[RowT, ValuesT]) -> None:
        """Let our row follow a changed one, as far as people here have not decided otherwise, and count it."""

    @abstractmethod
    def create(self, new: Sequence[Created[RowT, ValuesT]]) -> None:
        """Write our rows for new ones and count them; called at the end of each batch, or for each with `one_by_one`."""

    def vanish(self, legacy_id: int, before: Known) -> None:
        """Let our row follow the deletion of the old one."""


def bring(kind: RowKind[RowT, ValuesT]) -> None:
    """Bring the rows of one kind, and follow the deletions of those that were brought before."""
    if kind.deletions_first:
        kind.there = {row.id for row in kind.rows()}
        if kind.follows_deletions:
            _follow_deletions(kind)
    seen: set[int] = set()
    for chunk in chunks(kind.rows(), kind.batch_size):
        rows, duplicates = split_duplicates(chunk, seen)
        kind.ctx.batch(partial(_bring_batch, kind, rows, duplicates))
        if not kind.follows_deletions:
            seen.clear()  # a log has millions of lines
    if not kind.deletions_first:
        kind.there = seen
        if kind.follows_deletions:
            _follow_deletions(kind)


def chunks(rows: Iterable[RowT], size: int | None) -> Iterator[list[RowT]]:
    """Yield `rows` in lists of at most `size`, or in one list."""
    iterator = iter(rows)
    while chunk := list(islice(iterator, size)):
        yield chunk


def _bring_batch(kind: RowKind[RowT, ValuesT], rows: Sequence[RowT], duplicates: Sequence[RowT]) -> None:
    ctx = kind.ctx
    kind.counts.read += len(rows) + len(duplicates)
    for row in duplicates:
        what = f"{kind.called} {row.id} is there twice"
        ctx.problem(kind.table, row.id, "duplicate_id", what, held=True, row=row)
    kind.prepare(rows)
    new: list[Created[RowT, ValuesT]] = []
    for step in differences(rows, kind.records([row.id for row in rows]), kind):
        if kind.table and (kind.always_built or not isinstance(step, Unchanged)):
            ctx.look(kind.table, step.row.id)
        match step:
            case Unchanged():
                kind.keep(step.row)
            case Excluded():
                kind.exclude(step)
            case Changed():
                kind.change(step)
            case Created() if kind.one_by_one:
                kind.create([step])
            case Created():
                new.append(step)
    if not kind.one_by_one:
        kind.create(new)
    if kind.table:
        ctx.progress(kind.table, kind.size(rows) + len(duplicates))


def _follow_deletions(kind: RowKind[RowT, ValuesT]) -> None:
    ids = vanished(kind.brought(), kind.there)
    for start in range(0, len(ids), kind.vanished_size):
        kind.ctx.batch(partial(_vanish_batch, kind, ids[start : start + kind.vanished_size]))


def _vanish_batch(kind: RowKind[RowT, ValuesT], ids: Sequence[int]) -> None:
    known = kind.records(ids)
    for legacy_id in ids:
        before = known[legacy_id]
        kind.counts.gone += 1
        kind.vanish(legacy_id, before)
        kind.ctx.remember(
            kind.kind, legacy_id, before.object_id, "", state=State.GONE, before=before, created=before.created
        )
