"""Each operation of the schema has an example of its answer, and the example is one that the schema allows.

The examples are real answers of the guild in `guild.py`. ``RECORD_EXAMPLES=1 pytest tests/contract/test_examples.py`` writes
them anew, after an operation was added or changed.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from guildhall.core.api.examples import EXAMPLES_FILE, examples

from . import responses
from .good_requests import ask, bodies, url
from .guild import Guild

SECRETS = {"key", "token", "access_token", "link_token", "private_link", "link", "feed_url"}
MOST_ITEMS = 1
"""Items of a list that an example shows."""


def shortened(value: Any, name: str = "") -> Any:
    """An answer as an example: lists cut, secrets replaced."""
    if isinstance(value, dict):
        return {key: shortened(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [shortened(one) for one in value[:MOST_ITEMS]]
    return "example-secret" if name in SECRETS and isinstance(value, str) and value else value


def wanted() -> dict[str, set[str]]:
    """Each operation that answers JSON when it succeeds, with the statuses of that."""
    found: dict[str, set[str]] = {}
    for method, path, described in responses.operations():
        for status, response in described["responses"].items():
            if status.startswith("2") and "application/json" in response.get("content", {}):
                found.setdefault(f"{method} {path}", set()).add(status)
    return found


@pytest.mark.records("RECORD_EXAMPLES")
def test_record(guild: Guild) -> None:
    good, statuses = bodies(guild), wanted()
    found: dict[str, dict[str, Any]] = {}
    for method, path, described in responses.operations():
        operation = f"{method} {path}"
        given = good.get(operation)
        for body in (given if isinstance(given, list) else [given]) if operation in statuses else []:
            response = ask(guild, operation, url(guild, operation, described), body)
            if str(response.status_code) in statuses[operation]:
                found.setdefault(operation, {})[str(response.status_code)] = shortened(response.json())
    EXAMPLES_FILE.write_text(json.dumps(found, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def test_every_operation_has_an_example_that_the_schema_allows() -> None:
    wrong = []
    for operation in wanted():
        method, path = operation.split(" ")
        given = examples().get(operation, {})
        if not given:
            wrong.append(f"{operation}: no example; record them (see the top of this file)")
        for status, example in given.items():
            content = responses.schema()["paths"][path][method]["responses"][status]["content"]["application/json"]
            assert "examples" in content or content["example"] == example
            validator = responses.validator(path, method, status)
            problem = next(iter(validator.iter_errors(example)), None) if validator else None
            if problem is not None:
                wrong.append(f"{operation} {status}: {str(problem)[:200]}")
    assert wrong == []


def test_no_example_is_of_an_operation_that_is_gone() -> None:
    assert set(examples()) - set(wanted()) == set()
