"""An officer makes a member raid leader, who then awards attendance on the site and cannot adjust points."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.contrib.auth.models import Group

from guildhall.accounts.models import PermissionGroup, RoleGroup
from guildhall.accounts.services import create_group, create_person
from guildhall.core import clock
from guildhall.points.models import LedgerEntry
from guildhall.points.services import create_pool
from guildhall.raids.services import create_event, create_raid
from guildhall.roster.services import create_character
from tests.browser.people import PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

LINE = "[60 Warlord] Sorrel (Human) <The Ember Hall>"


def sign_in(one: Any, name: str) -> None:
    one.go("/sign-in/")
    one.page.fill("input[name=username]", name)
    one.page.fill("input[name=password]", PASSWORD)
    one.page.get_by_role("button", name="Sign in", exact=True).click()
    one.page.wait_for_url(f"{one.server}/")


def test_a_raid_leader_awards_attendance_and_adjusts_nothing(visitor: Any) -> None:
    officer = create_person(display_name="Boss", username="boss", role_group=RoleGroup.OFFICER, password=PASSWORD)
    leader = create_person(display_name="Sorrel", username="sorrel", role_group=RoleGroup.MEMBER, password=PASSWORD)
    create_character(name="Sorrel", user=leader, character_class="Cleric", actor=officer)
    pool = create_pool(name="Velious", actor=officer)
    event = create_event(name="Siege", pools=[pool], default_points="10", actor=officer)
    raid = create_raid(event=event, started_at=clock.now() - dt.timedelta(minutes=30), actor=officer)
    if not PermissionGroup.objects.filter(name="Raid leader").exists():  # a test before this one emptied the tables
        Group.objects.filter(name="Raid leader (permissions)").delete()
        create_group(name="Raid leader", scopes=["raids:read", "raids:write", "loot:write"], actor=None)

    boss = visitor(1280)
    sign_in(boss, "boss")
    boss.page.get_by_text("Officers", exact=True).click()
    boss.page.get_by_role("link", name="Permission groups").click()
    boss.page.get_by_role("link", name="Raid leader", exact=True).click()
    boss.page.select_option("select[name=person]", label="Sorrel")
    boss.page.get_by_role("button", name="Give it").click()
    boss.page.get_by_text("Sorrel has Raid leader now").wait_for()

    phone = visitor(390)
    sign_in(phone, "sorrel")
    phone.go("/me/permissions/")
    assert "the group Raid leader" in phone.page.locator("main").inner_text()
    assert phone.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    phone.go(f"/raids/import/?raid={raid.pk}")
    stamp = (clock.now() - dt.timedelta(minutes=5)).strftime("[%a %b %d %H:%M:%S %Y]")
    lines = ["Players on EverQuest:", "---------------------------", LINE, "There is 1 player in Kael Drakkel."]
    phone.page.fill("textarea[name=text]", "\n".join(f"{stamp} {line}" for line in lines))
    phone.page.get_by_role("button", name="Preview", exact=True).click()
    phone.page.locator("button[value=commit]").click()
    phone.page.wait_for_url(f"{phone.server}/raids/{raid.pk}/")
    assert LedgerEntry.objects.filter(user=leader).count() == 1

    phone.go(f"/people/{leader.pk}/")
    assert phone.page.get_by_role("link", name="Adjust").count() == 0
    answer = phone.page.goto(f"{phone.server}/officers/adjust/")
    assert answer.status == 403
    assert "points:write" in phone.page.locator("main").inner_text()
