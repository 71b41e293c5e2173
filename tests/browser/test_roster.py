"""The roster worked on in a browser, wide and on a phone: a character, an unknown name, a request, an item that was misspelt."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.loot.models import LootDistribution
from guildhall.loot.services import create_item
from guildhall.points.services import adjust_points, create_pool
from guildhall.raids.models import Raid
from guildhall.raids.services import award_attendance, create_event, create_raid
from guildhall.roster.models import Character
from guildhall.roster.services import create_character, create_rank

from .people import until, watch

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def officer() -> User:
    return create_person(display_name="Brakkus", role_group=RoleGroup.OFFICER)


@pytest.fixture
def raid(officer: User) -> Raid:
    pool = create_pool(name="Velious", actor=officer)
    member = create_person(display_name="Sorrel", role_group=RoleGroup.MEMBER)
    create_character(name="Sorrel", user=member, character_class="Cleric", actor=officer)
    adjust_points(user_ids=[member.pk], pool=pool, amount="50", reason="To begin with", actor=officer)
    event = create_event(name="Siege", pools=[pool], default_points="10", actor=officer)
    made = create_raid(event=event, started_at=clock.now() - dt.timedelta(hours=1), actor=officer)
    award_attendance(raid=made, attendees=["Sorrel", "Dawn"], actor=officer)
    create_rank(name="Raider", actor=officer)
    create_item(name="Cloak of Tides", actor=officer)
    return made


@pytest.fixture(params=[1280, 390])
def as_user(request: Any, live_server: Any, chromium: Any) -> Iterator[Any]:
    opened: list[tuple[Any, list[str]]] = []

    def come(user: User) -> Any:
        client = Client()
        client.force_login(user)
        context = chromium.new_context(viewport={"width": request.param, "height": 900})
        context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}])
        page = context.new_page()
        page.set_default_timeout(30_000)
        opened.append((context, watch(page)))
        return page

    yield come
    for context, problems in opened:
        assert problems == []
        context.close()


def fits(page: Any) -> bool:
    """Whether the page is no wider than its window."""
    wide = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    return bool(page.evaluate(wide))


def test_a_night_of_names_and_items(live_server: Any, as_user: Any, officer: User, raid: Raid) -> None:
    page = as_user(officer)
    page.goto(f"{live_server.url}/characters/new/")
    page.get_by_label("Name").fill("Tibble")
    page.get_by_label("Class").select_option("Wizard")
    page.get_by_label("Belongs to").select_option(label="Sorrel")
    assert fits(page)
    page.get_by_role("button", name="Add it").click()
    page.get_by_text("Tibble is on the roster, an alt of Sorrel").wait_for()
    page.get_by_role("link", name="Edit").click()
    page.locator("#id_edit_rank").select_option(label="Raider")
    assert fits(page)
    page.get_by_role("button", name="Save").click()
    page.get_by_text("Tibble is changed.").wait_for()

    page.goto(f"{live_server.url}/raids/{raid.pk}/")
    page.get_by_label("Who is Dawn?").fill("Sorrel")
    page.get_by_role("button", name="Is their alt").click()
    page.get_by_text("Dawn is a character of Sorrel").wait_for()

    field = page.locator("#id_loot_item_name")
    field.press_sequentially("Cloak of Tidse")
    page.get_by_role("button", name="Cloak of Tides").click()
    until(page, "document.querySelector('#id_loot_item_name').value === 'Cloak of Tides'")
    page.get_by_text("Cloak of Tides is known").wait_for()
    page.locator("#id_loot_character_name").fill("Sorrel")
    page.locator("#id_loot_points_spent").fill("5")
    page.get_by_role("button", name="Award it").click()
    page.get_by_text("Cloak of Tides to Sorrel for 5.00").wait_for()
    assert fits(page)
    page.goto(f"{live_server.url}/loot/")
    assert page.get_by_role("link", name="Cloak of Tides", exact=True).count() == 1
    assert fits(page)
    assert LootDistribution.objects.get().item.name == "Cloak of Tides"


def test_a_member_asks_and_an_officer_approves_with_one_press(
    live_server: Any, as_user: Any, officer: User, raid: Raid
) -> None:
    member = as_user(User.objects.get(display_name="Sorrel"))
    member.goto(f"{live_server.url}/requests/")
    alt = member.locator("section", has_text="A character of mine is missing")
    alt.get_by_label("Name").fill("Nimwe")
    assert fits(member)
    alt.get_by_role("button", name="Ask").click()
    member.get_by_text("waits", exact=True).wait_for()
    page = as_user(officer)
    page.goto(live_server.url)
    page.get_by_role("link", name="1 request of members").click()
    assert fits(page)
    page.get_by_role("button", name="Approve: Nimwe").click()
    page.get_by_text("Approved and done").wait_for()
    assert Character.objects.get(name="Nimwe").user == User.objects.get(display_name="Sorrel")
    member.reload()
    member.get_by_text("approved", exact=True).wait_for()
