"""What `verify_ledger` checks of attendance: each row says what its entries add up to, in each pool.

The database joins rows and entries and groups them by everything that decides whether they agree: what the row says, and
the pool and amount of each entry. A guild's history has few such groups, so each is judged once, here, by `_amiss`. Most
documents have one entry; those with several (more pools, reversals, corrections) are grouped by all their entries together.
Only the rows of a group that is wrong are read, and judged one by one.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import Sum

from guildhall.core import sql
from guildhall.core.money import ZERO, points_of
from guildhall.points.hooks import Difference, ledger_check
from guildhall.points.models import Bucket, LedgerEntry

from .models import Raid, RaidAttendance

CHUNK = 2000
MANY_GROUPS = 500
"""Where more groups than this are wrong, every row is judged."""


@dataclass(frozen=True, slots=True)
class _Said:
    """What a row of attendance says of its points."""

    is_reversed: bool
    amounts: str
    points: Decimal
    is_somebodys: bool

    @property
    def parameters(self) -> tuple[sql.Parameter, ...]:
        """Return its values as the database compares them (`_said_columns`)."""
        return int(self.is_reversed), self.amounts, int(self.points.scaleb(2)), int(self.is_somebodys)


@dataclass(frozen=True, slots=True)
class _Group:
    """What rows say that say the same and have the same entries, each as ``pool:hundredths``, in order."""

    said: _Said
    entries: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        found: dict[int, Decimal] = defaultdict(lambda: ZERO)
        for entry in self.entries:
            pool, _, hundredths = entry.partition(":")
            found[int(pool)] += points_of(int(hundredths))
        return not list(_amiss(self.said, found))


@ledger_check
def attendance_adds_up() -> Iterator[Difference]:
    """Yield each row whose entries do not sum to its amounts in each pool, or to nothing where it is reversed."""
    one_by_one = _groups(_EACH_ENTRY)
    alone = {group for group in one_by_one if not group.is_right}
    together: set[_Group] = set()
    if alone or one_by_one.total() > RaidAttendance.objects.count():
        several = _groups(_SEVERAL_ENTRIES)
        together = {group for group in several if not group.is_right}
        # An entry that would be wrong alone may be one of several that are right together.
        explained: Counter[_Group] = Counter()
        for group, count in several.items():
            for entry in group.entries:
                explained[_Group(group.said, (entry,))] += count
        alone = {group for group in alone if one_by_one[group] > explained[group]}
    if len(alone) + len(together) > MANY_GROUPS:
        yield from _judged(list(RaidAttendance.objects.order_by("pk").values_list("pk", flat=True)))
    else:
        yield from _judged(sorted(_rows_of(_EACH_ENTRY, alone) | _rows_of(_SEVERAL_ENTRIES, together)))


def _amiss(said: _Said, found: Mapping[int, Decimal]) -> Iterator[tuple[int | None, Decimal, Decimal | None]]:
    """Yield where a row differs from the sums of its entries by pool: the pool, what it should be and what it is; no pool
    and None where there is no entry at all."""
    amounts = {} if said.is_reversed else json.loads(said.amounts)
    expected = {**dict.fromkeys(found, ZERO), **{int(pool): Decimal(text) for pool, text in amounts.items()}}
    if not said.is_reversed and not amounts:  # imported: every pool of the event got the points
        expected = dict.fromkeys(found, said.points)
        if not found and said.points != ZERO and said.is_somebodys:
            yield None, said.points, None
    for pool_id, amount in expected.items():
        if found.get(pool_id, ZERO) != amount:
            yield pool_id, amount, found.get(pool_id, ZERO)


# -- the groups --------------------------------------------------------------------------------------------------------
_EARNED = f"bucket = '{Bucket.EARNED.value}'"
_EACH_ENTRY = f"LEFT JOIN {{entries}} e ON e.document = a.document AND e.{_EARNED}"
"""Joined to a row of attendance: each of its entries, or none."""

_SEVERAL_ENTRIES = (
    f"JOIN (SELECT document, {{joined}} AS parts FROM {{entries}} WHERE {_EARNED} AND document IN (SELECT document "  # noqa: S608 - constants
    f"FROM {{entries}} WHERE {_EARNED} AND document IS NOT NULL GROUP BY document HAVING COUNT(*) > 1) "
    "GROUP BY document) e ON e.document = a.document"
)
"""Joined to a row that has several: all of them together."""


def _said_columns() -> list[str]:
    return [
        "CASE WHEN a.reversed_at IS NULL THEN 0 ELSE 1 END",
        sql.as_text("a.amounts"),
        "a.points",
        "CASE WHEN a.user_id IS NULL THEN 0 ELSE 1 END",
    ]


def _entries_column(join: str) -> str:
    return sql.pair("e.pool_id", "e.amount") if join == _EACH_ENTRY else "e.parts"


def _tables(join: str) -> str:
    entries, joined = sql.table(LedgerEntry), sql.joined(sql.pair("pool_id", "amount"))
    return f"{sql.table(RaidAttendance)} a {join.format(entries=entries, joined=joined)}"


def _entries(text: str | None) -> tuple[str, ...]:
    return tuple(sorted(text.split(","))) if text else ()


def _groups(join: str) -> Counter[_Group]:
    """Return how many rows each group has that the rows of attendance and their entries, joined so, fall into."""
    columns = ["e.pool_id", "e.amount"] if join == _EACH_ENTRY else ["e.parts"]
    columns = [*_said_columns(), *columns]
    places = ", ".join(str(place + 1) for place in range(len(columns)))
    found = sql.rows(f"SELECT {', '.join(columns)}, COUNT(*) FROM {_tables(join)} GROUP BY {places}")  # noqa: S608 - constants
    groups: Counter[_Group] = Counter()
    for is_reversed, amounts, points, is_somebodys, *entries, count in found:
        said = _Said(bool(is_reversed), amounts, points_of(points), bool(is_somebodys))
        text = None if entries[0] is None else ":".join(str(part) for part in entries)
        groups[_Group(said, _entries(text))] += count
    return groups


def _rows_of(join: str, groups: Collection[_Group]) -> set[int]:
    """Return the keys of the rows that are in these groups."""
    if not groups:
        return set()
    said = {group.said for group in groups}
    same = " AND ".join(f"{column} = %s" for column in _said_columns())
    rows = sql.rows(
        f"SELECT a.id, {_entries_column(join)} FROM {_tables(join)} WHERE {' OR '.join([f'({same})'] * len(said))}",  # noqa: S608 - constants
        [value for one in said for value in one.parameters],
    )
    wanted = {group.entries for group in groups}
    return {pk for pk, entries in rows if _entries(entries) in wanted}


# -- row by row ---------------------------------------------------------------------------------------------------------
def _judged(keys: Sequence[int]) -> Iterator[Difference]:
    """Yield what is wrong with these rows of attendance."""
    for start in range(0, len(keys), CHUNK):
        part = RaidAttendance.objects.filter(pk__in=keys[start : start + CHUNK]).order_by()
        entered: dict[UUID, dict[int, Decimal]] = defaultdict(dict)
        sums = LedgerEntry.objects.filter(bucket=Bucket.EARNED, document__in=part.values("document")).order_by()
        for document, pool_id, total in sums.values_list("document", "pool_id").annotate(total=Sum("amount")):
            if document is not None:
                entered[document][pool_id] = total
        for row in part.only("document", "user", "points", "amounts", "reversed_at"):
            said = _Said(row.reversed_at is not None, json.dumps(row.amounts), row.points, row.user_id is not None)
            for pool_id, amount, found in _amiss(said, entered.get(row.document, {})):
                where = f"attendance {row.pk}" + ("" if pool_id is None else f", pool {pool_id}")
                expected = f"entries of {amount}" if pool_id is None else str(amount)
                yield Difference("attendance", where, expected, "none" if found is None else str(found))


@ledger_check
def raids_are_undone_whole() -> Iterator[Difference]:
    """Yield each reversed raid that has attendance in force."""
    left = RaidAttendance.objects.filter(reversed_at=None, attendance_check__raid__reversed_at__isnull=False)
    for row in left.values_list("pk", "attendance_check__raid_id"):
        yield Difference("reversed raid", f"raid {row[1]}", "no standing attendance", f"attendance {row[0]}")


@ledger_check
def raids_to_come_hold_nothing() -> Iterator[Difference]:
    """Yield each planned or cancelled raid that has attendance in force or entries that do not sum to nothing."""
    states = (Raid.State.PLANNED, Raid.State.CANCELLED)
    left = RaidAttendance.objects.filter(reversed_at=None, attendance_check__raid__state__in=states)
    for pk, raid_id in left.values_list("pk", "attendance_check__raid_id"):
        yield Difference("raid to come", f"raid {raid_id}", "no standing attendance", f"attendance {pk}")
    raids = dict(Raid.objects.filter(state__in=states).values_list("context", "pk"))
    sums = LedgerEntry.objects.filter(context__in=list(raids)).order_by().values_list("context", "pool_id")
    for context, pool_id, total in sums.annotate(total=Sum("amount")):
        if total and context is not None:
            yield Difference("raid to come", f"raid {raids[context]}, pool {pool_id}", "0", str(total))
