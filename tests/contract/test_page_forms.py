"""Every form that stands on a page, sent with values that are none: a clear answer, never a 500, and every field has a label."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from .guild import Guild
from .test_what_strangers_see import _page_paths

MACHINERY = {"csrfmiddlewaretoken", "once", "form", "digest", "shown"}
HOSTILE = {
    "control character": "a\x07b",
    "NUL": "a\x00b",
    "too long": "x" * 30_000,
    "a number that is none": "²",
    "a number beyond the database": "9" * 40,
    "below zero": "-1",
    "markup": '"><script>alert(1)</script>',
    "a number beyond the column": "9" * 18,
    "nothing": "",
}
BUTTONS = {"sign-out"}


@dataclass
class Sent:
    """A form of a page: where it is sent, its fields with their values, and those that no label names."""

    action: str
    is_post: bool
    values: dict[str, str] = field(default_factory=dict)
    typed: set[str] = field(default_factory=set)
    unnamed: list[str] = field(default_factory=list)


class Forms(HTMLParser):
    """Collects the forms of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Sent] = []
        self.open: Sent | None = None
        self.in_label = 0
        self.labels: set[str] = set()
        self.pending: list[tuple[Sent, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.open = Sent(given.get("action", ""), given.get("method", "get").lower() == "post")
            self.found.append(self.open)
        elif tag == "label":
            self.in_label += 1
            self.labels.add(given.get("for", ""))
        elif self.open is not None and tag in ("input", "select", "textarea", "button") and given.get("name"):
            name, kind = given["name"], given.get("type", "")
            self.open.values.setdefault(name, given.get("value", ""))
            if tag != "button" and kind != "hidden":
                self.open.typed.add(name)
                if not self.in_label and not given.get("aria-label"):
                    self.pending.append((self.open, name, given.get("id", "")))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = None
        elif tag == "label":
            self.in_label -= 1

    def close(self) -> None:
        super().close()
        for form, name, pk in self.pending:
            if not pk or pk not in self.labels:
                form.unnamed.append(name)


def forms_of(client: Client, path: str) -> list[Sent]:
    page = client.get(path)
    if page.status_code != 200 or "text/html" not in page.headers.get("Content-Type", ""):
        return []
    parser = Forms()
    parser.feed(page.content.decode())
    parser.close()
    return parser.found


@pytest.fixture
def walk(guild: Guild) -> list[tuple[Client, str, Sent]]:
    client = Client(raise_request_exception=False)
    client.force_login(guild.boss)
    stranger = Client(raise_request_exception=False)
    found = []
    for who in (client, stranger):
        for name, path in _page_paths(guild).items():
            for form in forms_of(who, path):
                if form.is_post and name not in BUTTONS and form.values.get("form") is not None:
                    found.append((who, form.action.partition("#")[0] or path, form))
    assert len({(path, form.values["form"]) for _, path, form in found}) > 40
    return found


@pytest.mark.slow
@pytest.mark.parametrize("kind", HOSTILE)
def test_no_form_breaks_on_a_value_that_is_none(walk: Any, kind: str) -> None:
    """All typed fields at once, and each hidden one by itself: whoever sends a form by hand sends those too."""
    broken = []
    for client, path, form in walk:
        bodies = [{**form.values, **dict.fromkeys(form.typed, HOSTILE[kind])}]
        bodies += [{**form.values, name: HOSTILE[kind]} for name in form.values if name not in form.typed | {"form"}]
        for body in bodies:
            answer = client.post(path, body)
            if answer.status_code >= 500:
                broken.append((path, form.values["form"], body))
    assert broken == []
    assert walk[0][0].get("/officers/people/").status_code == 200  # nothing on the way signed the officer out


@pytest.mark.slow
def test_a_control_character_is_refused_beside_its_field(walk: Any) -> None:
    passed = []
    for client, path, form in walk:
        for name in form.typed - {"text", "log", "password", "again"}:
            answer = client.post(path, {**form.values, name: HOSTILE["control character"]})
            if answer.status_code < 400 and answer.status_code != 200:
                passed.append((path, form.values["form"], name))
    ticks = [one for one in passed if one[2] in TICKS]
    assert [one for one in passed if one not in ticks] == []


TICKS = {
    "remember", "is_active", "is_default", "allow_negative", "automatic", "counts_for_attendance", "is_closed", "replace",
    "all_in_breaks_increment", "force", "whole", "visible_to_applicant", "standings", "roster", "raids", "calendar", "items",
    "recruitment", "grace", "is_open", "strangers", "file", "files", "make_main",
    "alt", "main", "transfer", "attendance", "is_new", "anyway", "is_trial", "is_hidden", "item_not_for_class", "must",
    "on_time", "hourly", "kill", "end", "loot_is_new", "loot_elsewhere",
}  # fmt: skip


@pytest.mark.slow
def test_every_field_of_every_form_has_a_label(walk: Any) -> None:
    assert sorted({(path, name) for _, path, form in walk for name in form.unnamed}) == []
