"""Every operation of the schema, asked in a guild that has one of everything: the answer is one that is described, with
the fields that are described and no others (`responses.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.services import create_person

from . import responses
from .good_requests import PLACES, ask, bodies, url
from .guild import Guild

ENDLESS = "get /api/bidding/stream/"
FREE = {
    "AuctionsAppliedOutput.figures": "the numbers behind a refusal, as in every error",
    "AuctionsSessionDetail.trace[]": "a record for people; each step has its own figures",
    "DiscordPersonOutput.preferences": "the client's own",
    "ErrorItem.figures": "the numbers behind a refusal",
    "LootItem.metadata": "the client's own",
    "OpsAuditEventOutput.data": "differs from action to action",
    "OpsCheck.figures": "numbers for a person to look at",
    "RaidsUnmatched.raw": "what else an upload said",
    "RosterMe.preferences": "the client's own",
}
"""Objects whose names nobody promises, and why."""


def test_an_officer_is_answered_as_described(guild: Guild) -> None:
    good, wrong = bodies(guild), []
    for method, path, described in responses.operations():
        operation = f"{method} {path}"
        if operation == ENDLESS:
            continue
        given = good.get(operation)
        assert given is not None or "requestBody" not in described, f"{operation} has no body in good_requests.py"
        for body in given if isinstance(given, list) else [given]:
            response = ask(guild, operation, url(guild, operation, described), body)
            if response.status_code >= 300:
                wrong.append(f"{operation}: {response.status_code} {response.content[:300]!r}")
            wrong += responses.faults(method, path, response)
    assert wrong == []


@pytest.mark.parametrize("role", ["recruiter", "member", "guest", None])
def test_what_others_are_shown_is_described_too(guild: Guild, role: str | None) -> None:
    """Some fields are not for everybody: what is left out must not be promised."""
    api, wrong, shown = APIClient(raise_request_exception=False), [], 0
    if role:
        api.force_authenticate(create_person(display_name="Onlooker", role_group=role))
    for method, path, described in responses.operations():
        operation = f"{method} {path}"
        if method == "get" and operation != ENDLESS:
            response = api.get(url(guild, operation, described))
            wrong += responses.faults(method, path, response)
            shown += response.status_code == 200
    assert wrong == []
    assert shown > {"recruiter": 70, "member": 60, "guest": 15, None: 0}[role]


def test_the_streams_refusals_are_described(guild: Guild, settings: Any) -> None:
    settings.STREAM_LIMIT = 0
    officer, guest = Client(), Client()
    officer.force_login(guild.boss)
    guest.force_login(create_person(display_name="Guest", role_group="guest"))
    for client, last, status in ((officer, "x", 400), (Client(), "", 401), (guest, "", 403), (officer, "", 503)):
        refused = client.get("/api/bidding/stream/", headers={"Last-Event-ID": last})
        assert refused.status_code == status
        assert responses.faults("get", "/api/bidding/stream/", refused) == []


def test_files_come_in_the_formats_that_are_described(guild: Guild) -> None:
    wrong, files = [], 0
    for method, path, described in responses.operations():
        kinds = described["responses"].get("200", {}).get("content", {})
        for ending, kind in (("csv", "text/csv"), ("xlsx", "spreadsheetml")):
            if method == "get" and any(kind in one for one in kinds):
                response = guild.api.get(url(guild, f"get {path}", described), {"format": ending})
                wrong += responses.faults(method, path, response)
                files += response.status_code == 200
    assert wrong == []
    assert files >= 14


def vague(node: dict[str, Any], where: str, seen: set[str]) -> Iterator[str]:
    """Where a schema says no more than that something is there."""
    if "$ref" in node:
        name = node["$ref"].rpartition("/")[2]
        if name not in seen:
            seen.add(name)
            yield from vague(responses.schema()["components"]["schemas"][name], name, seen)
        return
    together = [one for form in ("allOf", "oneOf", "anyOf") for one in node.get(form, [])]
    for one in together:
        yield from vague(one, where, seen)
    for name, one in node.get("properties", {}).items():
        yield from vague(one, f"{where}.{name}", seen)
    if isinstance(node.get("additionalProperties"), dict) and node["additionalProperties"]:
        yield from vague(node["additionalProperties"], f"{where}.*", seen)
    elif node.get("type") == "array":
        yield from vague(node["items"], f"{where}[]", seen)
    elif not together and node.get("type", "object") == "object" and not {"properties", "enum"} & set(node):
        yield where


def test_every_answer_says_what_is_in_it() -> None:
    seen: set[str] = set()
    found = {
        place
        for method, path, described in responses.operations()
        for status, answer in described["responses"].items()
        for form in [answer.get("content", {}).get("application/json", {}).get("schema")]
        if form is not None
        for place in vague(form, f"{method} {path} {status}", seen)
    }
    assert found - set(FREE) == set()
    assert set(FREE) - found == set()


def test_the_tables_name_nothing_that_is_not_there(guild: Guild) -> None:
    known = {f"{method} {path}" for method, path, _ in responses.operations()}
    assert set(bodies(guild)) - known == set()
    assert [place for place in PLACES if not any(place in path for _, path, _ in responses.operations())] == []
