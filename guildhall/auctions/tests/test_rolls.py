"""Auctions of mode roll: free, by the range and the height of the roll, one roll of each person."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.auctions.documents import follow_merge
from guildhall.auctions.models import BidSession, ChatLine, SessionRoll
from guildhall.auctions.selectors import shown_rolls
from guildhall.auctions.services import (
    NewRoll,
    award_session,
    cancel_session,
    close_session,
    pass_winner,
    record_roll,
    remove_roll,
    save_rule,
)
from guildhall.auctions.trace_text import describe_step
from guildhall.core.errors import BadInput, GuildhallError
from guildhall.core.ids import UserId
from guildhall.core.models import AuditEvent
from guildhall.loot.models import Item
from guildhall.loot.services import create_item
from guildhall.points.services import adjust_points
from guildhall.points.verification import verify

from . import build
from .build import balance, names, refused, session
from .test_api import client, first
from .test_chat import line, outcomes, say

pytestmark = pytest.mark.django_db

TIERS = [{"high": 311, "name": "main"}, {"high": 322, "name": "alt"}]


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def people(pool: Any) -> list[User]:
    build.person("Fenn", role="officer")
    return [build.person(name, points=10, pool=pool) for name in ("Aeli", "Borel", "Cyra")]


@pytest.fixture
def bot(people: Any) -> APIClient:
    return client(build.person("Boss", role="officer"))


def rolled(**values: Any) -> BidSession:
    return session(mode="roll", roll_tiers=TIERS, **values)


def roll(of: BidSession, who: str, result: int, high: int = 311, **values: Any) -> SessionRoll:
    return record_roll(session_id=of.pk, roll=NewRoll(who, high, result, **values), actor=None)


def refusal(of: BidSession, *args: Any, **values: Any) -> str:
    with pytest.raises(GuildhallError) as caught:
        roll(of, *args, **values)
    return caught.value.code


@pytest.mark.every_database
def test_the_highest_roll_of_the_best_tier_wins_and_pays_nothing(pool: Any, people: list[User]) -> None:
    cloak = rolled()
    roll(cloak, "Aeli", 320, 322)
    roll(cloak, "Borel", 5)
    roll(cloak, "Cyra", 4)
    assert [one["character_name"] for one in shown_rolls(cloak)] == ["Borel", "Cyra", "Aeli"]
    closed = close_session(session_id=cloak.pk, actor=None)
    assert names(closed.winners.all()) == [("Borel", "0.00")]
    (award,) = award_session(session_id=cloak.pk, actor=None)
    assert (award.user, award.points_spent) == (people[1], 0)
    assert balance(people[1], pool) == "10.00/0.00"
    assert not list(verify())


@pytest.mark.every_database
def test_the_first_roll_of_a_person_counts_whichever_character_throws_it(people: list[User]) -> None:
    build.alt("Twink", people[0])
    cloak = rolled()
    assert roll(cloak, "Aeli", 5).counts
    again = roll(cloak, "Twink", 300)
    assert (again.counts, again.problem) == (None, "second_roll")
    assert roll(cloak, "Aeli", 311, 311).problem == "second_roll"
    roll(cloak, "Borel", 6)
    assert names(close_session(session_id=cloak.pk, actor=None).winners.all()) == [("Borel", "0.00")]
    cloak.refresh_from_db()
    assert cloak.bids_count == 4


def test_a_tie_is_said_and_decided_by_the_sessions_tie_breaks(people: list[User]) -> None:
    cloak = rolled()
    roll(cloak, "Borel", 97)
    roll(cloak, "Aeli", 97)
    roll(cloak, "Cyra", 96)
    assert [one["tied"] for one in shown_rolls(cloak)] == [True, True, False]
    closed = close_session(session_id=cloak.pk, actor=None)
    assert names(closed.winners.all()) == [("Borel", "0.00")]
    told = [describe_step(step, {people[0].pk: "Aeli", people[1].pk: "Borel"}) for step in closed.trace]
    assert told[0] == "Closed by clock: one item, rolled for."
    assert told[1] == "Tier 1, the best first: Borel 97, Aeli 97, Cyra 96."
    assert told[2].startswith("A tie at 97, by who came first: Borel")
    assert told[3] == "Place 1: Borel rolled 97 and pays 0.00 (a roll is free)."


def test_whoever_owes_points_may_win_a_roll_and_whoever_left_may_not(pool: Any, people: list[User]) -> None:
    adjust_points(user_ids=[UserId(people[0].pk)], pool=pool, amount=-50, reason="fine", actor=None)
    cloak = rolled()
    roll(cloak, "Aeli", 300)
    roll(cloak, "Borel", 310)
    people[1].is_active = False
    people[1].save()
    assert names(close_session(session_id=cloak.pk, actor=None).winners.all()) == [("Aeli", "0.00")]
    assert len(award_session(session_id=cloak.pk, actor=None)) == 1


def test_several_copies_go_to_several_people_and_whoever_passes_makes_way(people: list[User]) -> None:
    cloak = rolled(quantity=2)
    for who, result in (("Aeli", 3), ("Borel", 2), ("Cyra", 1)):
        roll(cloak, who, result)
    close_session(session_id=cloak.pk, actor=None)
    pass_winner(session_id=cloak.pk, winner=people[0], actor=None)
    loot = award_session(session_id=cloak.pk, actor=None)
    assert sorted(award.character_name for award in loot) == ["Borel", "Cyra"]


def test_what_is_no_roll_for_it_is_refused(people: list[User]) -> None:
    cloak = rolled()
    assert refusal(cloak, "Aeli", 97, 100) == "wrong_range"
    assert refusal(cloak, "Aeli", 97, low=1) == "lower_bound"
    assert refusal(cloak, "Aeli", 312) == "out_of_range"
    assert refusal(cloak, "Nobody", 97) == "unknown_character"
    assert refusal(session("Belt"), "Aeli", 97) == "not_a_roll"
    assert refused(cloak, people[0], 5).code == "not_for_bids"
    cancel_session(session_id=cloak.pk, actor=None)
    assert refusal(cloak, "Aeli", 97) == "session_closed"
    assert not SessionRoll.objects.exists()


def test_whoever_a_rule_keeps_out_rolls_in_vain(people: list[User]) -> None:
    save_rule(actor=None, name="No guests", effect="deny", roles=["member"])
    cloak = rolled()
    assert roll(cloak, "Aeli", 97).problem == "not_allowed"
    assert close_session(session_id=cloak.pk, actor=None).is_rot


@pytest.mark.parametrize(
    ("tiers", "code"),
    [
        ([{"high": 0}], "out_of_range"),
        ([{"high": 333}, {"high": 333}], "duplicate"),
        ([{"high": "333"}], "out_of_range"),
        ("333", "invalid"),
        ([{"high": 333, "low": 1}], "invalid"),
        ([{"high": 100 + number} for number in range(11)], "out_of_range"),
    ],
)
def test_ranges_that_cannot_be_are_refused(pool: Any, tiers: Any, code: str) -> None:
    with pytest.raises(BadInput) as caught:
        session(mode="roll", roll_tiers=tiers)
    assert (caught.value.code, caught.value.attr) == (code, "roll_tiers")
    with pytest.raises(BadInput) as caught:
        session(mode="open", roll_tiers=TIERS)
    assert caught.value.code == "contradiction"


def test_without_ranges_it_is_rolled_up_to_1000(pool: Any) -> None:
    assert session(mode="roll").roll_tiers == [{"high": 1000, "name": ""}]


# -- by chat ------------------------------------------------------------------------------------------------------------


def thrown(second: int, who: str, result: int, high: int) -> str:
    text = f"It could have been any number from 0 to {high}, but this time it turned up a {result}."
    return line(second, f"**A Magic Die is rolled by {who}. {text}")


@pytest.mark.every_database
def test_a_roll_is_held_by_talking(bot: APIClient, pool: Any, people: list[User]) -> None:
    create_item(name="Cloak of Flames", actor=None)
    night = (
        line(1, "You tell your raid, 'Cloak of Flames 311 main, 322 alt'"),
        thrown(2, "Aeli", 320, 322),
        thrown(3, "Borel", 7, 311),
        thrown(4, "Borel", 300, 311),
        thrown(5, "Cyra", 90, 100),
        line(9, "You tell your raid, '!close Cloak of Flames'"),
    )
    for is_again in (False, True):
        events = say(bot, *night)
        assert outcomes(events) == [
            ("opened", "applied", None),
            ("roll", "applied", None),
            ("roll", "applied", None),
            ("roll", "applied", None),
            ("roll", None, None),
            ("closed", "applied", None),
        ]
        assert [event["applied"].get("counts") for event in events[1:4]] == [True, True, False]
        assert all((event["applied"] or {}).get("repeated", is_again) is is_again for event in events)
    cloak = BidSession.objects.get()
    assert (cloak.mode, cloak.roll_tiers, SessionRoll.objects.count()) == ("roll", TIERS, 3)
    assert names(cloak.winners.all()) == [("Borel", "0.00")]


def doubtful_lines() -> list[str]:
    """Two dice in the air, and whose result is whose the log does not say."""
    turned = "**It could have been any number from 0 to 311, but this time it turned up a {}."
    return [
        line(1, "You tell your raid, 'Cloak of Flames 311 ROLL'"),
        line(2, "**A Magic Die is rolled by Aeli."),
        line(2, "**A Magic Die is rolled by Borel."),
        line(2, turned.format(97)),
        line(2, turned.format(12)),
    ]


def doubtful(bot: APIClient) -> ChatLine:
    """The doubt of the first of the two dice."""
    create_item(name="Cloak of Flames", actor=None)
    events = say(bot, *doubtful_lines())
    assert outcomes(events)[1:] == [("roll", "skipped", "doubtful_roll"), ("roll", "applied", None)]
    assert SessionRoll.objects.count() == 1
    return ChatLine.objects.get(state="open")


@pytest.mark.every_database
def test_dice_that_cannot_be_told_apart_are_kept_for_a_person(bot: APIClient, people: list[User]) -> None:
    row = doubtful(bot)
    assert {name: row.doubt[name] for name in ("meant", "item", "character_name", "high", "result", "reason")} == {
        "meant": "roll", "item": "Cloak of Flames", "character_name": "Aeli", "high": 311, "result": 97,
        "reason": "doubtful_roll",
    }  # fmt: skip
    path = f"/api/bidding/chat-doubts/{row.fingerprint}/apply/"
    said = {"kind": "roll", "item": "Cloak of Flames", "character_name": "Cyra"}
    assert first(bot.post(path, {**said, "result": 400})) == (400, "out_of_range")
    assert first(bot.post(path, {**said, "character_name": ""})) == (400, "required")
    applied = bot.post(path, said)
    assert applied.status_code == 200, applied.content
    kept = SessionRoll.objects.get(character_name="Cyra")
    assert (kept.result, kept.high, kept.counts) == (97, 311, True)
    assert applied.json()["result"]["roll_id"] == kept.pk
    assert first(bot.post(path, said)) == (409, "doubt_decided")
    # The log again: it was decided.
    again = [event for event in say(bot, *doubtful_lines()) if event["kind"] == "roll"]
    assert all(event["applied"]["repeated"] for event in again)
    assert SessionRoll.objects.count() == 2


def test_a_doubtful_roll_is_dismissed_and_stays_so(bot: APIClient, people: list[User]) -> None:
    row = doubtful(bot)
    assert bot.post(f"/api/bidding/chat-doubts/{row.fingerprint}/dismiss/").json()["state"] == "dismissed"
    say(bot, *doubtful_lines())
    assert (ChatLine.objects.get(pk=row.pk).state, SessionRoll.objects.count()) == ("dismissed", 1)


def removal(of: BidSession, roll_id: int) -> str:
    with pytest.raises(GuildhallError) as caught:
        remove_roll(session_id=of.pk, roll_id=roll_id, actor=None)
    return caught.value.code


@pytest.mark.every_database
def test_a_roll_is_taken_out_and_the_next_of_that_person_counts(people: list[User]) -> None:
    cloak = rolled()
    wrong, second, third = roll(cloak, "Aeli", 300), roll(cloak, "Aeli", 5), roll(cloak, "Aeli", 310)
    other = roll(cloak, "Borel", 6)
    roll(cloak, "Aeli", 309)
    left = remove_roll(session_id=cloak.pk, roll_id=wrong.pk, actor=None, reason="another's")
    assert left.bids_count == 4
    counting = SessionRoll.objects.filter(counts=True).order_by("pk")
    assert [(one.pk, one.problem) for one in counting] == [(second.pk, ""), (other.pk, "")]
    told = AuditEvent.objects.get(action="auctions.remove_roll")
    assert "Aeli: 300 of 311 for" in told.summary
    assert told.summary.endswith("Aeli: 5 of 311 counts now: another's")
    for roll_id in (wrong.pk, 999_999):
        assert removal(cloak, roll_id) == "unknown_roll"
    # One that did not count gives nobody's place away.
    remove_roll(session_id=cloak.pk, roll_id=third.pk, actor=None)
    assert counting.count() == 2
    assert names(close_session(session_id=cloak.pk, actor=None).winners.all()) == [("Borel", "0.00")]
    assert removal(cloak, other.pk) == "session_closed"


def test_a_roll_of_another_auction_is_not_taken_out(people: list[User]) -> None:
    cloak, belt = rolled(), session("Belt", mode="roll", roll_tiers=TIERS)
    there = roll(belt, "Aeli", 3)
    assert removal(cloak, there.pk) == "unknown_roll"
    assert SessionRoll.objects.filter(pk=there.pk).exists()


def test_prose_opens_nothing_and_makes_no_item(bot: APIClient, people: list[User]) -> None:
    events = say(
        bot,
        line(1, "You tell your raid, 'Signups for Sunday VT are OPEN!'"),
        line(2, "You tell your raid, 'x: who needs rez'"),
        line(3, "You tell your raid, 'Taking bids on when Naggy pops'"),
        line(4, "You tell your raid, '!start raid in 10'"),
        line(5, "Aeli tells the raid,  '!start raid in 10'"),
    )
    assert {event["kind"] for event in events} <= {"ambiguous", "command"}
    assert not BidSession.objects.exists()
    assert not Item.objects.exists()


def test_a_linked_item_is_opened_with_its_number_in_the_game(bot: APIClient, people: list[User]) -> None:
    events = say(bot, line(1, "You tell your raid, '\x120022194A Lucid Shard\x12,\x120022194A Lucid Shard\x12 OPEN'"))
    assert outcomes(events) == [("opened", "applied", None)]
    item = Item.objects.get()
    assert (item.name, item.game_id, BidSession.objects.get().quantity) == ("A Lucid Shard", "22194", 2)
    bids = say(bot, line(2, "Aeli tells the raid,  '\x120022194A Lucid Shard\x12 5'"))
    assert outcomes(bids) == [("bid", "applied", None)]


def test_cancel_is_the_auctioneers_or_the_bidders(bot: APIClient, pool: Any, people: list[User]) -> None:
    cloak = session()
    build.bid(cloak, people[0], 5)
    assert outcomes(say(bot, line(1, "Aeli tells the raid,  '!cancel Cloak of Flames'")))[0][0] == "retracted"
    assert outcomes(say(bot, line(2, "You tell your raid, '!cancel Cloak of Flames'"))) == [
        ("cancelled", "applied", None)
    ]
    assert balance(people[0], pool) == "10.00/0.00"


def test_closed_with_a_name_and_a_number_is_an_award(bot: APIClient, pool: Any, people: list[User]) -> None:
    session()
    events = say(bot, line(1, "You tell your raid, 'Cloak of Flames closed, Aeli 5'"))
    assert outcomes(events) == [("awarded", "applied", None)]
    assert balance(people[0], pool) == "5.00/0.00"


def test_a_members_closing_makes_nobodys_bid_late(bot: APIClient, people: list[User]) -> None:
    session()
    lines = ("Aeli tells the raid,  '!close Cloak of Flames'", "Borel tells the raid,  'Cloak of Flames 5'")
    events = say(bot, *(line(second, text) for second, text in enumerate(lines, 1)))
    assert outcomes(events)[1] == ("bid", "applied", None)


# -- by the API ---------------------------------------------------------------------------------------------------------


def test_rolls_by_the_api(bot: APIClient, people: list[User]) -> None:
    started = bot.post(
        "/api/bidding/start-bid/", {"item_name": "Cloak of Flames", "mode": "roll", "roll_tiers": TIERS}, format="json"
    )
    assert started.status_code == 201, started.content
    assert started.json()["roll_tiers"] == TIERS
    place = f"/api/bidding/{started.json()['bid_session_id']}/"
    answer = bot.post(f"{place}rolls/", {"character_name": "Aeli", "high": 322, "result": 97})
    assert answer.status_code == 201, answer.content
    assert [(one["character_name"], one["tier_name"]) for one in answer.json()["rolls"]] == [("Aeli", "alt")]
    assert bot.get(place).json()["rolls"] == answer.json()["rolls"]
    assert first(bot.post(f"{place}rolls/", {"character_name": "Aeli", "high": 5, "result": 5})) == (400, "wrong_range")
    member = client(people[0])
    refused_ = member.post(f"{place}rolls/", {"character_name": "Aeli", "high": 322, "result": 97})
    assert first(refused_) == (403, "permission_denied")


# -- on the page --------------------------------------------------------------------------------------------------------


def test_rolls_are_shown_and_recorded_on_the_page(people: list[User]) -> None:
    cloak = rolled()
    roll(cloak, "Borel", 97)
    roll(cloak, "Aeli", 97)
    roll(cloak, "Aeli", 98)
    officer, member = Client(), Client()
    officer.force_login(User.objects.get(display_name="Fenn"))
    member.force_login(people[0])
    place = f"/auctions/{cloak.pk}/"
    text = member.get(place).content.decode()
    for words in ("/random 311", "(main), then", "tie", "a second roll", "Rolls"):
        assert words in text
    assert "Record a roll" not in text
    assert "Increment" not in text
    assert "Record a roll" in officer.get(place).content.decode()
    sent = {"form": "roll", "once": "one", "character_name": "Cyra", "high": "322", "result": "5"}
    assert member.post(place, sent).status_code == 403
    assert officer.post(place, {**sent, "high": "5"}).status_code == 400
    assert officer.post(place, {**sent, "once": "two"}).status_code == 302
    assert SessionRoll.objects.get(character_name="Cyra").tier_name == "alt"


def test_a_roll_is_taken_out_on_the_page_and_a_recorded_one_undone(people: list[User]) -> None:
    cloak = rolled()
    wrong = roll(cloak, "Aeli", 97)
    officer, member = Client(), Client()
    officer.force_login(User.objects.get(display_name="Fenn"))
    member.force_login(people[0])
    place = f"/auctions/{cloak.pk}/"
    assert "Take it out" not in member.get(place).content.decode()
    assert "Take it out" in officer.get(place).content.decode()
    sent = {"form": "roll-out", "once": "one", "roll": str(wrong.pk)}
    assert member.post(place, sent).status_code == 403
    assert officer.post(place, sent).status_code == 302
    assert officer.post(place, {**sent, "once": "two"}).status_code == 404
    assert not SessionRoll.objects.exists()
    said = {"form": "roll", "once": "three", "character_name": "Cyra", "high": "322", "result": "5"}
    page = officer.post(place, said, follow=True).content.decode()
    hidden = dict(re.findall(r'name="(once|what)" value="([^"]*)"', page[page.index('action="/undo/"') :])[:2])
    undo = {"form": "undo", **hidden}
    assert "taken out again" in officer.post("/undo/", undo, follow=True).content.decode()
    assert not SessionRoll.objects.exists()
    assert member.post("/undo/", {**undo, "once": "four"}).status_code == 400
    close_session(session_id=cloak.pk, actor=None)
    assert "Take it out" not in officer.get(place).content.decode()


def test_two_people_who_turn_out_to_be_one_rolled_once(people: list[User]) -> None:
    cloak = rolled()
    roll(cloak, "Aeli", 97)
    roll(cloak, "Borel", 98)
    follow_merge(people[1].pk, people[0].pk)
    assert [(one.user_id, one.counts) for one in SessionRoll.objects.order_by("pk")] == [
        (people[0].pk, True),
        (people[0].pk, None),
    ]
