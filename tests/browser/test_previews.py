"""A preview is void as soon as its form is changed, and good again when the form is as it was."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.points.models import LedgerEntry
from guildhall.points.services import create_pool
from guildhall.raids.models import RaidAttendance
from guildhall.raids.services import create_event, create_raid
from guildhall.roster.services import create_character

from .people import until, watch

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def leader() -> User:
    found = create_person(display_name="Brakkus", username="raidleader", role_group=RoleGroup.OFFICER)
    for name in ("Sorrel", "Nimwe"):
        person = create_person(display_name=name, role_group=RoleGroup.MEMBER)
        create_character(name=name, user=person, character_class="Cleric", actor=found)
    return found


@pytest.fixture
def page(live_server: Any, chromium: Any, settings: Any, leader: User) -> Any:
    settings.DEMO_SIGN_IN = True
    opened = chromium.new_page(viewport={"width": 1280, "height": 900})
    opened.set_default_timeout(30_000)
    problems = watch(opened)
    opened.goto(f"{live_server.url}/sign-in/")
    opened.get_by_role("button", name="Raid leader").click()
    opened.wait_for_url(f"{live_server.url}/")
    yield opened
    assert problems == []


def test_an_adjustment_that_is_changed_after_its_preview_cannot_be_posted(
    live_server: Any, page: Any, leader: User
) -> None:
    create_pool(name="Velious", actor=leader)
    page.goto(f"{live_server.url}/officers/adjust/")
    page.fill("input[name=amount]", "10")
    page.fill("input[name=reason]", "Brought food")
    page.fill("textarea[name=names]", "Sorrel")
    page.get_by_role("button", name="Preview", exact=True).click()
    post = page.get_by_role("button", name="Post 10.00 to 1 person")
    assert post.is_enabled()
    assert page.evaluate("document.activeElement.textContent") == "What it would do"  # and not at the top of the page
    page.fill("input[name=amount]", "100")
    assert post.is_disabled()
    assert page.locator("[data-stale]").is_visible()
    page.fill("input[name=amount]", "10")
    assert post.is_enabled()
    assert not page.locator("[data-stale]").is_visible()
    page.fill("textarea[name=names]", "Sorrel, Nimwe")
    assert post.is_disabled()
    # Whoever gets around the script is told by the server.
    post.evaluate("button => { button.disabled = false; button.form.requestSubmit(button); }")
    page.get_by_role("button", name="Post 10.00 to 2 people").wait_for()
    assert "entered differently" in page.locator(".refusal").inner_text()
    assert LedgerEntry.objects.count() == 0
    page.get_by_role("button", name="Post 10.00 to 2 people").click()
    page.wait_for_url("**/batches/**")
    assert LedgerEntry.objects.count() == 2


def test_text_that_is_typed_after_the_preview_of_an_import_is_previewed_first(
    live_server: Any, page: Any, leader: User
) -> None:
    pool = create_pool(name="Velious", actor=leader)
    event = create_event(name="Siege", pools=[pool], default_points="10", actor=leader)
    create_raid(event=event, started_at=clock.now() - dt.timedelta(minutes=30), actor=leader)
    page.goto(f"{live_server.url}/raids/import/")
    page.fill("textarea[name=text]", "Sorrel")
    page.get_by_role("button", name="Preview", exact=True).click()
    commit = page.get_by_role("button", name="Commit: pay 1 person")
    commit.wait_for()
    assert commit.is_enabled()
    # The button that had the focus was replaced: it goes to the heading of what is to be read now.
    until(page, "document.activeElement.matches('#preview h2')")
    page.locator("summary", has_text="Another log").click()
    page.locator("textarea[name=text]").press_sequentially("Nimwe")
    assert commit.is_disabled()
    page.get_by_role("button", name="Look again").click()
    page.locator("th", has_text="Nimwe").wait_for()
    page.get_by_label("not this").check()
    assert commit.is_disabled()
    page.get_by_label("not this").uncheck()
    commit.click()
    page.locator("#messages .message", has_text="1 person paid").wait_for()
    assert [row.character_name for row in RaidAttendance.objects.all()] == ["Nimwe"]
