"""Every form of a page that begins with what is stored is refused where somebody else changed that since it was opened.

A new form is found by its `initial`: it has a version, or a line in `WITHOUT` that says why it needs none.
"""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from guildhall.core.form_fields import NumberField, PointsField, TextField
from guildhall.web.forms.base import PageForm

from .guild import Guild
from .test_what_strangers_see import _page_paths

#: Forms that begin with values and change no row that somebody else may have changed, by page and name.
WITHOUT = {
    "character-new form “new”": "makes a character; its values come from the link",
    "character-edit form “transfer”": "gives to whoever is named; the owner before is in the history",
    "check-new form “check”": "makes a new check",
    "leave form “take”": "takes a new leave",
    "ranks form “create”": "makes a new rank",
    "recruitment-settings form “question”": "asks a new question",
    "bidding-rule-new form “rule”": "makes a new rule",
    "keys form “create”": "makes a new key",
    "account form “zone”": "one's own, and one value",
    "person form “role”": "one value, said with its reason; each change is in the access history",
    "person form “name”": "one value; each change is in the access history",
    "chat-doubts form “apply”": "settles a doubt that is open; a settled one is refused",
    "award form “correct”": "undoes this award and makes a new one: a second correction is refused (already_reversed)",
    "raid-import form “import”": "an import; it begins with what one chose last",
    "console form “auction”": "opens a new auction; it begins with the rules of the guild",
    "adjust form “adjust”": "makes a new adjustment; it begins with who was clicked",
}
#: Steps of setting up that begin with what is stored; the walk over the pages opens one step alone.
STEPS = ("guild", "recruitment", "backups")


class Fields(HTMLParser):
    """Collects what a browser sends of each form of a page, and what it would send of each box."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, list[str]]] = []
        self.boxes: list[dict[str, str]] = []
        self.open = False
        self.select, self.area = "", ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name, kind = given.get("name", ""), given.get("type", "text")
        if tag == "form":
            self.open = True
            self.forms.append({})
            self.boxes.append({})
        elif not self.open:
            return
        elif tag == "input" and name and "disabled" not in given:
            if kind == "checkbox":
                self.boxes[-1].setdefault(name, given.get("value", "on"))
            if kind not in ("checkbox", "radio", "file", "submit") or "checked" in given:
                self.forms[-1].setdefault(name, []).append(given.get("value", "on" if kind == "checkbox" else ""))
        elif tag == "select":
            self.select = name
            self.forms[-1].setdefault(name, [])
        elif tag == "option" and self.select:
            chosen = self.forms[-1][self.select]
            if "selected" in given:
                chosen[:] = [given.get("value", "")]
            elif not chosen:
                chosen.append(given.get("value", ""))
        elif tag == "textarea" and name:
            self.area = name
            self.forms[-1].setdefault(name, [""])

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.open = False
        elif tag == "select":
            self.select = ""
        elif tag == "textarea":
            self.area = ""

    def handle_data(self, data: str) -> None:
        if self.area:
            self.forms[-1][self.area] = [self.forms[-1][self.area][0] + data.removeprefix("\n")]


def _forms(text: str) -> Iterator[tuple[dict[str, list[str]], dict[str, str]]]:
    reader = Fields()
    reader.feed(text)
    yield from zip(reader.forms, reader.boxes, strict=True)


def _changed(form: PageForm, values: dict[str, list[str]], boxes: dict[str, str]) -> dict[str, list[str]]:
    """The form as somebody sends it who changed one thing that is stored: a text, else a number, else a tick."""
    found, stored = dict(values), [name for name in form.fields if name in form.initial]
    for name in stored:
        if type(form.fields[name]) is TextField and name != "usual_time":
            found[name] = [f"{values[name][0]}x"]
            return found
    for name in stored:
        if isinstance(form.fields[name], NumberField | PointsField):
            found[name] = ["7"]
            return found
    for name in stored:
        if name in boxes:
            found.pop(name, None) if name in values else found.update({name: [boxes[name]]})
            return found
    raise AssertionError(f"nothing to change in {values}")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[PageForm]:
    """Every form that a page makes, while it is opened."""
    found: list[PageForm] = []
    begin = PageForm.__init__

    def noted(self: PageForm, *args: Any, **options: Any) -> None:
        begin(self, *args, **options)
        if options.get("initial"):
            found.append(self)

    monkeypatch.setattr(PageForm, "__init__", noted)
    return found


def _paths(guild: Guild) -> dict[str, str]:
    steps = {f"setup-step {step}": f"/officers/setup/{step}/" for step in STEPS}
    public = {
        "sign-in",
        "setup",
        "join",
        "reset",
        "apply",
        "forgot",
        "follow",
        "sign-out",
        "demo-sign-in",
        "setup-step",
    }
    return {name: path for name, path in _page_paths(guild).items() if name not in public} | steps


def test_every_form_that_begins_with_what_is_stored_refuses_a_stale_edit(guild: Guild, made: list[PageForm]) -> None:
    client = Client()
    client.force_login(guild.boss)
    without, faults, tried = set(), [], 0
    for page, path in _paths(guild).items():
        made.clear()
        shown = client.get(path)
        forms = {form.form_name: form for form in made}
        without |= {f"{page} form “{name}”" for name, form in forms.items() if not form.version}
        if shown.status_code != 200 or "text/html" not in shown.headers["Content-Type"]:
            continue
        for values, boxes in _forms(shown.content.decode()):
            form = forms.get(name := values.get("form", ["-"])[0])
            if form is None or not form.version:
                continue
            if values.get("version") != [form.version]:
                faults.append(f"{page} form “{name}” does not send its version")
                continue
            tried += 1
            faults += _stale(client, path, f"{page} form “{name}”", _changed(form, values, boxes))
    assert faults == []
    assert tried > 20
    assert without == set(WITHOUT)


def _stale(client: Client, path: str, which: str, sent: dict[str, list[str]]) -> list[str]:
    """What is wrong where this form is sent as opened on something else; nothing stays changed."""
    save = {} if "step" in sent else {"step": "save"}
    with transaction.atomic():
        seen = sent["version"][0]
        stale = client.post(path, {**sent, **save, "version": ["0" * 24 + seen[24:] if ":" in seen else "0" * 24]})
        text = stale.content.decode()
        again = next((form for form, _ in _forms(text) if form.get("form") == sent["form"]), {})
        stored = client.post(path, {**again, **save}) if again else None
        transaction.set_rollback(True)
    if stale.status_code != 409 or "somebody else changed" not in text:
        return [f"{which}: a stale one is answered {stale.status_code}"]
    if stored is None or stored.status_code != 302:
        return [f"{which}: sent again from that page it is answered {stored and stored.status_code}"]
    return []
