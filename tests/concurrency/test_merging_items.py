"""Items are merged while others award and auction them: nothing is left with the entry that was merged."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guildhall.auctions.models import BidSession
from guildhall.auctions.services import NewSession, award_session, close_session, start_session
from guildhall.core import batches
from guildhall.core.models import Batch
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.services import NewAward, award_item, correct_award, create_item, merge_items
from guildhall.loot.tests import build
from guildhall.points.verification import verify

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_is_made_of_an_item_while_it_is_merged_is_of_the_one_that_stays(
    in_threads: Callable[..., list[Any]],
) -> None:
    pool = build.pool()
    build.person("Aeli", points=1000, pool=pool)
    raid = build.raid(pool)
    officer = build.person("Officer", role="officer")
    typo, right = (create_item(name=name, actor=None) for name in ("Clok", "Cloak"))
    first = award_item(award=NewAward(item=typo, character_name="Aeli", raid=raid, points_spent=1), actor=None)
    sessions = [start_session(session=NewSession(item=typo, raid=raid), actor=officer) for _ in range(2)]
    for session in sessions:
        close_session(session_id=session.pk, actor=officer)

    def press(number: int) -> object:
        if number == 0:
            return merge_items(source=typo, target=right, actor=officer)
        if number in (1, 2):
            new = NewAward(item=typo, character_name="Aeli", raid=raid, points_spent=number)
            return award_item(award=new, actor=None)
        if number == 3:
            new = NewAward(item_name="Clok", character_name="Aeli", raid=raid, points_spent=3)
            return award_item(award=new, actor=None)
        if number == 4:
            return start_session(session=NewSession(item=typo, raid=raid), actor=officer)
        if number == 5:
            return correct_award(award=first, points_spent=5, reason="heard wrong", actor=None)
        return award_session(session_id=sessions[number - 6].pk, winner=first.user, amount=number, actor=officer)

    answers = in_threads(8, press)
    assert [answer for answer in answers if isinstance(answer, Exception)] == []
    assert set(LootDistribution.objects.values_list("item", flat=True)) == {right.pk}
    assert set(BidSession.objects.values_list("item", flat=True)) == {right.pk}
    assert LootDistribution.objects.count() == 7
    assert verify() == []


def test_one_item_is_merged_once(in_threads: Callable[..., list[Any]]) -> None:
    names = ("Clok", "Cloak", "Cloack")
    items = [create_item(name=name, actor=None) for name in names]

    def press(number: int) -> object:
        return merge_items(source=items[number % 3], target=items[(number + 1) % 3], actor=None)

    answers = in_threads(6, press)
    refused = [getattr(answer, "code", "") for answer in answers if not isinstance(answer, Batch)]
    assert set(refused) <= {"item_merged"}
    merged = Item.objects.filter(merged_into__isnull=False)
    assert merged.count() == 6 - len(refused) == 2
    assert verify() == []


def test_a_merge_is_undone_once_while_others_award(in_threads: Callable[..., list[Any]]) -> None:
    pool = build.pool()
    build.person("Aeli", points=1000, pool=pool)
    typo, right = (create_item(name=name, actor=None) for name in ("Clok", "Cloak"))
    moved = award_item(award=NewAward(item=typo, character_name="Aeli", points_spent=1), actor=None)
    batch = merge_items(source=typo, target=right, actor=None)

    def press(number: int) -> object:
        if number < 2:
            return batches.undo_batch(batch=batches.find(batch.pk), actor=None, reason="they are two")
        if number == 2:
            return correct_award(award=moved, points_spent=2, reason="heard wrong", actor=None)
        new = NewAward(item_name="Clok", character_name="Aeli", points_spent=number)
        return award_item(award=new, actor=None)

    answers = in_threads(5, press)
    assert [getattr(answer, "code", "") for answer in answers if isinstance(answer, Exception)] == ["already_reversed"]
    # The correction is of whichever item the award was of at that moment, and that is the one it was of before.
    assert set(LootDistribution.objects.filter(points_spent__lte=2).values_list("item", flat=True)) == {typo.pk}
    assert verify() == []
