"""Judging an answer by the schema, strictly: its status is described, and its JSON has what is described and no more.

OpenAPI lets an answer carry fields that nobody described. Here they count as a fault: a client is made from the schema,
and what the schema does not name nobody can rely on.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
from drf_spectacular.generators import SchemaGenerator

METHODS = ("get", "post", "put", "patch", "delete")
REFERENCE = re.compile(r'"#/components/schemas/([^"]+)"')
FORMS = ("properties", "allOf", "oneOf", "anyOf", "$ref")
"""What says how an object looks. One without any of them, and without a form for its values, says nothing."""


@functools.cache
def schema() -> dict[str, Any]:
    """What GET /api/schema/ answers."""
    return SchemaGenerator().get_schema(request=None, public=True)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every (method, path, operation) of the schema."""
    for path, methods in schema()["paths"].items():
        for method in METHODS:
            if method in methods:
                yield method, path, methods[method]


@functools.cache
def _shapes() -> list[tuple[int, re.Pattern[str], str]]:
    found = []
    for path in schema()["paths"]:
        shape = re.sub(r"\\\{[a-z_]+\\\}", "[^/]+", re.escape(path))
        found.append((path.count("{"), re.compile(f"{shape}$"), path))
    return sorted(found, key=lambda one: one[0])


@functools.lru_cache(maxsize=1000)
def path_of(url: str, method: str) -> str | None:
    """The schema's path that answers `method` at `url`; the one with the fewest placeholders, as the router chooses."""
    plain = url.partition("?")[0]
    for _, shape, path in _shapes():
        if shape.match(plain) and method in schema()["paths"][path]:
            return path
    return None


def strict(node: Any) -> Any:
    """An OpenAPI 3.0 schema as JSON Schema that refuses fields it does not name."""
    if isinstance(node, list):
        return [strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: strict(value) for name, value in node.items() if name not in ("nullable", "example", "examples")}
    if "properties" in node:
        made["properties"] = {name: strict(value) for name, value in node["properties"].items()}
        made.setdefault("additionalProperties", False)
    if node.get("nullable"):
        return {"anyOf": [made, {"type": "null"}]}
    return made


@functools.cache
def _components() -> dict[str, Any]:
    return {name: strict(value) for name, value in schema()["components"]["schemas"].items()}


def validator(path: str, method: str, status: str) -> Any:
    """The strict validator of one described JSON answer; None where it is described without a body."""
    content = schema()["paths"][path][method]["responses"][status].get("content", {})
    if "application/json" not in content:
        return None
    return _validator_of(json.dumps(content["application/json"]["schema"], sort_keys=True))


@functools.cache
def _validator_of(form: str) -> Any:
    """One for each form, of which many operations have the same, with no more components than it needs."""
    made = strict(json.loads(form))
    needed = {name: _components()[name] for name in _components_of(form)}
    return jsonschema_rs.validator_for({**made, "components": {"schemas": needed}}, validate_formats=True)


def _components_of(form: str) -> set[str]:
    """The components that a form in JSON refers to, and those that they refer to."""
    found: set[str] = set()
    left = set(REFERENCE.findall(form))
    while left:
        found |= left
        left = {name for one in left for name in REFERENCE.findall(json.dumps(_components()[one]))} - found
    return found


def faults(method: str, url: str, response: Any) -> list[str]:
    """What is wrong with an answer, in words; empty where it is as the schema says."""
    method = method.lower()
    path = path_of(url, method)
    if path is None:
        return [f"{method} {url}: not in the schema"]
    where, status = f"{method} {path}", str(response.status_code)
    described = schema()["paths"][path][method]["responses"]
    if status not in described:
        return [f"{where}: {status} is not described ({response.content[:200]!r})"]
    kind = response.get("Content-Type", "").partition(";")[0]
    content = described[status].get("content", {})
    if getattr(response, "streaming", False) or kind != "application/json":
        if not content and not response.streaming and not response.content:
            return []
        return [] if kind in content else [f"{where}: {status} as {kind or 'nothing'}, described as {list(content)}"]
    check = validator(path, method, status)
    if check is None:
        return [f"{where}: {status} has a body, described without"]
    return [
        f"{where} {status}: {error.instance_path} {error.message[:300]}" for error in check.iter_errors(response.json())
    ]
