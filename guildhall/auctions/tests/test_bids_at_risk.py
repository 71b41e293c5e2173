"""Every preview of a change that takes points names whose open bids it leaves without cover, and tells nothing of sealed
ones. Removing `bids_at_risk` from a operation fails here."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.auctions.services import close_session
from guildhall.core.models import OutboxMessage
from guildhall.loot.services import create_item
from guildhall.points.history import post_history
from guildhall.points.models import DKPPool, LedgerEntry
from guildhall.points.services import adjust_points, create_rule, merge_people, run_rule
from guildhall.points.uncovered import bids_at_risk
from guildhall.raids.models import ItemPool, RaidAttendance
from guildhall.raids.services import award_attendance, create_event, create_raid

from . import build
from .build import bid, session

pytestmark = pytest.mark.django_db


class Scenario:
    """Aeli and Borel earned 50 each in a raid and 50 by an adjustment of both, and have 100."""

    def __init__(self) -> None:
        self.pool = build.pool()
        self.boss = create_person(display_name="Boss", role_group=RoleGroup.OFFICER)
        self.api, self.browser = APIClient(), Client()
        self.api.force_authenticate(self.boss)
        self.browser.force_login(self.boss)
        self.aeli = build.person("Aeli", points=0, pool=self.pool)
        self.borel = build.person("Borel", points=0, pool=self.pool)
        self.batch = adjust_points(
            user_ids=[self.aeli.pk, self.borel.pk], pool=self.pool, amount=50, reason="start", actor=self.boss
        )
        event = create_event(name="Plane of Fear", default_points=50, pools=[self.pool], actor=self.boss)
        self.raid = create_raid(event=event, actor=self.boss)
        award_attendance(raid=self.raid, attendees=["Aeli", "Borel"], actor=self.boss)
        self.rule = create_rule(
            name="Cap", pool=self.pool, kind="cap_upper", amount=Decimal(60), period="week", actor=None
        )
        gift = create_rule(name="Gift", pool=self.pool, kind="bonus", amount=Decimal(50), period="week", actor=None)
        self.run = run_rule(rule=gift, actor=self.boss)
        adjust_points(user_ids=[self.aeli.pk, self.borel.pk], pool=self.pool, amount=-50, reason="back", actor=None)
        self.debtor = create_person(display_name="Debtor")
        adjust_points(user_ids=[self.debtor.pk], pool=self.pool, amount=-30, reason="fine", actor=None)

    def post(self, path: str, **body: Any) -> Any:
        answer = self.api.post(path, body, format="json")
        assert answer.status_code == 200, answer.data
        return answer.json()["bids_at_risk"]

    def get(self, path: str) -> Any:
        answer = self.api.get(path)
        assert answer.status_code == 200, answer.data
        return answer.json()["bids_at_risk"]

    def row(self) -> RaidAttendance:
        return RaidAttendance.objects.get(character_name="Aeli")

    def entry(self) -> LedgerEntry:
        return LedgerEntry.objects.get(document=self.batch[0].document)


@pytest.fixture
def scenario() -> Scenario:
    return Scenario()


BY_API: dict[str, Callable[[Scenario], Any]] = {
    "one adjusted": lambda h: h.post(
        "/api/points/adjustments/", user_id=h.aeli.pk, amount="-40", reason="fine", preview=True
    ),
    "many adjusted": lambda h: h.post(
        "/api/points/adjustments/", user_ids=[h.aeli.pk, h.borel.pk], amount="-40", reason="fine", preview=True
    ),
    "a rule": lambda h: h.get(f"/api/points/rules/{h.rule.pk}/preview/"),
    "a batch undone": lambda h: h.get(f"/api/batches/{h.batch[0].batch}/"),
    "a run undone": lambda h: h.get(f"/api/batches/{h.run.document}/"),
    "an amendment": lambda h: h.post(
        f"/api/raids/{h.raid.pk}/amend/", attendees=[], partial=True, remove=["Aeli", "Borel"], preview=True
    ),
    "a merge": lambda h: h.post(f"/api/users/{h.aeli.pk}/merge/", source_user_id=h.debtor.pk, preview=True),
}


@pytest.mark.parametrize("operation", BY_API)
def test_the_api_names_open_bids(scenario: Scenario, operation: str) -> None:
    bid(session(), scenario.aeli, 90)
    found = BY_API[operation](scenario)
    (one,) = found["people"]
    assert (one["display_name"], one["held_by_bids"]) == ("Aeli", "90.00")
    assert Decimal(one["uncovered"]) == 90 - Decimal(one["after"]) > 0
    assert "counts for as much as its bidder has left" in found["what_happens"]


@pytest.mark.parametrize("operation", BY_API)
def test_the_api_says_the_same_whether_a_sealed_bid_is_there_or_not(scenario: Scenario, operation: str) -> None:
    ring = session(item="Ring", mode="sealed")
    before = BY_API[operation](scenario)
    bid(ring, scenario.aeli, 90)
    assert BY_API[operation](scenario) == before
    assert (before["people"], before["sealed_auctions"]) == ([], 1)


BY_PAGE: dict[str, Callable[[Scenario], Any]] = {
    "adjust": lambda h: h.browser.post(
        "/officers/adjust/",
        {"form": "adjust", "once": "a", "step": "preview", "people": h.aeli.pk, "amount": "-40", "reason": "fine"},
    ),
    "rule": lambda h: h.browser.get(f"/officers/rules/{h.rule.pk}/"),
    "batch": lambda h: h.browser.get(f"/batches/{h.batch[0].batch}/"),
    "undo a run": lambda h: h.browser.get(f"/officers/rules/runs/{h.run.pk}/undo/"),
    "undo a raid": lambda h: h.browser.get(f"/raids/{h.raid.pk}/reverse/"),
    "edit a raid": lambda h: h.browser.get(f"/raids/{h.raid.pk}/edit/"),
    "attendance": lambda h: h.browser.get(f"/attendance/{h.row().pk}/"),
    "an entry": lambda h: h.browser.get(f"/entries/{h.entry().pk}/reverse/"),
    "merge": lambda h: h.browser.post(
        f"/officers/people/{h.aeli.pk}/",
        {"form": "merge", "once": "a", "step": "preview", "source": h.debtor.pk, "reason": "same"},
    ),
}


@pytest.mark.parametrize("operation", BY_PAGE)
def test_the_page_names_open_bids_and_what_becomes_of_them(scenario: Scenario, operation: str) -> None:
    quiet = BY_PAGE[operation](scenario).content.decode()
    assert "would not be covered" not in quiet
    assert "counts for as much" not in quiet
    bid(session(), scenario.aeli, 90)
    page = BY_PAGE[operation](scenario).content.decode()
    assert "would not be covered any more" in page
    assert "bids hold 90.00 in" in page
    assert "counts for as much as its bidder has left" in page


@pytest.mark.parametrize("operation", BY_PAGE)
def test_the_page_tells_nothing_of_a_sealed_bid(scenario: Scenario, operation: str) -> None:
    bid(session(item="Ring", mode="sealed"), scenario.aeli, 90)
    page = BY_PAGE[operation](scenario).content.decode()
    assert "90.00" not in page
    assert "1 sealed auction runs" in page


def test_a_pool_that_allows_negative_balances_leaves_every_bid_as_it_is(scenario: Scenario) -> None:
    DKPPool.objects.filter(pk=scenario.pool.pk).update(allow_negative=True)
    bid(session(), scenario.aeli, 90)
    for name, operation in BY_API.items():
        assert operation(scenario)["people"] == [], name


def test_of_somebody_with_both_kinds_of_bids_the_open_ones_alone_count(scenario: Scenario) -> None:
    bid(session(), scenario.aeli, 70)
    before = BY_API["one adjusted"](scenario)
    bid(session(item="Ring", mode="sealed"), scenario.aeli, 30)
    (one,) = BY_API["one adjusted"](scenario)["people"]
    assert before["people"] == [one]
    assert (one["held_by_bids"], one["uncovered"]) == ("70.00", "10.00")


def test_a_bid_over_several_pools_is_found_in_each_and_only_where_points_are_taken(scenario: Scenario) -> None:
    other = build.pool(name="Other")
    adjust_points(user_ids=[scenario.aeli.pk], pool=other, amount=100, reason="start", actor=None)
    group = ItemPool.objects.create(name="Armour")
    group.pools.set([scenario.pool, other])
    bid(session(item=create_item(name="Cloak of Flames", item_pool=group, actor=None)), scenario.aeli, 90)
    key = scenario.aeli.pk
    found = bids_at_risk({(key, other.pk): Decimal(-20), (key, scenario.pool.pk): Decimal(5)})
    assert [(one.dkp_pool, one.uncovered) for one in found.people] == [("Other", Decimal(10))]


def test_nothing_is_asked_where_nothing_is_taken(scenario: Scenario, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        bids_at_risk({(scenario.aeli.pk, scenario.pool.pk): Decimal(5)})
    with django_assert_num_queries(2):
        bids_at_risk({(one.pk, scenario.pool.pk): Decimal(-5) for one in (scenario.aeli, scenario.borel)})


def told() -> list[Any]:
    return [one.payload for one in OutboxMessage.objects.filter(topic="points.taken_while_bidding")]


def test_a_merge_that_takes_points_tells_the_bidder(scenario: Scenario) -> None:
    cloak = session()
    bid(cloak, scenario.aeli, 90)
    merge_people(source=scenario.debtor, target=scenario.aeli, actor=scenario.boss, reason="same")
    assert told() == [{"people": [[scenario.aeli.pk, scenario.pool.pk]]}]
    over = close_session(session_id=cloak.pk, actor=None)
    assert [(row.user_id, row.amount) for row in over.winners.all()] == [(scenario.aeli.pk, Decimal(70))]


def test_a_merge_that_gives_points_tells_nobody(scenario: Scenario) -> None:
    giver: User = create_person(display_name="Giver")
    adjust_points(user_ids=[giver.pk], pool=scenario.pool, amount=10, reason="start", actor=None)
    bid(session(), scenario.aeli, 90)
    merge_people(source=giver, target=scenario.aeli, actor=scenario.boss, reason="same")
    assert told() == []


def test_a_history_that_takes_points_tells_the_bidder(scenario: Scenario) -> None:
    bid(session(), scenario.aeli, 90)
    entry = scenario.entry()
    row = (
        scenario.aeli.pk,
        scenario.pool.pk,
        "import",
        "adjusted",
        Decimal(-40),
        entry.occurred_at,
        "",
        "old",
        None,
        None,
    )
    post_history(rows=[row], actor=None)
    assert told() == [{"people": [[scenario.aeli.pk, scenario.pool.pk]]}]
