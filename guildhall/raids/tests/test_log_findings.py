"""What a log said of a raid: kept once whoever sends it, shown at the checks, offered, and settled once."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any
from uuid import UUID

import pytest
from django.test import Client

from guildhall.core import clock
from guildhall.core.errors import Conflict
from guildhall.loot.models import LootDistribution
from guildhall.loot.offers import loot_offers
from guildhall.loot.services import NewAward, award_item, reverse_award
from guildhall.points.models import LedgerEntry
from guildhall.points.verification import verify
from guildhall.raids import services
from guildhall.raids.log_models import LogFinding
from guildhall.raids.log_selectors import presence_of, standby_offers
from guildhall.raids.models import Raid, RaidAttendance, Standby
from guildhall.raids.parsers import parse_attendance, read_night
from guildhall.raids.services.log_findings import (
    RecordedLog,
    dismiss_finding,
    record_log,
    reopen_finding,
    settle_finding,
    time_of,
)

from .api_client import client_of
from .scenario import officer, person, raid

pytestmark = [pytest.mark.django_db, pytest.mark.every_database]
START = dt.datetime(2026, 3, 1, 20, tzinfo=dt.UTC)  # a Sunday
Kind = LogFinding.Kind


def lines(*timed: tuple[str, str], shift: int = 0) -> str:
    """A log of (clock of that evening in UTC, message); `shift` seconds are what the PC's clock is off by."""
    text = ""
    for at, message in timed:
        moment = dt.datetime.fromisoformat(f"2026-03-01 {at}") + dt.timedelta(seconds=shift)
        text += f"[{moment:%a %b %d %H:%M:%S %Y}] {message}\n"
    return text


def night(**values: Any) -> Raid:
    with clock.frozen(START):
        made = raid(ago=dt.timedelta(), **values)
    return made


def read(made: Raid, text: str, *, logger: str = "Tannik") -> RecordedLog:
    since, until = time_of(made)
    events = read_night(text, since=since, until=until, character=logger or None)
    return record_log(raid=made, events=events, logger=logger, actor=None)


LOOT = (
    ("20:30:00", "--Aelnor has looted a Cloak of Flames.--"),
    ("20:30:02", "--Aelnor has looted a Cloak of Flames.--"),
    ("20:40:00", "--You have looted a Lucid Shard.--"),
)


def test_a_log_sent_again_in_pieces_or_by_another_keeps_each_line_once() -> None:
    made = night()
    assert read(made, lines(*LOOT)) == RecordedLog(new=3)
    assert read(made, lines(*LOOT)) == RecordedLog(known=3)
    assert read(made, lines(*LOOT[:1])) == RecordedLog(known=1)
    assert read(made, lines(*LOOT[1:])) == RecordedLog(known=2)
    others = (LOOT[0], LOOT[1], ("20:40:00", "--Tannik has looted a Lucid Shard.--"))
    assert read(made, lines(*others, shift=2), logger="Sorrel") == RecordedLog(known=3)
    assert read(made, lines(*others, shift=4), logger="") == RecordedLog(known=3)
    assert [one.item for one in loot_offers(made.pk)] == ["Cloak of Flames", "Cloak of Flames", "Lucid Shard"]


def test_what_one_logger_saw_at_another_time_is_another_thing() -> None:
    made = night()
    read(made, lines(LOOT[0]))
    assert read(made, lines(LOOT[1])) == RecordedLog(new=1)
    assert read(made, lines(LOOT[0], shift=60), logger="Sorrel") == RecordedLog(new=1)


def test_a_line_belongs_to_one_raid_of_a_night() -> None:
    with clock.frozen(START):
        first = raid(ago=dt.timedelta(hours=1), ended_at=START + dt.timedelta(hours=1))  # 19 to 21
        second = raid(ago=dt.timedelta(hours=-2))  # 22 on
    text = lines(*((f"{hour:02}:30:00", f"--Aelnor has looted a Shard {hour}.--") for hour in range(17, 24)))
    for made in (first, second):
        read(made, text)
        read(made, text)
    kept = [[row.item[-2:] for row in LogFinding.objects.filter(raid=made)] for made in (first, second)]
    assert kept == [["18", "19", "20", "21"], ["22", "23"]]


def test_without_an_end_a_raid_lasts_until_the_next_begins() -> None:
    with clock.frozen(START):
        first, second = raid(ago=dt.timedelta(hours=1)), raid(ago=dt.timedelta(hours=-2))
    assert time_of(first)[1] == second.started_at == time_of(second)[0]


def test_who_was_linkdead_away_crashed_or_gone_is_shown_at_the_check_and_changes_nothing() -> None:
    made = night()
    for at in ("21", "22"):
        taken = dt.datetime.fromisoformat(f"2026-03-01T{at}:00:00+00:00")
        services.add_check(raid=made, kind="hourly", taken_at=taken, points=1, actor=None)
    read(
        made,
        lines(
            ("19:50:00", "You have joined the raid."),
            ("20:58:00", "Aelnor has left the raid."),
            ("20:59:00", "Borin tells the raid,  ':::AFK:::'"),
            ("21:04:00", "Aelnor joined the raid."),
            ("21:06:00", "Cathal tells the raid,  '+CRASHED+'"),
            ("21:30:00", "Borin tells the raid,  ':::AFKEND:::'"),
            ("21:40:00", "Dagna has left the raid."),
        ),
    )
    ids = [check.pk for check in made.checks.order_by("position")]
    away = {
        ids.index(pk): [(one.character_name, one.why) for one in rows]
        for pk, rows in presence_of(Raid.objects.get(pk=made.pk)).away.items()
    }
    assert away == {1: [("Aelnor", "linkdead"), ("Borin", "afk"), ("Cathal", "crashed")], 2: [("Dagna", "gone")]}
    assert not RaidAttendance.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_a_roster_that_is_committed_keeps_who_was_linkdead_and_what_else_the_log_says() -> None:
    person("Aelnor")
    made = night()
    text = lines(
        ("20:00:30", "Borin has left the raid."),
        ("20:01:00", "Players on EverQuest:"),
        ("20:01:00", "---------------------------"),
        ("20:01:00", " <LINKDEAD>[60 Warder] Aelnor (Wood Elf) <Ours>"),
        ("20:01:00", " AFK [60 Warder] Cathal (Wood Elf) <Ours>"),
        ("20:01:00", "There are 2 players in Permafrost."),
        ("20:05:00", "--Aelnor has looted a Cloak of Flames.--"),
    )
    client = client_of()
    done = client.post(f"/api/raids/{made.pk}/attendance/", {"text": text}, format="json")
    assert done.status_code == 200, done.content
    found = [(row["kind"], row["character_name"]) for row in client.get(f"/api/raids/{made.pk}/log/").json()["results"]]
    assert found == [("left", "Borin"), ("linkdead", "Aelnor"), ("seen_afk", "Cathal"), ("loot", "Aelnor")]
    (check,) = client.get(f"/api/raids/{made.pk}/presence/").json()["checks"]
    assert [(one["character_name"], one["why"]) for one in check["away"]] == [
        ("Aelnor", "linkdead"), ("Borin", "gone"), ("Cathal", "afk"),
    ]  # fmt: skip
    client.post(f"/api/raids/{made.pk}/attendance/", {"text": text}, format="json")
    assert LogFinding.objects.count() == 4
    assert verify() == []


@pytest.mark.parametrize(
    ("message", "name", "text"),
    [
        ("Aelnor tells you, '!standby'", "Aelnor", ""),
        ("Aelnor tells the raid,  '!standby on Dawn'", "Aelnor", "on Dawn"),
        ("Aelnor tells you, 'standby please'", "Aelnor", "please"),
        ("Aelnor -> Tannik: Standby", "Aelnor", ""),
        ("Aelnor tells standby:3, 'here'", "Aelnor", "here"),
        ("Aelnor tells you, 'creditt'", "Aelnor", ""),
    ],
)
def test_whoever_checks_in_from_standby_is_offered(message: str, name: str, text: str) -> None:
    made = night()
    read(made, lines(("20:10:00", message), ("20:40:00", message)))
    assert [(one.character_name, one.text) for one in standby_offers(made.pk)] == [(name, text)]


@pytest.mark.parametrize(
    "message",
    [
        "Aelnor tells the raid,  'standby for pull'",
        "Aelnor tells the guild, 'is anybody on standby?'",
        "Aelnor tells you, 'are you on standby'",
        "Aelnor tells you, 'standbyish'",
        "Aelnor tells the raid,  '!standbys are paid half'",
        "You told Aelnor, '!standby'",
        "Aelnor says, 'Borin tells you, '!standby''",
    ],
)
def test_talk_of_standby_is_no_check_in(message: str) -> None:
    made = night()
    read(made, lines(("20:10:00", message)))
    assert standby_offers(made.pk) == []


def test_loot_is_offered_until_it_is_awarded_or_dismissed_and_is_settled_once() -> None:
    boss = officer()
    person("Aelnor")
    made = night()
    read(made, lines(*LOOT, ("20:50:00", "--You left a Rusty Dagger on a gnoll.--")))
    first, second, shard = loot_offers(made.pk)
    bought = NewAward(item_name="Cloak of Flames", character_name="Aelnor", points_spent=0, raid=made)
    award = award_item(award=bought, actor=boss)
    assert loot_offers(made.pk) == [second, shard]
    settle_finding(finding=first, actor=boss, document=award.document)
    assert loot_offers(made.pk) == [second, shard]
    with pytest.raises(Conflict) as refused:
        dismiss_finding(finding=first, actor=boss)
    assert refused.value.code == "already_decided"
    dismiss_finding(finding=shard, actor=boss)
    assert loot_offers(made.pk) == [second]
    reopen_finding(finding=shard, actor=boss)
    assert loot_offers(made.pk) == [second, shard]


def test_loot_is_settled_by_an_award_that_it_is_about_alone() -> None:
    boss = officer()
    aelnor, bixby = person("Aelnor"), person("Bixby")
    made, other = night(), night()
    read(made, lines(*LOOT, ("20:55:00", "Aelnor tells you, '!standby'")))
    first, second, shard = loot_offers(made.pk)
    (check_in,) = standby_offers(made.pk)

    def award(item: str, who: str, at: Raid) -> UUID:
        bought = NewAward(item_name=item, character_name=who, points_spent=0, raid=at)
        return award_item(award=bought, actor=boss).document

    def refusal(finding: LogFinding, document: UUID | str) -> tuple[int, str]:
        place = f"/api/raids/{finding.raid_id}/log/{finding.pk}/settle/"
        answer = client_of().post(place, {"document": str(document)})
        finding.refresh_from_db()
        return answer.status_code, answer.json().get("errors", [{"code": finding.state}])[0]["code"]

    not_it = (400, "other_document")
    cloak = award("Cloak of Flames", "Aelnor", made)
    assert refusal(first, "6fa459ea-ee8a-3ca4-894e-db77e160355e") == not_it
    assert refusal(first, award("Cloak of Flames", "Aelnor", other)) == not_it
    assert refusal(first, award("Rusty Dagger", "Bixby", made)) == not_it
    undone = award("Cloak of Flames", "Bixby", made)
    reverse_award(award=LootDistribution.objects.get(document=undone), actor=boss, reason="mistake")
    assert refusal(first, undone) == not_it
    assert refusal(check_in, cloak) == not_it
    assert refusal(first, cloak) == (200, "done")
    assert refusal(second, cloak) == not_it
    # Who looted it handed it on: the item is the same.
    assert refusal(second, award("Cloak of Flames", "Bixby", made)) == (200, "done")
    assert (shard.state, check_in.state, aelnor != bixby) == ("open", "open", True)


def test_what_offers_nothing_is_not_settled() -> None:
    made = night()
    read(made, lines(("20:10:00", "Aelnor joined the raid.")))
    with pytest.raises(Conflict) as refused:
        settle_finding(finding=LogFinding.objects.get(), actor=None)
    assert refused.value.code == "nothing_to_decide"


def test_only_the_loggers_own_standing_calls_are_kept() -> None:
    made = night()
    own = "You tell your raid, ':::Raid Attendance Taken:::Attendance:::{}:::'"
    read(
        made,
        lines(
            ("20:10:00", own.format("First Call")),
            ("20:20:00", own.format("Second Call")),
            ("20:20:10", own.format("Second Call").replace(":::'", "::: UNDO'")),
            ("20:30:00", "Aelnor tells the raid,  ':::Raid Attendance Taken:::Attendance:::Fake:::'"),
        ),
    )
    assert [(row.item, row.how) for row in LogFinding.objects.filter(kind=Kind.CALL)] == [("First Call", "attendance")]


def test_the_api_reads_a_log_and_settles_what_it_offers() -> None:
    made, client = night(), client_of()
    log = io.BytesIO(lines(*LOOT).encode())
    log.name = "eqlog_Tannik_server.txt"
    path = f"/api/raids/{made.pk}/log/"
    assert client.post(path, {"file": log}, format="multipart").json() == {
        "new": 3, "known": 0, "outside": 0, "left_out": 0,
    }  # fmt: skip
    rows = client.get(f"{path}?kind=loot&ordering=-at").json()["results"]
    assert [row["character_name"] for row in rows] == ["Tannik", "Aelnor", "Aelnor"]
    assert rows[0]["logger"] == "Tannik"
    one = f"{path}{rows[0]['id']}/"
    assert client.post(f"{one}dismiss/").json()["state"] == "dismissed"
    assert client.post(f"{one}settle/").json()["errors"][0]["code"] == "already_decided"
    assert client.post(f"{one}reopen/").json()["state"] == "open"
    assert client.post(f"/api/raids/{night().pk}/log/{rows[0]['id']}/dismiss/").status_code == 404


def test_blocks_of_other_nights_are_passed_over() -> None:
    made = night()
    combat = "".join(f"[Mon Feb 02 20:00:{n % 60:02} 2026] --Old has looted a Shard.--\n" for n in range(40_000))
    since, until = time_of(made)
    text = combat + lines(*LOOT) + combat.replace("Mon Feb 02", "Sat May 02")
    assert len(read_night(text, since=since, until=until)) == 3


def test_a_roster_says_what_a_log_of_the_page_carries_too() -> None:
    from guildhall.raids.night_log import add_events
    from guildhall.web.signed_preview import pack, unpack

    text = lines(("20:01:00", "[60 Warder] Aelnor (Wood Elf) <Ours>"), *LOOT)
    parse = parse_attendance(text, character="Tannik")
    add_events(parse, text, filename="", time_zone="UTC", raid=None, max_bytes=1_000_000)
    carried, _ = unpack(pack(parse, "eqlog_Tannik_x.txt"))
    assert carried.character == "Tannik"
    assert [type(event).__name__ for event in carried.events] == ["LootSeen"] * 3
    made = night()
    assert record_log(raid=made, events=carried.events, logger="Tannik", actor=None).new == 3


def test_a_check_in_that_is_taken_up_is_on_the_standby_list_since_then_and_pays_nobody() -> None:
    aelnor, made, client = person("Aelnor"), night(), client_of()
    said = lines(("20:10:00", "Aelnor tells you, '!standby'"), ("20:40:00", "Aelnor tells you, '!standby'"))
    read(made, said)
    (offer,) = standby_offers(made.pk)
    done = client.post(f"/api/raids/{made.pk}/log/{offer.pk}/settle/")
    assert done.status_code == 200, done.content
    assert done.json()["state"] == "done"
    (row,) = Standby.objects.all()
    assert (row.user_id, row.since, row.source) == (aelnor.pk, offer.at, Standby.Source.CHAT)
    assert standby_offers(made.pk) == []
    assert not LedgerEntry.objects.exists()


def test_the_console_shows_who_was_away_and_takes_a_check_in_up(client: Client) -> None:
    person("Aelnor")
    made = night()
    said = (("19:58:00", "Borin has left the raid."), ("20:03:00", "Borin joined the raid."))
    read(made, lines(*said, ("20:10:00", "Aelnor tells you, '!standby'")))
    client.force_login(officer())
    page = client.get(f"/raids/{made.pk}/console/").text
    assert "left the raid and was back within 15 minutes" in page
    (offer,) = standby_offers(made.pk)
    sent = {"form": "said", "once": "x", "finding": str(offer.pk), "step": "standby"}
    client.post(f"/raids/{made.pk}/console/", sent)
    assert [row.character_name for row in Standby.objects.all()] == ["Aelnor"]
