"""Points alone add up to points with twinks, for everybody, whatever has happened; and the cache is never behind.

Take the stamps out of `compat.figures.sums_by_name` (answer what is kept) and these fail.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.core.cache import cache
from django.db import transaction

from guildhall.accounts.models import User
from guildhall.core.errors import GuildhallError
from guildhall.loot.services import NewAward, award_item, ensure_items
from guildhall.points.ledger import reverse_entries
from guildhall.points.models import LedgerEntry, UserPointsSummary
from guildhall.points.services.merging import merge_people
from guildhall.raids.models import ItemPool, Raid
from guildhall.raids.services.reversing import reverse_raid
from guildhall.roster.models import Character
from guildhall.roster.services import (
    create_character,
    reassign_character,
    rename_character,
    retire_character,
    set_main,
)

from .importing import ours
from .old_tool import NOW, Tool

pytestmark = pytest.mark.django_db
FIGURES = ("current", "earned", "spent", "adjustment")


def check(tool: Tool) -> None:
    """Every shown character's figures against the books: the parts are the whole, and the whole is the summary."""
    players = tool.get("function=points")["players"]
    owner_of = dict(Character.objects.values_list("pk", "user_id"))
    keys = {row["name"]: pk for pk, row in Character.objects.in_bulk().items() for row in [{"name": row.name}]}
    books = {
        (row.user_id, row.pool_id): {"current": row.balance, "earned": row.earned, "spent": row.spent,
                                     "adjustment": row.adjusted}
        for row in UserPointsSummary.objects.all()
    }  # fmt: skip
    alone: dict[Any, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    together: dict[Any, set[tuple[str, ...]]] = defaultdict(set)
    for row in players.values():
        user_id = owner_of[keys[row["name"]]]
        for pool in (1, 2):
            points = row["points"][f"multidkp_points:{pool}"]
            single, whole = [
                {name: Decimal(points[f"points_{name}{twink}"]) for name in FIGURES} for twink in ("", "_with_twink")
            ]
            for figures in (single, whole):
                assert figures["current"] == figures["earned"] - figures["spent"] + figures["adjustment"]
            if user_id is None:
                assert not any(whole.values())
                continue
            together[user_id, pool].add(tuple(str(whole[name]) for name in FIGURES))
            for name in FIGURES:
                alone[user_id, pool][name] += single[name]
    for (user_id, pool), shown in together.items():
        assert len(shown) == 1, f"the twinks of {user_id} show different sums"
        whole = dict(zip(FIGURES, map(Decimal, next(iter(shown))), strict=True))
        assert whole == alone[user_id, pool], f"the parts of {user_id} are not the whole in pool {pool}"
        book = books.get((user_id, ours("pool", pool)), dict.fromkeys(FIGURES, Decimal(0)))
        assert whole == book, f"{user_id} has something else in pool {pool}"


class Years:
    """Things that happen to a guild, by chance."""

    def __init__(self, tool: Tool, seed: int) -> None:
        self.tool, self.chance = tool, random.Random(seed)
        self.minute = 0

    def _member(self) -> int:
        numbers = [row["id"] for row in self.tool.get("function=points")["players"].values()]
        return int(self.chance.choice(numbers))

    def _character(self) -> Character:
        shown = Character.objects.exclude(status=Character.Status.REMOVED).order_by("pk")
        return self.chance.choice(list(shown))

    def _people(self) -> list[User]:
        return list(User.objects.filter(is_bot=False, is_active=True, merged_into=None).order_by("pk"))

    def raid(self) -> None:
        self.minute += 1
        there = sorted({self._member() for _ in range(4)})
        self.tool.post("function=add_raid", {
            "raid_date": f"2026-08-01 20:{self.minute % 60:02d}", "raid_attendees": {"member": there}, "raid_note": "",
            "raid_value": self.chance.choice([5, 0.33, -1, 100]), "raid_event_id": self.chance.choice([1, 2, 3]),
        })  # fmt: skip

    def adjustment(self) -> None:
        self.tool.post("function=add_adjustment", {
            "adjustment_date": "2026-08-01 20:00", "adjustment_reason": "x", "adjustment_event_id": 3,
            "adjustment_members": {"member": [self._member()]}, "adjustment_value": self.chance.choice([50, -0.33]),
        })  # fmt: skip

    def purchase(self) -> None:
        character = self._character()
        pool = ItemPool.objects.get(pk=ours("itempool", self.chance.choice([1, 2])))
        item = next(iter(ensure_items([f"Thing of {pool.pk}"], item_pool=pool).values()))
        if character.user is not None:
            award_item(
                award=NewAward(item=item, character=character, user=character.user, points_spent=3, awarded_at=NOW),
                actor=None,
            )

    def undo_a_raid(self) -> None:
        raid = self.chance.choice(list(Raid.objects.filter(reversed_at=None).order_by("pk")))
        reverse_raid(raid=raid, actor=None, reason="x")

    def undo_an_entry(self) -> None:
        rows = LedgerEntry.objects.filter(kind="ADJUSTMENT", reversed_by=None).order_by("pk")
        if rows:
            with transaction.atomic():
                reverse_entries(entries=[self.chance.choice(list(rows))], actor=None, reason="x")

    def rename(self) -> None:
        rename_character(character=self._character(), name=f"Ren{self._letters()}", actor=None)

    def reassign(self) -> None:
        reassign_character(character=self._character(), user=self.chance.choice([*self._people(), None]), actor=None)

    def another_main(self) -> None:
        set_main(character=self._character(), actor=None)

    def newcomer(self) -> None:
        create_character(name=f"New{self._letters()}", user=self.chance.choice(self._people()))

    def retire(self) -> None:
        retire_character(character=self._character(), actor=None)

    def merge(self) -> None:
        source, target = self.chance.sample(self._people(), 2)
        merge_people(source=source, target=target, actor=None, reason="the same")

    def _letters(self) -> str:
        return "".join(self.chance.choices("abcdefghij", k=6))

    def happen(self) -> str:
        activity: list[Callable[[], None]] = [
            self.raid, self.raid, self.raid, self.adjustment, self.adjustment, self.purchase, self.purchase,
            self.undo_a_raid, self.undo_an_entry, self.rename, self.reassign, self.reassign, self.another_main,
            self.newcomer, self.retire, self.merge,
        ]  # fmt: skip
        doing = self.chance.choice(activity)
        try:
            with transaction.atomic():
                doing()
        except GuildhallError as refusal:
            return f"{doing.__name__}: {refusal}"
        return doing.__name__


def test_what_was_imported_adds_up(tool: Tool) -> None:
    check(tool)


@pytest.mark.parametrize("seed", range(6))
def test_years_of_mixed_use_add_up(tool: Tool, seed: int) -> None:
    years = Years(tool, seed)
    done = []
    for _ in range(40):
        done.append(years.happen())
        check(tool)
    assert len({word.split(":")[0] for word in done}) > 6  # it was mixed use
    warm = tool.get("function=points")["players"]
    cache.clear()
    assert tool.get("function=points")["players"] == warm


def test_a_part_with_no_name_or_a_strangers_name_counts_for_the_main(tool: Tool) -> None:
    cora = Character.objects.get(name="Cora")
    other = create_character(name="Coratwo", user=cora.user)
    before = tool.get("function=points&filter=character&filterid=4")["players"]["player:4"]["points"][
        "multidkp_points:1"
    ]
    reassign_character(character=cora, user=User.objects.get(pk=ours("person", 1)), actor=None)
    number = 100_000_000 + other.pk
    rows = tool.get("function=points")["players"]
    assert rows[f"player:{number}"]["points"]["multidkp_points:1"]["points_earned"] == before["points_earned"]
    assert rows["player:4"]["points"]["multidkp_points:1"]["points_earned"] == "0.00"
    check(tool)


def test_a_character_taken_off_the_roster_leaves_its_points_with_those_who_stay(tool: Tool) -> None:
    retire_character(character=Character.objects.get(name="Bëtti"), actor=None)
    assert "player:2" not in tool.get("function=points")["players"]
    check(tool)


def test_of_those_who_moved_only_what_is_newer_is_read(
    tool: Tool, django_assert_num_queries: Any, settings: Any
) -> None:
    from guildhall.eqdkp.compat.figures import sums_by_name

    with django_assert_num_queries(2):
        sums_by_name()
    with django_assert_num_queries(1):
        whole = sums_by_name()
    tool.post("function=add_adjustment", {
        "adjustment_date": "2026-08-01 20:00", "adjustment_reason": "x", "adjustment_event_id": 1,
        "adjustment_members": {"member": [4]}, "adjustment_value": 1,
    })  # fmt: skip
    with django_assert_num_queries(3) as seen:
        after = sums_by_name()
    read = seen.captured_queries[2]["sql"]
    assert f"IN ({ours('person', 4)})" in read
    assert "id > " in read.replace('"', "").replace("`", "")
    assert "SUM(" not in read
    assert {user_id for user_id in whole if whole[user_id] != after[user_id]} == {ours("person", 4)}


def test_an_answer_is_whole_while_a_day_passes(tool: Tool) -> None:
    """The clock moves nothing."""
    from guildhall.core import clock

    players = tool.get("function=points")["players"]
    with clock.frozen(NOW + dt.timedelta(days=400)):
        assert tool.get("function=points")["players"] == players
