"""Bids in each form (edge cases 70 to 72)."""

from __future__ import annotations

from decimal import Decimal

import pytest

from guildhall.auctions.chat import Ambiguous, Bid, ChatConventions, Retracted, plain

from .support import BREASTPLATE, CLOAK, EYE, LEFT_EYE, PAGE, heard, raid, said


def bid(message: str, **options: object) -> Bid:
    event = said(message, **options)
    assert isinstance(event, Bid), event
    return event


def doubt(message: str, **options: object) -> Ambiguous:
    event = said(message, **options)
    assert isinstance(event, Ambiguous), event
    return event


@pytest.mark.parametrize(
    ("message", "amount"),
    [
        ("Cloak of Flames 50", "50"),
        ("50 Cloak of Flames", "50"),
        ("cloak OF flames 50", "50"),
        ("Cloak of Flames 50 dkp", "50"),
        ("Cloak of Flames 50dkp", "50"),
        ("Cloak of Flames 50.", "50"),
        ("Cloak of Flames 50/", "50"),
        ("Cloak of Flames: 50", "50"),
        ("[Cloak of Flames] 50", "50"),
        ("bidding 50 on Cloak of Flames please", "50"),
        ("Cloak of Flames 1,000", "1000"),
        ("Cloak of Flames 50.5", "50.5"),
        ("Cloak of Flames 1k", "1000"),
        ("BidCloak of Flames50", "50"),
        ("Cloak  of   Flames   50", "50"),
        ("Cloak of Flames 50 || cannot even use it 100", "50"),
        ("!bid Cloak of Flames 50", "50"),
        (":::Cloak of Flames::: 50 DKP", "50"),
    ],
)
def test_a_bid_is_an_item_and_one_number(message: str, amount: str) -> None:
    event = bid(message)
    assert (event.item, event.amount, event.character_name) == (CLOAK, Decimal(amount), "Orla")
    assert not event.is_on_behalf


@pytest.mark.parametrize(
    ("message", "category"),
    [
        ("Cloak of Flames 55 alt", "alt"),
        ("Cloak of Flames 55 ALT", "alt"),
        ("Cloak of Flames 55 box", "box"),
        ("Cloak of Flames 55 main", "main"),
        ("Cloak of Flames 2nd main 55dkp", "2nd main"),
        ("Cloak of Flames 55 app", "app"),
        ("Cloak of Flames 55", None),
    ],
)
def test_a_category_is_a_word_of_the_guild(message: str, category: str | None) -> None:
    event = bid(message)
    assert (event.category, event.amount) == (category, Decimal(55))


def test_the_words_for_categories_are_data() -> None:
    rules = ChatConventions(categories={"trial": "trial"})
    assert bid("Cloak of Flames 55 trial", conventions=rules).category == "trial"


def test_an_ordinal_is_no_amount() -> None:
    assert bid("Cloak of Flames 22nd 55").amount == Decimal(55)


@pytest.mark.parametrize("message", ["Cloak of Flames all in", "all-in Cloak of Flames", "Cloak of Flames ALLIN"])
def test_all_in(message: str) -> None:
    event = bid(message)
    assert (event.all_in, event.amount) == (True, None)


def test_a_plus_is_a_step_over_the_lead() -> None:
    event = bid("Cloak of Flames +10")
    assert (event.increment, event.amount) == (Decimal(10), None)


@pytest.mark.parametrize(
    ("message", "amount"),
    [
        ("Cloak of Flames Fenn 20 DKP", 20),
        ("Cloak of Flames - fenn - 50 dkp", 50),
        (":::Cloak of Flames::: uNderPaID 20 DKP", 20),
        ("50 Cloak of Flames for Fenn", 50),
    ],
)
def test_a_bid_for_another_character_names_them(message: str, amount: int) -> None:
    event = bid(message)
    assert event.character_name in ("Fenn", "Underpaid")
    assert (event.is_on_behalf, event.speaker, event.amount) == (True, "Orla", Decimal(amount))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("Cloak of Flames 420 / 419", "two_amounts"),
        ("Cloak of Flames 50 60", "two_amounts"),
        ("Cloak of Flames all in 60", "two_amounts"),
        ("Cloak of Flames -5", "bad_amount"),
        ("Cloak of Flames 0", "bad_amount"),
        ("Cloak of Flames 1,5", "bad_amount"),
        ("Cloak of Flames 50.123", "bad_amount"),
        ("Cloak of Flames 99999999999999999999", "bad_amount"),
        ("Cloak of Flames", "no_amount"),
        ("Cloak of Flames alt", "no_amount"),
        ("!bid Cloak of Flames", "no_amount"),
        ("Cloak of Flames 50 Eye of Xygoz 20", "two_items"),
        ("Cloak of Flames 50 Fenn Tannik", "two_characters"),
        ("Cloak of Flames 50 Fen", "unknown_character"),
        ("Cloak of Flames 50 Stranger", "unknown_character"),
        ("Cloak of Flams 50", "unknown_item"),
        ("cloak 50", "unknown_item"),
        ("50", "which_item"),
        ("!bid 50", "which_item"),
        ("Rusty Dagger 50", "not_on_auction"),
        ("saw Cloak of Flames drop on 3 nights last week", "unclear"),
    ],
)
def test_a_doubt_is_for_a_person_and_never_a_bid(message: str, reason: str) -> None:
    event = doubt(message)
    assert (event.reason, event.meant) == (reason, "bid")
    assert event.detail


def test_a_slip_comes_back_with_suggestions() -> None:
    assert doubt("Cloak of Flams 50").suggestions[0] == CLOAK
    assert doubt("Cloak of Flames 50 Fen").suggestions == ("Fenn",)
    slip = doubt("Cloak of Flams 50")
    assert (slip.item, slip.amount) == (None, Decimal(50))


@pytest.mark.parametrize(
    "message",
    ["hail", "inc 2", "Cloak of Flames?", "grats on Cloak of Flames", "what does Cloak of Flames do", "gz 60!!"],
)
def test_talk_is_no_bid(message: str) -> None:
    event = said(message)
    assert not isinstance(event, Bid)


def test_a_bare_number_belongs_to_the_only_item_only_by_command() -> None:
    assert bid("!bid 50", active_items=[CLOAK]).item == CLOAK
    event = doubt("50", active_items=[CLOAK])
    assert (event.reason, event.suggestions) == ("no_item", (CLOAK,))
    assert said("50", active_items=[]) is None
    for asked in ("!bid 50?", "!bid 50%", "!bid 50 ;)", "!bid alt 50?"):
        assert (doubt(asked, active_items=[CLOAK]).reason, doubt(asked, active_items=[CLOAK]).item) == (
            "unclear",
            CLOAK,
        )


@pytest.mark.parametrize(
    ("message", "left_over"),
    [
        ("Cloak of Flames 50?", ("?",)),
        ("Cloak of Flames 50%", ("%",)),
        ('"Cloak of Flames 50"', ('"', '"')),
        ("Cloak of Flames 50 ;)", (";)",)),
        ("Cloak of Flames all in?", ("?",)),
        ("Cloak of Flames 50 Fenn?", ("?",)),
        ("Cloak of Flames 50 if Fenn?", ("if", "?")),
        ("Cloak of Flames 50 не", ("не",)),
    ],
)
def test_a_sign_that_means_something_makes_a_doubt(message: str, left_over: tuple[str, ...]) -> None:
    """A question is no bid, nor is what is quoted or said with a wink."""
    event = doubt(message)
    assert (event.item, event.meant, event.left_over) == (CLOAK, "bid", left_over)


@pytest.mark.parametrize(
    "message", ["Cloak of Flames 50!", "(Cloak of Flames 50)", "Cloak of Flames=50", "*Cloak of Flames*: 50"]
)
def test_a_sign_between_words_means_nothing(message: str) -> None:
    assert bid(message).amount == Decimal(50)


@pytest.mark.parametrize(
    ("message", "item"),
    [
        ("A Glowing Orb of Luclinite 50", "A Glowing Orb of Luclinite"),
        ("Letter from Home 50", "Letter from Home"),
        ("Part of Tasarin's Grimoire Pg. 64 50", PAGE),
        ("Part of Tasarin’s Grimoire Pg. 64 50", PAGE),
        ("Ry`Gorr Blade 50", "Ry`Gorr Blade"),
        ("Ry'Gorr Blade 50", "Ry`Gorr Blade"),
        ("Eye of Xygoz 50", EYE),
        ("Left Eye of Xygoz 50", LEFT_EYE),
        ("50 left eye of xygoz", LEFT_EYE),
    ],
)
def test_the_longest_item_of_that_name_is_meant(message: str, item: str) -> None:
    event = bid(message)
    assert (event.item, event.amount) == (item, Decimal(50))


def test_a_longer_item_that_is_not_on_auction_is_not_taken_for_the_shorter_one() -> None:
    assert doubt("Left Eye of Xygoz 50", active_items=[EYE]).reason == "not_on_auction"


def test_an_item_within_a_characters_name_is_not_meant() -> None:
    event = bid("Cloak of Flames 50 Pebblespring", active_items=[CLOAK, "Espri"])
    assert (event.item, event.character_name) == (CLOAK, "Pebblespring")
    assert bid("Cloak of Flames 50 Dkpp").character_name == "Dkpp"
    assert said("Pebblespring 50", active_items=["Espri"]) is None


def test_a_spell_is_named_with_and_without_its_prefix() -> None:
    for message in ("Spell: Gift of Insight 50", "Gift of Insight 50"):
        assert bid(message, active_items=["Spell: Gift of Insight"]).item == "Spell: Gift of Insight"


@pytest.mark.parametrize("name", ["Belt", "Cloak of Flames", "Eye of Xygoz", "Rusty Dagger"])
@pytest.mark.parametrize("length", [45, 50, 55, 56])
def test_a_link_is_stripped_by_its_length(name: str, length: int) -> None:
    body = ("0" + "1A2B3" + "F" * 60)[:length]
    event = bid(f"\x12{body}{name}\x12 50", active_items=[name])
    assert (event.item, event.amount) == (name, Decimal(50))
    assert plain(f"\x12{body}{name}\x12 50") == f"{name} 50"


def test_the_decimal_link_of_the_old_client_is_stripped() -> None:
    event = bid("\x12123456: Cloak of Flames\x1250")
    assert (event.item, event.amount) == (CLOAK, Decimal(50))


@pytest.mark.parametrize(
    "line",
    [
        "Orla tells the raid,  'Cloak of Flames 50'",
        "Orla tells the raid, 'Cloak of Flames 50'",
        "Orla tells the raid, in Elvish, 'Cloak of Flames 50'",
        "Orla tells the guild, 'Cloak of Flames 50'",
        "Orla tells btdkp:1, 'Cloak of Flames 50'",
        "Orla tells you, 'Cloak of Flames 50'",
        "Orla -> Me: Cloak of Flames 50",
        "Orla -> Quaff:  Cloak of Flames 50",
    ],
)
def test_a_bid_is_heard_in_each_channel(line: str) -> None:
    (event,) = heard(f"[Sun Mar 01 20:15:00 2026] {line}")
    assert isinstance(event, Bid)
    assert (event.character_name, event.amount) == ("Orla", Decimal(50))


@pytest.mark.parametrize(
    "line",
    [
        "Orla tells the raid,  ''",
        "Orla auctions, 'WTS Cloak of Flames 5000'",
        "Magus Delira tells you, 'I'll give you 50 for that Cloak of Flames'",
        "You told Orla, 'Cloak of Flames 50'",
        "You told Orla '[queued], Cloak of Flames 50'",
        "You told Orla, '!bid Cloak of Flames 50'",
        "Orla auctions, '~!bid Cloak of Flames 50'",
        "Orla tells the raid,  '~[Cloak of Flames] 50'",
        "Orla tells the raid,  '[Guildhall] Cloak of Flames 50 by Fenn'",
        "Bobbin says, 'Orla tells the raid,  'Cloak of Flames 50''",
        "Orla hits Cloak of Flames for 50 points of damage.",
    ],
)
def test_what_is_nobodys_bid_is_passed_over(line: str) -> None:
    assert heard(f"[Sun Mar 01 20:15:00 2026] {line}") == []


def test_the_loggers_own_words_in_the_raid_are_the_loggers_bid() -> None:
    line = "[Sun Mar 01 20:15:00 2026] You tell your raid, 'Cloak of Flames 50'"
    (event,) = heard(line)
    assert isinstance(event, Bid)
    assert event.character_name == "Quaff"
    (event,) = heard(line, logger=None)
    assert isinstance(event, Ambiguous)
    assert event.reason == "no_speaker"


def test_own_tells_count_where_the_guild_says_so() -> None:
    (event,) = heard(
        "[Sun Mar 01 20:15:00 2026] You told Orla, 'Cloak of Flames 50'",
        conventions=ChatConventions(count_own_tells=True),
    )
    assert isinstance(event, Bid)


def test_a_line_that_was_cut_is_no_bid() -> None:
    (event,) = heard("[Sun Mar 01 20:15:00 2026] Orla tells the raid,  'Cloak of Flames 5")
    assert isinstance(event, Ambiguous)
    assert event.reason == "cut_line"


def test_somebody_who_is_not_known_is_for_a_person() -> None:
    event = doubt("Cloak of Flames 50", by="Orlaa")
    assert (event.reason, event.character_name, event.suggestions) == ("unknown_character", "Orlaa", ("Orla",))


@pytest.mark.parametrize(
    "message",
    ["Cloak of Flames cancel", "cancel Cloak of Flames", "cloak of flames nevermind", "!cancel Cloak of Flames"],
)
def test_a_bid_is_taken_back(message: str) -> None:
    event = said(message)
    assert isinstance(event, Retracted)
    assert (event.item, event.character_name) == (CLOAK, "Orla")


def test_taking_back_without_an_item_means_the_only_one_open() -> None:
    assert isinstance(said("cancel", active_items=[CLOAK]), Retracted)
    event = said("cancel")
    assert isinstance(event, Ambiguous)
    assert (event.reason, event.meant) == ("which_item", "retraction")
    assert said("cancel", active_items=[]) is None


def test_suicide_kings_take_with_a_bare_sign() -> None:
    _opened, event = heard(*raid("Tannik: x: Belt", "Orla: x"), active_items=[])
    assert isinstance(event, Bid)
    assert (event.item, event.is_interest, event.amount) == ("Belt", True, None)
    assert said("x") is None


def test_a_comment_is_kept() -> None:
    event = bid("Singing Steel Breastplate 55 || I can't even use it lol")
    assert (event.item, event.comment) == (BREASTPLATE, "I can't even use it lol")


def test_markup_in_a_message_stays_text() -> None:
    event = bid("Cloak of Flames 50 || <script>alert(1)</script>")
    assert event.comment == "<script>alert(1)</script>"
