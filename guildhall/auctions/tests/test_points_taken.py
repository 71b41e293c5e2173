"""Points that a bid holds are taken while it runs: the bid counts for what is left, and that is said (decisions/)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.auctions.models import BidSession
from guildhall.auctions.services import award_session, close_session, pass_winner
from guildhall.core.errors import BadInput
from guildhall.core.models import OutboxMessage
from guildhall.points.models import PointRule, UserPointsSummary
from guildhall.points.services import adjust_points, create_rule, preview_rule, reverse_adjustment, run_rule

from . import build
from .build import balance, bid, names, session

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def people(pool: Any) -> list[User]:
    return [build.person(name, points=100, pool=pool) for name in ("Aeli", "Borel", "Cress")]


def cap(pool: Any, amount: int) -> PointRule:
    return create_rule(name="Cap", pool=pool, kind="cap_upper", amount=Decimal(amount), period="week", actor=None)


def closed(of: BidSession) -> BidSession:
    return close_session(session_id=of.pk, actor=None)


def steps(of: BidSession, kind: str) -> list[dict[str, Any]]:
    return [step for step in of.trace if step["step"] == kind]


def told(topic: str) -> list[Any]:
    return [message.payload for message in OutboxMessage.objects.filter(topic=topic)]


@pytest.mark.parametrize("mode", ["open", "sealed"])
def test_a_bid_counts_for_what_is_left_and_still_wins(pool: Any, people: list[User], mode: str) -> None:
    aeli, borel, _ = people
    cloak = session(mode=mode)
    bid(cloak, borel, 50)
    bid(cloak, aeli, 90)
    run_rule(rule=cap(pool, 70), actor=None)
    over = closed(cloak)
    assert names(over.winners.all()) == [("Aeli", "70.00")]
    (lowered,) = steps(over, "lowered")
    assert (lowered["name"], lowered["amount"], lowered["counts_for"]) == ("Aeli", "90.00", "70.00")
    award_session(session_id=over.pk, actor=None)
    assert balance(aeli, pool) == "0.00/0.00"


def test_it_may_lose_to_a_bid_that_is_worth_more_now(pool: Any, people: list[User]) -> None:
    aeli, borel, _ = people
    cloak = session(mode="sealed")
    bid(cloak, borel, 60)
    bid(cloak, aeli, 90)
    adjust_points(user_ids=[aeli.pk], pool=pool, amount=-60, reason="fine", actor=None)
    assert names(closed(cloak).winners.all()) == [("Borel", "60.00")]


def test_who_has_less_left_than_the_minimum_is_passed_over(pool: Any, people: list[User]) -> None:
    aeli, borel, _ = people
    cloak = session(mode="sealed", minimum_bid=20)
    bid(cloak, borel, 30)
    bid(cloak, aeli, 90)
    adjust_points(user_ids=[aeli.pk], pool=pool, amount=-85, reason="fine", actor=None)
    over = closed(cloak)
    assert names(over.winners.all()) == [("Borel", "30.00")]
    assert steps(over, "passed_over")[0]["name"] == "Aeli"
    assert {payload["user_id"] for payload in told("auction.bid_short")} == {aeli.pk}


def test_a_reversed_earning_is_taken_like_any_other(pool: Any, people: list[User]) -> None:
    aeli, _borel, _ = people
    (typo,) = adjust_points(user_ids=[aeli.pk], pool=pool, amount=500, reason="typo", actor=None)
    cloak = session()
    bid(cloak, aeli, 550)
    reverse_adjustment(adjustment=typo, reason="typed twice", actor=None)
    assert names(closed(cloak).winners.all()) == [("Aeli", "100.00")]


def test_the_bidder_is_told_when_it_is_taken_and_when_it_counted(pool: Any, people: list[User]) -> None:
    aeli, borel, _cress = people
    cloak = session(mode="sealed")
    bid(cloak, aeli, 90)
    bid(cloak, borel, 5)
    run_rule(rule=cap(pool, 70), actor=None)
    # Both are told that points were taken: who is told says nothing about how much was bid.
    assert told("points.taken_while_bidding") == [{"people": [[aeli.pk, pool.pk], [borel.pk, pool.pk]]}]
    closed(cloak)
    assert [payload["user_id"] for payload in told("auction.bid_short")] == [aeli.pk]
    assert "90.00" not in str([message.payload for message in OutboxMessage.objects.all()])


def test_the_preview_names_who_leads_with_points_that_it_takes(pool: Any, people: list[User]) -> None:
    aeli, borel, _cress = people
    bid(session(), aeli, 90)
    bid(session(item="Ring", mode="sealed"), borel, 95)
    rule = cap(pool, 70)
    found = {step.display_name: str(step.uncovered) for step in preview_rule(rule=rule)}
    assert found == {"Aeli": "20.00", "Borel": "0.00", "Cress": "0.00"}
    boss = create_person(display_name="Boss", role_group=RoleGroup.OFFICER)
    api = APIClient()
    api.force_authenticate(boss)
    shown = api.get(f"/api/points/rules/{rule.pk}/preview/").json()["steps"]
    assert [
        (step["display_name"], step["held_by_bids"], step["uncovered"]) for step in shown if step["uncovered"] != "0.00"
    ] == [("Aeli", "90.00", "20.00")]


def test_the_first_session_to_end_is_the_first_to_be_served(pool: Any, people: list[User]) -> None:
    """So neither its price nor its trace tells what another sealed session holds."""
    aeli, *_ = people
    cloak, ring = session(mode="sealed"), session(item="Ring", mode="sealed")
    bid(cloak, aeli, 50)
    bid(ring, aeli, 40)
    adjust_points(user_ids=[aeli.pk], pool=pool, amount=-50, reason="fine", actor=None)
    assert names(closed(cloak).winners.all()) == [("Aeli", "50.00")]
    award_session(session_id=cloak.pk, actor=None)
    row = UserPointsSummary.objects.get(user=aeli, pool=pool)
    assert (str(row.balance), str(row.held_sealed)) == ("0.00", "40.00")
    over = closed(ring)
    assert (over.is_rot, steps(over, "passed_over")[0]["reason"]) == (True, "only 0.00 left")
    call_command("verify_ledger")


def test_what_is_taken_after_the_close_is_for_an_officer_to_decide(pool: Any, people: list[User]) -> None:
    aeli, borel, _ = people
    cloak = session()
    bid(cloak, borel, 50)
    bid(cloak, aeli, 90)
    closed(cloak)
    adjust_points(user_ids=[aeli.pk], pool=pool, amount=-20, reason="fine", actor=None)
    with pytest.raises(BadInput) as refused:
        award_session(session_id=cloak.pk, actor=None)
    assert refused.value.code == "insufficient_points"
    award_session(session_id=cloak.pk, actor=None, winner=aeli, amount=80)
    assert balance(aeli, pool) == "0.00/0.00"


def test_whoever_comes_next_must_have_it_all(pool: Any, people: list[User]) -> None:
    """Their promise ended with the session: what they bid then is not lowered to what they have now."""
    aeli, borel, cress = people
    cloak = session()
    bid(cloak, cress, 10)
    bid(cloak, borel, 80)
    bid(cloak, aeli, 90)
    closed(cloak)
    adjust_points(user_ids=[borel.pk], pool=pool, amount=-50, reason="fine", actor=None)
    pass_winner(session_id=cloak.pk, winner=aeli, actor=None)
    assert names(cloak.winners.filter(state="won")) == [("Cress", "10.00")]
