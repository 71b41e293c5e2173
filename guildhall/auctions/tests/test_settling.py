"""Closing, awarding, undoing, passing on: once each, whoever asks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.auctions.models import BidSession, ItemBid, SessionWinner
from guildhall.auctions.services import (
    ReportedBid,
    award_session,
    cancel_session,
    close_due,
    close_session,
    pass_winner,
    record_bid_result,
    undo_award,
)
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.models import OutboxMessage
from guildhall.core.money import parse_points
from guildhall.loot.models import LootDistribution
from guildhall.loot.services import correct_award, reverse_award
from guildhall.points.models import Hold
from guildhall.points.services import adjust_points, merge_people

from . import build
from .build import NIGHT, balance, bid, names, session

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def people(pool: Any) -> list[Any]:
    return [build.person(name, points=100, pool=pool) for name in ("Aeli", "Borel", "Cress", "Dorn")]


def won(of: BidSession) -> list[tuple[str, str]]:
    return names(of.winners.filter(state__in=["won", "awarded"]).order_by("position"))


def close(of: BidSession) -> BidSession:
    return close_session(session_id=of.pk, actor=None)


def test_the_best_bid_wins_and_stays_held_until_the_award(pool: Any, people: Any) -> None:
    aeli, borel, *_ = people
    cloak = session()
    bid(cloak, aeli, 40)
    bid(cloak, borel, 55)
    closed = close(cloak)
    assert (closed.status, won(closed), closed.is_rot) == ("closed", [("Borel", "55.00")], False)
    assert balance(borel, pool) == "100.00/55.00"
    loot = award_session(session_id=cloak.pk, actor=None)
    assert [(one.character_name, str(one.points_spent), one.auction) for one in loot] == [("Borel", "55.00", cloak.pk)]
    assert balance(borel, pool) == "45.00/0.00"
    cloak.refresh_from_db()
    assert cloak.status == "awarded"


def test_closing_and_awarding_twice_changes_nothing(pool: Any, people: Any) -> None:
    cloak = session()
    bid(cloak, people[0], 40)
    first, second = close(cloak), close(cloak)
    assert first.trace == second.trace
    assert [one.pk for one in award_session(session_id=cloak.pk, actor=None)] == [
        one.pk for one in award_session(session_id=cloak.pk, actor=None)
    ]
    assert LootDistribution.objects.count() == 1
    assert OutboxMessage.objects.filter(topic="auction.closed").count() == 1


def test_nobody_bid_is_rot(people: Any) -> None:
    closed = close(session())
    assert (closed.status, closed.is_rot, closed.trace[-1]["step"]) == ("closed", True, "rot")
    with pytest.raises(Conflict) as refusal:
        award_session(session_id=closed.pk, actor=None)
    assert refusal.value.code == "no_winner"


def test_a_sealed_session_holds_every_bid_and_frees_the_losers(pool: Any, people: Any) -> None:
    aeli, borel, *_ = people
    cloak = session(mode="sealed")
    bid(cloak, aeli, 40)
    bid(cloak, borel, 30)
    bid(cloak, borel, 20, replace=True)  # sealed: lower, on purpose
    assert (balance(aeli, pool), balance(borel, pool)) == ("100.00/40.00", "100.00/20.00")
    close(cloak)
    assert (balance(aeli, pool), balance(borel, pool)) == ("100.00/40.00", "100.00/0.00")


def test_second_price_pays_the_best_losing_bid(pool: Any, people: Any) -> None:
    aeli, borel, cress, _ = people
    cloak = session(mode="second_price", quantity=1, minimum_bid=5)
    for person, amount in [(aeli, 80), (borel, 60), (cress, 10)]:
        bid(cloak, person, amount)
    assert won(close(cloak)) == [("Aeli", "60.00")]
    assert balance(aeli, pool) == "100.00/60.00"


def test_second_price_with_one_bid_costs_the_minimum(people: Any) -> None:
    cloak = session(mode="second_price", minimum_bid=5)
    bid(cloak, people[0], 80)
    assert won(close(cloak)) == [("Aeli", "5.00")]


def test_n_items_go_to_the_n_best(pool: Any, people: Any) -> None:
    aeli, borel, cress, dorn = people
    cloaks = session(quantity=2, mode="sealed")
    for person, amount in [(aeli, 10), (borel, 30), (cress, 20), (dorn, 20)]:
        bid(cloaks, person, amount)
    # Cress and Dorn bid the same; Cress was first.
    assert won(close(cloaks)) == [("Borel", "30.00"), ("Cress", "20.00")]
    assert len(award_session(session_id=cloaks.pk, actor=None)) == 2
    assert balance(dorn, pool) == "100.00/0.00"


def test_who_can_no_longer_pay_is_passed_over_on_the_record(pool: Any, people: Any) -> None:
    aeli, borel, *_ = people
    cloak = session(mode="sealed", minimum_bid=10)
    bid(cloak, aeli, 90)
    bid(cloak, borel, 50)
    adjust_points(user_ids=[aeli.pk], pool=pool, amount=-95, reason="penalty", actor=None)
    closed = close(cloak)
    assert won(closed) == [("Borel", "50.00")]
    assert [step["name"] for step in closed.trace if step["step"] == "passed_over"] == ["Aeli"]
    assert balance(aeli, pool) == "5.00/0.00"


def test_the_clock_closes_what_is_over_and_nothing_else(people: Any) -> None:
    with clock.frozen(NIGHT) as time:
        short, long, paused = session(duration_seconds=60), session("Ring", duration_seconds=90), session("Belt")
        from guildhall.auctions.services import pause_session

        pause_session(session_id=paused.pk, actor=None)
        time.advance(dt.timedelta(seconds=60))
        assert close_due() == 1
        assert close_due() == 0
    assert list(BidSession.objects.filter(status="closed")) == [short]
    assert long.status == "open"


def test_awarding_a_session_whose_time_is_up_closes_it_first(pool: Any, people: Any) -> None:
    with clock.frozen(NIGHT) as time:
        cloak = session(duration_seconds=60)
        bid(cloak, people[0], 40)
        with pytest.raises(Conflict) as refusal:
            award_session(session_id=cloak.pk, actor=None)
        assert refusal.value.code == "session_open"
        time.advance(dt.timedelta(minutes=2))
        award_session(session_id=cloak.pk, actor=None)
    assert balance(people[0], pool) == "60.00/0.00"


def test_an_award_can_be_undone_and_made_again(pool: Any, people: Any) -> None:
    cloak = session()
    bid(cloak, people[0], 40)
    close(cloak)
    award_session(session_id=cloak.pk, actor=None)
    undone = undo_award(session_id=cloak.pk, actor=None, reason="mistake")
    assert (undone.status, balance(people[0], pool)) == ("closed", "100.00/0.00")
    with pytest.raises(Conflict):  # a bot that repeats its call does not award anew what an officer undid
        award_session(session_id=cloak.pk, actor=None)
    award_session(session_id=cloak.pk, actor=None, winner=people[0])
    assert balance(people[0], pool) == "60.00/0.00"
    cloak.refresh_from_db()
    assert cloak.status == "awarded"


def test_undone_elsewhere_is_undone_here(pool: Any, people: Any) -> None:
    cloak = session()
    bid(cloak, people[0], 40)
    close(cloak)
    reverse_award(award=award_session(session_id=cloak.pk, actor=None)[0], actor=None, reason="x")
    cloak.refresh_from_db()
    assert (cloak.status, cloak.winners.get().state) == ("closed", "undone")


def test_a_corrected_award_stands_for_the_sessions(pool: Any, people: Any) -> None:
    cloak = session()
    bid(cloak, people[0], 40)
    close(cloak)
    award = award_session(session_id=cloak.pk, actor=None)[0]
    correct_award(award=award, points_spent=35, actor=None, reason="misheard")
    cloak.refresh_from_db()
    winner = cloak.winners.get()
    assert (cloak.status, winner.state, str(winner.amount)) == ("awarded", "awarded", "35.00")


def test_a_winner_who_passes_makes_way_for_the_next_who_can_pay(pool: Any, people: Any) -> None:
    aeli, borel, cress, _ = people
    cloak = session()
    bid(cloak, aeli, 40)
    bid(cloak, borel, 50)
    bid(cloak, cress, 60)
    close(cloak)
    bid(session("Ring"), borel, 99)  # no longer has the points that the second place would cost
    passed = pass_winner(session_id=cloak.pk, winner=cress, actor=None, reason="upgrade elsewhere")
    assert won(passed) == [("Aeli", "40.00")]
    assert (balance(aeli, pool), balance(cress, pool)) == ("100.00/40.00", "100.00/0.00")
    award_session(session_id=cloak.pk, actor=None)
    assert balance(aeli, pool) == "60.00/0.00"


def test_after_the_award_passing_needs_an_undo_first(pool: Any, people: Any) -> None:
    aeli, borel, *_ = people
    cloak = session()
    bid(cloak, aeli, 40)
    bid(cloak, borel, 50)
    close(cloak)
    award_session(session_id=cloak.pk, actor=None)
    with pytest.raises(Conflict):
        pass_winner(session_id=cloak.pk, winner=borel, actor=None)
    undo_award(session_id=cloak.pk, actor=None)
    pass_winner(session_id=cloak.pk, winner=borel, actor=None)
    award_session(session_id=cloak.pk, actor=None)
    assert (balance(aeli, pool), balance(borel, pool)) == ("60.00/0.00", "100.00/0.00")


def test_an_officer_may_give_it_to_somebody_else_at_another_price(pool: Any, people: Any) -> None:
    aeli, borel, _, dorn = people
    cloak = session()
    bid(cloak, aeli, 40)
    bid(cloak, borel, 50)
    close(cloak)
    with pytest.raises(BadInput) as refusal:
        award_session(session_id=cloak.pk, actor=None, winner=dorn)
    assert refusal.value.code == "required"
    award_session(session_id=cloak.pk, actor=None, winner=dorn, amount="12")
    assert (balance(dorn, pool), balance(borel, pool)) == ("88.00/0.00", "100.00/0.00")
    with pytest.raises(Conflict) as second:
        award_session(session_id=cloak.pk, actor=None, winner=aeli)
    assert second.value.code == "already_awarded"


def test_an_award_that_cannot_be_paid_changes_nothing(pool: Any, people: Any) -> None:
    cloak = session()
    bid(cloak, people[0], 90)
    close(cloak)
    adjust_points(user_ids=[people[0].pk], pool=pool, amount=-20, reason="penalty", actor=None)
    with pytest.raises(BadInput) as refusal:
        award_session(session_id=cloak.pk, actor=None)
    assert refusal.value.code == "insufficient_points"
    assert balance(people[0], pool) == "80.00/90.00"
    award_session(session_id=cloak.pk, actor=None, amount=80)
    assert balance(people[0], pool) == "0.00/0.00"


def test_cancelling_after_the_award_is_refused(people: Any) -> None:
    cloak = session()
    bid(cloak, people[0], 40)
    close(cloak)
    award_session(session_id=cloak.pk, actor=None)
    with pytest.raises(Conflict):
        cancel_session(session_id=cloak.pk, actor=None)


def test_cancelling_a_closed_session_frees_the_winner(pool: Any, people: Any) -> None:
    cloak = session()
    bid(cloak, people[0], 40)
    close(cloak)
    cancel_session(session_id=cloak.pk, actor=None)
    assert not Hold.objects.exists()


def test_a_bots_own_auction_is_kept_like_ours_and_recorded_once(pool: Any, people: Any) -> None:
    aeli, borel, *_ = people
    result = {
        "winner": borel,
        "item_name": "Ring of Ages",
        "winning_bid": "30",
        "character_name": "Borel",
        "bids": [
            ReportedBid(aeli, "Aeli", parse_points(20), "Aeli"),
            ReportedBid(None, "99999999", parse_points(25), "Stranger"),
            ReportedBid(borel, "Borel", parse_points(30), "Borel"),
        ],
        "external_reference": "bot-17",
        "actor": None,
    }
    award = record_bid_result(**result)
    assert record_bid_result(**result).pk == award.pk
    assert balance(borel, pool) == "70.00/0.00"
    kept = BidSession.objects.get()
    assert [(row.bidder, str(row.amount)) for row in kept.bid_history.order_by("id")] == [
        ("Aeli", "20.00"),
        ("99999999", "25.00"),
        ("Borel", "30.00"),
    ]
    with pytest.raises(Conflict):
        record_bid_result(**{**result, "winning_bid": "31"})
    with pytest.raises(BadInput):
        record_bid_result(**{**result, "winning_bid": "71", "external_reference": ""})


def test_merging_two_people_moves_bids_and_wins(pool: Any, people: Any) -> None:
    other = build.person("Elsewhere", points=10, pool=pool, discord=False)
    cloak = session()
    bid(cloak, other, 5)
    bid(cloak, people[0], 6)
    merge_people(source=other, target=people[0], actor=None, reason="same")
    assert ItemBid.objects.filter(session=cloak).count() == 1
    close(cloak)
    assert SessionWinner.objects.get().user == people[0]
