"""A request is understood as a whole or refused: no unknown field, no unknown parameter, on no operation.

Each walks the schema, so that a new endpoint is tried without a line here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, resolve
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.core.api.contract import Fields, Items, contract_of, nearest_name
from guildhall.core.api.views import StrictView

from . import responses
from .good_requests import AS, ask, bodies, path_for, url
from .guild import Guild

WRITES = ("post", "put", "patch", "delete")
STREAM = "get /api/bidding/stream/"
FOREIGN = {
    "api/schema/": "drf-spectacular's own view of the schema",
    "api/docs/": "a page",
    "api/discord/interactions/": "Discord decides what it sends there",
    "api/bidding/stream/": "no DRF view; it calls the same check",
    "^api/": "what is not there",
}
"""What stands under /api/ and is none of our views."""


def addresses(patterns: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    for one in patterns:
        where = before + str(one.pattern)
        if isinstance(one, URLResolver):
            yield from addresses(one.url_patterns, where)
        elif isinstance(one, URLPattern):
            yield where, one.callback


def api_views() -> list[tuple[str, Any]]:
    return [(where, view) for where, view in addresses(get_resolver().url_patterns) if "api/" in where[:5]]


def errors(response: Any) -> list[tuple[str, str | None]]:
    return [(one["code"], one["attr"]) for one in response.json()["errors"]]


def test_every_view_under_api_refuses_what_it_does_not_know() -> None:
    loose = [where for where, view in api_views() if not issubclass(getattr(view, "cls", object), StrictView)]
    assert sorted(loose) == sorted(FOREIGN)


def good_bodies(guild: Guild) -> Iterator[tuple[str, str, Any]]:
    """(operation, url, a good body or nothing) of every write."""
    good = bodies(guild)
    for method, path, described in responses.operations():
        if method in WRITES:
            operation = f"{method} {path}"
            given = good.get(operation, {})
            yield operation, url(guild, operation, described), given[0] if isinstance(given, list) else given


def test_every_write_refuses_a_field_that_it_does_not_know(guild: Guild) -> None:
    wrong, tried = [], 0
    for operation, where, body in good_bodies(guild):
        response = ask(guild, operation, where, {**body, "nonsense": 1})
        if response.status_code != 400 or errors(response) != [("unknown_field", "nonsense")]:
            wrong.append(f"{operation}: {response.status_code} {response.content[:200]!r}")
        tried += 1
    assert wrong == []
    assert tried > 100


def test_every_write_refuses_it_in_a_form_too(guild: Guild) -> None:
    wrong = []
    for operation, where, _ in good_bodies(guild):
        for kind, body in (
            ("application/x-www-form-urlencoded", b"csrfmiddlewaretoken=x&nonsense=1"),
            (
                "multipart/form-data; boundary=b",
                b'--b\r\nContent-Disposition: form-data; name="nonsense"\r\n\r\n1\r\n--b--\r\n',
            ),
        ):
            method = operation.partition(" ")[0].upper()
            response = guild.api.generic(method, where, body, content_type=kind)
            if response.status_code != 400 or errors(response) != [("unknown_field", "nonsense")]:
                wrong.append(f"{operation} {kind[:30]}: {response.status_code} {response.content[:200]!r}")
    assert wrong == []


def nested(shape: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where a body has objects within; a list's first member is `0`, a mapping's too."""
    if isinstance(shape, Items):
        yield from nested(shape.each, (*path, "0"))
    elif isinstance(shape, Fields):
        if path:
            yield path
        for name, one in shape.writable.items():
            yield from nested(one, (*path, name))


def with_nonsense(path: tuple[str, ...]) -> Any:
    """A body that has nothing but an unknown name at `path`."""
    made: Any = {"nonsense": 1}
    for step in reversed(path):
        made = [made] if step == "0" else {step: made}
    return made


def test_what_is_nested_is_looked_into(guild: Guild) -> None:
    views = {view.cls: view for _, view in api_views() if hasattr(view, "cls")}
    assert views
    wrong, tried = [], set()
    for operation, where, _ in good_bodies(guild):
        method = operation.partition(" ")[0].upper()
        shape = contract_of(resolve(where.partition("?")[0]).func, method).body
        for path in nested(shape):
            response = ask(guild, operation, where, with_nonsense(path))
            attr = ".".join((*path, "nonsense"))
            tried.add(".".join(path))
            if response.status_code != 400 or errors(response) != [("unknown_field", attr)]:
                wrong.append(f"{operation}: {attr}: {response.status_code} {response.content[:200]!r}")
    assert wrong == []
    assert {"attendees.0", "decisions", "answers.0", "bids.0"} <= tried


def test_every_operation_refuses_a_parameter_that_it_does_not_know(guild: Guild) -> None:
    wrong, good = [], bodies(guild)
    for method, path, described in responses.operations():
        operation = f"{method} {path}"
        where = url(guild, operation, described)
        if operation == STREAM:
            browser = Client()
            browser.force_login(guild.boss)
            response = browser.get(f"{where}?nonsense=1")
        else:
            body = good.get(operation)
            joined = f"{where}{'&' if '?' in where else '?'}nonsense=1"
            response = ask(guild, operation, joined, body[0] if isinstance(body, list) else body)
        if response.status_code != 400 or errors(response) != [("unknown_parameter", "nonsense")]:
            wrong.append(f"{operation}: {response.status_code} {response.content[:200]!r}")
            continue
        detail = response.json()["errors"][0]["detail"]
        query = [one["name"] for one in described.get("parameters", []) if one["in"] == "query"]
        known = [name for name in query if "__" not in name and name != "format"]  # of the others the ways are told
        wrong += [f"{operation} does not name {name}" for name in known[:50] if name not in detail]
    assert wrong == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("nonsense=1", ("unknown_parameter", "nonsense")),
        ("event=1&event_id=2", ("contradiction", "event_id")),
    ],
)
def test_a_list_refuses_what_it_cannot_follow(guild: Guild, query: str, expected: tuple[str, str]) -> None:
    """One of each that the tests of every operation try; they take long, and `make mutants` runs these."""
    response = guild.api.get(f"/api/raids/?{query}")
    assert (response.status_code, errors(response)) == (400, [expected])


def test_the_live_stream_refuses_what_it_does_not_know(guild: Guild) -> None:
    browser = Client()
    browser.force_login(guild.boss)
    response = browser.get("/api/bidding/stream/?nonsense=1")
    assert response.status_code == 400
    assert errors(response) == [("unknown_parameter", "nonsense")]


def test_what_is_within_a_body_or_in_a_form_is_refused_too(guild: Guild) -> None:
    path = f"/api/raids/{guild.ids['raid']}/attendance/"
    response = guild.api.post(path, {"attendees": [{"character_name": "Aeli", "nonsense": 1}]})
    assert (response.status_code, errors(response)) == (400, [("unknown_field", "attendees.0.nonsense")])
    response = guild.api.post("/api/events/", {"name": "Sleeper", "nonsense": "1"}, format="multipart")
    assert (response.status_code, errors(response)) == (400, [("unknown_field", "nonsense")])


def test_a_parameter_stands_once(guild: Guild) -> None:
    response = guild.api.get("/api/raids/?ordering=name&ordering=-name")
    assert (response.status_code, errors(response)) == (400, [("repeated_parameter", "ordering")])


def _queries(described: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in described.get("parameters", []) if one["in"] == "query"}


def _two_names(known: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Pairs of parameters that mean the same: by their description, or an id with and without ``_id``."""
    for name, one in known.items():
        other = re.match(r"as `([a-z_]+)`", one.get("description", ""))
        if other:
            yield name, other[1]
        elif f"{name}_id" in known and {known[each]["schema"]["type"] for each in (name, f"{name}_id")} == {"integer"}:
            yield name, f"{name}_id"


VALUES = {"integer": ("1", "2"), "boolean": ("true", "false")}


def test_what_contradicts_itself_in_a_query_string_is_refused(guild: Guild) -> None:
    """The same parameter twice, and two names of the same thing, on every operation that is read."""
    pairs, wrong = set(), []
    for method, path, described in responses.operations():
        known = _queries(described)
        if method != "get" or f"get {path}" == STREAM:
            continue
        where = url(guild, f"get {path}", described).partition("?")[0]
        single = [name for name, one in known.items() if one["schema"].get("type") != "array" and name != "format"]
        for name in single:
            response = guild.api.get(f"{where}?{name}=1&{name}=2")
            if response.status_code != 400 or ("repeated_parameter", name) not in errors(response):
                wrong.append(f"{path}: {name} twice: {response.status_code} {response.content[:200]!r}")
        for one, other in _two_names(known):
            pairs.add((path, one, other))
            first, second = VALUES.get(known[one]["schema"]["type"], ("aeli", "borel"))
            for query in (f"{one}={first}&{other}={second}", f"{other}={first}&{one}={second}"):
                response = guild.api.get(f"{where}?{query}")
                details = [
                    each["detail"] for each in response.json().get("errors", []) if each["code"] == "contradiction"
                ]
                if response.status_code != 400 or not details or one not in details[0] or other not in details[0]:
                    wrong.append(f"{path}?{query}: {response.status_code} {response.content[:200]!r}")
            same = guild.api.get(f"{where}?{one}={first}&{other}={first}")
            if b"contradiction" in same.content:
                wrong.append(f"{path}: {one} and {other} alike are refused: {same.content[:200]!r}")
    assert wrong == []
    assert pairs >= {
        ("/api/raids/", "event", "event_id"), ("/api/raids/", "leader", "leader_id"),
        ("/api/raids/", "dkp_pool", "dkp_pool_id"), ("/api/attendance/", "user", "user_id"),
        ("/api/characters/", "class", "character_class"), ("/api/characters/", "rank_id", "rank"),
        ("/api/items/", "item_pool", "item_pool_id"), ("/api/bidding/rules/", "pool", "dkp_pool_id"),
        ("/api/points/leaderboard/{dkp_pool_id}/", "rank", "rank_id"), ("/api/discord/role-mappings/", "rank", "rank_id"),
        ("/api/calendar/", "event", "event_id"),
    }  # fmt: skip


def test_what_was_read_may_be_sent_back(guild: Guild) -> None:
    """A client that reads an object, changes one field and puts it back sends what is only shown, too."""
    tried, wrong = 0, []
    for method, path, described in responses.operations():
        if method != "put" or "get" not in responses.schema()["paths"][path]:
            continue
        operation = f"{method} {path}"
        where = path_for(guild, operation)
        if operation in AS:  # read by whoever will write
            reader = APIClient()
            reader.force_authenticate(User.objects.get(pk=guild.ids[AS[operation]]))
            now = reader.get(where).json()
        else:
            now = ask(guild, f"get {path}", where).json()
        if "results" in now or path == "/api/attendance/shares/":
            continue
        for verb in ("put", "patch"):
            response = ask(guild, f"{verb} {path}", where, now)
            found = {code for code, _ in errors(response)} if response.status_code >= 400 else set()
            if found & {"unknown_field", "read_only_field", "contradiction"}:
                wrong.append(f"{verb} {path}: {response.content[:300]!r}")
        tried += 1
        assert described
    assert wrong == []
    assert tried > 8


def test_what_is_only_shown_cannot_be_changed(guild: Guild) -> None:
    where = f"/api/events/{guild.ids['event']}/"
    response = guild.api.patch(where, {"created_at": "2020-01-01T00:00:00Z"})
    assert (response.status_code, errors(response)) == (400, [("read_only_field", "created_at")])
    refused = guild.api.post("/api/events/", {"name": "Sleeper", "id": 99})
    assert (refused.status_code, errors(refused)) == (400, [("read_only_field", "id")])


def test_the_nearest_right_name_is_told(guild: Guild) -> None:
    refused = guild.api.post("/api/events/", {"name": "Sleeper", "pool": guild.ids["pool"], "nonsense": 1})
    assert errors(refused) == [("unknown_field", "pool"), ("unknown_field", "nonsense")]
    assert "did you mean “dkp_pool_id”?" in refused.json()["errors"][0]["detail"]
    assert "Known: name, " in refused.json()["errors"][1]["detail"]


@pytest.mark.parametrize(
    ("name", "known", "nearest"),
    [
        ("pool", ["name", "dkp_pool", "dkp_pool_id", "dkp_pools"], "dkp_pool_id"),
        ("userId", ["user_id", "user_ids"], "user_id"),
        ("statuss", ["status", "character_name"], "status"),
        ("points", ["amount", "points_spent"], "points_spent"),
        ("nonsense", ["name", "dkp_pool_id"], None),
        ("", ["name"], None),
    ],
)
def test_nearest(name: str, known: list[str], nearest: str | None) -> None:
    assert nearest_name(name, known) == nearest


def test_who_may_not_is_told_that_first(guild: Guild) -> None:
    nobody = APIClient()
    assert nobody.post("/api/events/", {"nonsense": 1}).status_code == 401
    assert nobody.get("/api/raids/?nonsense=1").status_code == 401


def test_names_that_cannot_be_printed_are_shown_without(guild: Guild) -> None:
    response = guild.api.generic(
        "POST", "/api/events/", json.dumps({"\x1b[2J" + "x" * 500: 1}), content_type="application/json"
    )
    attr = errors(response)[0][1] or ""
    assert response.status_code == 400
    assert attr.isprintable()
    assert len(attr) < 100
