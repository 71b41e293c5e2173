"""The standby list on the console, on the raid's page and on the front page."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.accounts.models import PermissionGroup, RoleGroup
from guildhall.accounts.services import create_group, create_person, give_group
from guildhall.core import clock, kept
from guildhall.points.verification import verify
from guildhall.raids import services, versions
from guildhall.raids.models import Raid, RaidAttendance, Standby
from guildhall.raids.services import standby
from guildhall.raids.standby_selectors import standing_by
from guildhall.roster.services import create_character

from .conftest import Guild
from .test_console import has, press
from .test_undo import hidden, undo


@pytest.fixture
def raid(guild: Guild) -> Raid:
    event = services.create_event(name="Siege", pools=[guild.pool], default_points="10", actor=guild.officer)
    return services.create_raid(event=event, started_at=clock.now() - dt.timedelta(minutes=40), actor=guild.officer)


def names(raid: Raid) -> list[str]:
    return [row.character_name for row in standing_by(raid.pk)]


def own_press(client: Any, raid: Raid, page: str, **fields: Any) -> Any:
    shown = client.get(page).content.decode()
    at = shown.index(f'action="/raids/{raid.pk}/standby/"')
    once = shown[shown.index('name="once" value="', at) + 19 :].partition('"')[0]
    return client.post(f"/raids/{raid.pk}/standby/", {"form": "standby", "once": once, **fields}, follow=True)


def test_an_officer_puts_on_takes_off_and_takes_each_back(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    page = press(client, raid, "wait", character_name="sorrel")
    assert names(raid) == ["Sorrel"]
    assert "put down by an officer" in page.content.decode()
    undo(client, page)
    assert names(raid) == []
    press(client, raid, "wait", character_name="Sorrel")
    row = standing_by(raid.pk).get()
    page = press(client, raid, "wait", character_name="Tibble")
    assert "no more with Sorrel" in page.content.decode()
    undo(client, page)
    assert names(raid) == ["Sorrel"]
    page = press(client, raid, "standby", row=row.pk, version=versions.standby_version(row), step="off")
    assert names(raid) == []
    undo(client, page)
    assert standing_by(raid.pk).get().since == row.since
    unknown = press(client, raid, "wait", character_name="Sorell")
    assert unknown.status_code == 404
    assert "Did you mean Sorrel" in unknown.content.decode()


def test_one_or_all_are_marked_at_the_check_that_is_shown_and_it_is_taken_back(
    sign_in, guild: Guild, raid: Raid
) -> None:
    client, check = sign_in("officer"), raid.checks.get()
    for name in ("Sorrel", "Nimwe"):
        press(client, raid, "wait", character_name=name)
    row = standing_by(raid.pk)[0]
    page = press(
        client, raid, "standby", row=row.pk, version=versions.standby_version(row), check=check.pk, step="mark"
    )
    assert "Sorrel on standby at on time: 5.00." in page.content.decode()
    assert has(guild) == 30.5
    undo(client, page)
    assert has(guild) == 25.5
    every = versions.standby_version(*standing_by(raid.pk))
    page = press(client, raid, "standby", version=every, check=check.pk, step="mark")
    assert "2 people on standby at on time: 10.00 in all." in page.content.decode()
    assert (has(guild), has(guild, "recruiter")) == (30.5, 30.5)
    assert "waits-all-mark" not in page.content.decode()
    undo(client, page)
    assert (has(guild), has(guild, "recruiter")) == (25.5, 25.5)
    assert verify() == []


def test_a_press_on_what_another_changed_is_refused(sign_in, guild: Guild, raid: Raid) -> None:
    client, check = sign_in("officer"), raid.checks.get()
    row = standby.check_in(raid=raid, person=guild.member, actor=guild.member)
    tag = client.get(f"/raids/{raid.pk}/console/")["ETag"]
    seen = versions.standby_version(row)
    standby.take_off(standby=row, actor=guild.recruiter, for_others=True)
    changed = client.get(f"/raids/{raid.pk}/console/", headers={"If-None-Match": tag})
    assert changed.status_code == 200, "what another officer did appears"
    for fields in ({"row": row.pk, "step": "off"}, {"row": row.pk, "check": check.pk, "step": "mark"}):
        stale = press(client, raid, "standby", version=seen, **fields)
        assert stale.status_code == 409
        assert "Sorrel, taken off" in stale.content.decode()
    assert press(client, raid, "standby", version=seen, check=check.pk, step="mark").status_code == 409
    assert not RaidAttendance.objects.exists()


def test_who_runs_no_raids_reads_the_list_and_presses_nothing(sign_in, guild: Guild, raid: Raid) -> None:
    give_group(user=guild.member, group=PermissionGroup.objects.get(name="Loot officer"), actor=None)
    row = standby.check_in(raid=raid, person=guild.member, actor=guild.member)
    client = sign_in("member")
    shown = client.get(f"/raids/{raid.pk}/console/").content.decode()
    assert "night-standby" in shown
    assert "waits-" not in shown
    assert press(client, raid, "wait", character_name="Nimwe").status_code == 403
    pressed = press(client, raid, "standby", row=row.pk, version=versions.standby_version(row), step="off")
    assert pressed.status_code == 403
    assert names(raid) == ["Sorrel"]


def test_a_member_checks_in_and_out_on_the_raids_page_and_on_the_front_page(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("member")
    for back, page in (("raid", f"/raids/{raid.pk}/"), ("home", "/")):
        kept.clear()
        shown = client.get(page).content.decode()
        assert "You do not stand by" in shown
        assert "earns 50 % of the points" in shown
        done = own_press(client, raid, page, step="on", back=back)
        assert done.redirect_chain[-1][0] == page
        assert "You stand by" in done.content.decode()
        undo(client, done)
        assert names(raid) == []
        own_press(client, raid, page, step="on", back=back, character=guild.characters["Tibble"].pk)
        assert names(raid) == ["Tibble"]
        assert "with Tibble" in client.get(page).content.decode(), "also where the page was kept before"
        gone = own_press(client, raid, page, step="off", back=back)
        assert names(raid) == []
        assert "You do not stand by" in gone.content.decode()
        undo(client, gone)
        assert names(raid) == ["Tibble"]
        own_press(client, raid, page, step="off", back=back)
    assert "Brakkus" not in client.get("/").content.decode()
    stolen = own_press(client, raid, "/", step="on", character=guild.characters["Brakkus"].pk)
    assert stolen.status_code == 400
    assert not Standby.objects.filter(user=guild.officer).exists()


def test_when_the_raid_is_over_there_is_nothing_to_press(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("member")
    once = hidden(client.get(f"/raids/{raid.pk}/standby/"), "once")
    services.close_raid(raid=raid, actor=None, anyway=True)
    for page in (f"/raids/{raid.pk}/", "/"):
        assert "stand by" not in client.get(page).content.decode()
    late = client.post(f"/raids/{raid.pk}/standby/", {"form": "standby", "once": once, "step": "on"})
    assert late.status_code == 409
    assert "Ask an officer" in late.content.decode()


def test_somebody_on_trial_checks_in_and_sees_their_own_entry_alone(sign_in, guild: Guild, raid: Raid) -> None:
    group = create_group(name="Signs up", scopes=["raids:signup", "calendar:read"], actor=None)
    recruit = create_person(
        display_name="Recruit", username="recruit", role_group=RoleGroup.APPLICANT, password="torch"
    )
    create_character(name="Wren", user=recruit, actor=guild.officer)
    give_group(user=recruit, group=group, actor=None)
    standby.check_in(raid=raid, person=guild.member, actor=guild.member)
    client = sign_in("member")
    client.force_login(recruit)
    done = own_press(client, raid, "/", step="on", back="home")
    assert "You stand by" in done.content.decode()
    assert names(raid) == ["Sorrel", "Wren"]
    page = client.get(f"/raids/{raid.pk}/standby/").content.decode()
    assert "with Wren" in page
    assert "Sorrel" not in page
    own_press(client, raid, "/", step="off", back="home")
    assert names(raid) == ["Sorrel"]
