"""`/api/events/`, `/api/raids/` and attendance, as docs/api-contract.md says."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from rest_framework.test import APIClient

from guildhall.core import clock
from guildhall.points.models import LedgerEntry
from guildhall.raids import services
from guildhall.raids.models import RaidAttendance

from .api_client import client_of
from .scenario import balance, character, person, pool, raid

pytestmark = pytest.mark.django_db

WHO = """[Sun Nov 22 20:01:13 2026] Players on EverQuest:
[Sun Nov 22 20:01:13 2026] ---------------------------
[Sun Nov 22 20:01:13 2026] [60 Warder] Aelric (Wood Elf) <Ours>
[Sun Nov 22 20:01:13 2026] [ANONYMOUS] Borin  <Ours>
[Sun Nov 22 20:01:13 2026] [60 High Priest] Cedrik (Dwarf) <Ours>
[Sun Nov 22 20:01:13 2026] There are 3 players in Temple of Veeshan.
"""


@pytest.fixture
def api() -> APIClient:
    return client_of()


def code(response: Any) -> str:
    return response.json()["errors"][0]["code"]


def test_an_event_is_made_changed_and_listed(api: APIClient) -> None:
    main, side = pool("Main"), pool("Side")
    made = api.post(
        "/api/events/",
        {"name": "Temple", "dkp_pool": main.pk, "dkp_pools": [main.pk, side.pk], "default_points": "12.50"},
    )
    assert made.status_code == 201, made.content
    body = made.json()
    assert {k: body[k] for k in ("name", "dkp_pool", "dkp_pools", "default_points", "is_active", "item_pools")} == {
        "name": "Temple", "dkp_pool": main.pk, "dkp_pools": [main.pk, side.pk], "default_points": "12.50",
        "is_active": True, "item_pools": [],
    }  # fmt: skip
    changed = api.patch(f"/api/events/{body['id']}/", {"difficulty_modifier": "1.5", "dkp_pool": side.pk})
    assert changed.status_code == 200, changed.content
    assert (changed.json()["difficulty_modifier"], changed.json()["dkp_pools"]) == ("1.500", [side.pk])
    assert api.get("/api/events/").json()["count"] == 1
    assert api.delete(f"/api/events/{body['id']}/").status_code == 204


def test_an_event_without_a_pool_pays_into_the_default_one(api: APIClient) -> None:
    main = pool("Main")
    assert api.post("/api/events/", {"name": "Temple"}).json()["dkp_pool"] == main.pk


def test_an_event_with_raids_is_not_deleted(api: APIClient) -> None:
    night = raid()
    refused = api.delete(f"/api/events/{night.event_id}/")
    assert (refused.status_code, code(refused)) == (409, "event_in_use")


@pytest.mark.parametrize("points", ["NaN", "1000000000", "1.005", "ten", None])
def test_points_that_are_none_are_a_400(api: APIClient, points: Any) -> None:
    pool()
    refused = api.post("/api/events/", {"name": "Temple", "default_points": points})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["attr"] == "default_points"


def test_a_raid_has_what_api_md_names(api: APIClient) -> None:
    event = services.create_event(name="Temple", pools=[pool()], default_points=10, difficulty_modifier="1.5")
    leader = person("Aelric")
    made = api.post(
        "/api/raids/",
        {
            "event": event.pk,
            "name": "Temple night",
            "started_at": "2026-11-22T20:00:00Z",
            "leader": leader.pk,
            "notes": "x",
        },
    )
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["event"], body["dkp_pool"], body["leader"], body["points"]) == (
        event.pk,
        pool().pk,
        leader.pk,
        "15.00",
    )
    assert body["started_at"] == "2026-11-22T20:00:00Z"
    assert [(c["kind"], c["points"], c["position"]) for c in body["checks"]] == [("on_time", "15.00", 0)]
    changed = api.patch(f"/api/raids/{body['id']}/", {"name": "Other"}).json()
    assert (changed["name"], changed["points"]) == ("Other", "15.00")
    assert api.put(f"/api/raids/{body['id']}/", {"event": event.pk, "name": "Third"}).json()["name"] == "Third"
    assert api.get("/api/raids/?search=third").json()["count"] == 1
    assert api.get(f"/api/raids/?event={event.pk}&since=2026-11-22T00:00:00Z&ordering=-started_at").json()["count"] == 1
    assert api.delete(f"/api/raids/{body['id']}/").status_code == 204


def test_attendees_are_awarded(api: APIClient) -> None:
    aelric, night = person("Aelric"), raid(10)
    answer = api.post(
        f"/api/raids/{night.pk}/attendance/",
        {"attendees": [{"character_name": "aelric", "status": "present"}, {"character_name": "Nobody"}]},
    )
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert [(r["character_name"], r["user_id"], r["points"]) for r in body["awarded"]] == [
        ("Aelric", aelric.pk, "10.00")
    ]
    assert [r["character_name"] for r in body["unmatched"]] == ["Nobody"]
    assert api.get(f"/api/raids/{night.pk}/attendance/").json()["results"][0]["points"] == "10.00"
    again = api.post(f"/api/raids/{night.pk}/attendance/", {"attendees": ["Aelric"]}).json()
    assert [r["character_name"] for r in again["already_present"]] == ["Aelric"]
    assert balance(aelric) == 10


def test_the_same_key_twice_does_one_thing(api: APIClient) -> None:
    aelric, night = person("Aelric"), raid(10)
    url, headers = f"/api/raids/{night.pk}/attendance/", {"HTTP_IDEMPOTENCY_KEY": "night-1"}
    first = api.post(url, {"attendees": ["Aelric"]}, **headers)
    again = api.post(url, {"attendees": ["Aelric"]}, **headers)
    assert first.json() == again.json()
    other = api.post(url, {"attendees": ["Borin"]}, **headers)
    assert (other.status_code, code(other)) == (409, "idempotency_key_reused")
    assert balance(aelric) == 10


def test_text_from_the_game_is_awarded_and_only_once(api: APIClient) -> None:
    aelric, borin = person("Aelric"), person("Borin")
    night = raid(10)
    url = f"/api/raids/{night.pk}/attendance/"
    first = api.post(url, {"text": WHO, "format": "auto"})
    assert first.status_code == 200, first.content
    assert [r["character_name"] for r in first.json()["awarded"]] == ["Aelric", "Borin"]
    assert [r["name"] for r in first.json()["unmatched"]] == ["Cedrik"]
    again = api.post(url, {"text": WHO}).json()
    assert (again["awarded"], again["is_repeat"]) == ([], True)
    assert (balance(aelric), balance(borin)) == (10, 10)


def test_a_file_is_awarded(api: APIClient) -> None:
    aelric, night = person("Aelric"), raid(10)
    log = SimpleUploadedFile("eqlog_Aelric_P1999Green.txt", WHO.encode())
    answer = api.post(
        f"/api/raids/{night.pk}/attendance/",
        {"file": log, "decisions": '{"exclude": ["Cedrik"]}'},
        format="multipart",
        HTTP_IDEMPOTENCY_KEY="file-1",
    )
    assert answer.status_code == 200, answer.content
    assert [row["character_name"] for row in answer.json()["awarded"]] == ["Aelric"]
    assert [row["name"] for row in answer.json()["unmatched"]] == ["Borin"]
    assert balance(aelric) == 10


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, "empty"),
        ({"text": "   "}, "empty"),
        ({"attendees": []}, "no_attendees"),
        ({"text": "\x00\x01\x02\x03binary" * 50}, None),
        ({"text": "You say, 'hi'\n" * 1000, "format": "who"}, "no_roster"),
        ({"text": "Aelric", "format": "nonsense"}, "invalid_choice"),
        ({"attendees": [{"character_name": "A" * 300}]}, "name_too_long"),
        ({"attendees": [{"character_name": "Aelric", "points": "NaN"}]}, "not_a_number"),
        ({"attendees": "Aelric"}, None),
        ({"attendees": ["Aelric"], "check": 999}, "unknown_check"),
    ],
)
def test_bad_input_is_said_clearly_and_stores_nothing(
    api: APIClient, body: dict[str, Any], expected: str | None
) -> None:
    person("Aelric")
    night = raid(10)
    answer = api.post(f"/api/raids/{night.pk}/attendance/", body)
    assert answer.status_code in (400, 404), answer.content
    if expected:
        assert code(answer) == expected
    assert (RaidAttendance.objects.count(), LedgerEntry.objects.count()) == (0, 0)


def test_unmatched_names_are_listed_and_paid_when_resolved(api: APIClient) -> None:
    aelric, night = person("Aelric"), raid(10)
    api.post(f"/api/raids/{night.pk}/attendance/", {"attendees": ["Aelrik"]})
    listed = api.get(f"/api/raids/{night.pk}/unmatched/").json()["results"]
    assert [(row["name"], row["suggestions"]) for row in listed] == [("Aelrik", ["Aelric"])]
    url = f"/api/raids/{night.pk}/unmatched/{listed[0]['id']}/resolve/"
    done = api.post(url, {"character_id": character("Aelric").pk, "remember_alias": True})
    assert done.status_code == 200, done.content
    assert [row["points"] for row in done.json()["awarded"]] == ["10.00"]
    assert code(api.post(url, {"character_id": character("Aelric").pk})) == "already_resolved"
    assert api.get(f"/api/raids/{night.pk}/unmatched/").json()["count"] == 0
    assert balance(aelric) == 10
    later = raid(10)
    assert len(api.post(f"/api/raids/{later.pk}/attendance/", {"attendees": ["Aelrik"]}).json()["awarded"]) == 1


def test_a_raid_is_reversed_once(api: APIClient) -> None:
    aelric, night = person("Aelric"), raid(10)
    api.post(f"/api/raids/{night.pk}/attendance/", {"attendees": ["Aelric"]})
    gone = api.delete(f"/api/raids/{night.pk}/")
    assert (gone.status_code, code(gone)) == (409, "raid_has_entries")
    done = api.post(f"/api/raids/{night.pk}/reverse/", {"reason": "wrong night"})
    assert (done.status_code, done.json()["reversed_entries"]) == (200, 1)
    again = api.post(f"/api/raids/{night.pk}/reverse/", {"reason": "again"})
    assert (again.status_code, code(again)) == (409, "already_reversed")
    assert code(api.post(f"/api/raids/{night.pk}/attendance/", {"attendees": ["Aelric"]})) == "raid_reversed"
    assert balance(aelric) == 0


def test_checks_are_added_and_awarded_by_their_id(api: APIClient) -> None:
    aelric, night = person("Aelric"), raid(10)
    check = api.post(f"/api/raids/{night.pk}/checks/", {"kind": "kill", "label": "Vulak", "points": "5"}).json()
    api.post(f"/api/raids/{night.pk}/attendance/", {"attendees": ["Aelric"], "check": check["id"]})
    assert balance(aelric) == 5
    api.patch(f"/api/raids/{night.pk}/checks/{check['id']}/", {"points": "7.50"})
    assert str(balance(aelric)) == "7.50"
    assert code(api.delete(f"/api/raids/{night.pk}/checks/{check['id']}/")) == "check_in_use"


def test_an_amendment_is_previewed_and_then_done(api: APIClient) -> None:
    aelric, borin = person("Aelric"), person("Borin")
    night = raid(10)
    api.post(f"/api/raids/{night.pk}/attendance/", {"attendees": ["Aelric"]})
    wanted = {"attendees": [{"character_name": "Borin"}], "preview": True}
    seen = api.post(f"/api/raids/{night.pk}/amend/", wanted).json()
    assert {(c["what"], c["character_name"]) for c in seen["changes"]} == {("added", "Borin"), ("removed", "Aelric")}
    assert balance(aelric) == 10
    api.post(f"/api/raids/{night.pk}/amend/", {**wanted, "preview": False, "reason": "wrong list"})
    assert (balance(aelric), balance(borin)) == (0, 10)


def test_an_attendee_is_taken_off(api: APIClient) -> None:
    aelric, night = person("Aelric"), raid(10)
    row = api.post(f"/api/raids/{night.pk}/attendance/", {"attendees": ["Aelric"]}).json()["awarded"][0]
    gone = api.delete(f"/api/raids/{night.pk}/attendance/{row['attendance_id']}/", {"reason": "was not there"})
    assert (gone.status_code, balance(aelric)) == (200, 0)


def test_the_preview_says_what_each_name_would_earn_and_stores_nothing(api: APIClient) -> None:
    person("Aelric")
    night = raid(10)
    seen = api.post(f"/api/raids/{night.pk}/preview/", {"text": WHO})
    assert seen.status_code == 200, seen.content
    rows = {row["character_name"]: row for row in seen.json()["entries"]}
    assert (rows["Aelric"]["verdict"], rows["Aelric"]["points"]) == ("award", "10.00")
    assert (rows["Borin"]["verdict"], rows["Borin"]["is_anonymous"]) == ("unknown", True)
    assert RaidAttendance.objects.count() == 0


def test_parse_attendance_recognises_and_stores_nothing(api: APIClient) -> None:
    aelric = person("Aelric")
    answer = api.post("/api/points/parse-attendance/", {"text": WHO, "format": "auto"})
    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["format"], body["taken_at"]) == ("who", "2026-11-22T20:01:13Z")
    first = body["entries"][0]
    assert (first["character_name"], first["character_class"], first["level"]) == ("Aelric", "Ranger", 60)
    assert (first["user_id"], first["match"], first["guild"], first["flags"]) == (aelric.pk, "exact", "Ours", [])
    assert [entry["match"] for entry in body["entries"]] == ["exact", "none", "none"]


def test_a_member_reads_and_does_not_award() -> None:
    member = client_of(person("Aelric"))
    night = raid(10)
    assert member.get("/api/raids/").status_code == 200
    assert member.post(f"/api/raids/{night.pk}/attendance/", {"attendees": ["Aelric"]}).status_code == 403
    assert member.post(f"/api/raids/{night.pk}/reverse/", {"reason": "x"}).status_code == 403
    assert APIClient().get("/api/raids/").status_code == 401


def test_a_bot_with_the_scope_awards() -> None:
    from guildhall.accounts.models import APIKey
    from guildhall.accounts.services import create_api_key, get_or_create_bot

    _, key = create_api_key(user=get_or_create_bot(name="bot"), name="b", scopes=["raids:write"], kind=APIKey.Kind.BOT)
    bot = APIClient()
    bot.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    person("Aelric")
    night = raid(10)
    assert bot.post(f"/api/raids/{night.pk}/attendance/", {"attendees": ["Aelric"]}).status_code == 200


def test_a_raid_to_come_takes_no_attendance(api: APIClient) -> None:
    person("Aelric")
    night = raid(10, ago=-dt.timedelta(days=3))
    refused = api.post(f"/api/raids/{night.pk}/attendance/", {"attendees": ["Aelric"]})
    assert (refused.status_code, code(refused)) == (400, "raid_in_future")


def test_why_an_attendance_is_what_it_is(api: APIClient) -> None:
    aelric = person("Aelric")
    person("Borin")
    services.award_attendance(raid=raid(10), attendees=["Aelric"], actor=None)
    services.award_attendance(raid=raid(10), attendees=["Borin"], actor=None)
    body = api.get(f"/api/attendance/user/{aelric.pk}/?days=30").json()
    assert (body["attended"], body["held"], body["percentage"]) == (1, 2, "50.00")
    assert [(r["attended"], r["counts"]) for r in body["raids"]] == [(False, True), (True, True)]
    assert api.get("/api/attendance/user/999/").status_code == 404
    services.refresh_attendance(at=clock.now())
    assert [row["percentage_30d"] for row in api.get("/api/attendance/").json()["results"]] == ["50.00", "50.00"]


def test_shares_are_set_and_read(api: APIClient) -> None:
    assert api.get("/api/attendance/shares/").json()["everywhere"]["late"] == "50.00"
    assert api.put("/api/attendance/shares/", {"status": "late", "percent": "80"}).status_code == 200
    assert api.get("/api/attendance/shares/").json()["everywhere"]["late"] == "80.00"
    assert api.put("/api/attendance/shares/", {"status": "late", "percent": "180"}).status_code == 400


def test_a_raid_is_changed_without_its_name_and_keeps_it() -> None:
    made = raid(name="Temple of Veeshan")
    answer = client_of().patch(f"/api/raids/{made.pk}/", {"notes": "a good night"})
    assert (answer.status_code, answer.json()["name"], answer.json()["notes"]) == (200, made.name, "a good night")


def test_the_rosters_that_count_are_named_as_the_preview_says() -> None:
    path = f"/api/raids/{raid().pk}/preview/"
    for blocks in ("latest", "all", [0], "[0]"):
        answer = client_of().post(path, {"text": "Aelric\nBorin", "decisions": {"blocks": blocks}})
        assert answer.status_code == 200, answer.content
    for blocks in ("some", 7, None, ["x"], [True], {"a": 1}, "[" * 100_000):
        answer = client_of().post(path, {"text": "Aelric\nBorin", "decisions": {"blocks": blocks}})
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["attr"].startswith("decisions.blocks")
