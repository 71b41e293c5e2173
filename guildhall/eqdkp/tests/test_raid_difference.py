"""The difference between a raid here and as an import wants it, without a database."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from guildhall.eqdkp.importer.raid_difference import Difference, Present, RaidState, raid_difference
from guildhall.raids.models import Raid, RaidAttendance

DAY = dt.datetime(2020, 1, 1, 20, tzinfo=dt.UTC)
FIVE = Decimal("5.00")
OLD_KEY, NEW_KEY = "a" * 16, "b" * 16
ANN, BOB = Present(1, 11, "Ann", FIVE), Present(2, 12, "Bob", FIVE)


def _row(pk: int, present: Present, key: str = OLD_KEY, **more: Any) -> RaidAttendance:
    return RaidAttendance(
        pk=pk, document=UUID(f"{key}{pk:016x}"), user_id=present.user_id, character_id=present.character_id,
        character_name=present.name, points=present.points, **more,
    )  # fmt: skip


def _state(*present: Present, at: dt.datetime = DAY, pools: Sequence[int] = (1,)) -> RaidState:
    return RaidState(3, "Plane of Fear", at, "", FIVE, list(pools), list(present))


def _difference(
    rows: list[RaidAttendance], wanted: RaidState, undone_key: str | None = None, **raid: Any
) -> Difference:
    here = Raid(event_id=3, name="Plane of Fear", started_at=DAY, notes="", points=FIVE, **raid)
    standing = [row for row in rows if row.reversed_at is None and not row.amounts]
    presents = [Present(row.user_id or 0, row.character_id, row.character_name, row.points) for row in standing]
    return raid_difference(here, rows, _state(*presents), wanted, undone_key=undone_key)


def test_an_equal_raid_has_no_difference() -> None:
    assert _difference([_row(1, ANN), _row(2, BOB)], _state(ANN, BOB)).is_empty


def test_only_who_came_and_who_left_are_written() -> None:
    found = _difference([_row(1, ANN)], _state(BOB))
    assert found.missing == [BOB]
    assert [row.pk for row in found.surplus] == [1]
    assert not found.changes_raid


def test_one_character_listed_twice_is_paid_twice() -> None:
    assert _difference([_row(1, ANN)], _state(ANN, ANN)).missing == [ANN]


def test_a_new_date_or_other_pools_post_everything_again() -> None:
    for wanted in (_state(ANN, at=DAY + dt.timedelta(days=1)), _state(ANN, pools=(1, 2))):
        found = _difference([_row(1, ANN)], wanted)
        assert found.missing == [ANN]
        assert [row.pk for row in found.surplus] == [1]


def test_what_people_decided_is_neither_posted_nor_reversed() -> None:
    reversed_row, amended = _row(1, ANN, reversed_at=DAY), _row(2, BOB, amounts={"1": "3.00"})
    found = _difference([reversed_row, amended], _state(ANN, BOB, at=DAY + dt.timedelta(days=1)))
    assert (found.missing, found.surplus, found.fields) == ([], [], ["started_at"])


def test_a_raid_that_people_reversed_is_left() -> None:
    assert _difference([_row(1, ANN)], _state(BOB), reversed_at=DAY).is_empty


def test_a_raid_that_an_import_reversed_stands_again() -> None:
    found = _difference([], _state(ANN), reversed_at=DAY, reversed_by_import_id=UUID(int=1))
    assert found.unreverse
    assert found.missing == [ANN]


def test_undoing_an_import_posts_the_rest_and_restores_what_people_reversed() -> None:
    rows = [_row(1, ANN, NEW_KEY, reversed_at=DAY), _row(2, BOB, NEW_KEY)]
    found = _difference(rows, _state(ANN, BOB), undone_key=NEW_KEY)
    assert [(row.pk, present) for row, present in found.restored] == [(1, ANN)]
    assert found.missing == [BOB]
    assert [row.pk for row in found.surplus] == [2]
