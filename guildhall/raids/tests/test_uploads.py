"""What the game wrote, committed: the preview says what will happen, the same upload counts once, nothing vanishes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.core.clock import frozen
from guildhall.core.errors import BadInput
from guildhall.raids import selectors, services
from guildhall.raids.models import AttendanceUpload, Raid, RaidAttendance, UnmatchedName
from guildhall.raids.parsers import AttendanceParse, parse_attendance
from guildhall.raids.planning import Verdict
from guildhall.raids.uploads import Decisions, focus_on
from guildhall.roster.models import CharacterAlias
from guildhall.roster.services import add_alias, create_character

from .scenario import balance, character, person, pool

pytestmark = pytest.mark.django_db

NIGHT = dt.datetime(2026, 11, 22, 20, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _the_next_morning() -> Any:
    with frozen(NIGHT + dt.timedelta(hours=14)):
        yield


@pytest.fixture
def night() -> Raid:
    event = services.create_event(name="Temple", pools=[pool()], default_points=10)
    return services.create_raid(event=event, started_at=NIGHT)


def who(*rows: str, at: str = "20:01:13", zone: str = "Temple of Veeshan") -> str:
    stamp = f"[Sun Nov 22 {at} 2026] "
    lines = ["Players on EverQuest:", "-" * 27, *rows, f"There are {len(rows)} players in {zone}."]
    return "".join(f"{stamp}{line}\r\n" for line in lines)


def row(name: str, guild: str = "Ours", flag: str = "") -> str:
    return f"{flag}[60 Warder] {name} (Wood Elf) <{guild}>"


def parse(text: str, **options: Any) -> AttendanceParse:
    return parse_attendance(text, **options)


def commit(night: Raid, text: str | AttendanceParse, **more: Any) -> services.AwardResult:
    return services.commit_parsed_attendance(
        raid=night, parse=parse(text) if isinstance(text, str) else text, actor=None, **more
    )


def verdicts(night: Raid, text: str, **decisions: Any) -> dict[str, str]:
    seen = selectors.preview_attendance(raid=night, parse=parse(text), decisions=Decisions(**decisions))
    return {r.attendee.character_name: str(r.verdict) for r in seen.rows}


def test_the_preview_says_of_each_name_what_it_is(night: Raid) -> None:
    person("Aelric", "Aelricalt"), person("Borin"), person("Cedra"), create_character(name="Orphan")
    add_alias(character=character("Borin"), name="Borrin")
    services.award_attendance(raid=night, attendees=["Cedra"], actor=None)
    names = ["Aelric", "Aelricalt", "Borrin", "Cedra", "Orphan", "Aelrik", "Zzyzx"]
    seen = selectors.preview_attendance(raid=night, parse=parse(who(*map(row, names))))
    assert [(r.attendee.character_name, r.match.how, str(r.verdict), r.points(seen.pools)) for r in seen.rows] == [
        ("Aelric", "exact", "award", 10),
        ("Aelricalt", "exact", "second_character", 0),
        ("Borrin", "alias", "award", 10),
        ("Cedra", "exact", "already_present", 0),
        ("Orphan", "exact", "no_owner", 0),
        ("Aelrik", "fuzzy", "unknown", 0),
        ("Zzyzx", "none", "unknown", 0),
    ]
    assert seen.rows[1].credited_through == "Aelric"
    assert seen.total == 20
    assert (RaidAttendance.objects.count(), UnmatchedName.objects.count()) == (1, 0)


def test_what_the_preview_says_is_what_the_commit_does(night: Raid) -> None:
    person("Aelric", "Aelricalt"), person("Borin")
    text = who(row("Aelricalt"), row("Aelric"), row("Borin"), row("Nobody"))
    seen = selectors.preview_attendance(raid=night, parse=parse(text))
    done = commit(night, text)
    assert [c.character_name for c in done.awarded] == [
        r.character.name for r in seen.rows if r.verdict == Verdict.AWARD and r.character
    ]
    assert done.total == seen.total == 20
    assert [n.name for n in done.unmatched] == ["Nobody"]


def test_the_same_log_counts_once_though_it_has_grown(night: Raid) -> None:
    aelric = person("Aelric")
    text = who(row("Aelric"))
    commit(night, text)
    services.remove_attendee(attendance=RaidAttendance.objects.get(), actor=None)
    again = commit(night, "[Sun Nov 22 19:59:59 2026] You say, 'hi'\r\n" + text + "[Sun Nov 22 20:30:00 2026] Bye.\r\n")
    assert (again.is_repeat, again.awarded, balance(aelric)) == (True, [], 0)
    assert [code for code, _ in again.warnings] == ["committed_before"]
    assert AttendanceUpload.objects.count() == 1
    seen = selectors.preview_attendance(raid=night, parse=parse(text))
    assert seen.committed_before is not None


def test_the_same_log_counts_for_another_check_and_the_preview_warns(night: Raid) -> None:
    aelric, text = person("Aelric"), who(row("Aelric"))
    commit(night, text)
    kill = services.add_check(raid=night, kind="kill", points=5)
    seen = selectors.preview_attendance(raid=night, parse=parse(text), check=kill)
    assert "used_elsewhere" in dict(seen.warnings)
    commit(night, text, check=kill)
    assert balance(aelric) == 15


def test_somebody_of_another_guild_is_kept_and_not_awarded_unless_the_leader_says_so(
    night: Raid, settings: Any
) -> None:
    settings.GUILD_TAGS = ["Ours"]
    aelric, borin = person("Aelric"), person("Borin")
    text = who(row("Aelric", "ours"), row("Borin", "Theirs"), "[ANONYMOUS] Nobody")
    assert verdicts(night, text) == {"Aelric": "award", "Borin": "wrong_guild", "Nobody": "unknown"}
    assert verdicts(night, text, force=frozenset(["borin"]))["Borin"] == "award"
    done = commit(night, text)
    assert [(n.name, n.raw["reason"], n.raw.get("guild")) for n in done.unmatched] == [
        ("Borin", "wrong_guild", "Theirs"),
        ("Nobody", "unknown", None),
    ]
    services.resolve_unmatched(unmatched=done.unmatched[0], character=character("Borin"), actor=None)
    assert (balance(aelric), balance(borin)) == (10, 10)


def test_where_no_tag_is_ours_nobody_is_judged_by_it(night: Raid) -> None:
    person("Aelric")
    assert verdicts(night, who(row("Aelric", "Theirs"))) == {"Aelric": "award"}


def test_an_offline_trader_is_not_there(night: Raid) -> None:
    person("Aelric"), person("Borin")
    found = verdicts(night, who(row("Aelric", flag=" OFFLINE MODE"), row("Borin", flag=" AFK ")))
    assert found == {"Aelric": "offline", "Borin": "award"}


def test_a_roster_of_another_time_is_pointed_out(night: Raid) -> None:
    person("Aelric")
    early = who(row("Aelric"), at="14:00:00")
    assert selectors.preview_attendance(raid=night, parse=parse(early)).is_outside_time
    assert not selectors.preview_attendance(raid=night, parse=parse(who(row("Aelric")))).is_outside_time


def test_of_a_long_log_the_rosters_of_this_night_count(night: Raid) -> None:
    aelric, borin = person("Aelric"), person("Borin")
    both = parse(who(row("Aelric")) + who(row("Borin"), at="21:00:00").replace("Nov 22", "Nov 23"))
    focus_on(both, night.checks.get())
    commit(night, both)
    assert (balance(aelric), balance(borin)) == (10, 0)


def test_several_rosters_are_taken_together_when_asked(night: Raid) -> None:
    aelric, borin = person("Aelric"), person("Borin")
    text = who(row("Aelric")) + who(row("Borin"), at="20:03:00", zone="Skyshrine")
    assert set(verdicts(night, text)) == {"Borin"}
    commit(night, text, decisions=Decisions(blocks="all"))
    assert (balance(aelric), balance(borin)) == (10, 10)
    with pytest.raises(BadInput) as refusal:
        verdicts(night, text, blocks=[7])
    assert refusal.value.code == "unknown_block"


def test_what_the_leader_decides_is_done(night: Raid) -> None:
    aelric, borin, cedra = person("Aelric"), person("Borin"), person("Cedra")
    decided = Decisions(
        exclude=frozenset(["cedra"]),
        characters={"Aelrik": character("Aelric").pk},
        statuses={"borin": "late"},
        remember=True,
    )
    commit(night, who(row("Aelrik"), row("Borin"), row("Cedra")), decisions=decided)
    assert [balance(p) for p in (aelric, borin, cedra)] == [10, 5, 0]
    assert CharacterAlias.objects.get().name == "Aelrik"
    assert RaidAttendance.objects.get(user=aelric).note == "as Aelrik"


def test_a_guild_dump_is_no_attendance(night: Raid) -> None:
    person("Aelric")
    dump = "\t".join(
        ["Aelric", "60", "Ranger", "Member", "", "11/22/26", "The Bazaar", "", "", "on", "off", "0", "0", ""]
    )
    listed = parse(dump + "\r\n" + dump.replace("Aelric", "Borin") + "\r\n", format="guild_dump")
    with pytest.raises(BadInput) as refusal:
        commit(night, listed)
    assert refusal.value.code == "not_attendance"
    commit(night, listed, decisions=Decisions(not_attendance_is_fine=True))


def test_a_big_log_is_read_in_little_memory(night: Raid, tmp_path: Any) -> None:
    """10 MB here; the parsers' own tests read more. What is measured is what Python holds beside the file."""
    import tracemalloc

    person("Aelric")
    path = tmp_path / "eqlog_Aelric_P1999Green.txt"
    noise = b"[Sun Nov 22 20:00:00 2026] A drake bites YOU for 120 points of damage.\r\n"
    path.write_bytes(noise * 70_000 + who(row("Aelric")).encode() + noise * 70_000)
    tracemalloc.start()
    with path.open("rb") as file:
        found = parse_attendance(file, filename=path.name)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [c.character_name for c in commit(night, found).awarded] == ["Aelric"]
    assert peak < 8 * 1024 * 1024
