"""Bad input at every field, every query parameter and in every form: an answer that is described, in words, never a 500.

What is mutated is a good request (`good_requests.py`), so that what is refused is refused for what was put wrong.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from . import responses
from .good_requests import ask, bodies, path_for, url
from .guild import Guild

HUGE = 10**30
STREAM = "/api/bidding/stream/"
MUST, MAY = True, False  # be refused
Value = tuple[Any, bool]
WORDS: list[Value] = [("\x00", MUST), ("\ud800", MUST), ([], MUST), (HUGE, MAY), ("x" * 60_000, MAY)]
VALUES: dict[str, list[Value]] = {
    "integer": [
        ("banana", MUST), (HUGE, MUST), (2**63, MUST), (-(2**63) - 1, MUST), (1.5, MUST), ("\x00", MUST), ([], MUST),
        (-1, MAY),
    ],
    "number": [("banana", MUST), ([], MUST), ("NaN", MUST), (HUGE, MAY)],
    "string": WORDS,
    "date-time": [
        ("banana", MUST), ("0000-01-01T00:00:00Z", MUST), ("99999-01-01T00:00:00Z", MUST), ([], MUST), ("\x00", MUST),
        ("0001-01-01T00:00:00+14:00", MAY), ("9999-12-31T23:59:59-14:00", MAY),
    ],
    "uuid": [("banana", MUST), (HUGE, MUST), ([], MUST), ("\x00", MUST)],
    "decimal": [
        ("banana", MUST), ("NaN", MUST), ("Infinity", MUST), ("1e400", MUST), (HUGE, MUST), ([], MUST), ("\x00", MUST),
        (-1, MAY), ("1e-400", MAY),
    ],
    "boolean": [("banana", MUST), (HUGE, MUST), ([], MUST), (2, MUST)],
    "object": [
        ("banana", MUST), ([], MUST), ({"\x00": 1}, MUST), ({"a": "\x00"}, MAY), ({"a": HUGE}, MAY),
        ({"a": {"b": ["\ud800"]}}, MAY),
    ],
    "array": [("banana", MAY), ({}, MUST), (HUGE, MUST), ([[[]]], MUST), ([None], MUST)],
}  # fmt: skip
TEXTS_OF_LOGS = {"text", "lines"}
"""A log may have anything in it, and is read all the same."""
ANYTHING = {"answer"}
"""Judged by the question's kind."""
ANSWERED = {
    "post /api/discord/validate-bid/": {"amount", "dkp_pool_id"},  # it says why the bid would be refused
    "post /api/bidding/parse-chat/": {"raid_id", "dkp_pool_id"},  # of no account unless something is applied
}
QUERY = {
    "integer": ["banana", str(HUGE), f"-{HUGE}", "1.5", "-1", "1e30", "NaN", "²", "9" * 5000],
    "boolean": ["banana", "2", "null"],
    "date-time": ["banana", "0000-01-01T00:00:00Z", "99999-01-01", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00"],
    "uuid": ["banana"],
    "number": ["banana", "NaN", "Infinity", "1e999", str(HUGE)],
    "string": ["²", "\ufffd" * 50, "x" * 3000, "'\";--", "😀"],
}  # fmt: skip
LENIENT = {"search", "format"}
"""A search finds nothing, a format that there is not is 404."""
RAW: list[tuple[str, bytes, set[int]]] = [
    ("deep lists", b"[" * 10_000 + b"]" * 10_000, {400}),
    ("deep objects", b'{"a":' * 10_000 + b"1" + b"}" * 10_000, {400}),
    ("deep within a field", b'{"reason":' + b"[" * 900 + b"]" * 900 + b"}", {400}),
    ("NaN", b'{"amount": NaN, "reason": NaN}', {400}),
    ("a number too large", b'{"amount": 1e999}', {400}),
    ("a number too long", b'{"amount": ' + b"9" * 5000 + b"}", {400}),
    ("a name twice", b'{"reason": "a", "reason": "b"}', {400}),
    ("a name twice, within", b'{"a": [{"b": 1, "b": 2}]}', {400}),
    ("a name with NUL", b'{"rea\\u0000son": 1}', {400}),
    ("not UTF-8", b'{"reason": "\xff\xfe"}', {400}),
    ("half a character", b'{"reason": "\xed\xa0\x80"}', {400}),
    ("cut off", b'{"reason": "x', {400}),
    ("a list", b"[1]", {400}),
    ("a word", b'"x"', {400}),
    ("a number", b"7", {400}),
]


def described_bodies() -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path, JSON schema) of every operation that takes a body; PUT is read as PATCH is and left out."""
    found = []
    for method, path, described in responses.operations():
        form = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if form is not None and method != "put":
            found.append((method, path, resolved(form)))
    return found


def resolved(form: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in form or "allOf" in form:
        found = form.get("$ref") or form["allOf"][0]["$ref"]
        form = responses.schema()["components"]["schemas"][found.rpartition("/")[2]]
    return form


def kind_of(form: dict[str, Any]) -> str:
    form = resolved(form)
    wanted = form.get("format", "")
    return wanted if wanted in VALUES else form.get("type", "string")


def hostile(form: dict[str, Any], name: str, good: Any) -> list[Value]:
    """What to put in place of a field, and whether it must be refused. Of a list also each bad member."""
    kind, form = kind_of(form), resolved(form)
    if "oneOf" in form or kind not in VALUES or name in ANYTHING:
        return [(value, MAY) for value, _ in [*WORDS, *VALUES["object"]]]
    found = list(VALUES[kind])
    if kind == "array":
        members = resolved(form["items"])
        if members.get("type") == "object":
            sample = dict(good[0]) if isinstance(good, list) and good else {}
            for inner, inner_form in members["properties"].items():
                for value, must in hostile(inner_form, inner, sample.get(inner)):
                    found.append(([{**sample, inner: value}], must))
        else:
            found += [([value], must) for value, must in hostile(members, name, None)]
    if name in TEXTS_OF_LOGS or ("enum" not in form and kind == "string" and name == "password"):
        found = [(value, MAY) for value, _ in found]
    return found


def judged(operation: str, response: Any, must: bool) -> list[str]:
    method, _, path = operation.partition(" ")
    wrong = responses.faults(method, path, response)
    if must and response.status_code < 400:
        wrong.append(f"{operation}: {response.status_code} where it must be refused")
    if 400 <= response.status_code < 500:
        for error in response.json()["errors"]:
            if len(error["detail"]) < 10 or "Traceback" in error["detail"]:
                wrong.append(f"{operation}: says only {error['detail']!r}")
    return wrong


def test_bodies_that_cannot_be_read(guild: Guild) -> None:
    wrong = []
    for method, path, _ in described_bodies():
        operation = f"{method} {path}"
        for name, raw, statuses in RAW:
            response = ask(guild, operation, path_for(guild, operation), raw=raw)
            found = judged(operation, response, MUST)
            if response.status_code not in statuses:
                found.append(f"{response.status_code}: {response.content[:200]!r}")
            wrong += [f"{name}: {fault}" for fault in found]
    assert wrong == []


#: Thousands of requests each, in parts that processes share.
PARTS = 6


@pytest.mark.parametrize("part", range(PARTS))
def test_every_field_of_every_body(guild: Guild, part: int) -> None:
    good, wrong = bodies(guild), []
    for method, path, form in described_bodies()[part::PARTS]:
        operation = f"{method} {path}"
        where = path_for(guild, operation)
        samples = good[operation] if isinstance(good[operation], list) else [good[operation]]
        for sample in samples if operation in ANSWERED else samples[:1]:
            for name, field in form["properties"].items():
                for value, must in hostile(field, name, sample.get(name)):
                    response = ask(guild, operation, where, raw=json.dumps({**sample, name: value}))
                    must = must and name not in ANSWERED.get(operation, ())
                    wrong += [
                        f"{name}={json.dumps(value)[:40]}: {fault}" for fault in judged(operation, response, must)
                    ]
    assert wrong == []


@pytest.mark.parametrize("part", range(PARTS))
def test_every_query_parameter(guild: Guild, part: int) -> None:
    wrong = []
    for method, path, described in list(responses.operations())[part::PARTS]:
        operation = f"{method} {path}"
        if method != "get" or path == STREAM:
            continue
        where = url(guild, operation, described)
        for one in described.get("parameters", []):
            if one["in"] != "query":
                continue
            form, name = one["schema"], one["name"]
            kind = form.get("type", "string")
            values = QUERY.get(form.get("format", ""), QUERY.get(kind, QUERY["string"]))
            must = name not in LENIENT and (kind != "string" or "enum" in form or "format" in form)
            must = must or name == "ordering"
            for value in values:
                # A negative number is one to compare with, unless the schema says that there is none.
                refused = must and (value != "-1" or form.get("minimum", -1) >= 0)
                response = guild.api.get(where, {**({"token": "x"} if "token=" in where else {}), name: value})
                wrong += [f"?{name}={value[:40]}: {fault}" for fault in judged(operation, response, refused)]
    assert wrong == []


PLACED = ["0", "-1", "1.5", "banana", "9" * 19, str(HUGE), "9" * 5000, "%ED%A0%80", "%FF", "a%20b"]


def test_every_placeholder(guild: Guild) -> None:
    good, wrong = bodies(guild), []
    for method, path, _ in responses.operations():
        operation = f"{method} {path}"
        body = good.get(operation)
        body = body[0] if isinstance(body, list) else body
        for place, piece in enumerate(path.split("/")):
            for value in PLACED if piece.startswith("{") else []:
                where = path_for(guild, operation).split("/")
                where[place] = value
                response = ask(guild, operation, "/".join(where), body)
                if response.status_code not in (400, 404):
                    wrong.append(f"{operation} with {value[:20]}: {response.status_code}")
                elif response["Content-Type"] != "application/json" or not response.json()["errors"][0]["detail"]:
                    wrong.append(f"{operation} with {value[:20]}: {response.content[:100]!r}")
    assert wrong == []
