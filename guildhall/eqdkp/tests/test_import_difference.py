"""What differs between the old rows and what is known of them, in random weeks of a table, without a database."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from guildhall.eqdkp.importer.difference import (
    Changed,
    Created,
    Excluded,
    Known,
    State,
    Unchanged,
    differences,
    split_duplicates,
    vanished,
)
from guildhall.eqdkp.importer.raid_difference import Present, RaidState, decided_here, raid_difference
from guildhall.raids.models import Raid, RaidAttendance


@dataclass(frozen=True)
class Row:
    """A row of an old table: what it says, and whether it is too broken to be brought."""

    id: int
    text: str
    broken: bool = False


class Here:
    """What an import keeps of one table: our rows, and the records that say which old row each stands for.

    A row that comes back is brought anew (`returns_anew`), as a raid is, or its old one is written to, as a date is.
    """

    always_built = False

    def __init__(self, *, excluded_until_changed: bool, returns_anew: bool) -> None:
        self.excluded_until_changed = excluded_until_changed
        self.returns_anew = returns_anew
        self.ours: dict[int, str] = {}
        self.records: dict[int, Known] = {}
        self.built: list[int] = []
        self._keys = count(1)

    def fingerprint(self, row: Row) -> str:
        return f"{row.text}{row.broken}"

    def build(self, row: Row, before: Known | None) -> str | None:
        self.built.append(row.id)
        return None if row.broken else row.text

    def stands(self, before: Known) -> bool:
        return before.live if self.returns_anew else before.here

    def bring(self, rows: list[Row], killed_after: int | None = None) -> list[str]:
        """Apply what differs, or only the first steps of it, and return what each step was."""
        self.built = []
        told: list[str] = []
        for step in differences(rows, self.records, self):
            if killed_after is not None and len(told) >= killed_after:
                return told
            told.append(type(step).__name__)
            match step:
                case Excluded():
                    self.records[step.row.id] = Known(1, None, step.content, State.HELD, True)
                case Changed():
                    self.ours[step.before.key] = step.values
                    self.records[step.row.id] = Known(1, step.before.key, step.content, State.LIVE, True)
                case Created():
                    key = next(self._keys)
                    self.ours[key] = step.values
                    self.records[step.row.id] = Known(1, key, step.content, State.LIVE, True)
        brought = [number for number, record in self.records.items() if record.live]
        for number in vanished(brought, {row.id for row in rows}):
            self.records[number] = Known(1, self.records[number].key, "", State.GONE, True)
            told.append("vanished")
        return told

    def undo(self) -> None:
        """Take everything back, as undoing an import does: its records keep what they say of the old rows."""
        self.ours.clear()
        for record in self.records.values():
            record.object_id, record.state = None, State.UNDONE

    def standing(self) -> dict[int, str]:
        return {number: self.ours[record.key] for number, record in self.records.items() if record.live}


rows_strategy = st.builds(Row, st.integers(1, 8), st.sampled_from("abc"), st.booleans())
tables = st.lists(rows_strategy, max_size=8, unique_by=lambda row: row.id)


@given(st.lists(tables, min_size=1, max_size=6), st.booleans(), st.booleans(), st.integers(0, 6))
def test_after_every_week_ours_are_the_old_rows_that_can_be_brought(
    weeks: list[list[Row]], excluded_until_changed: bool, returns_anew: bool, killed_after: int
) -> None:
    here = Here(excluded_until_changed=excluded_until_changed, returns_anew=returns_anew)
    for number, table in enumerate(weeks):
        if number % 3 == 2:
            here.undo()
        here.bring(table, killed_after)  # killed somewhere, and started again
        here.bring(table)
        assert here.standing() == {row.id: row.text for row in table if not row.broken}
        again = here.bring(table)
        assert set(again) <= ({"Unchanged"} if excluded_until_changed else {"Unchanged", "Excluded"})
        assert set(here.built) <= (set() if excluded_until_changed else {row.id for row in table if row.broken})


@given(tables, tables)
def test_each_row_is_one_of_four(before: list[Row], after: list[Row]) -> None:
    here = Here(excluded_until_changed=True, returns_anew=True)
    here.bring(before)
    steps = list(differences(after, here.records, here))
    assert [step.row for step in steps] == after
    old = {row.id: row for row in before}
    for step in steps:
        same, was_there = old.get(step.row.id) == step.row, step.row.id in old and not old[step.row.id].broken
        assert isinstance(step, Unchanged) == same
        if not same:
            assert isinstance(step, Excluded) == step.row.broken
            assert isinstance(step, Changed) == (was_there and not step.row.broken)


@given(st.lists(rows_strategy, max_size=20), st.integers(1, 5))
def test_the_first_row_of_an_id_counts_and_no_other_is_lost(rows: list[Row], size: int) -> None:
    seen: set[int] = set()
    firsts: list[Row] = []
    duplicates: list[Row] = []
    for start in range(0, len(rows), size):
        some, others = split_duplicates(rows[start : start + size], seen)
        firsts += some
        duplicates += others
    assert [row.id for row in firsts] == list(dict.fromkeys(row.id for row in rows))
    assert Counter(firsts + duplicates) == Counter(rows)
    assert all(row == next(one for one in rows if one.id == row.id) for row in firsts)


DAY = dt.datetime(2020, 1, 1, 20, tzinfo=dt.UTC)
presents = st.builds(
    lambda user, points: Present(user, user + 10, f"Name {user}", Decimal(points)), st.integers(1, 4), st.integers(0, 2)
)
raids = st.builds(
    lambda day, pools, present: RaidState(
        3, "Fear", DAY + dt.timedelta(days=day), "", Decimal(5), sorted(pools), present
    ),
    st.integers(0, 1), st.sets(st.integers(1, 2), min_size=1), st.lists(presents, max_size=6),
)  # fmt: skip


def _attendance(number: int, present: Present, *, undone: bool) -> RaidAttendance:
    return RaidAttendance(
        pk=number, document=UUID(int=number), user_id=present.user_id, character_id=present.character_id,
        character_name=present.name, points=present.points, reversed_at=DAY if undone else None,
    )  # fmt: skip


@given(st.lists(raids, min_size=1, max_size=5), st.data())
def test_a_raid_follows_the_old_one_and_what_people_undid_stays_undone(
    weeks: list[RaidState], data: st.DataObject
) -> None:
    raid = Raid(event_id=3, name="Fear", started_at=DAY, notes="", points=Decimal(5))
    rows: list[RaidAttendance] = []
    pools = [1]
    numbers = count(1)
    for wanted in weeks:
        for expect_nothing in (False, True):
            standing = [row for row in rows if not decided_here(row)]
            now = [Present(row.user_id or 0, row.character_id, row.character_name, row.points) for row in standing]
            current = RaidState(3, "Fear", raid.started_at, "", Decimal(5), pools, now)
            found = raid_difference(raid, rows, current, wanted)
            assert not any(decided_here(row) for row in found.surplus)
            if expect_nothing:
                assert found.is_empty
            gone = {row.pk for row in found.surplus}
            rows = [row for row in rows if row.pk not in gone]
            rows += [_attendance(next(numbers), present, undone=False) for present in found.missing]
            raid.started_at, pools = wanted.started_at, wanted.pools
        undone = Counter(row.character_id for row in rows if decided_here(row))
        paid = Counter(row.character_id for row in rows if not decided_here(row))
        listed = Counter(present.character_id for present in wanted.present)
        assert paid == listed - undone
        for row in rows:
            if not decided_here(row) and data.draw(st.booleans(), label="an officer undoes it"):
                row.reversed_at = DAY
