"""The raid console: every press of a night on one screen, and what other officers did meanwhile."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.accounts.models import PermissionGroup
from guildhall.accounts.services import give_group
from guildhall.auctions.services import BidRequest, NewSession, place_bid, start_session
from guildhall.core import clock
from guildhall.loot.models import LootDistribution
from guildhall.points.selectors import balance_of
from guildhall.raids import services, versions
from guildhall.raids.models import Raid, RaidAttendance, UnmatchedName

from .conftest import Guild
from .test_undo import hidden, undo


@pytest.fixture
def raid(guild: Guild) -> Raid:
    event = services.create_event(name="Siege", pools=[guild.pool], default_points="10", actor=guild.officer)
    made = services.create_raid(event=event, started_at=clock.now() - dt.timedelta(minutes=40), actor=guild.officer)
    services.award_attendance(raid=made, attendees=["Sorrel", "Nimwee"], actor=guild.officer)
    return made


def press(client: Any, raid: Raid, form: str, **fields: Any) -> Any:
    path = f"/raids/{raid.pk}/console/"
    page = client.get(path)
    return client.post(path, {"form": form, "once": hidden(page, "once"), **fields}, follow=True)


def has(guild: Guild, who: str = "member") -> Any:
    return balance_of(user_id=guild.person(who).pk, pool=guild.pool).balance


def test_a_status_is_pressed_and_taken_back_and_a_stale_press_is_refused(sign_in, guild: Guild, raid: Raid) -> None:
    client, row = sign_in("officer"), RaidAttendance.objects.get()
    seen = versions.attendance_version(row)
    page = press(client, raid, "status", row=str(row.pk), version=seen, status="late")
    assert "Sorrel: late, 5.00." in page.content.decode()
    assert has(guild) == 30.5
    stale = press(client, raid, "status", row=str(row.pk), version=seen, step="remove")
    assert stale.status_code == 409
    assert "Sorrel, Late" in stale.content.decode()
    undo(client, page)
    assert has(guild) == 35.5


def test_one_more_name_is_added_settled_and_taken_off(sign_in, guild: Guild, raid: Raid) -> None:
    client, check = sign_in("officer"), raid.checks.get()
    page = press(client, raid, "add", character_name="Brakkus", check=str(check.pk))
    assert has(guild, "officer") == 50
    undo(client, page)
    assert has(guild, "officer") == 40
    name = UnmatchedName.objects.get()
    press(client, raid, "settle", unmatched=str(name.pk), who="Nimwe", step="award")
    assert has(guild, "recruiter") == 35.5


def test_loot_is_given_and_the_raid_is_closed_when_nothing_is_missing(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    press(client, raid, "loot", item_name="Cloak", is_new="1", character_name="Sorrel", points_spent="5")
    assert LootDistribution.objects.get().raid == raid
    page = client.get(f"/raids/{raid.pk}/console/")
    assert "1 name that nobody knew" in page.content.decode()
    refused = press(client, raid, "state", step="close")
    assert refused.status_code == 409
    press(client, raid, "settle", unmatched=str(UnmatchedName.objects.get().pk), step="ignore")
    page = press(client, raid, "state", step="close")
    raid.refresh_from_db()
    assert raid.state == Raid.State.DONE
    undo(client, page)
    raid.refresh_from_db()
    assert raid.state == Raid.State.RUNNING


def test_nothing_is_sent_again_until_something_changed(sign_in, guild: Guild, raid: Raid) -> None:
    client, path = sign_in("officer"), f"/raids/{raid.pk}/console/"
    tag = client.get(path)["ETag"]
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
    services.award_attendance(raid=raid, attendees=["Brakkus"], actor=guild.recruiter)
    page = client.get(path, headers={"If-None-Match": tag})
    assert page.status_code == 200
    assert "Brakkus" in page.content.decode()


def test_a_paste_goes_to_the_preview_and_back_to_the_console(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    page = press(client, raid, "none")
    path = f"/raids/import/?raid={raid.pk}&console=1"
    body = {"form": "import", "target": f"raid:{raid.pk}", "check": "auto", "text": "Brakkus", "step": "preview"}
    page = client.post(path, {**body, "once": hidden(page, "once")})
    shown = page.context["form"].data
    again = {**body, "check": shown["check"], "check_points": shown.get("check_points", ""), "check_kind": shown.get("check_kind", ""),
             "step": "commit", "text": "", "carried": hidden(page, "carried"), "once": hidden(page, "once"),
             "digest": hidden(page, "digest"), "shown": hidden(page, "shown")}  # fmt: skip
    done = client.post(path, again)
    assert done.status_code == 302
    assert done["Location"].startswith(f"/raids/{raid.pk}/console/?check=")


def test_members_do_not_open_it(sign_in, guild: Guild, raid: Raid) -> None:
    assert sign_in("member").get(f"/raids/{raid.pk}/console/").status_code == 403


def test_a_running_auction_stands_beside_it_with_who_leads(sign_in, guild: Guild, raid: Raid) -> None:
    session = start_session(session=NewSession(item_name="Crown", pool=guild.pool, raid=raid), actor=guild.officer)
    client, path = sign_in("officer"), f"/raids/{raid.pk}/console/"
    before = client.get(path)
    place_bid(session_id=session.pk, request=BidRequest(amount="7"), bidder=guild.member, actor=guild.member)
    page = client.get(path, headers={"If-None-Match": before["ETag"]})
    assert page.status_code == 200
    text = page.content.decode()
    assert "Crown" in text
    assert "7.00" in text
    assert "auctions" in text.lower()


def test_a_loot_officer_gives_loot_in_the_console_and_nothing_else(sign_in, guild: Guild, raid: Raid) -> None:
    give_group(user=guild.member, group=PermissionGroup.objects.get(name="Loot officer"), actor=None)
    client, path = sign_in("member"), f"/raids/{raid.pk}/console/"
    assert path in client.get(f"/raids/{raid.pk}/").content.decode()
    shown = client.get(path).content.decode()
    assert "Award it" in shown
    assert "Open or run auctions" in shown
    for hidden_part in ("Paste or drop", "Close the raid", 'value="remove"', 'value="award"', "change this check"):
        assert hidden_part not in shown
    page = press(client, raid, "loot", item_name="Cloak", is_new="1", character_name="Sorrel", points_spent="5")
    assert LootDistribution.objects.get().reversed_at is None
    undo(client, page)
    assert LootDistribution.objects.get().reversed_at is not None
    name, row = UnmatchedName.objects.get(), RaidAttendance.objects.get()
    for form, values in (
        ("status", {"row": row.pk, "version": versions.attendance_version(row), "status": "late"}),
        ("add", {"character_name": "Brakkus", "check": raid.checks.get().pk}),
        ("settle", {"unmatched": name.pk, "step": "ignore"}),
        ("state", {"step": "anyway"}),
    ):
        assert press(client, raid, form, **values).status_code == 403, form
    raid.refresh_from_db()
    assert raid.state == Raid.State.RUNNING
    assert has(guild) == 35.5


def test_a_raid_leader_closes_the_raid_on_its_page_too_and_makes_no_new_people(
    sign_in, guild: Guild, raid: Raid
) -> None:
    give_group(user=guild.member, group=PermissionGroup.objects.get(name="Raid leader"), actor=None)
    client, name = sign_in("member"), UnmatchedName.objects.get()
    assert "An officer makes them" in client.get(f"/raids/{raid.pk}/console/").content.decode()
    assert press(client, raid, "settle", unmatched=name.pk, step="new").status_code == 403
    press(client, raid, "settle", unmatched=name.pk, who="Nimwe", step="award")
    path = f"/raids/{raid.pk}/close/"
    answer = client.post(path, {"form": "close", "once": hidden(client.get(path), "once")}, follow=True)
    raid.refresh_from_db()
    assert (answer.status_code, raid.state) == (200, Raid.State.DONE)
