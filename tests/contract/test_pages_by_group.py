"""Every page with its ids, opened as each role and as somebody with each permission group, and every button that they are shown.

`who_opens.csv` is the expected table: ``+`` for a page that opens, ``>`` for one that leads elsewhere, else the status of the
refusal. ``RECORD_WHO_MAY=1 pytest tests/contract/test_pages_by_group.py`` writes it anew; read its difference before
committing it. Whatever the table says, no page shows a link or a button that answers 403 to whoever it is shown to.
"""

from __future__ import annotations

import csv
import uuid
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from guildhall.accounts.models import PermissionGroup, User
from guildhall.accounts.services import create_person, give_group

from .guild import Guild
from .test_what_strangers_see import _page_paths

TABLE = Path(__file__).with_name("who_opens.csv")
ROLES = ["guest", "applicant", "member", "recruiter", "officer"]
GROUPS = ["Raid leader", "Loot officer", "Recruiter", "Treasurer"]
COLUMNS = [*ROLES, *GROUPS]
#: Anybody may press it, and it would end the session that the others are tried in.
NOT_PRESSED = {"/sign-out/"}


def client_of(column: str) -> Client:
    """Somebody with the role, or a member with the group, signed in."""
    role = "member" if column in GROUPS else column
    person = create_person(display_name="Onlooker", role_group=role)
    if column in GROUPS:
        give_group(user=person, group=PermissionGroup.objects.get(name=column), actor=None)
    client = Client(raise_request_exception=False)
    client.force_login(User.objects.get(pk=person.pk))
    return client


def opened(client: Client, guild: Guild) -> dict[str, Any]:
    """What each page answers, by its name."""
    return {name: client.get(path) for name, path in _page_paths(guild).items()}


def cell(response: Any) -> str:
    return {200: "+", 302: ">"}.get(response.status_code, str(response.status_code))


def table() -> dict[str, dict[str, str]]:
    """`who_opens.csv` by page."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row.pop("page"): row for row in csv.DictReader(file)}


@pytest.mark.records("RECORD_WHO_MAY")
def test_record(guild: Guild) -> None:
    found = {column: opened(client_of(column), guild) for column in COLUMNS}
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["page", *COLUMNS], lineterminator="\n")
        writer.writeheader()
        for name in sorted(_page_paths(guild)):
            writer.writerow({"page": name, **{column: cell(found[column][name]) for column in COLUMNS}})


@dataclass
class Shown:
    """What a page lets somebody press: addresses that it links, and forms with their buttons."""

    links: set[str] = field(default_factory=set)
    forms: list[tuple[str, dict[str, str], list[tuple[str, str]]]] = field(default_factory=list)


class Reader(HTMLParser):
    """Collects what can be pressed."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path, self.shown = path, Shown()
        self.values: dict[str, str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "a" and given.get("href", "").startswith(("/", "?")):
            where = given["href"].partition("#")[0]
            self.shown.links.add(self.path + where if where.startswith("?") else where)
        elif tag == "form" and given.get("method", "get").lower() == "post":
            self.values = {}
            self.shown.forms.append((given.get("action", "").partition("#")[0] or self.path, self.values, []))
        elif self.values is not None and tag == "button":
            self.shown.forms[-1][2].append((given.get("name", ""), given.get("value", "")))
        elif self.values is not None and tag in ("input", "select", "textarea") and given.get("name"):
            self.values.setdefault(given["name"], given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.values = None


def refused_presses(client: Client, pages: dict[str, Any], guild: Guild) -> set[str]:
    """What is shown to somebody and answers 403 when they press it."""
    paths = _page_paths(guild)
    done: set[object] = set()
    refused: set[str] = set()
    for name, response in pages.items():
        if response.status_code != 200 or "text/html" not in response.headers.get("Content-Type", ""):
            continue
        reader = Reader(paths[name])
        reader.feed(response.content.decode())
        for link in sorted(reader.shown.links - done):
            done.add(link)
            if not link.startswith(("/static/", "/admin/")) and client.get(link).status_code == 403:
                refused.add(f"{name}: the link {link}")
        for action, values, buttons in reader.shown.forms:
            for button, value in buttons or [("", "")]:
                once = (action, values.get("form"), button, value)
                if once in done or action in NOT_PRESSED:
                    continue
                done.add(once)
                body = {**values, "once": uuid.uuid4().hex, **({button: value} if button else {})}
                with transaction.atomic():
                    answer = client.post(action, body)
                    transaction.set_rollback(True)
                assert answer.status_code < 500, (name, action, body)
                if answer.status_code == 403:
                    refused.add(f"{name}: the button {button}={value} of {values.get('form')} at {action}")
    return refused


@pytest.mark.slow
@pytest.mark.parametrize("column", COLUMNS)
def test_a_page_opens_as_the_table_says_and_shows_no_button_that_is_refused(guild: Guild, column: str) -> None:
    client = client_of(column)
    pages = opened(client, guild)
    assert {name: cell(response) for name, response in pages.items()} == {
        name: row[column] for name, row in table().items()
    }
    assert refused_presses(client, pages, guild) == set()


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_opens_pages_of_officers_and_closes_none(group: str) -> None:
    rows = table()
    for name, row in rows.items():
        assert row[group] == row["member"] or row[group] in ("+", ">", "404"), name
        assert row[group] not in ("+", ">") or row["officer"] in ("+", ">"), name
    assert not {
        name for name in ("people", "groups", "group", "audit", "visitors", "discord") if rows[name][group] == "+"
    }
