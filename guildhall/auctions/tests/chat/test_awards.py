"""Awards in each form (edge case 75)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from guildhall.auctions.chat import Ambiguous, Awarded, Bid, Cancelled, ChatConventions

from .support import CLOAK, heard, raid, said


def award(message: str, **options: object) -> Awarded:
    event = said(message, by="Tannik", **options)
    assert isinstance(event, Awarded), event
    return event


@pytest.mark.parametrize(
    ("message", "amount"),
    [
        (":::Cloak of Flames::: Fenn 70 SPENT", 70),
        (":::Cloak of Flames::: Fenn 70 DKPSPENT", 70),
        ("::cloak of flames:: fenn 70 spent", 70),
        (";;;Cloak of Flames;;; Fenn 70 SPENT", 70),
        ("~Gratss Fenn on [Cloak of Flames] (30 DKP)!", 30),
        ("Gratss Fenn on [Cloak of Flames] (30 DKP)!", 30),
        ("Grats Fenn Cloak of Flames 55 DKP!", 55),
        ("Congrats Fenn, Cloak of Flames for 40", 40),
        ("!grats Cloak of Flames Fenn 55", 55),
        ("!gratss Fenn 55 Cloak of Flames", 55),
        ("!gratz 55 fenn cloak of flames", 55),
        ("!grats Cloak of Flames Fenn 55dkp", 55),
        ("!grats Cloak of Flames Fenn 55.", 55),
        ("!grats Cloak of Flames Fenn 55/", 55),
        ("!grats Cloak of Flames Fenn 0dkp", 0),
        ("*loot Fenn - Cloak of Flames - 100", 100),
        ("Cloak of Flames-Fenn@100", 100),
        ("Cloak of Flames 2 DKP grats Fenn!", 2),
        ("Cloak of Flames Fenn 1 !grats", 1),
        ("Fenn, gratz! Cloak of Flames: 1,000 dkp", 1000),
        ("Congratulations to Fenn, Cloak of Flames at 40 points", 40),
        ("Grats Fenn on Cloak of Flames 55", 55),
        ("Gratss Fenn on [Cloak of Flames] 30", 30),
        ("!grats Cloak of Flames Fenn (30 DKP)", 30),
        (":::Cloak of Flames::: Fenn 70 SPENT.", 70),
    ],
)
def test_an_award_names_item_winner_and_price(message: str, amount: int) -> None:
    event = award(message)
    assert (event.item, event.character_name, event.amount) == (CLOAK, "Fenn", Decimal(amount))


def test_the_winner_says_loot() -> None:
    event = award("LOOT: Cloak of Flames 45")
    assert (event.character_name, event.amount) == ("Tannik", Decimal(45))
    assert award("LOOT: Cloak of Flames (box) 45").category == "box"


@pytest.mark.parametrize(
    "message",
    [
        ":::Cloak of Flames::: ROT",
        "~Gratss ROT on [Cloak of Flames] (0 DKP)!",
        "LOOT: Cloak of Flames ROT",
        "Cloak of Flames-ROT@0",
        "!grats ROT Cloak of Flames",
    ],
)
def test_nobody_wanted_it(message: str) -> None:
    event = award(message)
    assert (event.item, event.is_rot, event.character_name) == (CLOAK, True, None)


@pytest.mark.parametrize(
    ("message", "roll"),
    [(":::Cloak of Flames::: Fenn rolled 245 WINS", 245), ("Gratss Fenn on [Cloak of Flames] with 88 / 1111!", 88)],
)
def test_a_roll_wins(message: str, roll: int) -> None:
    event = award(message)
    assert (event.character_name, event.roll, event.amount) == ("Fenn", roll, None)


def test_what_stands_in_brackets_is_a_note() -> None:
    event = award("!grats Cloak of Flames Hamfork (sizar) 55")
    assert (event.character_name, event.note) == ("Hamfork", "sizar")


@pytest.mark.parametrize(
    ("message", "reason", "suggestion"),
    [
        ("!grats Cloak of Flames Hamfork/Guzmak 55", "two_characters", "Hamfork"),
        ("!grats Cloak of Flames Fenn", "no_amount", None),
        ("Grats Fenn Cloak of Flames", "no_amount", None),
        ("!grats Cloak of Flames Fen 55", "unknown_character", "Fenn"),
        ("!grats Cloak of Flames 55", "unknown_character", None),
        ("!grats Cloak of Flams Fenn 55", "unknown_item", CLOAK),
        ("!grats Cloak of Flames Eye of Xygoz Fenn 55", "two_items", CLOAK),
        ("Grats Fenn Cloak of Flams 55", "unknown_item", CLOAK),
        (":::Cloak of Flams::: Fenn 70 SPENT", "unknown_item", CLOAK),
        (":::Cloak of Flames::: Fen 70 SPENT", "unknown_character", "Fenn"),
        (":::Cloak of Flames::: Fenn SPENT", "no_amount", None),
        ("Cloak Fenn seventy SPENT", "unreadable_award", None),
        (":::Cloak of Flames::: not fenn 70 spent", "unreadable_award", None),
        ("Cloak of Flams 55 Fenn grats", "unknown_item", CLOAK),
        ("!grats Cloak of Flames Fenn 55 Cloak of Flames", "two_items", CLOAK),
    ],
)
def test_a_doubtful_award_is_for_a_person(message: str, reason: str, suggestion: str | None) -> None:
    event = said(message, by="Tannik")
    assert isinstance(event, Ambiguous), event
    assert (event.reason, event.meant) == (reason, "award")
    if suggestion:
        assert suggestion in event.suggestions


@pytest.mark.parametrize(
    ("message", "left_over"),
    [
        ("Gratz Fenn on the Cloak of Flames, 1st one in 6 months", "1st on the one in months"),
        ("grats fenn with a 176 roll Cloak of Flames", "with a roll"),
        ("grats Fenn 176 roll Cloak of Flames", "roll"),
        ("!grats Cloak of Flames 4 Fen outbid Orla", "Fen outbid"),
        ("!grats Cloak of Flames 4 Fenn outbid Guzmakk", "outbid Guzmakk"),
        ("grats Fenn Cloak of Flames 2nd time 50", "2nd time"),
        ("grats Fenn on the Cloak of Flames after 3 years", "on the after years"),
        ("grats Fenn Cloak of Flames, March 3", "March"),
        ("grats Fenn Cloak of Flames at 8pm", "8pm"),
        ("grats Fenn for the Cloak of Flames 12", "for the"),
        ("grats Fenn Cloak of Flames 55?", "?"),
        ("grats Fenn Cloak of Flames 55 (not really)", "not really"),
        ("grats Fenn Cloak of Flames 5000 lol jk", "lol jk"),
        ("grats Fenn Cloak of Flames 5000 ;)", ";)"),
        ("would have said grats Fenn Cloak of Flames 55", "would have said"),
        ("should have been grats Fenn Cloak of Flames 55", "should have been"),
        ("do not write grats Fenn Cloak of Flames 55", "do not write"),
        ("'grats Fenn Cloak of Flames 55' he said", "' ' he said"),
        ('"grats Fenn Cloak of Flames 55"', '" "'),
        ("grats Fenn's Cloak of Flames 55", "Fenn's"),
        ("grats Fenn Cloak of Flames 55%", "%"),
        ("grats Fenn Cloak of Flames 55, never gave that", "never gave that"),
        (":::Cloak of Flames::: Fenn 70 SPENT yesterday", "yesterday"),
        (":::Cloak of Flames::: Fenn 70 SPENT?", "?"),
        (":::Cloak of Flames::: ROT please do not", "please do not"),
        (":::Cloak of Flames::: Fenn rolled 245 WINS not", "not"),
    ],
)
def test_a_word_that_nothing_accounts_for_makes_a_doubt(message: str, left_over: str) -> None:
    event = said(message, by="Tannik")
    assert isinstance(event, Ambiguous), event
    assert (event.reason, event.meant, event.item) == ("left_over", "award", CLOAK)
    assert sorted(event.left_over) == sorted(left_over.split())


@pytest.mark.parametrize(
    "message",
    [
        "Grats Fenn Cloak of Flames 5, Orla Eye of Xygoz 10!",
        "!grats Cloak of Flames Fenn 5 | Orla 10 Eye of Xygoz",
        "Cloak of Flames Fenn 5 and Eye of Xygoz Orla 10 grats",
    ],
)
def test_several_awards_stand_in_one_line(message: str) -> None:
    events = heard(*raid(f"Tannik: {message}"))
    assert all(isinstance(event, Awarded) for event in events)
    assert [(event.item, event.character_name, event.amount) for event in events if isinstance(event, Awarded)] == [
        (CLOAK, "Fenn", Decimal(5)),
        ("Eye of Xygoz", "Orla", Decimal(10)),
    ]
    assert len({event.fingerprint for event in events}) == 2
    assert len({event.text_key for event in events}) == 2


@pytest.mark.parametrize(
    "message",
    [
        "Grats Fenn Cloak of Flames 5, Orla Eye of Xygoz",
        "Grats Fenn Cloak of Flames 5, Orla Eye of Xygoz 10 lol",
        "Grats Fenn 5, Cloak of Flames and Eye of Xygoz",
        "Grats Fenn, Orla: Cloak of Flames 5, 6",
    ],
)
def test_of_several_awards_none_counts_where_one_is_not_whole(message: str) -> None:
    (event,) = heard(*raid(f"Tannik: {message}"))
    assert isinstance(event, Ambiguous)
    assert event.meant == "award"


def test_an_award_in_any_order_is_taken_back_or_has_a_category() -> None:
    event = said("!grats Cloak of Flames Fenn 55 UNDO", by="Tannik")
    assert isinstance(event, Cancelled)
    assert (event.what, event.character_name) == ("award", "Fenn")
    assert award("!grats Cloak of Flames Fenn 55 alt").category == "alt"


@pytest.mark.parametrize("message", ["Grats Fenn!", "grats on 60 Fenn", "gratz everybody", "Congrats Fenn on level 60"])
def test_congratulations_on_something_else_are_no_award(message: str) -> None:
    assert said(message, by="Tannik") is None


@pytest.mark.parametrize("undo", ["REMOVE", "UNDO", "remove"])
def test_an_award_is_taken_back(undo: str) -> None:
    event = said(f":::Cloak of Flames::: Fenn 70 SPENT {undo}", by="Tannik")
    assert isinstance(event, Cancelled)
    assert (event.what, event.item, event.character_name, event.amount) == ("award", CLOAK, "Fenn", Decimal(70))


def test_the_same_award_twice_is_marked() -> None:
    first = raid("Tannik: :::Cloak of Flames::: Fenn 70 SPENT")
    again = raid("Tannik: :::Cloak of Flames::: Fenn 70 SPENT", at="Sun Mar 01 20:25:00 2026")
    one, two = heard(*first, *again)
    assert isinstance(one, Awarded)
    assert isinstance(two, Awarded)
    assert (one.is_repeated, two.is_repeated) == (False, True)
    assert one.fingerprint != two.fingerprint


def test_an_award_closes_the_auction_when_the_last_copy_is_gone() -> None:
    events = heard(
        *raid(
            "Tannik: :::Belt::: OPEN x2",
            "Tannik: :::Belt::: Fenn 70 SPENT",
            "Orla: Belt 50",
            "Tannik: :::Belt::: Orla 50 SPENT",
            "Quaff: Belt 60",
        ),
        active_items=[],
    )
    bids = [event for event in events if isinstance(event, Bid)]
    assert [bid.is_late for bid in bids] == [False, True]


def test_an_award_needs_no_bid_before_it() -> None:
    assert award("!grats Rusty Dagger Fenn 5", active_items=[]).item == "Rusty Dagger"


def test_without_a_list_of_characters_a_name_is_taken_as_it_stands() -> None:
    assert award(":::Cloak of Flames::: zorro 70 SPENT", known_characters=[]).character_name == "Zorro"


def test_a_grammar_that_is_off_awards_nothing() -> None:
    rules = ChatConventions(grammars=frozenset({"plain", "bang"}))
    assert not isinstance(said(":::Cloak of Flames::: Fenn 70 SPENT", conventions=rules), Awarded)
