"""What differs between the rows of the old system and what is known of them here. Reads no database.

Every row is one of four: unchanged since an import brought it, changed, new, or excluded because it cannot be brought. A
row of which something is known and that is there no more has vanished.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, MutableSet
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from guildhall.eqdkp.models import LegacyRecord

State = LegacyRecord.State


class HasId(Protocol):
    """A row of the old system."""

    @property
    def id(self) -> int:
        """Return its key there."""


RowT = TypeVar("RowT", bound=HasId)
ValuesT = TypeVar("ValuesT")
_RowT = TypeVar("_RowT", bound=HasId, contravariant=True)
_ValuesT = TypeVar("_ValuesT", covariant=True)


@dataclass(slots=True)
class Known:
    """A record as it is in the database (or, in a dry run, as it would be)."""

    pk: int | None
    object_id: int | None
    content: str
    state: str
    created: bool

    @property
    def key(self) -> int:
        """Return the key of our row; 0, which no row has, where there is none."""
        return self.object_id or 0

    @property
    def live(self) -> bool:
        """Return whether the old system has the row, and our row stands for it."""
        return self.state == State.LIVE and self.object_id is not None

    @property
    def here(self) -> bool:
        """Return whether our row stands, also if the old system has deleted its own."""
        return self.state in (State.LIVE, State.GONE) and self.object_id is not None


@dataclass(frozen=True, slots=True)
class Unchanged(Generic[RowT]):
    """A row that is as it was when an import brought or excluded it."""

    row: RowT


@dataclass(frozen=True, slots=True)
class Excluded(Generic[RowT]):
    """A row that cannot be brought; an import issue says why."""

    row: RowT
    content: str
    before: Known | None


@dataclass(frozen=True, slots=True)
class Changed(Generic[RowT, ValuesT]):
    """A row whose row of ours stands, and may have to follow it."""

    row: RowT
    content: str
    before: Known
    values: ValuesT


@dataclass(frozen=True, slots=True)
class Created(Generic[RowT, ValuesT]):
    """A row that no row of ours stands for yet, or none any more."""

    row: RowT
    content: str
    before: Known | None
    values: ValuesT


class Rules(Protocol[_RowT, _ValuesT]):
    """How rows of one kind are compared.

    Attributes:
        always_built: whether unchanged rows are built too, because every import reports what is odd about them.
        excluded_until_changed: whether an excluded row stays excluded until it changes itself; else other rows decide.
    """

    always_built: bool
    excluded_until_changed: bool

    def fingerprint(self, row: _RowT) -> str:
        """Return a fingerprint of the row with whatever else decides what becomes of it."""

    def build(self, row: _RowT, before: Known | None) -> _ValuesT | None:
        """Return what becomes of the row here; None where it cannot be brought."""

    def stands(self, before: Known) -> bool:
        """Return whether our row follows the old one's changes; else the old one is brought anew."""


def is_unchanged(before: Known | None, content: str, *, excluded_until_changed: bool = True) -> bool:
    """Return whether a row is as it was when it was brought or, with `excluded_until_changed`, excluded."""
    if before is None or before.content != content:
        return False
    return before.state == State.LIVE or (before.state == State.HELD and excluded_until_changed)


def differences(
    rows: Iterable[RowT], known: Mapping[int, Known], rules: Rules[RowT, ValuesT]
) -> Iterator[Unchanged[RowT] | Excluded[RowT] | Changed[RowT, ValuesT] | Created[RowT, ValuesT]]:
    """Yield what became of each row, in order. A row is built only when its turn comes.

    Args:
        known: the records of these rows by id, as far as there are any.
    """
    for row in rows:
        content, before = rules.fingerprint(row), known.get(row.id)
        unchanged = is_unchanged(before, content, excluded_until_changed=rules.excluded_until_changed)
        values = rules.build(row, before) if rules.always_built or not unchanged else None
        if unchanged:
            yield Unchanged(row)
        elif values is None:
            yield Excluded(row, content, before)
        elif before is not None and rules.stands(before):
            yield Changed(row, content, before, values)
        else:
            yield Created(row, content, before, values)


def split_duplicates(rows: Iterable[RowT], seen: MutableSet[int]) -> tuple[list[RowT], list[RowT]]:
    """Return the first row of each id, and those whose id was seen before; adds all ids to `seen`."""
    firsts: list[RowT] = []
    duplicates: list[RowT] = []
    for row in rows:
        (duplicates if row.id in seen else firsts).append(row)
        seen.add(row.id)
    return firsts, duplicates


def vanished(brought: Iterable[int], there: Collection[int]) -> list[int]:
    """Return which of the ids that were brought the old system no longer has."""
    return [legacy_id for legacy_id in brought if legacy_id not in there]
