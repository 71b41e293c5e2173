"""From an event's plan to a closed raid in a real browser, on a phone: plan, sign up, start, take attendance, close."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from guildhall.accounts.models import RoleGroup
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.points.selectors import balance_of
from guildhall.points.services import create_pool
from guildhall.raids.models import AttendanceCheck, Event, Raid
from guildhall.raids.services import award_attendance
from guildhall.roster.services import create_character
from tests.browser.people import watch

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def person(live_server: Any, chromium: Any, settings: Any) -> Any:
    """Somebody's own browser, signed in by the name of their button."""
    settings.DEMO_SIGN_IN = True
    seen: list[list[str]] = []

    def come(button: str) -> Any:
        page = chromium.new_context(viewport={"width": 390, "height": 844}).new_page()
        page.set_default_timeout(30_000)
        seen.append(watch(page))
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(f"{live_server.url}/sign-in/")
        page.get_by_role("button", name=button).click()
        page.wait_for_url(f"{live_server.url}/")
        return page

    yield come
    assert [problem for problems in seen for problem in problems] == []


def test_a_plan_becomes_a_raid_that_one_signs_up_for_starts_and_closes(live_server: Any, person: Any) -> None:
    leader = create_person(display_name="Brakkus", username="raidleader", role_group=RoleGroup.OFFICER)
    member = create_person(display_name="Sorrel", username="member", role_group=RoleGroup.MEMBER)
    pool = create_pool(name="Velious", actor=leader)
    create_character(name="Sorrel", user=member, character_class="Cleric", actor=leader)
    create_character(name="Brakkus", user=leader, character_class="Warrior", actor=leader)
    officer = person("Raid leader")

    # The event holds the plan.
    officer.goto(f"{live_server.url}/officers/events/")
    officer.fill("input[name=name]", "Temple of Veeshan")
    officer.fill("input[name=default_points]", "10")
    officer.check("input[name=pools]")
    officer.fill("input[name=usual_minutes]", "20")
    officer.fill("input[name=full_bonus]", "5")
    for kind in ("on_time", "end"):
        officer.check(f"input[name={kind}]")
    officer.fill("input[name=on_time_points]", "4")
    officer.fill("input[name=end_points]", "2")
    officer.fill("textarea[name=bosses_text]", "Vulak`Aerr; 8; Cloak of Flames")
    officer.check("[name=loot_is_new]")
    officer.get_by_role("button", name="Make it").click()
    officer.wait_for_selector("text=The event Temple of Veeshan is made.")

    # A raid of it is planned, and somebody signs up.
    begins = timezone.localtime(clock.now() + dt.timedelta(minutes=3)).strftime("%Y-%m-%dT%H:%M")
    officer.goto(f"{live_server.url}/calendar/new/")
    officer.fill("input[name=title]", "Vulak tonight")
    officer.select_option("select[name=event]", str(Event.objects.get().pk))
    officer.fill("input[name=starts_at]", begins)
    officer.get_by_role("button", name="Save").click()
    officer.wait_for_selector("text=Nobody has answered yet.")
    raid = Raid.objects.get()
    assert raid.state == "planned"
    sorrel = person("Member")
    sorrel.goto(f"{live_server.url}/calendar/{raid.date_id}/")
    sorrel.get_by_role("button", name="I come").click()
    sorrel.wait_for_selector("text=Sorrel: signed in.")

    # It is started; a boss dies; the leader alone is there from first to last.
    officer.goto(f"{live_server.url}/raids/{raid.pk}/")
    assert officer.locator("text=1 comes.").count() == 1
    officer.get_by_role("button", name="Start the raid").click()
    officer.wait_for_selector("text=is running; nobody signs up any more.")
    officer.get_by_role("button", name="Vulak`Aerr is dead").click()
    officer.wait_for_selector("text=Vulak`Aerr is dead: a check worth 8.00.")
    for check in AttendanceCheck.objects.filter(kind__in=("on_time", "end")):
        award_attendance(raid=raid, check=check, attendees=["Brakkus"], actor=leader)

    # Closing says what is missing, who gets the bonus, and who signed up and did not come.
    officer.goto(f"{live_server.url}/raids/{raid.pk}/")
    officer.get_by_role("link", name="Close the raid").click()
    officer.wait_for_selector("text=1 check has nobody: Vulak`Aerr.")
    said = officer.locator("main").inner_text()
    assert "5.00 more for each of 1: Brakkus." in said
    assert said[said.index("Signed up and did not come") :].splitlines()[2].strip() == "Sorrel"
    assert officer.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    officer.get_by_role("button", name="Close the raid").click()
    officer.wait_for_selector("text=Do it, or close it anyway.")
    officer.check("input[name=anyway]")
    officer.get_by_role("button", name="Close the raid").click()
    officer.wait_for_selector("text=1 have the bonus for staying.")
    assert Raid.objects.get().state == "done"
    assert balance_of(user_id=leader.pk, pool=pool).balance == 11
