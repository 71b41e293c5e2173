"""`/who` in a log (edge cases 17 to 46)."""

from __future__ import annotations

import pytest

from guildhall.raids.parsers import RosterEntry, parse_attendance

from .support import HEADING, RULE, log, who


def row(text: str) -> RosterEntry:
    """The one entry of a /who with that row."""
    (entry,) = parse_attendance(log(*who(text))).entries
    return entry


def seen(*messages: str) -> list[str]:
    return [entry.character_name for entry in parse_attendance(log(*messages)).entries]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "[60 Warder] Tannik (Wood Elf) <Lanternwatch>",
            {"level": 60, "character_class": "Ranger", "title": "Warder", "race": "Wood Elf", "guild": "Lanternwatch"},
        ),
        (
            "[50 Shadow Knight] Murgo (Erudite) <Lanternwatch>",
            {"character_class": "Shadow Knight", "title": None, "level": 50},
        ),
        (
            "[60 Grave Lord] Murgo (Dark Elf) <Lanternwatch>",
            {"character_class": "Shadow Knight", "title": "Grave Lord"},
        ),
        ("[60 High Priest] Orla (Dwarf)", {"character_class": "Cleric", "guild": None}),
        (
            "[105 Huntmaster (Ranger)] Tannik (Halfling)  ZONE: kattacastrumb",
            {"character_class": "Ranger", "title": "Huntmaster", "level": 105, "zone": "kattacastrumb"},
        ),
        (
            "[50 Druid] Fenn (Wood Elf) <Mirna's Silver Chariot> LFG",
            {"guild": "Mirna's Silver Chariot", "flags": {"lfg"}},
        ),
        ("[60 Warder] Tannik (Wood Elf)", {"guild": None}),
        (
            "[ANONYMOUS] Luvena  <Lanternwatch>",
            {"flags": {"anonymous", "roleplaying"}, "guild": "Lanternwatch", "level": None, "character_class": None},
        ),
        ("[ANONYMOUS] Luvena", {"flags": {"anonymous"}, "guild": None}),
        ("[ANONYMOUS] Peder (Human)", {"flags": {"anonymous"}, "race": "Human"}),
        ("[ROLEPLAYING] Luvena <Lanternwatch>", {"flags": {"anonymous", "roleplaying"}}),
        (
            "[ANON (60 Warder)] Tannik (Wood Elf) <Lanternwatch>",
            {"flags": {"anonymous"}, "level": 60, "character_class": "Ranger"},
        ),
        (" AFK [55 Blackguard] Ilsa (Human) <Lanternwatch>", {"flags": {"afk"}, "character_class": "Rogue"}),
        (" AFK [ANONYMOUS] Ilsa  <Lanternwatch>", {"flags": {"afk", "anonymous", "roleplaying"}}),
        (" <LINKDEAD>[50 Rogue] Noggin (Dwarf) <Lanternwatch>", {"flags": {"linkdead"}, "guild": "Lanternwatch"}),
        (" <LINKDEAD>[ANONYMOUS] Luvena  <Lanternwatch>", {"flags": {"linkdead", "anonymous", "roleplaying"}}),
        (
            "[50 Rogue] Noggin (Dwarf)  ZONE: poknowledge  <LINKDEAD>",
            {"flags": {"linkdead"}, "guild": None, "zone": "poknowledge"},
        ),
        ("[50 Rogue] Noggin (Dwarf) <LINKDEAD>", {"flags": {"linkdead"}, "guild": None}),
        (" AFK [60 Grave Lord] Anni (Dark Elf) <Seekers>   LFG", {"flags": {"afk", "lfg"}, "guild": "Seekers"}),
        (" AFK  <LINKDEAD>[50 Rogue] Noggin (Dwarf) <Seekers>", {"flags": {"afk", "linkdead"}}),
        ("* GM * [ANONYMOUS] Beatta <Seekers>", {"flags": {"gm", "anonymous", "roleplaying"}}),
        (
            "* GM-Admin *[20 Wizard] Guida (Gnome)  ZONE: poknowledge  <LINKDEAD> (USER guide: PID 100)",
            {"flags": {"gm", "linkdead"}, "zone": "poknowledge"},
        ),
        ("* Senior Guide *[20 Wizard] Guida (Gnome)", {"flags": {"gm"}}),
        ("OFFLINE MODE[1 Shadow Knight] Testa (Dark Elf) ZONE: bazaar", {"flags": {"offline"}, "zone": "bazaar"}),
        (" TRADER[1 Enchanter] Buymee (High Elf)", {"flags": {"trader"}}),
        ("BUYER[1 Enchanter] Buymee (High Elf)", {"flags": {"buyer"}}),
        ("[130 Juggernaut (Berserker)] Grudd (Group: 3)", {"level": 130, "group": 3, "race": None}),
        ("[130 Bloodreaver (Shadow Knight)] Waane (Group: None)", {"group": 0, "character_class": "Shadow Knight"}),
        ("[60 Lord Protector] Sera (Human)", {"character_class": "Paladin", "title": "Lord Protector"}),
        ("[70 Lord] Sera (Human)", {"character_class": "Paladin", "title": "Lord"}),
        ("[75 Stormcaller] Fenn (Wood Elf)", {"character_class": "Druid"}),
        ("[75 Storm Caller] Fenn (Wood Elf)", {"character_class": "Druid"}),
        ("[60 Sorceror] Wizzo (Gnome)", {"character_class": "Wizard"}),
        (
            "[10 WAR/ROG/BER] Djelm (Barbarian)  ZONE: Blackburrow (blackburrow)",
            {
                "character_class": "Warrior",
                "classes": ("Warrior", "Rogue", "Berserker"),
                "zone": "Blackburrow (blackburrow)",
            },
        ),
        ("[50 Wizard] Gnomo (Gnome)  ZONE: zone_4", {"zone": "zone_4"}),
        ("[50 Wizard] gNOMO (Gnome)", {"character_name": "Gnomo", "raw_name": "gNOMO"}),
    ],
)
def test_a_row_is_read_as_the_game_writes_it(text: str, expected: dict[str, object]) -> None:
    entry = row(text)
    assert {name: getattr(entry, name) for name in expected} == expected


def test_an_unknown_title_is_kept_and_the_row_counts() -> None:
    block = parse_attendance(log(*who("[60 Moonkeeper] Tannik (Wood Elf)"))).latest()
    assert (block.entries[0].character_class, block.entries[0].title) == (None, "Moonkeeper")
    assert block.has_warning("unknown_class")


@pytest.mark.parametrize(
    ("footer", "scope", "zone"),
    [
        ("There is 1 player in Plane of Hate Instanced.", "zone", "Plane of Hate Instanced"),
        ("There is 1 player in Vex Thal.", "zone", "Vex Thal"),
        (
            "There is 1 player in Kael Drakkal: The King's Madness - Hard.",
            "zone",
            "Kael Drakkal: The King's Madness - Hard",
        ),
        ("There is 1 player in EverQuest.", "all", None),
        ("There are 1 players in your raid.", "raid", None),
    ],
)
def test_the_footer_says_where(footer: str, scope: str, zone: str | None) -> None:
    block = parse_attendance(log(*who("[60 Warder] Tannik (Wood Elf)", footer=footer))).latest()
    assert (block.scope, block.zone, block.warnings) == (scope, zone, [])


@pytest.mark.parametrize("heading", [HEADING, "Players in EverQuest:", "Players in EverQuest Legends:"])
def test_each_heading_opens_a_roster(heading: str) -> None:
    assert seen(*who("[60 Warder] Tannik (Wood Elf)", heading=heading)) == ["Tannik"]


def test_a_who_that_found_nobody_does_not_hide_the_one_before() -> None:
    nobody = [HEADING, RULE, "There are no players in Vex Thal that match those who filters."]
    parse = parse_attendance(log(*who("[60 Warder] Tannik (Wood Elf)"), *nobody))
    assert len(parse.blocks) == 2
    assert [entry.character_name for entry in parse.entries] == ["Tannik"]


def test_a_list_that_the_game_cut_short_says_that_people_are_missing() -> None:
    cut = who("[60 Warder] Tannik (Wood Elf)", footer="Your who request was cut short..too many players.")
    assert parse_attendance(log(*cut)).latest().has_warning("cut_short")


def test_a_footer_that_counts_otherwise_is_shown() -> None:
    parse = parse_attendance(log(*who("[60 Warder] Tannik (Wood Elf)", footer="There are 3 players in Vex Thal.")))
    assert [warning.code for warning in parse.all_warnings] == ["count_mismatch"]
    assert "3 players: 1 row was read, 2 are missing" in parse.all_warnings[0].detail


def test_chat_and_combat_between_the_rows_are_skipped() -> None:
    assert seen(
        HEADING,
        "Orla tells the raid,  'inc'",
        RULE,
        "[60 Warder] Tannik (Wood Elf) <Lanternwatch>",
        "Tannik hits a shade for 12 points of damage.",
        "[ANONYMOUS] Brisla",
        "--You have looted a Rusty Dagger.--",
        "There are 2 players in Vex Thal.",
    ) == ["Tannik", "Brisla"]


def test_two_rosters_two_seconds_apart_are_two() -> None:
    text = log(*who("[60 Warder] Tannik (Wood Elf)")) + log(*who("[ANONYMOUS] Brisla"), at="Sun Mar 01 20:15:02 2026")
    parse = parse_attendance(text)
    assert [[entry.character_name for entry in block.entries] for block in parse.blocks] == [["Tannik"], ["Brisla"]]
    assert [entry.character_name for entry in parse.union()] == ["Tannik", "Brisla"]


def test_a_roster_that_another_one_interrupts_goes_on_after_it() -> None:
    parse = parse_attendance(
        log(
            HEADING,
            "[60 Warder] Tannik (Wood Elf)",
            *who("[ANONYMOUS] Brisla", zone="Sleeper's Tomb"),
            "[60 Warlord] Ogg (Ogre)",
            "There are 2 players in Vex Thal.",
        )
    )
    found = {block.zone: [entry.character_name for entry in block.entries] for block in parse.blocks}
    assert found == {"Sleeper's Tomb": ["Brisla"], "Vex Thal": ["Tannik", "Ogg"]}
    assert not any(block.warnings for block in parse.blocks)


def test_a_second_heading_before_any_row_starts_again() -> None:
    parse = parse_attendance(log(HEADING, RULE, *who("[ANONYMOUS] Brisla")))
    assert len(parse.blocks) == 1
    assert parse.latest().warnings == []


def test_a_roster_without_its_footer_ends_after_ten_seconds_and_says_so() -> None:
    text = log(HEADING, RULE, "[60 Warder] Tannik (Wood Elf)") + log("hm", at="Sun Mar 01 20:15:11 2026")
    block = parse_attendance(text).latest()
    assert block.has_warning("missing_footer")
    late = text + log("[ANONYMOUS] Brisla", at="Sun Mar 01 20:16:00 2026")
    parse = parse_attendance(late)
    assert [entry.character_name for entry in parse.union()] == ["Tannik"]
    assert parse.ignored_lines.by_reason["outside_roster"] == 1


def test_a_fake_row_quoted_in_chat_is_no_row() -> None:
    assert seen(
        HEADING,
        "Bobbin says, '[60 Warder] Mallory (Wood Elf) <Lanternwatch>'",
        "Bobbin says, '[Sun Mar 01 20:15:00 2026] [60 Warder] Mallory (Wood Elf)'",
        "[60 Warder] Tannik (Wood Elf) <Lanternwatch>",
        "There is 1 player in Vex Thal.",
    ) == ["Tannik"]


def test_a_broadcast_with_a_guild_tag_is_no_row() -> None:
    broadcast = "Druzzil Ro tells the guild, 'Kadda of <Lanternwatch> has killed Innoruuk in Plane of Hate!'"
    assert seen(HEADING, broadcast, "[60 Warder] Tannik (Wood Elf)", "There is 1 player in Vex Thal.") == ["Tannik"]


def test_a_friends_list_is_not_the_raid() -> None:
    parse = parse_attendance(
        log(
            *who("[60 Warder] Tannik (Wood Elf)"),
            "Friends currently on EverQuest:",
            RULE,
            "[60 Warlord] Ogg (Ogre)",
        )
        + log(*who("[ANONYMOUS] Brisla"), at="Sun Mar 01 20:20:00 2026")
    )
    assert [entry.character_name for entry in parse.union()] == ["Tannik", "Brisla"]
    assert parse.ignored_lines.by_reason["friends_list"] == 1


def test_rows_pasted_without_heading_and_times_are_read_with_a_warning() -> None:
    parse = parse_attendance("[60 Warder] Tannik (Wood Elf) <Lanternwatch>\n<LINKDEAD>[50 Rogue] Noggin (Dwarf)\n")
    assert [entry.character_name for entry in parse.entries] == ["Tannik", "Noggin"]
    assert {warning.code for warning in parse.all_warnings} == {"no_time", "no_heading"}


def test_a_name_twice_in_one_roster_counts_once() -> None:
    block = parse_attendance(log(*who("[60 Warder] Tannik (Wood Elf)", "[ANONYMOUS] Tannik"))).latest()
    assert len(block.entries) == 1
    assert block.has_warning("duplicate_name")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("A" * 300, "name_too_long"),
        ("Abcdefghijklmnop", "name_too_long"),
        ("Al", "name_too_short"),
        ("T4nnik", "bad_name"),
        ("Tаnnik", "bad_name"),
    ],
)
def test_a_row_with_a_name_that_is_none_is_kept_as_ignored_with_the_reason(name: str, reason: str) -> None:
    parse = parse_attendance(log(*who("[60 Warder] Tannik (Wood Elf)", f"[60 Warder] {name} (Wood Elf)")))
    (sample,) = [sample for sample in parse.ignored_lines.samples if sample.reason == reason]
    assert sample.line_number == 4
    assert sample.detail
    assert parse.latest().has_warning("count_mismatch")


def test_the_latest_sighting_counts_and_earlier_ones_fill_in_what_it_hides() -> None:
    text = log(*who("[60 Warder] Tannik (Wood Elf) <Lanternwatch>")) + log(
        *who(" AFK [ANONYMOUS] Tannik"), at="Sun Mar 01 21:15:00 2026"
    )
    (entry,) = parse_attendance(text).union()
    assert (entry.character_class, entry.level, entry.guild) == ("Ranger", 60, "Lanternwatch")
    assert entry.flags == {"afk", "anonymous"}


def test_a_log_full_of_rosters_keeps_the_last_ones_and_says_so() -> None:
    parse = parse_attendance(log(*who("[60 Warder] Tannik (Wood Elf)")) * 700)
    assert len(parse.blocks) == 500
    assert parse.blocks[-1].last_line == 2800
    assert [warning.code for warning in parse.warnings] == ["older_left_out"]


def test_each_line_that_gave_no_entry_is_counted() -> None:
    parse = parse_attendance(log("hail", *who("[60 Warder] Tannik (Wood Elf)"), "hail", "hail"))
    assert parse.ignored_lines.count == 3
    assert parse.line_count == 7


def test_no_line_vanishes_from_a_messy_log() -> None:
    row = "[60 Warder] Tannik (Wood Elf)"
    rosters = "".join(log(row, at=f"Sun Mar 01 20:{minute:02d}:00 2026") for minute in range(30))
    parse = parse_attendance(rosters + log(*who(row, row, "[60 Warder] T4nnik (Wood Elf)", "[60 Warder"), "hail"))
    assert parse.line_count == 30 + 8
    assert parse.ignored_lines.by_reason["outside_roster"] == 30
    assert parse.ignored_lines.by_reason["duplicate"] == 1
    in_rosters = len(parse.entries) + 3  # with the heading, the rule and the footer
    assert parse.ignored_lines.count + in_rosters == parse.line_count


def test_many_rosters_that_never_end_are_kept_apart() -> None:
    parse = parse_attendance(log(*(HEADING, "[60 Warder] Tannik (Wood Elf)") * 50))
    assert len(parse.blocks) == 50
    assert all(block.has_warning("missing_footer") or block.has_warning("truncated") for block in parse.blocks)
