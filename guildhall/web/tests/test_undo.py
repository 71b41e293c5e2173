"""Undo beside each confirmation, and a form that was opened before somebody else changed the same thing."""

from __future__ import annotations

import datetime as dt
import html
import re
from typing import Any

import pytest
from django.test import Client

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.loot.models import LootDistribution
from guildhall.points.selectors import balance_of
from guildhall.raids import services
from guildhall.raids.models import Raid, RaidAttendance, UnmatchedName
from guildhall.roster.models import Character

from .conftest import Guild, token

NIGHT = dt.datetime(2026, 11, 22, 20, 30, tzinfo=dt.UTC)


@pytest.fixture
def raid(guild: Guild) -> Any:
    event = services.create_event(name="Siege", pools=[guild.pool], default_points="10", actor=guild.officer)
    with clock.frozen(NIGHT):
        made = services.create_raid(event=event, started_at=NIGHT - dt.timedelta(minutes=20), actor=guild.officer)
        services.award_attendance(raid=made, attendees=["Sorrel", "Nimwee"], actor=guild.officer)
    return made


def hidden(page: Any, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page.content.decode())
    assert found, f"no {name}"
    return html.unescape(found.group(1))


def press(client: Client, path: str, form: str, **fields: Any) -> Any:
    page = client.get(path)
    version = {"version": hidden(page, "version")} if 'name="version"' in page.content.decode() else {}
    body = {"form": form, "once": token(page), **version, **fields}
    return client.post(path, body, follow=True)


def undo(client: Client, page: Any) -> Any:
    body = {"form": "undo", "once": hidden(page, "once"), "what": hidden(page, "what")}
    return client.post("/undo/", body, follow=True)


def balance(guild: Guild) -> Any:
    return balance_of(user_id=guild.member.pk, pool=guild.pool).balance


def presses(raid: Raid) -> dict[str, tuple[str, str, dict[str, str]]]:
    check, row, name = raid.checks.get(), RaidAttendance.objects.get(), UnmatchedName.objects.get()
    at = "2026-11-22T20:10"
    return {
        "another worth of a check": (f"/checks/{check.pk}/", "check", {"kind": "kill", "taken_at": at, "points": "30"}),
        "everybody off a check": (f"/checks/{check.pk}/", "clear", {"step": "clear"}),
        "a raid": (f"/raids/{raid.pk}/edit/", "raid", {"name": "Other", "started_at": at, "points": "3"}),
        "a status": (f"/attendance/{row.pk}/", "", {"step": "change", "status": "late"}),
        "off the list": (f"/attendance/{row.pk}/", "", {"step": "remove"}),
        "an award": (f"/raids/{raid.pk}/", "loot", {"item_name": "Cloak", "is_new": "1", "character_name": "Sorrel", "points_spent": "5"}),
        "a name": (f"/raids/{raid.pk}/", "settle", {"step": "award", "unmatched": str(name.pk), "who": "Nimwe"}),
        "let it pass": (f"/raids/{raid.pk}/", "settle", {"step": "ignore", "unmatched": str(name.pk)}),
        "their alt": (f"/raids/{raid.pk}/", "settle", {"step": "alt", "unmatched": str(name.pk), "who": "Brakkus"}),
        "somebody new": (f"/raids/{raid.pk}/console/", "settle", {"step": "new", "unmatched": str(name.pk)}),
        "a new check": (f"/raids/{raid.pk}/checks/new/", "check", {"kind": "kill", "taken_at": at, "points": "30"}),
    }  # fmt: skip


def state(guild: Guild, raid: Raid) -> Any:
    people = (guild.officer, guild.recruiter, guild.member)
    check = raid.checks.get()
    raid = Raid.objects.get(pk=raid.pk)
    return (
        [balance_of(user_id=one.pk, pool=guild.pool).balance for one in people],
        (check.kind, check.points, check.taken_at),
        (raid.name, raid.points, raid.started_at, raid.leader),
        [(row.character_name, row.status) for row in RaidAttendance.objects.filter(reversed_at=None)],
        [name.resolution for name in UnmatchedName.objects.all()],
        LootDistribution.objects.filter(reversed_at=None).count(),
        list(Character.objects.exclude(user=None).values_list("name", "user")),
        User.objects.filter(is_active=True).count(),
    )


@pytest.mark.parametrize("number", range(11))
def test_every_press_on_a_raids_pages_is_taken_back_by_one(sign_in, guild: Guild, raid: Raid, number: int) -> None:
    client, before = sign_in("officer"), state(guild, raid)
    path, form, fields = list(presses(raid).values())[number]
    page = press(client, path, form, **fields)
    assert page.status_code == 200, page.content.decode()
    assert raid.checks.count() == 2 or state(guild, raid) != before
    page = undo(client, page)
    assert page.status_code == 200, page.content.decode()
    assert state(guild, raid) == before


def test_what_somebody_else_changed_since_is_not_undone(sign_in, guild: Guild, raid: Raid) -> None:
    client, check = sign_in("officer"), raid.checks.get()
    page = press(client, f"/checks/{check.pk}/", "check", kind="kill", taken_at="2026-11-22T20:10", points="30")
    services.update_check(check=check, actor=guild.recruiter, points="40")
    refused = undo(client, page)
    assert refused.status_code == 409
    assert "Not undone" in refused.content.decode()
    assert "worth 40.00" in refused.content.decode()
    assert raid.checks.get().points == 40


def test_nobody_else_can_press_it_and_it_counts_once(sign_in, guild: Guild, raid: Raid, client: Client) -> None:
    page = press(
        sign_in("officer"), f"/raids/{raid.pk}/", "settle", step="ignore", unmatched=str(UnmatchedName.objects.get().pk)
    )
    client.force_login(guild.member)
    assert undo(client, page).status_code == 400
    assert UnmatchedName.objects.get().resolution == "ignored"
    client.force_login(guild.officer)
    assert undo(client, page).status_code == 200
    assert "done already" in undo(client, page).content.decode()


def test_a_form_that_was_opened_before_is_refused_with_both_versions_and_then_counts(
    sign_in, guild: Guild, raid: Raid
) -> None:
    client, check = sign_in("officer"), raid.checks.get()
    path = f"/checks/{check.pk}/"
    opened = client.get(path)
    services.update_check(check=check, actor=guild.recruiter, points="40")
    body = {"form": "check", "once": token(opened), "version": hidden(opened, "version"), "kind": "kill",
            "taken_at": "2026-11-22T20:10", "points": "30"}  # fmt: skip
    page = client.post(path, body)
    text = page.content.decode()
    assert page.status_code == 409
    assert "worth 40.00" in text
    assert 'value="30"' in text
    assert raid.checks.get().points == 40
    client.post(path, {**body, "once": token(page), "version": hidden(page, "version")})
    assert raid.checks.get().points == 30
    assert balance(guild) == 55.5


def test_the_leader_is_set_on_the_page(sign_in, guild: Guild, raid: Raid) -> None:
    press(sign_in("officer"), f"/raids/{raid.pk}/edit/", "raid", name="Siege", started_at="2026-11-22T20:10", points="10",
          leader=str(guild.recruiter.pk))  # fmt: skip
    assert Raid.objects.get().leader == guild.recruiter


def test_a_name_that_was_let_pass_is_taken_back_on_the_raids_page(sign_in, guild: Guild, raid: Raid) -> None:
    client, name = sign_in("officer"), UnmatchedName.objects.get()
    services.resolve_unmatched(unmatched=name, ignore=True, actor=guild.officer)
    assert "Names that were settled: 1" in client.get(f"/raids/{raid.pk}/").content.decode()
    press(client, f"/raids/{raid.pk}/", "reopen", unmatched=str(name.pk))
    assert UnmatchedName.objects.get().resolution == ""
