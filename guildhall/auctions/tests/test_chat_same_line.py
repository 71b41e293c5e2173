"""An award in chat is charged once for each time that it was said, whoever's log says so and however often."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from guildhall.auctions.models import BidSession, ChatLine
from guildhall.auctions.services import award_session, close_session
from guildhall.loot.models import LootDistribution
from guildhall.loot.services import create_item
from guildhall.points.verification import verify

from . import build
from .build import balance, bid, session
from .test_api import client
from .test_chat import outcomes, say

pytestmark = pytest.mark.django_db

MAUL = "Giantbone Maul"


def said(clock: str, words: str, day: str = "Mon Nov 23", channel: str = "raid", by: str = "Fenn") -> str:
    return f"[{day} {clock} 2026] {by} tells the {channel},  '{words}'"


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def people(pool: Any) -> Any:
    build.person("Fenn", role="officer")
    for name in (MAUL, "Cloak of Flames", "Copper Disc"):
        create_item(name=name, actor=None)
    return build.person("Aeli", points=100, pool=pool), build.person("Borel", points=100, pool=pool)


@pytest.fixture
def bot(pool: Any) -> Any:
    return client(build.person("Boss", role="officer"))


def spent() -> list[tuple[str, str, Decimal]]:
    assert verify() == []
    rows = LootDistribution.objects.order_by("pk")
    return [(row.item_name, row.character_name, row.points_spent) for row in rows]


@pytest.mark.every_database
def test_the_second_win_of_an_item_is_charged(bot: Any, pool: Any, people: Any) -> None:
    first, second = (
        said("20:15:02", f"Grats Aeli {MAUL} 12 dkp"),
        said("21:40:10", f"Grats Aeli {MAUL} 9 dkp", "Thu Nov 26"),
    )
    say(bot, first)
    say(bot, second)
    assert [amount for _item, _who, amount in spent()] == [12, 9]
    for lines in ((first,), (second,), (first, second)):
        assert all(event["applied"]["repeated"] for event in say(bot, *lines))
    assert balance(people[0], pool) == "79.00/0.00"


def test_the_same_price_again_the_same_night_is_charged(bot: Any, pool: Any, people: Any) -> None:
    say(bot, said("20:15:02", f"Grats Aeli {MAUL} 12 dkp"), said("22:15:40", f"Grats Aeli {MAUL} 12 dkp"))
    assert balance(people[0], pool) == "76.00/0.00"


@pytest.mark.every_database
def test_two_copies_two_seconds_apart_are_two_awards_in_every_log(bot: Any, pool: Any, people: Any) -> None:
    words = f"Grats Aeli {MAUL} 12 dkp"
    say(bot, said("20:15:02", words), said("20:15:04", words))
    assert balance(people[0], pool) == "76.00/0.00"
    for logger, clocks in (
        ("Fenn", ("20:15:02", "20:15:04")),
        ("Borel", ("20:15:03", "20:15:05")),
        ("Aeli", ("20:15:01", "20:15:03")),
        ("", ("20:15:02", "20:15:04")),
        ("", ("20:15:04", "20:15:06")),
    ):
        again = say(bot, *(said(clock, words) for clock in clocks), logger=logger)
        assert [event["applied"]["repeated"] for event in again] == [True, True], (logger, clocks)
    assert balance(people[0], pool) == "76.00/0.00"
    assert len(ChatLine.objects.get(text_key=again[0]["text_key"], said_at__second=2).heard) == 5


def test_two_copies_in_the_same_second_are_two_awards(bot: Any, pool: Any, people: Any) -> None:
    words = said("20:15:02", f"Grats Aeli {MAUL} 12 dkp")
    for _ in range(2):
        say(bot, words, words)
    assert balance(people[0], pool) == "76.00/0.00"


def test_two_copies_of_one_auction_go_to_one_person(bot: Any, pool: Any, people: Any) -> None:
    say(
        bot,
        said("20:14:00", f"{MAUL} OPEN x2"),
        said("20:14:05", f"{MAUL} 12", by="Aeli"),
        said("20:15:02", f":::{MAUL}::: Aeli 12 SPENT"),
        said("20:15:04", f":::{MAUL}::: Aeli 12 SPENT"),
    )
    assert BidSession.objects.count() == 1
    assert balance(people[0], pool) == "76.00/0.00"


NIGHT = (
    ("20:15:02", f"Grats Aeli {MAUL} 12 dkp"),
    ("20:20:40", "!grats Cloak of Flames Borel 30"),
    ("21:01:00", "Grats Aeli Copper Disc 3"),
    ("21:01:02", "Grats Aeli Copper Disc 3"),
)


@pytest.mark.every_database
def test_a_log_of_another_time_zone_awards_nothing_twice(bot: Any, pool: Any, people: Any) -> None:
    say(bot, *(said(clock, words) for clock, words in NIGHT))
    before = spent()
    for hours, second, logger in ((-3, 0, "Borel"), (2, 1, "Aeli"), (1, 0, "")):
        theirs = [
            said(f"{int(clock[:2]) + hours:02}{clock[2:7]}{int(clock[7]) + second}", words) for clock, words in NIGHT
        ]
        heard = say(bot, *theirs, logger=logger)
        assert [event["applied"]["repeated"] for event in heard] == [True] * 4, logger
    assert spent() == before
    # In one call, one after the other, too.
    other = [said(f"{int(clock[:2]) - 5:02}{clock[2:]}", words, "Tue Nov 24") for clock, words in NIGHT]
    plus = [said(f"{int(clock[:2]) - 6:02}{clock[2:]}", words, "Tue Nov 24") for clock, words in NIGHT]
    say(bot, *other, *plus, logger="Fenn")
    assert len(spent()) == 2 * len(before)


@pytest.mark.every_database
def test_the_second_logger_in_another_time_zone_sends_again_whole_and_line_by_line(
    bot: Any, pool: Any, people: Any
) -> None:
    say(bot, *(said(clock, words) for clock, words in NIGHT))
    before = spent()
    theirs = [said(f"{int(clock[:2]) - 3:02}{clock[2:]}", words) for clock, words in NIGHT]
    for lines in (theirs, theirs, *([line] for line in theirs)):
        heard = say(bot, *lines, logger="Borel")
        assert all(event["applied"]["repeated"] for event in heard), lines
    # What this clock is, is known from now on: one new line of it is told too.
    say(bot, said("22:00:00", f"Grats Aeli {MAUL} 12 dkp"))
    assert say(bot, said("19:00:01", f"Grats Aeli {MAUL} 12 dkp"), logger="Borel")[0]["applied"]["repeated"] is True
    assert len(spent()) == len(before) + 1


@pytest.mark.every_database
def test_a_log_in_two_pieces_that_part_between_two_equal_awards_is_charged_for_two(
    bot: Any, pool: Any, people: Any
) -> None:
    words = f"Grats Aeli {MAUL} 12 dkp"
    say(bot, said("20:15:05", words))
    say(bot, said("20:15:03", words), said("20:15:06", words), logger="Borel")
    assert balance(people[0], pool) == "76.00/0.00"
    (heard,) = say(bot, said("20:15:02", words))
    assert heard["applied"]["repeated"] is True
    say(bot, said("20:15:02", words), said("20:15:05", words))
    assert [amount for _item, _who, amount in spent()] == [12, 12]
    # A third in the same log is a third award, whoever lacks it.
    say(bot, said("20:15:02", words), said("20:15:05", words), said("20:15:08", words))
    assert balance(people[0], pool) == "64.00/0.00"


def test_one_line_under_another_clock_is_a_doubt(bot: Any, pool: Any, people: Any) -> None:
    words = f"Grats Aeli {MAUL} 12 dkp"
    say(bot, said("20:15:02", words))
    say(bot, said("21:15:02", words))  # the same log knows its own clock: this was said again
    assert balance(people[0], pool) == "76.00/0.00"
    (heard,) = say(bot, said("17:15:03", words), logger="Borel")
    assert (heard["applied"]["outcome"], heard["applied"]["code"]) == ("skipped", "other_clock")
    assert heard["doubt"]["state"] == "open"
    assert balance(people[0], pool) == "76.00/0.00"


def test_one_announcement_in_two_channels_is_charged_once(bot: Any, pool: Any, people: Any) -> None:
    words = f"Grats Aeli {MAUL} 12 dkp"
    say(bot, said("20:15:02", words), said("20:15:03", words, channel="guild"))
    say(bot, said("20:15:04", words), logger="Borel")
    assert balance(people[0], pool) == "88.00/0.00"
    (later,) = say(bot, said("20:15:50", words, channel="group"), logger="Aeli")
    assert outcomes([later]) == [("awarded", "skipped", "other_channel")]
    assert balance(people[0], pool) == "88.00/0.00"


def test_a_log_that_is_seconds_off_has_the_second_award_at_the_time_of_the_first(
    bot: Any, pool: Any, people: Any
) -> None:
    words = f"Grats Aeli {MAUL} 12 dkp"
    say(bot, said("20:15:02", words))  # this logger left before the second
    say(bot, said("20:15:00", words), said("20:15:02", words), logger="Borel")
    assert balance(people[0], pool) == "76.00/0.00"
    say(bot, said("20:15:02", words), said("20:15:04", words))
    assert balance(people[0], pool) == "76.00/0.00"


def test_what_was_awarded_on_the_site_is_announced_and_not_charged_again(bot: Any, pool: Any, people: Any) -> None:
    maul = session(MAUL)
    bid(maul, people[0], 12)
    close_session(session_id=maul.pk, actor=None)
    award_session(session_id=maul.pk, actor=None)
    words = f"Grats Aeli {MAUL} 12 dkp"
    assert outcomes(say(bot, said("20:15:02", words))) == [("awarded", "skipped", "already_awarded")]
    assert balance(people[0], pool) == "88.00/0.00"
    # It was announced: the next line that says so is another win.
    assert outcomes(say(bot, said("20:55:02", words))) == [("awarded", "applied", None)]
    assert balance(people[0], pool) == "76.00/0.00"


def test_another_price_than_on_the_site_is_a_doubt(bot: Any, pool: Any, people: Any) -> None:
    maul = session(MAUL)
    bid(maul, people[0], 12)
    close_session(session_id=maul.pk, actor=None)
    award_session(session_id=maul.pk, actor=None)
    (heard,) = say(bot, said("20:15:02", f"Grats Aeli {MAUL} 21 dkp"))
    assert (heard["applied"]["code"], heard["doubt"]["state"]) == ("award_differs", "open")
    assert balance(people[0], pool) == "88.00/0.00"


def test_a_line_without_a_time_is_the_same_until_the_item_is_on_auction_again(bot: Any, pool: Any, people: Any) -> None:
    for _ in range(3):
        say(bot, f"Fenn: !grats {MAUL} Aeli 5")
    assert balance(people[0], pool) == "95.00/0.00"
    again = session(MAUL)
    close_session(session_id=again.pk, actor=None)
    for _ in range(2):
        say(bot, f"Fenn: !grats {MAUL} Aeli 5")
    assert balance(people[0], pool) == "90.00/0.00"


def test_a_message_of_discord_counts_once_by_its_id(bot: Any, pool: Any, people: Any) -> None:
    from guildhall.accounts.models import User

    fenn = User.objects.get(display_name="Fenn")
    fenn.discord_id = "880000000000000001"
    fenn.save(update_fields=["discord_id"])
    values = {"discord_id": fenn.discord_id, "logger": None}
    for message, left in (("1", "95"), ("1", "95"), ("2", "90"), ("1", "90"), ("2", "90")):
        say(bot, f"!grats {MAUL} Aeli 5", message_id=message, **values)
        assert balance(people[0], pool) == f"{left}.00/0.00", message


def test_a_doubt_that_is_understood_meanwhile_is_applied_once(bot: Any, pool: Any, people: Any) -> None:
    line = said("20:15:02", "!grats Sash of Winds Aeli 5")
    (heard,) = say(bot, line)
    assert (heard["kind"], heard["doubt"]["state"]) == ("ambiguous", "open")
    create_item(name="Sash of Winds", actor=None)
    assert outcomes(say(bot, line)) == [("awarded", "applied", None)]
    assert say(bot, line)[0]["applied"]["repeated"] is True
    assert balance(people[0], pool) == "95.00/0.00"
    assert not ChatLine.objects.exclude(state="").exists()
