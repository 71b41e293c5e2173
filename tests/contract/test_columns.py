"""Whatever scalar column a list shows can be filtered and ordered by (`core/api/columns.py`)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import resolve

from . import responses
from .good_requests import url
from .guild import Guild

OF_ITS_OWN = {
    "/api/characters/": {"status": "removed ones only where it is asked for"},
    "/api/points/leaderboard/{dkp_pool_id}/": {
        "rank": "the main's rank, as ever; the place is rank__gte and rank__lte"
    },
    "/api/raids/{id}/uploads/": {"format": "the answer's own format; the upload's is format__icontains"},
    "/api/applications/": {"status": "by what the caller may know"},
}
NAMES_BY_ID = {"dkp_pool", "rule", "created_by"}
"""Columns that show a name and are filtered by the id, as `dkp_pool_id`; the name by `__icontains`."""


def form_of(node: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in node or len(node.get("allOf", [])) == 1:
        found = node.get("$ref") or node["allOf"][0]["$ref"]
        node = responses.schema()["components"]["schemas"][found.rpartition("/")[2]]
    return node


def lists() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """(path, operation, the fields of a row) of every list."""
    for method, path, described in responses.operations():
        content = described["responses"].get("200", {}).get("content", {}).get("application/json")
        if method == "get" and content:
            rows = form_of(content["schema"]).get("properties", {}).get("results")
            if rows:
                yield path, described, form_of(rows["items"])["properties"]


def scalars(fields: dict[str, Any]) -> list[str]:
    found = []
    for name, one in fields.items():
        options = [form_of(each) for each in one.get("oneOf", [one])]
        if all(form_of(each).get("type") not in ("array", "object") for each in options):
            found.append(name)
    return found


def hidden(where: str) -> dict[str, str]:
    view = resolve(where.partition("?")[0]).func
    return {
        **getattr(view.cls, "hidden_columns", {}),
    } | dict(view.initkwargs.get("hidden_columns", {}))


def test_every_column_of_every_list_is_filtered_and_ordered_by(guild: Guild) -> None:
    wrong, tried, seen = [], 0, 0
    for path, described, fields in lists():
        where = url(guild, f"get {path}", described)
        known = {one["name"]: one["schema"] for one in described["parameters"] if one["in"] == "query"}
        rows = guild.api.get(where).json()["results"]
        excused = hidden(where)
        for name in scalars(fields):
            if name in excused:
                assert name == "status" or name not in known, (path, name)
                continue
            if name not in known and name not in OF_ITS_OWN.get(path, {}):
                wrong.append(f"{path}: no filter {name}")
                continue
            for order in (name, f"-{name}"):
                response = guild.api.get(where, {"ordering": order})
                if response.status_code != 200 or response.json()["count"] != len(rows):
                    wrong.append(f"{path}?ordering={order}: {response.status_code} {response.content[:150]!r}")
            value = next((row[name] for row in rows if row.get(name) not in (None, "")), None)
            if (
                value is None
                or name in OF_ITS_OWN.get(path, {})
                or (name in NAMES_BY_ID & set(known) and isinstance(value, str))
            ):
                continue
            value = str(value).lower() if isinstance(value, bool) else value
            response = guild.api.get(where, {name: value})
            found = response.json().get("results", [])
            if name in ("seconds_left", "server_time"):  # another one at each answer
                if response.status_code != 200:
                    wrong.append(f"{path}?{name}={value}: {response.status_code}")
            elif (
                response.status_code != 200
                or not found
                or any(str(row[name]).lower() != str(value).lower() for row in found)
            ):
                wrong.append(f"{path}?{name}={value}: {response.status_code} {response.content[:200]!r}")
            seen += 1
            tried += 1
    assert not wrong, "\n".join(wrong)
    assert tried > 250


def test_an_id_that_is_not_there_matches_nothing(guild: Guild) -> None:
    for where in (
        "/api/raids/?dkp_pool_id=99999", "/api/raids/?event_id=99999", "/api/attendance/?user_id=99999", "/api/loot/?raid_id=99999",
        "/api/characters/?user_id=99999", "/api/points/adjustments/?user_id=99999", "/api/items/?item_pool=99999",
    ):  # fmt: skip
        response = guild.api.get(where)
        assert (response.status_code, response.json()["count"]) == (200, 0), where


def test_numbers_times_and_texts_are_compared(guild: Guild) -> None:
    def count(query: str) -> int:
        response = guild.api.get(f"/api/characters/?{query}")
        assert response.status_code == 200, (query, response.content)
        return int(response.json()["count"])

    everybody = count("")
    assert count("name__icontains=AEL") < everybody
    assert count("level__gte=1") + count("level__isnull=true") == everybody
    assert count("level__gte=10000") == 0
    assert count("joined_at__lte=1990-01-01") == 0
    assert count("user__isnull=true") + count("user__isnull=false") == everybody


def test_what_is_hidden_cannot_be_found_out_by_asking(guild: Guild) -> None:
    for where, name in (("/api/points/adjustments/", "notes"), ("/api/discord/claims/", "code")):
        assert guild.api.get(where, {f"{name}__icontains": "a"}).status_code == 400
        assert guild.api.get(where, {"ordering": name}).status_code == 400


@pytest.mark.parametrize("name", ["page", "page_size"])
def test_every_list_refuses_what_is_no_page_and_no_size(guild: Guild, name: str) -> None:
    wrong, seen = [], 0
    for path, described, _ in lists():
        said = {one["name"]: one for one in described["parameters"] if one["in"] == "query"}
        if name not in said:
            continue
        seen += 1
        where = url(guild, f"get {path}", described)
        if name == "page_size" and "1 to 500" not in said[name]["description"]:
            wrong.append(f"{path}: the schema does not say which sizes there are")
        for value in ("abc", "-1", "0", "1.5", "9" * 30, *(["501", "99999"] if name == "page_size" else [])):
            answer = guild.api.get(where, {name: value})
            error = answer.json().get("errors", [{}])[0]
            if (answer.status_code, error.get("code"), error.get("attr")) != (400, "invalid", name):
                wrong.append(f"{path}?{name}={value}: {answer.status_code}")
            elif "from 1" not in error["detail"]:
                wrong.append(f"{path}?{name}={value}: {error['detail']}")
        for value in ("1", "last" if name == "page" else "500", ""):
            if guild.api.get(where, {name: value}).status_code != 200:
                wrong.append(f"{path}?{name}={value} is refused")
    assert not wrong, "\n".join(wrong)
    assert seen > 20


def test_a_kind_of_batch_that_there_is_not_is_refused(guild: Guild) -> None:
    error = guild.api.get("/api/batches/?kind=nonsense")
    assert error.status_code == 400
    assert "guild_dump" in error.json()["errors"][0]["detail"]
    assert guild.api.get("/api/batches/?kind=guild_dump").status_code == 200
