"""The admin calls the services: forms, actions, refusals."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from guildhall.accounts.models import User
from guildhall.core.models import AuditEvent
from guildhall.raids import services
from guildhall.raids.models import Event, Raid, RaidAttendance, StatusShare, UnmatchedName

from .scenario import balance, character, person, pool, raid

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(username="root", password="x"))
    return client


def act(admin: Client, model: str, action: str, *rows: Any) -> Any:
    return admin.post(
        f"/admin/raids/{model}/", {"action": action, "_selected_action": [row.pk for row in rows]}, follow=True
    )


def test_an_event_is_made_and_changed_by_its_form(admin: Client) -> None:
    main, side = pool("Main"), pool("Side")
    form = {
        "name": "Temple", "default_points": "10", "difficulty_modifier": "1", "own_pool": side.pk,
        "other_pools": [main.pk], "is_active": "on", "description": "", "icon": "",
    }  # fmt: skip
    made = admin.post("/admin/raids/event/add/", form, follow=True)
    assert made.status_code == 200
    event = Event.objects.get()
    assert [link.pool for link in event.event_pools.all()] == [side, main]
    admin.post(f"/admin/raids/event/{event.pk}/change/", {**form, "own_pool": main.pk, "other_pools": []}, follow=True)
    assert [link.pool for link in event.event_pools.all()] == [main]
    assert set(AuditEvent.objects.values_list("action", flat=True)) >= {"raids.create_event", "raids.update_event"}
    again = admin.post("/admin/raids/event/add/", form, follow=True)
    assert b"already" in again.content
    assert Event.objects.count() == 1


def test_a_raid_made_by_its_form_has_its_events_worth_and_its_first_check(admin: Client) -> None:
    event = services.create_event(name="Temple", pools=[pool()], default_points=10, difficulty_modifier=2)
    form = {
        "event": event.pk, "name": "Night", "started_at_0": "2026-11-22", "started_at_1": "20:00:00", "notes": "", "points": "",
        "checks-TOTAL_FORMS": "0", "checks-INITIAL_FORMS": "0",
    }  # fmt: skip
    admin.post("/admin/raids/raid/add/", form, follow=True)
    night = Raid.objects.get()
    assert (night.points, night.checks.count()) == (20, 1)


def test_what_a_service_refuses_is_shown_and_not_stored(admin: Client) -> None:
    person("Aelric")
    night = raid(10)
    services.award_attendance(raid=night, attendees=["Aelric"], actor=None)
    answer = admin.post(f"/admin/raids/raid/{night.pk}/delete/", {"post": "yes"}, follow=True)
    assert Raid.objects.filter(pk=night.pk).exists()
    assert answer.status_code in (200, 403)


def test_several_are_deleted_and_what_has_a_history_stays(admin: Client) -> None:
    person("Aelric")
    night, empty = raid(10), raid(10)
    services.award_attendance(raid=night, attendees=["Aelric"], actor=None)
    for rows in ([empty], [night]):
        answer = admin.post(
            "/admin/raids/raid/",
            {"action": "delete_selected", "_selected_action": [row.pk for row in rows], "post": "yes"},
            follow=True,
        )
        assert answer.status_code in (200, 403)
    assert list(Raid.objects.all()) == [night]


def test_the_actions_amend_take_off_and_reverse(admin: Client) -> None:
    aelric, borin = person("Aelric"), person("Borin")
    night = raid(10)
    services.award_attendance(raid=night, attendees=["Aelric", "Borin"], actor=None)
    one, other = RaidAttendance.objects.order_by("character_name")
    act(admin, "raidattendance", "mark_late", one)
    act(admin, "raidattendance", "take_off", other)
    assert (balance(aelric), balance(borin)) == (5, 0)
    act(admin, "raid", "undo", night)
    assert balance(aelric) == 0
    again = act(admin, "raid", "undo", night)
    assert b"already" in again.content


def test_a_name_is_settled_by_choosing_its_character(admin: Client) -> None:
    aelric, night = person("Aelric"), raid(10)
    one, other = services.award_attendance(raid=night, attendees=["Aelrik", "Zzyzx"], actor=None).unmatched
    admin.post(f"/admin/raids/unmatchedname/{one.pk}/change/", {"character": character("Aelric").pk}, follow=True)
    act(admin, "unmatchedname", "ignore", other)
    assert balance(aelric) == 10
    assert set(UnmatchedName.objects.values_list("resolution", flat=True)) == {"awarded", "ignored"}


def test_shares_are_edited(admin: Client) -> None:
    admin.post("/admin/raids/statusshare/add/", {"status": "late", "pool": "", "percent": "80"}, follow=True)
    share = StatusShare.objects.get()
    admin.post(f"/admin/raids/statusshare/{share.pk}/change/", {"status": "late", "pool": pool().pk, "percent": "70"})
    assert list(StatusShare.objects.values_list("key", "percent")) == [(f"{pool().pk}:late", 70)]


@pytest.mark.parametrize(
    "model",
    [
        "event",
        "itempool",
        "raid",
        "raidattendance",
        "unmatchedname",
        "statusshare",
        "attendanceupload",
        "memberattendancesummary",
    ],
)
def test_every_list_opens(admin: Client, model: str) -> None:
    person("Aelric")
    night = raid(10)
    services.award_attendance(raid=night, attendees=["Aelric", "Nobody"], actor=None)
    services.refresh_attendance()
    assert admin.get(f"/admin/raids/{model}/").status_code == 200


@pytest.mark.parametrize("model", [Event, Raid, RaidAttendance, UnmatchedName])
def test_every_form_opens(admin: Client, model: Any) -> None:
    person("Aelric")
    services.award_attendance(raid=raid(10), attendees=["Aelric", "Nobody"], actor=None)
    row = model.objects.first()
    assert admin.get(f"/admin/raids/{model._meta.model_name}/{row.pk}/change/").status_code == 200
    if model in (Event, Raid):
        assert admin.get(f"/admin/raids/{model._meta.model_name}/{row.pk}/history/").status_code == 200
