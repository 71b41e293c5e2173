"""A raid night in a real browser, at the width of a phone: paste, look, press; everybody's points are there."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.accounts.models import RoleGroup
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.points.models import LedgerEntry
from guildhall.points.services import create_pool
from guildhall.raids.services import create_event, create_raid
from guildhall.roster.services import create_character
from tests.browser.people import until, watch

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(chromium: Any, settings: Any) -> Any:
    settings.DEMO_SIGN_IN = True
    opened = chromium.new_page(viewport={"width": 390, "height": 844})
    opened.set_default_timeout(30_000)
    problems = watch(opened)
    yield opened
    assert problems == []


def log(at: dt.datetime) -> str:
    stamp = at.strftime("[%a %b %d %H:%M:%S %Y]")
    names = ("Brakkus", "Sorrel", "Nimwee")
    rows = [f"[60 Warlord] {name} (Human) <The Ember Hall>" for name in names]
    lines = ["Players on EverQuest:", "---------------------------", *rows, "There are 3 players in Kael Drakkel."]
    return "\n".join(f"{stamp} {line}" for line in lines)


def test_a_raid_leader_pays_a_raid_from_a_phone(live_server: Any, page: Any) -> None:
    leader = create_person(display_name="Brakkus", username="raidleader", role_group=RoleGroup.OFFICER)
    pool = create_pool(name="Velious", actor=leader)
    for name in ("Sorrel", "Nimwe"):
        person = create_person(display_name=name, role_group=RoleGroup.MEMBER)
        create_character(name=name, user=person, character_class="Cleric", actor=leader)
    create_character(name="Brakkus", user=leader, character_class="Warrior", actor=leader)
    event = create_event(name="Siege", pools=[pool], default_points="10", actor=leader)
    raid = create_raid(event=event, started_at=clock.now() - dt.timedelta(minutes=30), actor=leader)

    page.goto(f"{live_server.url}/sign-in/")
    page.get_by_role("button", name="Raid leader").click()
    page.wait_for_url(f"{live_server.url}/")
    page.goto(f"{live_server.url}/raids/import/")
    page.fill("textarea[name=text]", log(clock.now() - dt.timedelta(minutes=5)))
    page.get_by_role("button", name="Preview", exact=True).click()
    page.wait_for_selector("#preview")
    assert page.locator("text=probably meant").count() == 1
    page.get_by_role("button", name="Nimwe", exact=True).click()
    page.wait_for_selector("text=is Nimwe, you said")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")

    # Two presses, as nervous fingers do it: the points are posted once.
    page.get_by_role("button", name="Commit: pay 3 people").dblclick()
    page.wait_for_url(f"{live_server.url}/raids/{raid.pk}/")
    assert "points in all" in page.locator("#messages").inner_text()
    assert LedgerEntry.objects.count() == 3

    page.goto(f"{live_server.url}/standings/")
    rows = page.locator("tbody tr")
    assert rows.count() == 3
    assert "10.00" in rows.first.inner_text()
    page.fill("input[type=search]", "Nimwe")
    until(page, "document.querySelectorAll('tbody tr').length === 1")

    # The same log once more: the page says that it was committed, and pays nobody.
    page.goto(f"{live_server.url}/raids/import/?raid={raid.pk}")
    page.fill("textarea[name=text]", log(clock.now() - dt.timedelta(minutes=4)))
    page.get_by_role("button", name="Preview", exact=True).click()
    page.wait_for_selector("#preview")
    page.locator("button[value=commit]").click()
    page.wait_for_url(f"{live_server.url}/raids/{raid.pk}/")
    assert LedgerEntry.objects.count() == 3
