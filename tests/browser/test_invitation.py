"""A guild without Discord: set up by its code, and a member on a phone comes in by an invitation; no admin page is opened."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from guildhall.accounts.models import User
from guildhall.accounts.services import make_setup_code
from guildhall.core import guild
from guildhall.roster.services import create_character
from tests.browser.people import PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def see(one: Any, name: str) -> None:
    """Keep a picture where somebody wants to look at it (`PICTURES`), and see that nothing is wider than the phone."""
    if folder := os.environ.get("PICTURES"):
        one.page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
    assert one.page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name


def link_of(one: Any) -> str:
    address = str(one.page.locator("#the-link").inner_text())
    return "/" + address.split("/", 3)[3]


def test_setup_invitation_and_joining_on_a_phone(visitor: Any, settings: Any) -> None:
    assert not settings.DEBUG
    guild.forget()
    boss = visitor(390)
    boss.go(f"/setup/?code={make_setup_code()}")
    fill = boss.page.fill
    fill("input[name=guild_name]", "Ember Watch")
    fill("input[name=time_zone]", "Europe/Berlin")
    fill("input[name=username]", "brak")
    for field in ("password", "again"):
        fill(f"input[name={field}]", PASSWORD)
    boss.page.get_by_role("button", name="Found the guild").click()
    boss.page.wait_for_url("**/officers/setup/")
    boss.page.get_by_role("link", name="Invitations", exact=True).last.click()
    see(boss, "invitations-empty")
    boss.page.get_by_role("button", name="Make the link").click()
    boss.page.locator("#the-link").wait_for()
    see(boss, "invitations")
    path = link_of(boss)

    phone = visitor(390)
    phone.go(path)
    see(phone, "join")
    phone.page.fill("input[name=username]", "sorrel")
    phone.page.fill("input[name=display_name]", "Sorrel")
    phone.page.fill("input[name=password]", PASSWORD)
    phone.page.fill("input[name=again]", "something else")
    phone.page.get_by_role("button", name="Join").click()
    phone.page.get_by_text("not the same password").first.wait_for()
    see(phone, "join-refused")
    for field in ("password", "again"):
        phone.page.fill(f"input[name={field}]", PASSWORD)
    phone.page.get_by_role("button", name="Join").click()
    phone.page.wait_for_url(f"{phone.server}/")
    see(phone, "home")
    member = User.objects.get(username="sorrel")
    create_character(name="Sorrel", user=member, character_class="Cleric", actor=User.objects.get(username="brak"))
    phone.go("/me/")
    assert "Sorrel" in phone.page.locator("main").inner_text()
    see(phone, "own-page")
    late = visitor(390)
    late.go(path)
    assert "used already" in late.page.locator("main").inner_text()
    see(late, "join-used")

    boss.go(f"/officers/people/{member.pk}/")
    see(boss, "person")
    boss.page.get_by_role("button", name="Make a sign-in link").click()
    boss.page.locator("#the-link").wait_for()
    see(boss, "invitations-used")
    again = visitor(390)
    again.go("/sign-in/")
    again.page.get_by_role("link", name="Forgotten?").click()
    see(again, "forgot")
    again.go(link_of(boss))
    see(again, "reset")
    for field in ("password", "again"):
        again.page.fill(f"input[name={field}]", "another torch of the hall")
    again.page.get_by_role("button", name="Set the password").click()
    again.page.wait_for_url(f"{again.server}/")
    phone.go("/me/")
    assert "/sign-in/" in phone.page.url, "the other sessions ended"
