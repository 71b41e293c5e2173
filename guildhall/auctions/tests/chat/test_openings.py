"""Openings, statuses and closings in each convention."""

from __future__ import annotations

from decimal import Decimal

import pytest

from guildhall.auctions.chat import Ambiguous, Bid, Cancelled, ChatConventions, Closed, Opened, Status

from .support import BREASTPLATE, CLOAK, EYE, heard, raid, said


@pytest.mark.parametrize(
    ("message", "items", "details"),
    [
        (":::Cloak of Flames::: OPEN x2", [(CLOAK, 2)], {"convention": "europa"}),
        ("::: Cloak of Flames ::: BIDS OPEN X2", [(CLOAK, 2)], {}),
        (":::cloak of flames::: open", [(CLOAK, 1)], {}),
        ("::Cloak of Flames:: OPEN", [(CLOAK, 1)], {}),
        ("Cloak of Flames, Eye of Xygoz OPEN for bids", [(CLOAK, 1), (EYE, 1)], {}),
        ("Cloak of Flames | Belt (6) | Copper Disc x2 OPEN", [(CLOAK, 1), ("Belt", 6), ("Copper Disc", 2)], {}),
        ("Cloak of Flames OPEN", [(CLOAK, 1)], {}),
        ("Runed Bolster Belt x2 333 ROLL", [("Runed Bolster Belt", 2)], {"roll_max": 333}),
        (
            "~[Cloak of Flames] (WAR, PAL) - BID IN /GU, MIN 10 DKP. You MUST include the item name in your bid! Closing in 2m.",
            [(CLOAK, 1)],
            {"convention": "ninjalooter", "minimum": Decimal(10), "duration": 120, "classes": "WAR, PAL"},
        ),
        ("[Cloak of Flames] ROLL 1111 NOW!", [(CLOAK, 1)], {"roll_max": 1111}),
        ("!Bids open Singing Steel Breastplate", [(BREASTPLATE, 1)], {"convention": "bids_window"}),
        ("!Bids open Singing Steel Breastplate || TELLS TO ME", [(BREASTPLATE, 1)], {}),
        ("!Bids open !2 Singing Steel Breastplate  || THERE ARE TWO", [(BREASTPLATE, 2)], {}),
        ("!Bids open Singing Steel Breastplate !2 || TELLS TO ME", [(BREASTPLATE, 2)], {}),
        (
            "Taking bids on Cloak of Flames - main. Starting at 10 DKP!",
            [(CLOAK, 1)],
            {"convention": "freelance", "minimum": Decimal(10), "category": "main"},
        ),
        ("x: Cloak of Flames", [(CLOAK, 1)], {"convention": "suicide_kings"}),
        (
            "!start Cloak of Flames 10 x2 5m",
            [(CLOAK, 2)],
            {"convention": "bang", "minimum": Decimal(10), "duration": 300},
        ),
        ("!open [Cloak of Flames] min 10", [(CLOAK, 1)], {"minimum": Decimal(10)}),
        ("!start Part of Tasarin's Grimoire Pg. 64", [("Part of Tasarin's Grimoire Pg. 64", 1)], {"minimum": None}),
    ],
)
def test_an_opening_is_read(message: str, items: list[tuple[str, int]], details: dict[str, object]) -> None:
    event = said(message)
    assert isinstance(event, Opened)
    assert [(item.name, item.quantity) for item in event.items] == items
    assert {name: getattr(event, name) for name in details} == details


def test_the_guilds_own_tag_opens_bids() -> None:
    rules = ChatConventions(loot_tags=("FG",))
    for message in ("FG Cloak of Flames | Belt (2)", "Cloak of Flames | Belt (2) FG"):
        event = said(message, conventions=rules)
        assert isinstance(event, Opened)
        assert [(item.name, item.quantity) for item in event.items] == [(CLOAK, 1), ("Belt", 2)]
    assert not isinstance(said("FG Cloak of Flames | Belt (2)"), Opened)


def test_a_new_item_opens_as_it_is_written_with_those_that_are_alike() -> None:
    event = said(":::Cloak of Flams::: OPEN")
    assert isinstance(event, Opened)
    assert (event.items[0].name, event.items[0].is_known) == ("Cloak of Flams", False)
    assert CLOAK in event.items[0].suggestions


def test_the_word_open_in_talk_opens_nothing() -> None:
    assert said("is the guild bank open?") is None
    assert said("door is open") is None


def test_what_the_lines_open_can_be_bid_on() -> None:
    events = heard(*raid("Tannik: :::Belt::: OPEN", "Orla: belt 50"), active_items=[])
    assert [type(event) for event in events] == [Opened, Bid]


@pytest.mark.parametrize(
    ("message", "item", "leader", "amount", "closing_in"),
    [
        (":::Cloak of Flames::: Fenn 20 DKP 60s", CLOAK, "Fenn", Decimal(20), 60),
        (":::Cloak of Flames::: Fenn 20 DKP 10s", CLOAK, "Fenn", Decimal(20), 10),
        (":::Cloak of Flames::: Fenn 20 DKP COMPLETED", CLOAK, "Fenn", Decimal(20), 0),
        (
            "~[Cloak of Flames] (WAR) - BID IN /GU. Currently: `Fenn` with 30 DKP - Closing in 30s!",
            CLOAK,
            "Fenn",
            Decimal(30),
            30,
        ),
        ("Cloak of Flames GOING ONCE at 40", CLOAK, None, Decimal(40), None),
        ("GOING TWICE", None, None, None, None),
    ],
)
def test_a_status_is_information(
    message: str, item: str | None, leader: str | None, amount: Decimal | None, closing_in: int | None
) -> None:
    event = said(message)
    assert isinstance(event, Status)
    assert (event.item, event.leader, event.amount, event.closing_in) == (item, leader, amount, closing_in)


@pytest.mark.parametrize(
    "message",
    [
        "!Bids closed Cloak of Flames || tells to Quaff",
        "!bid closed cloak of flames",
        "!close Cloak of Flames",
        "!end [Cloak of Flames]",
        "Bidding CLOSED on Cloak of Flames",
        "Cloak of Flames - Bidding CLOSED",
    ],
)
def test_a_closing_is_read(message: str) -> None:
    event = said(message)
    assert isinstance(event, Closed)
    assert event.item == CLOAK


def test_a_closing_without_an_item_is_that_of_the_only_one_open() -> None:
    event = said("Bidding CLOSED", active_items=[CLOAK])
    assert isinstance(event, Closed)
    assert event.item == CLOAK
    event = said("Bidding CLOSED")
    assert isinstance(event, Closed)
    assert event.item is None


@pytest.mark.parametrize(
    "message", [":::Cloak of Flames::: CANCELLED", "!abort Cloak of Flames", "!cancelauction cloak of flames"]
)
def test_an_auction_is_cancelled(message: str) -> None:
    event = said(message)
    assert isinstance(event, Cancelled)
    assert (event.what, event.item) == ("auction", CLOAK)


def test_a_closing_of_what_is_not_known_is_for_a_person() -> None:
    event = said("!close Cloak of Flams")
    assert isinstance(event, Ambiguous)
    assert (event.reason, event.suggestions[0]) == ("unknown_item", CLOAK)


def test_a_bid_after_the_closing_is_late_and_one_before_the_opening_is_not_on_auction() -> None:
    events = heard(
        *raid("Orla: belt 10", "Tannik: !start Belt", "Orla: belt 20", "Tannik: !close Belt", "Orla: belt 30"),
        active_items=[],
    )
    early, _opened, bid, _closed, late = events
    assert isinstance(early, Ambiguous)
    assert early.reason == "not_on_auction"
    assert isinstance(bid, Bid)
    assert not bid.is_late
    assert isinstance(late, Bid)
    assert late.is_late


def test_a_convention_that_is_off_is_not_read() -> None:
    off = ChatConventions(grammars=frozenset({"plain"}))
    for message in (":::Belt::: OPEN", "[Belt] ROLL 1111 NOW!", "!Bids open Belt", "!start Belt", "x: Belt", "*begin"):
        assert not isinstance(said(message, conventions=off), Opened)
