"""Two officers run one night on the console, at a desk and on a phone; the page holds under its own policy and by keyboard."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.accounts.models import RoleGroup
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.loot.models import LootDistribution
from guildhall.points.models import LedgerEntry
from guildhall.points.services import create_pool
from guildhall.raids.log_models import LogFinding
from guildhall.raids.models import Raid, RaidAttendance
from guildhall.raids.services import award_attendance, create_event, create_raid
from guildhall.roster.services import create_character

from .people import PASSWORD, Visitor, until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def raid() -> Raid:
    first = create_person(display_name="Brakkus", username="first", role_group=RoleGroup.OFFICER, password=PASSWORD)
    create_person(display_name="Nimwe", username="second", role_group=RoleGroup.OFFICER, password=PASSWORD)
    for name in ("Sorrel", "Tibble"):
        person = create_person(display_name=name, role_group=RoleGroup.MEMBER)
        create_character(name=name, user=person, character_class="Cleric", actor=first)
    event = create_event(
        name="Siege", pools=[create_pool(name="Velious", actor=first)], default_points="10", actor=first
    )
    made = create_raid(event=event, started_at=clock.now() - dt.timedelta(minutes=30), actor=first)
    award_attendance(raid=made, attendees=["Sorrel", "Sorell"], actor=first)
    return made


def arrive(visitor: Any, raid: Raid, name: str, width: int) -> Visitor:
    who: Visitor = visitor(width)
    who.page.set_default_timeout(20_000)
    who.with_password(name)
    who.go(f"/raids/{raid.pk}/console/")
    assert who.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    return who


def test_what_one_officer_does_the_other_sees_and_nobody_overwrites(visitor: Any, raid: Raid) -> None:
    one, two = arrive(visitor, raid, "first", 1280), arrive(visitor, raid, "second", 390)
    two.page.get_by_label("One more").fill("half ty")  # is left alone while the other works
    one.page.get_by_label("One more").fill("Tibble")
    one.page.get_by_role("button", name="Add to on time").click()
    one.page.locator("#messages .message", has_text="Tibble is at on time").wait_for()
    two.page.locator("#night-there b", has_text="Tibble").wait_for()
    assert two.page.get_by_label("One more").input_value() == "half ty"

    # Both press at the same person before they hear of each other: the second one is told.
    two.page.route("**/console/**", lambda route: route.abort() if route.request.method == "GET" else route.continue_())
    row = RaidAttendance.objects.get(character_name="Sorrel")
    one.page.locator(f"#press-{row.pk}-late").click()
    one.page.locator("#messages .message", has_text="Sorrel: late").wait_for()
    two.page.locator(f"#press-{row.pk}-standby").click()
    two.page.locator("#console-notice", has_text="somebody else changed Sorrel").wait_for()
    row.refresh_from_db()
    assert row.status == "late"
    two.page.unroute("**/console/**")

    # One undo takes it back, for both.
    entries = LedgerEntry.objects.count()
    one.page.get_by_role("button", name="Undo", exact=True).first.click()
    one.page.locator("#messages .message", has_text="stands as before").wait_for()
    assert LedgerEntry.objects.count() > entries
    two.page.locator(f"#press-{row.pk}-present[aria-pressed=true]").wait_for()


def test_a_night_is_run_by_keyboard_alone(visitor: Any, raid: Raid) -> None:
    page = arrive(visitor, raid, "first", 390).page
    page.get_by_label("One more").focus()
    page.keyboard.type("Tibble")
    page.keyboard.press("Enter")
    page.locator("#night-there b", has_text="Tibble").wait_for()
    row = RaidAttendance.objects.get(character_name="Tibble")
    page.locator(f"#press-{row.pk}-late").focus()
    page.keyboard.press("Enter")
    page.locator(f"#press-{row.pk}-late[aria-pressed=true]").wait_for()
    assert page.evaluate("document.activeElement.id") == f"press-{row.pk}-late"
    page.get_by_role("button", name="Let it pass").focus()
    page.keyboard.press("Enter")
    page.locator("#night-end", has_text="Nothing is missing").wait_for()
    page.get_by_role("button", name="Close the raid").focus()
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Open it again").wait_for()
    raid.refresh_from_db()
    assert raid.state == Raid.State.DONE


def test_who_works_by_keyboard_keeps_their_place_when_another_changes_the_page(visitor: Any, raid: Raid) -> None:
    """A button without an id of its own is found again in the part that came anew; where it is gone, its neighbour is taken."""
    page = arrive(visitor, raid, "first", 1280).page
    page.get_by_role("button", name="Let it pass").focus()
    page.keyboard.press("Shift+Tab")
    held = page.evaluate("document.activeElement.textContent")
    tag = page.evaluate(
        "(document.activeElement.closest('[data-live]').dataset.before = '1') && document.activeElement.name"
    )
    award_attendance(raid=raid, attendees=["Nimbul"], actor=None)
    page.locator("#unmatched b", has_text="Nimbul").wait_for()
    assert page.locator("#unmatched[data-before]").count() == 0, "the part is another one now"
    assert page.evaluate("[document.activeElement.textContent, document.activeElement.name]") == [held, tag]
    for left in (1, 0):
        page.locator("#unmatched").get_by_role("button", name="Let it pass").first.focus()
        page.keyboard.press("Enter")
        until(page, f"document.querySelectorAll('#unmatched li').length === {left}")
        until(page, "document.activeElement !== document.body")


def test_loot_of_a_log_is_awarded_by_one_officer_while_the_other_types_a_price(visitor: Any, raid: Raid) -> None:
    for item, who in (("Cloak of Flames", "Sorrel"), ("Lucid Shard", "Tibble")):
        LogFinding.objects.create(
            raid=raid, kind="loot", at=raid.started_at, item=item, character_name=who, name_key=who.lower()
        )
    cloak, shard = LogFinding.objects.order_by("pk")
    one, two = arrive(visitor, raid, "first", 1280), arrive(visitor, raid, "second", 390)
    two.page.locator(f"#log-loot-for-{shard.pk}").fill("12")
    one.page.locator(f"#log-loot-for-{cloak.pk}").fill("0")
    one.page.locator(f"#log-loot-{cloak.pk}").get_by_role("button", name="Award it").click()
    one.page.locator("#messages .message", has_text="Cloak of Flames to Sorrel for 0.00").wait_for()
    two.page.locator(f"#log-loot-{cloak.pk} .tag", has_text="awarded").wait_for()
    assert two.page.locator(f"#log-loot-for-{shard.pk}").input_value() == "12"

    # A press at what the other decided meanwhile is refused, and says so.
    two.page.route("**/console/**", lambda route: route.abort() if route.request.method == "GET" else route.continue_())
    one.page.locator(f"#log-loot-{shard.pk}").get_by_role("button", name="Pass over").click()
    one.page.locator(f"#log-loot-{shard.pk}", has_text="passed over").wait_for()
    two.page.locator(f"#log-loot-{shard.pk}").get_by_role("button", name="Award it").click()
    two.page.locator("#console-notice", has_text="decided already").wait_for()
    assert LootDistribution.objects.count() == 1
