"""Once each: fingerprints, two logs, Discord lines; and whatever comes in."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guildhall.auctions.chat import Ambiguous, Awarded, Bid, ChatConventions, Opened, parse_chat, reader
from guildhall.core.errors import BadInput, TooLarge

from .support import CLOAK, ITEMS, KNOWN, PEOPLE, heard, raid

BY_ORLA = "[Sun Mar 01 20:15:00 2026] You tell your raid, 'Cloak of Flames 50'"
BY_QUAFF = "[Sun Mar 01 20:15:00 2026] Orla tells the raid,  'Cloak of Flames 50'"


def test_the_same_line_has_the_same_fingerprint_whoevers_log_it_is_from() -> None:
    (in_quaffs,) = heard(BY_QUAFF)
    (in_orlas,) = heard(BY_ORLA, logger="Orla")
    assert in_quaffs.fingerprint == in_orlas.fingerprint
    assert in_quaffs.raw != in_orlas.raw


def test_a_tell_has_the_same_fingerprint_at_both_ends() -> None:
    (received,) = heard("[Sun Mar 01 20:15:00 2026] Orla -> Quaff: Cloak of Flames 50")
    (sent,) = heard(
        "[Sun Mar 01 20:15:00 2026] You told Quaff, 'Cloak of Flames 50'",
        logger="Orla",
        conventions=ChatConventions(count_own_tells=True),
    )
    assert received.fingerprint == sent.fingerprint


def test_another_time_another_fingerprint_and_the_same_key() -> None:
    (one,) = heard(BY_QUAFF)
    (two,) = heard(BY_QUAFF.replace("20:15:00", "20:16:00"))
    assert one.fingerprint != two.fingerprint
    assert one.text_key == two.text_key


def test_two_logs_with_clocks_a_little_apart_count_once() -> None:
    assert len(heard(BY_QUAFF, BY_QUAFF.replace("20:15:00", "20:15:03"))) == 1
    assert len(heard(BY_QUAFF, BY_QUAFF.replace("20:15:00", "20:15:04"))) == 2


def test_the_same_lines_sent_again_give_the_same_events() -> None:
    assert heard(BY_QUAFF) == heard(BY_QUAFF)


def test_case_blanks_and_quotes_do_not_change_the_fingerprint() -> None:
    (one,) = heard(BY_QUAFF)
    (two,) = heard(BY_QUAFF.replace("Cloak of Flames", "CLOAK  of flames").replace("'", "’"))
    assert one.fingerprint == two.fingerprint


@pytest.mark.parametrize(
    "line",
    [
        "Orla: Cloak of Flames 50",
        "<Orla> Cloak of Flames 50",
        "**Orla**: Cloak of Flames 50",
        "@Orla: Cloak of Flames 50",
        "[20:15] Orla: Cloak of Flames 50",
    ],
)
def test_a_discord_line_names_its_speaker(line: str) -> None:
    (event,) = heard(line)
    assert isinstance(event, Bid)
    assert (event.speaker, event.channel, event.item, event.amount) == ("Orla", "discord", CLOAK, Decimal(50))
    assert event.local_time is None


def test_a_discord_heading_speaks_for_the_lines_below_it() -> None:
    events = heard("Orla — Today at 8:15 PM", "Cloak of Flames 50", "Fenn — Today at 8:16 PM", "Cloak of Flames 60")
    assert [event.speaker for event in events] == ["Orla", "Fenn"]


def test_one_persons_discord_message() -> None:
    (event,) = heard("Cloak of Flames 50", speaker="Orla")
    assert isinstance(event, Bid)
    (event,) = heard("Cloak of Flames 50")
    assert isinstance(event, Ambiguous)
    assert event.reason == "no_speaker"
    (event,) = heard(":::Belt::: OPEN", speaker="Orla")
    assert isinstance(event, Opened)
    (event,) = heard("LOOT: Cloak of Flames 45", speaker="Orla")
    assert isinstance(event, Awarded)


def test_a_discord_line_that_comes_twice_in_one_evening_is_two() -> None:
    first, _closed, second = heard("Orla: !start Belt", "Orla: !close Belt", "Orla: !start Belt", active_items=[])
    assert first.fingerprint != second.fingerprint
    assert [event.fingerprint for event in heard("Orla: !start Belt", active_items=[])] == [first.fingerprint]


def test_a_text_is_as_good_as_its_lines() -> None:
    events = parse_chat("\r\n".join([BY_QUAFF, "", *raid("Fenn: Cloak of Flames 60")]), active_items=ITEMS)
    assert [event.line_number for event in events] == [1, 3]


def test_too_many_lines_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_LINES", 10)
    with pytest.raises(TooLarge):
        parse_chat("hail\n" * 11)
    assert parse_chat("hail\n" * 10) == []


@pytest.mark.parametrize(
    "data",
    [
        {"nonsense": 1},
        {"grammars": ["plain", "klingon"]},
        {"grammars": "plain"},
        {"echo_prefixes": [""]},
        {"categories": ["alt"]},
        {"take_symbol": ""},
        {"count_own_tells": "yes"},
        {"fillers": 5},
    ],
)
def test_conventions_that_cannot_be_are_refused_by_name(data: dict[str, object]) -> None:
    with pytest.raises(BadInput) as caught:
        ChatConventions.from_data(data)
    assert caught.value.code == "bad_conventions"
    assert caught.value.attr in data


def test_conventions_are_data() -> None:
    rules = ChatConventions.from_data({"grammars": ["plain"], "categories": {"Raider": "main"}, "loot_tags": ["FG"]})
    assert rules.grammars == {"plain"}
    assert rules.categories == {"raider": "main"}
    assert rules.comment == "||"


PIECES = st.sampled_from(
    [
        *KNOWN[:6],
        *PEOPLE[:4],
        "Orla tells the raid,  '",
        "You tell your raid, '",
        "Orla -> Me: ",
        "Orla: ",
        "[Sun Mar 01 20:15:00 2026] ",
        ":::",
        "::",
        "OPEN",
        " x2",
        "SPENT",
        "ROT",
        " 50",
        "1,000",
        "all in",
        "+10",
        "-5",
        "0",
        "9" * 40,
        "!bid ",
        "!start ",
        "!grats ",
        "Grats ",
        "LOOT: ",
        "@100",
        "-",
        "[",
        "]",
        "||",
        "~",
        "|",
        ",",
        "x: ",
        "\x12",
        "0" * 45,
        "'",
        "’",
        "\n",
        " ",
        "*loot ",
        "**A Magic Die is rolled by Orla.",
        "**It could have been any number from 0 to 100, but this time it turned up a 97.",
        "GOING ONCE",
        "Bidding CLOSED",
        "!Bids open ",
        "Taking bids on ",
        "ROLL",
        "333",
        "cancel",
        "?",
    ]
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES | st.text(max_size=6), max_size=20).map("".join), st.booleans())
def test_whatever_comes_in_is_read_without_an_accident(text: str, has_lists: bool) -> None:
    lists = {"active_items": ITEMS, "known_items": KNOWN, "known_characters": PEOPLE} if has_lists else {}
    for event in parse_chat("Orla tells the raid,  '" + text, logger="Quaff", **lists):  # type: ignore[arg-type]
        assert len(event.fingerprint) == 32
        if isinstance(event, Bid):
            given_as = (event.amount is not None, event.all_in, event.increment is not None, event.is_interest)
            assert sum(given_as) == 1
            assert event.amount is None or event.amount > 0
