"""Every page of a guild that has nothing yet: no pool, no event, no character, one officer (and one member, for their pages).

Each opens, leads nobody into the admin for the guild's daily work, offers no select without anything to choose, asks nobody to
take away a filter that they did not set, and says what to do next with a link to it.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from guildhall.accounts.models import PermissionGroup, Section, User
from guildhall.accounts.services import create_person
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.web.urls import urlpatterns

pytestmark = pytest.mark.django_db

#: Pages of one thing, which an empty guild has none of, and what is no page.
OF_ONE_THING = {
    "character_id", "entry_id", "pool_id", "rule_id", "run_id", "application_id", "date_id", "raid_id", "attendance_id",
    "check_id", "event_id", "item_id", "award_id", "bid_session_id", "batch_id", "bidding_rule_id", "item_pool_id",
    "question_id", "token", "username", "file_format", "chat_rule_id",
}  # fmt: skip
NO_PAGES = {"sign-out", "setup", "follow", "item-suggest", "undo"}
STEPS = ("guild", "pools", "ranks", "events", "recruitment", "backups")
#: What an empty list says and where it leads, for officers.
NEXT = {
    "standings": "/officers/setup/pools/",
    "roster": "/characters/new/",
    "families": "/characters/new/",
    "raids": "/raids/import/",
    "raid-new": "/officers/setup/events/",
    "raid-import": "/officers/setup/events/",
    "calendar": "/calendar/new/",
    "date-new": "/officers/setup/events/",
    "items": "/raids/",
    "loot": "/raids/",
    "auctions": "/officers/setup/pools/",
    "recruitment": "/recruitment/settings/",
    "adjust": "/officers/setup/pools/",
    "rules": "/officers/setup/pools/",
    "batches": "/officers/roster-import/",
    "bidding": "/officers/pools/",
    "chat-doubts": "/officers/bidding/chat/",
    "events": "/officers/setup/pools/",
    "ranks": "/officers/roster-import/",
    "bulk-rank": "/officers/roster-import/",
    "make-people": "/officers/roster-import/",
    "note-patterns": "/officers/roster-import/",
    "item-pools": "/officers/pools/",
    "mine": "/officers/setup/pools/",
}
#: The same for a member: what they can do themselves.
NEXT_OF_MEMBER = {"mine": "/requests/"}


class Body(HTMLParser):
    """What stands in `main`: its links, and the selects with the values that they offer."""

    def __init__(self) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.selects: dict[str, list[str]] = {}
        self.inside, self.select = False, ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.inside = self.inside or tag == "main"
        if not self.inside:
            return
        if tag == "a":
            self.links.add(given.get("href", "").partition("#")[0])
        elif tag == "select":
            self.select = given.get("name", "?")
            self.selects[self.select] = []
        elif tag == "option" and self.select:
            self.selects[self.select].append(given.get("value", "text"))

    def handle_endtag(self, tag: str) -> None:
        if tag == "select":
            self.select = ""
        elif tag == "main":
            self.inside = False


def paths(user: User | None) -> dict[str, str]:
    """Every page that an empty guild has, by its name."""
    found = {}
    for pattern in urlpatterns:
        wanted = set(pattern.pattern.converters)
        if pattern.name in NO_PAGES or wanted & OF_ONE_THING or (user is None and wanted):
            continue
        things: dict[str, Any] = {
            "user_id": user.pk if user else 0,
            "group_id": PermissionGroup.objects.earliest("pk").pk,
        }
        if "step" in wanted:
            for step in STEPS:
                found[f"{pattern.name} {step}"] = reverse(f"web:{pattern.name}", args=[step])
            continue
        found[pattern.name] = reverse(f"web:{pattern.name}", kwargs={name: things[name] for name in wanted})
    return found


def faults(response: Any, name: str, leads: str) -> list[str]:
    """What is wrong with a page of an empty guild."""
    page = response.content.decode()
    body = Body()
    body.feed(page)
    main = page.split("<main", 1)[1].split("</main>")[0]
    found = [f"{name}: links to {link}" for link in body.links if link.startswith("/admin/")]
    found += [f"{name}: the select {one} offers nothing" for one, values in body.selects.items() if not any(values)]
    if re.search(r"[Tt]ake a filter away|matches\.", main):
        found.append(f"{name}: speaks of a filter that nobody set")
    if leads and leads not in body.links:
        found.append(f"{name}: does not lead to {leads}")
    return found


@pytest.fixture
def officer() -> User:
    return create_person(display_name="Founder", role_group="officer")


def walk(client: Client, pages: dict[str, str], leads: dict[str, str], may_refuse: bool) -> list[str]:
    """Open every page; what is wrong, and the links of each that do not open."""
    wrong: list[str] = []
    links: set[str] = set()
    for name, path in pages.items():
        response = client.get(path)
        if response.status_code == 403 and may_refuse:
            continue
        if response.status_code in (301, 302):
            response = client.get(response.url)
        if response.status_code != 200:
            wrong.append(f"{name}: {response.status_code}")
            continue
        wrong += faults(response, name, leads.get(name, ""))
        body = Body()
        body.feed(response.content.decode())
        links |= {link for link in body.links if link.startswith("/") and not link.startswith(("/static/", "/api/"))}
    wrong += [f"the link {link}: {status}" for link in sorted(links) if (status := client.get(link).status_code) >= 400]
    return wrong


def test_every_page_of_an_empty_guild_opens_for_its_officer_and_leads_on(officer: User, client: Client) -> None:
    client.force_login(officer)
    pages = paths(officer)
    assert len(pages) > 50
    assert "\n".join(walk(client, pages, NEXT, may_refuse=False)) == ""


def test_every_page_of_an_empty_guild_opens_for_a_member(officer: User, client: Client) -> None:
    member = create_person(display_name="Sorrel", role_group="member")
    client.force_login(member)
    assert "\n".join(walk(client, paths(member), NEXT_OF_MEMBER, may_refuse=True)) == ""


def test_a_stranger_finds_no_dead_end_in_an_empty_guild(officer: User, client: Client) -> None:
    assert "\n".join(walk(client, paths(None), {}, may_refuse=False)) == ""
    edit_visitor_access(actor=officer, **dict.fromkeys(Section.values, True))
    assert "\n".join(walk(client, paths(None), {}, may_refuse=False)) == ""
