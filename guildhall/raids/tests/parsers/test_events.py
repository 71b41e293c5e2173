"""Events of a raid night in a log (edge cases 63, 64, 67 to 69, and the loot lines of 71 and 75)."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest

from guildhall.core.errors import BadInput
from guildhall.raids.parsers import (
    AttendanceCall,
    KillSeen,
    LogEvent,
    LootSeen,
    PresenceMark,
    RaidJoined,
    RaidLeft,
    StandbyTell,
    afk_spans,
    linkdead_gaps,
    parse_log_events,
    standing_calls,
)

from .support import log, utc


def events(*messages: str, at: str = "Sun Mar 01 20:15:00 2026", **options: Any) -> list[LogEvent]:
    return list(parse_log_events(log(*messages, at=at), character="Tannik", **options))


def event(message: str) -> LogEvent:
    (found,) = events(message)
    return found


def night(*timed: tuple[str, str]) -> list[LogEvent]:
    text = "".join(log(message, at=f"Sun Mar 01 {clock} 2026") for clock, message in timed)
    return list(parse_log_events(text, character="Tannik"))


@pytest.mark.parametrize(
    ("message", "kind", "name"),
    [
        ("You have joined the raid.", RaidJoined, "Tannik"),
        ("Luciana joined the raid.", RaidJoined, "Luciana"),
        ("Orsina has left the raid.", RaidLeft, "Orsina"),
        ("You were removed from the raid.", RaidLeft, "Tannik"),
    ],
)
def test_joins_and_leaves(message: str, kind: type, name: str) -> None:
    found = event(message)
    assert type(found) is kind
    assert found.character_name == name  # type: ignore[attr-defined]


def test_a_mercenary_in_the_group_is_not_in_the_raid() -> None:
    assert events("A lizard hireling has joined the group.", "* Rumli has entered channel openraids:1") == []


@pytest.mark.parametrize(
    ("message", "how", "who", "item", "quantity", "source"),
    [
        ("--You have looted a Bloodstained Key.--", "looted", "Tannik", "Bloodstained Key", 1, ""),
        (
            "--Orsina has looted a Part of Tasarin's Grimoire Pg. 24.--",
            "looted",
            "Orsina",
            "Part of Tasarin's Grimoire Pg. 24",
            1,
            "",
        ),
        (
            "--Kiza has looted a Lesser Engraved Velium Rune from Velden Dragonbane's corpse.--",
            "looted",
            "Kiza",
            "Lesser Engraved Velium Rune",
            1,
            "Velden Dragonbane's corpse",
        ),
        (
            "--You have looted 5 Snake Scales from a frozen chest .--",
            "looted",
            "Tannik",
            "Snake Scales",
            5,
            "a frozen chest",
        ),
        ("--Kiza has looted an Alluring Flower.--", "looted", "Kiza", "Alluring Flower", 1, ""),
        ("--Kiza has looted a A Glowing Orb of Luclinite.--", "looted", "Kiza", "A Glowing Orb of Luclinite", 1, ""),
        (
            "--Kiza has looted a Letter from Home from a gnoll's corpse.--",
            "looted",
            "Kiza",
            "Letter from Home",
            1,
            "a gnoll's corpse",
        ),
        ("--Kiza has looted a Letter from Home.--", "looted", "Kiza", "Letter from Home", 1, ""),
        ("--Kiza has looted a Blade of Ry`Gorr.--", "looted", "Kiza", "Blade of Ry`Gorr", 1, ""),
        (
            "--Rumli stole Grimy Spell Scroll from froglok krup enchanter!--",
            "stolen",
            "Rumli",
            "Grimy Spell Scroll",
            1,
            "froglok krup enchanter",
        ),
        (
            "Rumli grabbed a Restless Ice Cloth Legs Ornament from an icebound chest .",
            "grabbed",
            "Rumli",
            "Restless Ice Cloth Legs Ornament",
            1,
            "an icebound chest",
        ),
        (
            "A Draconic Lava Chain Feet Ornament was given to Aldra.",
            "given",
            "Aldra",
            "Draconic Lava Chain Feet Ornament",
            1,
            "",
        ),
        (
            "Hacka won the need roll on 1 item(s): Restless Velium Tainted Pelt with a roll of 996.",
            "won",
            "Hacka",
            "Restless Velium Tainted Pelt",
            1,
            "",
        ),
        (
            "--You left a Medium Quality Snake Skin on a redback.--",
            "left",
            "",
            "Medium Quality Snake Skin",
            1,
            "a redback",
        ),
        ("--a Sarnak Blood was left on a consc's corpse.--", "left", "", "Sarnak Blood", 1, "a consc's corpse"),
        (
            "No one was interested in the 1 item(s): Rusty Axe. These items can be randomed again.",
            "left",
            "",
            "Rusty Axe",
            1,
            "",
        ),
        (
            "You looted a Rusty Mace from a gnoll's corpse to create a Rusty Mace +3",
            "looted",
            "Tannik",
            "Rusty Mace",
            1,
            "a gnoll's corpse",
        ),
    ],
)
def test_loot_lines(message: str, how: str, who: str, item: str, quantity: int, source: str) -> None:
    found = event(message)
    assert isinstance(found, LootSeen)
    assert (found.how, found.character_name, found.item, found.quantity, found.source) == (
        how,
        who,
        item,
        quantity,
        source,
    )


def test_money_is_not_an_item() -> None:
    assert events("The master looter, Qulas, looted 32426 platinum from the corpse.") == []


@pytest.mark.parametrize(
    "message",
    [
        "Druzzil Ro tells the guild, 'Kadda of <Lanternwatch> has killed Innoruuk in Plane of Hate!'",
        "Druzzil Ro tells the guild, 'Kadda of Lanternwatch> has killed Innoruuk in Plane of Hate !'",
    ],
)
def test_the_servers_broadcast_of_a_kill(message: str) -> None:
    found = event(message)
    assert isinstance(found, KillSeen)
    assert (found.npc, found.zone, found.killer, found.guild) == ("Innoruuk", "Plane of Hate", "Kadda", "Lanternwatch")


@pytest.mark.parametrize("speaker", ["Mallora", "Magus Delira"])
def test_nobody_else_can_fake_the_broadcast(speaker: str) -> None:
    assert events(f"{speaker} tells the guild, 'Kadda of <Lanternwatch> has killed Innoruuk in Plane of Hate!'") == []


@pytest.mark.parametrize(
    ("message", "label", "kind", "undo"),
    [
        (":::Raid Attendance Taken:::Attendance:::Fifth Call:::", "Fifth Call", "attendance", False),
        (":::Raid Attendance Taken:::Keeper of Souls:::Kill:::", "Keeper of Souls", "kill", False),
        ("::Raid attendance taken::Attendance::Fifth Call::", "Fifth Call", "attendance", False),
        (":;:Raid Attendance Taken:;:Attendance;:;Fifth Call;;;", "Fifth Call", "attendance", False),
        ("::::Raid Attendance Taken:::: Attendance ::: Fifth Call", "Fifth Call", "attendance", False),
        (":::Raid Attendance Taken:::Attendance:::Fifth Call REMOVE", "Fifth Call", "attendance", True),
        (":::Raid Attendance Taken:::Keeper of Souls:::Kill::: undo", "Keeper of Souls", "kill", True),
    ],
)
def test_a_call_for_attendance_forgives_its_delimiters(message: str, label: str, kind: str, undo: bool) -> None:
    found = event(f"You tell your raid, '{message}'")
    assert isinstance(found, AttendanceCall)
    assert (found.label, found.call_kind, found.is_undo, found.is_own) == (label, kind, undo, True)


def test_only_the_loggers_own_call_in_the_raid_stands() -> None:
    call = ":::Raid Attendance Taken:::Attendance:::First Call:::"
    found = events(
        f"Mallora tells the raid,  '{call}'", f"You say to your guild, '{call}'", f"You tell your raid, '{call}'"
    )
    assert [getattr(one, "is_own", None) for one in found] == [False, False, True]
    assert [standing.call.line_number for standing in standing_calls(found)] == [3]


def test_a_call_that_was_taken_back_does_not_stand_and_a_repeated_one_is_marked() -> None:
    call = "You tell your raid, ':::Raid Attendance Taken:::Attendance:::{}:::'"
    found = events(*(call.format(label) for label in ("First", "Second", "second", "Third", "Third REMOVE")))
    assert [(standing.call.label, standing.is_repeated) for standing in standing_calls(found)] == [
        ("First", False),
        ("Second", False),
        ("second", True),
    ]


@pytest.mark.parametrize(
    ("message", "name", "text"),
    [
        ("Orla tells you, 'creditt'", "Orla", ""),
        ("Orla -> Me: Creditt Orlabot", "Orla", "Orlabot"),
        ("Orla tells the raid,  '!skadd'", "Orla", ""),
    ],
)
def test_a_standby_tell(message: str, name: str, text: str) -> None:
    found = event(message)
    assert isinstance(found, StandbyTell)
    assert (found.character_name, found.text) == (name, text)


def test_the_words_for_standby_are_the_guilds() -> None:
    (found,) = events("Orla tells you, 'on the bench'", standby_words=("on the bench",))
    assert isinstance(found, StandbyTell)


@pytest.mark.parametrize("state", ["AFK", "AFKEND", "CRASHED"])
@pytest.mark.parametrize("form", [":::{}:::", "+{}+", ":: {} ::"])
def test_marks_of_presence(form: str, state: str) -> None:
    found = event(f"Orla tells the raid,  '{form.format(state)}'")
    assert isinstance(found, PresenceMark)
    assert (found.character_name, found.state) == ("Orla", state.casefold())


def test_who_leaves_and_joins_within_a_quarter_of_an_hour_was_probably_linkdead() -> None:
    found = night(
        ("20:00:00", "Orla has left the raid."),
        ("20:05:00", "Fenn has left the raid."),
        ("20:10:00", "Orla joined the raid."),
        ("20:40:00", "Fenn joined the raid."),
    )
    (gap,) = linkdead_gaps(found)
    assert (gap.character_name, gap.since, gap.until) == ("Orla", utc(2026, 3, 1, 20), utc(2026, 3, 1, 20, 10))
    assert gap.covers(utc(2026, 3, 1, 20, 5))
    assert len(linkdead_gaps(found, dt.timedelta(hours=1))) == 2


def test_afk_without_an_end_runs_to_the_end_of_the_log() -> None:
    found = night(
        ("20:00:00", "Orla tells the raid,  ':::AFK:::'"),
        ("20:05:00", "Fenn tells the raid,  ':::AFK:::'"),
        ("20:10:00", "Orla tells the raid,  ':::AFKEND:::'"),
    )
    orla, fenn = afk_spans(found)
    assert (orla.character_name, orla.until) == ("Orla", utc(2026, 3, 1, 20, 10))
    assert (fenn.character_name, fenn.until) == ("Fenn", None)
    assert fenn.covers(utc(2026, 3, 1, 23))
    assert not orla.covers(utc(2026, 3, 1, 23))


def test_events_carry_line_time_and_raw_text_and_can_be_cut_to_a_window() -> None:
    text = log("hm", "Orla joined the raid.") + log("Fenn joined the raid.", at="Sun Mar 01 22:15:00 2026")
    found = list(parse_log_events(text, time_zone="Europe/Berlin", until=utc(2026, 3, 1, 20)))
    assert [(one.line_number, one.at, one.raw) for one in found] == [
        (2, utc(2026, 3, 1, 19, 15), "Orla joined the raid.")
    ]


def test_an_event_in_the_repeated_hour_says_so() -> None:
    (found,) = parse_log_events(log("Orla joined the raid.", at="Sun Oct 25 02:30:00 2026"), time_zone="Europe/Berlin")
    assert found.time_doubt == "ambiguous_time"


def test_a_log_is_read_as_it_comes() -> None:
    class Slow(io.BytesIO):
        given = 0

        def read(self, size: int | None = -1) -> bytes:
            self.given += 1
            return super().read(size)

    slow = Slow(log("Orla joined the raid.").encode() * 200_000)
    first = next(parse_log_events(slow))
    assert isinstance(first, RaidJoined)
    assert slow.given < 5


def test_bad_input_is_refused() -> None:
    with pytest.raises(BadInput):
        list(parse_log_events(""))
    with pytest.raises(BadInput):
        list(parse_log_events("x", time_zone="Nowhere"))
