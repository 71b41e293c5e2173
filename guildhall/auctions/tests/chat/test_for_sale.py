"""What is for sale: nothing that nobody knows, lists whole, and who says that it ends."""

from __future__ import annotations

from decimal import Decimal

import pytest

from guildhall.auctions.chat import Ambiguous, Awarded, Bid, Cancelled, ChatEvent, Closed, Opened, Retracted, Roll
from guildhall.auctions.chat.state import ActiveAuction

from .support import CLOAK, EYE, PAGE, heard, raid, said

OFFICER = ["Tannik"]


def by_officer(message: str, **options: object) -> ChatEvent | None:
    return said(message, by="Tannik", officers=OFFICER, **{"active_items": [], **options})


def opens(event: ChatEvent | None) -> list[tuple[str, int]]:
    assert isinstance(event, Opened), event
    return [(item.name, item.quantity) for item in event.items]


PROSE = (
    "Signups for Sunday VT are OPEN!",
    "x: who needs rez",
    "Taking bids on when Naggy pops",
    "!start raid in 10",
    "!open the door",
    "!auction tonight",
    "Recruitment is OPEN",
    "!bids open in 5 minutes",
    "FG tonight",
    "Cloak of Flames tomorrow night OPEN",
    "!start Cloak of Flames raid in 10",
    "Taking bids on Cloak of Flames when Naggy pops",
    "x: Cloak of Flames drops here",
)


@pytest.mark.parametrize("message", PROSE)
def test_prose_opens_nothing_and_is_a_doubt_in_an_officers_mouth(message: str) -> None:
    event = by_officer(message)
    assert event is None or isinstance(event, Ambiguous)
    assert message.startswith("FG") or (event is not None and event.meant == "open")  # type: ignore[attr-defined]
    events = heard(*raid(f"Tannik: {message}", "Orla: raid in 50"), officers=OFFICER, active_items=[])
    assert not [one for one in events if isinstance(one, Bid | Opened)]


@pytest.mark.parametrize("message", PROSE)
def test_nobody_elses_prose_is_even_a_doubt(message: str) -> None:
    event = said(message, by="Orla", officers=OFFICER, active_items=[])
    assert not isinstance(event, Opened | Ambiguous)


@pytest.mark.parametrize(
    "message",
    [
        "[Sword of Dawn] OPEN",
        ":::Sword of Dawn::: OPEN",
        "!start [Sword of Dawn]",
        '!start "Sword of Dawn"',
        "!Bids open [Sword of Dawn]",
        "Taking bids on [Sword of Dawn]",
        "x: [Sword of Dawn]",
        "~[Sword of Dawn] (WAR) - BID IN /GU",
        "Sword of Dawn OPEN",
    ],
)
def test_a_new_item_needs_the_officers_sign_or_a_link(message: str) -> None:
    event = by_officer(message)
    if message == "Sword of Dawn OPEN":
        assert isinstance(event, Ambiguous)
        event = by_officer("\x12" + "0" + f"{4321:05X}" + "0" * 39 + "Sword of Dawn\x12 OPEN")
        assert isinstance(event, Opened)
        assert event.items[0].game_id == "4321"
    assert opens(event) == [("Sword of Dawn", 1)]


@pytest.mark.parametrize(
    ("message", "items"),
    [
        (f"{CLOAK},Belt,{CLOAK} OPEN", [(CLOAK, 2), ("Belt", 1)]),
        (f"{CLOAK} x2, {CLOAK}, Belt OPEN", [(CLOAK, 3), ("Belt", 1)]),
        (f":::{CLOAK}, Belt, {CLOAK}::: OPEN", [(CLOAK, 2), ("Belt", 1)]),
        (f"{CLOAK} / Belt & Copper Disc OPEN", [(CLOAK, 1), ("Belt", 1), ("Copper Disc", 1)]),
        (f"{CLOAK} and Belt are OPEN", [(CLOAK, 1), ("Belt", 1)]),
        (f"2 x {CLOAK} | 2x Belt OPEN", [(CLOAK, 2), ("Belt", 2)]),
        (f"{CLOAK}Belt OPEN", [(CLOAK, 1), ("Belt", 1)]),
        (f"!start {CLOAK}, Belt x2 10", [(CLOAK, 1), ("Belt", 2)]),
        (f"{PAGE}, {PAGE} OPEN", [(PAGE, 2)]),
        (f"{CLOAK}, Belt OPEN x2", [(CLOAK, 1), ("Belt", 2)]),
    ],
)
def test_a_list_opens_each_item_with_its_copies(message: str, items: list[tuple[str, int]]) -> None:
    assert opens(by_officer(message)) == items


def test_links_side_by_side_are_a_list() -> None:
    def link(name: str) -> str:
        return "\x120022194" + name + "\x12"

    event = by_officer(f"{link(CLOAK)}{link('Sword of Dawn')} OPEN")
    assert opens(event) == [(CLOAK, 1), ("Sword of Dawn", 1)]
    assert isinstance(event, Opened)
    assert [item.game_id for item in event.items] == ["22194", "22194"]


def test_one_unknown_name_makes_the_whole_list_a_doubt() -> None:
    event = by_officer(f"{CLOAK}, Sord of Dawn OPEN")
    assert isinstance(event, Ambiguous)
    assert (event.reason, event.meant, event.items) == ("unknown_item", "open", (CLOAK, "Sord of Dawn"))


# -- 9: who cancels what ------------------------------------------------------------------------------------------------


def test_cancel_by_the_auctioneer_calls_the_auction_off() -> None:
    event = by_officer(f"!cancel {CLOAK}", active_items=[ActiveAuction(CLOAK, ["Orla"])])
    assert isinstance(event, Cancelled)
    assert (event.what, event.item) == ("auction", CLOAK)


def test_cancel_by_a_bidder_takes_the_bid_back() -> None:
    event = said(f"!cancel {CLOAK}", officers=OFFICER, active_items=[ActiveAuction(CLOAK, ["Orla"])])
    assert isinstance(event, Retracted)


def test_cancel_by_an_auctioneer_who_bids_too_is_a_doubt() -> None:
    event = by_officer(f"!cancel {CLOAK}", active_items=[ActiveAuction(CLOAK, ["Tannik"])])
    assert isinstance(event, Ambiguous)
    assert (event.reason, event.meant, event.item) == ("two_readings", "cancel", CLOAK)
    events = heard(*raid(f"Tannik: {CLOAK} 5", f"Tannik: !cancel {CLOAK}"), officers=OFFICER)
    assert [type(one) for one in events] == [Bid, Ambiguous]


def test_cancel_of_what_is_not_open_is_a_doubt() -> None:
    event = by_officer(f"!cancel {CLOAK}", active_items=[])
    assert isinstance(event, Ambiguous)
    assert event.reason == "not_on_auction"


def test_cancel_by_whoever_opened_it_where_nobody_says_who_is_an_officer() -> None:
    events = heard(*raid("Tannik: !start Belt", "Orla: belt 5", "Orla: !cancel Belt", "Tannik: !cancel Belt"))
    assert [type(one) for one in events] == [Opened, Bid, Retracted, Cancelled]


def test_cancel_in_plain_words_by_an_officer_is_a_doubt() -> None:
    assert isinstance(by_officer(f"cancel {CLOAK}", active_items=[CLOAK]), Ambiguous)
    assert isinstance(said(f"cancel {CLOAK}", officers=OFFICER), Retracted)


# -- 13: closed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "message", [f"{CLOAK} closed, Orla 50", f"closed {CLOAK} - Orla 50 dkp", f"{CLOAK} is closed to Orla for 50"]
)
def test_closed_by_an_officer_ends_it_with_the_award(message: str) -> None:
    for event in (by_officer(message, active_items=[CLOAK]), said(message, by="Tannik")):
        assert isinstance(event, Awarded)
        assert (event.item, event.character_name, event.amount) == (CLOAK, "Orla", Decimal(50))


@pytest.mark.parametrize(
    "message",
    [
        f"{CLOAK} closed, Olra 50",
        f"{CLOAK} closed, Orla Fenn 50",
        f"{CLOAK} closed at 50",
        f"{CLOAK} closed, Orla",
        f"{CLOAK} closed 5 minutes ago",
    ],
)
def test_closed_with_more_than_is_understood_is_a_doubt(message: str) -> None:
    event = by_officer(message, active_items=[CLOAK])
    assert isinstance(event, Ambiguous), event
    assert event.item == CLOAK


def test_closed_alone_by_an_officer_closes_and_in_a_bid_means_nothing() -> None:
    assert isinstance(by_officer(f"{CLOAK} closed", active_items=[CLOAK]), Closed)
    event = said(f"{CLOAK} 50 closed", officers=OFFICER)
    assert isinstance(event, Bid)
    assert said(f"is {CLOAK} closed?", by="Tannik", officers=OFFICER) is None


def test_whoever_is_no_officer_closes_nothing_for_the_lines_that_follow() -> None:
    events = heard(*raid(f"Orla: !close {CLOAK}", f"Fenn: {CLOAK} 50"), officers=OFFICER)
    assert isinstance(events[-1], Bid)
    assert not events[-1].is_late
    events = heard(*raid("Orla: :::Belt::: OPEN", "Fenn: belt 50"), officers=OFFICER, active_items=[])
    assert not isinstance(events[-1], Bid)


@pytest.mark.parametrize("message", [f"!close {CLOAK} or not", f"Bidding CLOSED on {CLOAK} at midnight"])
def test_a_closing_that_says_more_is_a_doubt(message: str) -> None:
    event = by_officer(message, active_items=[CLOAK])
    assert isinstance(event, Ambiguous)
    assert (event.reason, event.meant) == ("left_over", "close")


# -- 11: rolls ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "tiers"),
    [
        (f"{CLOAK} 111 , {EYE} 222", {CLOAK: [(111, "")], EYE: [(222, "")]}),
        (f"{CLOAK} 311 pick, 322 upgrade, 333 alt", {CLOAK: [(311, "pick"), (322, "upgrade"), (333, "alt")]}),
        (f"{CLOAK} 333 ROLL", {CLOAK: [(333, "")]}),
        (f"ROLL 333 for {CLOAK}", {CLOAK: [(333, "")]}),
        (f"/random 333 {CLOAK}", {CLOAK: [(333, "")]}),
        (f"{CLOAK} x2 roll 100 main 200 alt", {CLOAK: [(100, "main"), (200, "alt")]}),
        (
            f"{CLOAK} 111 main 112 alt | {EYE} 221 main 222 alt",
            {CLOAK: [(111, "main"), (112, "alt")], EYE: [(221, "main"), (222, "alt")]},
        ),
        (f"[{CLOAK}] ROLL 1111 NOW!", {CLOAK: [(1111, "")]}),
    ],
)
def test_a_roll_call_gives_each_item_and_tier_its_range(message: str, tiers: dict[str, list[tuple[int, str]]]) -> None:
    event = by_officer(message)
    assert isinstance(event, Opened), event
    assert {one.name: [(tier.high, tier.name) for tier in one.tiers] for one in event.items} == tiers


@pytest.mark.parametrize(
    "message",
    [
        f"{CLOAK}, {EYE} 333 ROLL",
        f"{CLOAK} 333, {EYE} 333 ROLL",
        f"{CLOAK} 111 222 ROLL",
        f"{CLOAK} 333 ROLL if you are a monk",
        f"we killed 333 orcs for {CLOAK}, roll on",
    ],
)
def test_a_roll_call_that_cannot_be_told_apart_is_a_doubt(message: str) -> None:
    event = by_officer(message)
    assert isinstance(event, Ambiguous), event
    assert event.meant == "open"


def test_numbers_beside_items_on_auction_are_bids() -> None:
    event = by_officer(f"{CLOAK} 111 , {EYE} 222", active_items=[CLOAK, EYE])
    assert isinstance(event, Ambiguous)
    assert (event.reason, event.meant) == ("two_items", "bid")
    bid = by_officer(f"{CLOAK} 333", active_items=[CLOAK])
    assert isinstance(bid, Bid)
    assert not isinstance(by_officer(f"{CLOAK} 333 , {EYE} 2"), Opened)


def throw(who: str, result: int, high: int, second: int) -> str:
    return (
        f"[Sun Mar 01 20:16:{second:02d} 2026] **A Magic Die is rolled by {who}. It could have been any number from 0 to "
        f"{high}, but this time it turned up a {result}."
    )


def test_a_range_that_is_used_again_belongs_to_the_later_call() -> None:
    lines = [
        *raid(f"Tannik: {CLOAK} 333 ROLL"),
        throw("Orla", 5, 333, 1),
        "[Sun Mar 01 20:16:02 2026] Tannik tells the raid,  'Belt 333 ROLL'",
        throw("Orla", 6, 333, 3),
        throw("Fenn", 7, 333, 4),
        "[Sun Mar 01 20:16:05 2026] Tannik tells the raid,  '!close Belt'",
        throw("Quaff", 8, 333, 6),
    ]
    rolls = [one for one in heard(*lines, officers=OFFICER, active_items=[]) if isinstance(one, Roll)]
    assert [(one.character_name, one.item) for one in rolls] == [
        ("Orla", CLOAK), ("Orla", "Belt"), ("Fenn", "Belt"), ("Quaff", None),
    ]  # fmt: skip


def test_the_range_of_a_roll_says_its_tier() -> None:
    lines = [*raid(f"Tannik: {CLOAK} 311 main, 322 alt"), throw("Orla", 5, 322, 1), throw("Fenn", 2, 311, 2)]
    rolls = [one for one in heard(*lines, active_items=[]) if isinstance(one, Roll)]
    assert [(one.tier, one.tier_name, one.item) for one in rolls] == [(2, "alt", CLOAK), (1, "main", CLOAK)]
