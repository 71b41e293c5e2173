"""GET /api/schema/ describes every path, and a client can be made from it."""

from __future__ import annotations

import io
from typing import Any

import pytest
import yaml
from django.core.management import call_command
from django.urls import get_resolver, resolve
from rest_framework import serializers
from rest_framework.test import APIClient

from guildhall.accounts.services import create_api_key, create_person

# The paths of PRD 5.2 that these apps answer, with each method; PATCH wherever PUT is.
PATHS = {
    "/api/auth/token/": "post",
    "/api/auth/api-keys/": "get post",
    "/api/auth/api-keys/{id}/": "delete",
    "/api/auth/api-keys/{id}/rotate/": "post",
    "/api/auth/bot-keys/": "get post",
    "/api/auth/bot-keys/{id}/": "delete",
    "/api/auth/bot-keys/{id}/permissions/": "put patch",
    "/api/users/": "get post",
    "/api/users/me/": "get patch put",
    "/api/users/{id}/": "get patch put",
    "/api/ranks/": "get post",
    "/api/ranks/{id}/": "get put patch delete",
    "/api/characters/": "get post",
    "/api/characters/{id}/": "get put patch delete",
    "/api/characters/{id}/reassign/": "post",
    "/api/characters/{id}/ownership-history/": "get",
    "/api/characters/by-name/{name}/": "get",
    "/api/dkp-pools/": "get post",
    "/api/dkp-pools/{id}/": "get put patch delete",
    "/api/points/user/{user_id}/": "get",
    "/api/points/user/{user_id}/pool/{dkp_pool_id}/": "get",
    "/api/points/adjustments/": "get post",
    "/api/points/history/user/{user_id}/": "get",
    "/api/points/leaderboard/{dkp_pool_id}/": "get",
    "/api/points/entries/{id}/reverse/": "post",
    "/api/points/character-attribution/{character_name}/": "get",
    "/api/admin/roster-audit/": "get",
    "/api/admin/bulk-rank-update/": "post",
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    out = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=out)
    found: dict[str, Any] = yaml.safe_load(out.getvalue())
    return found


def operations(schema: dict[str, Any]) -> Any:
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            if method != "parameters":
                yield path, method, operation


@pytest.mark.parametrize(("path", "methods"), PATHS.items())
def test_every_path_of_the_requirements_is_there_with_each_method(
    schema: dict[str, Any], path: str, methods: str
) -> None:
    assert set(methods.split()) <= set(schema["paths"][path])


def test_put_never_comes_without_patch(schema: dict[str, Any]) -> None:
    assert [path for path, methods in schema["paths"].items() if "put" in methods and "patch" not in methods] == []


def test_every_operation_says_what_it_does_and_how_it_fails(schema: dict[str, Any]) -> None:
    for path, method, operation in operations(schema):
        assert operation.get("description"), f"{method} {path} has no description"
        assert operation.get("tags"), f"{method} {path} has no tag"
        assert {"401", "429"} <= set(operation["responses"]), f"{method} {path}"
        if method != "get" and path != "/api/auth/token/":
            assert {"400", "403", "409"} <= set(operation["responses"]), f"{method} {path}"


def test_errors_have_one_form(schema: dict[str, Any]) -> None:
    for path, method, operation in operations(schema):
        for status, response in operation["responses"].items():
            if status.startswith("4") and "content" in response:
                form = response["content"]["application/json"]["schema"]
                assert form == {"$ref": "#/components/schemas/Error"}, f"{method} {path} {status}"


def test_paths_end_with_a_slash(schema: dict[str, Any]) -> None:
    assert [path for path in schema["paths"] if path.startswith("/api/") and not path.endswith("/")] == []


@pytest.mark.django_db
def test_the_schema_and_the_interactive_page_are_open(client: Any) -> None:
    assert client.get("/api/schema/").status_code == 200
    page = client.get("/api/docs/")
    assert page.status_code == 200
    assert b"swagger" in page.content


def test_the_paths_resolve_to_views() -> None:
    assert resolve("/api/points/leaderboard/1/").url_name == "leaderboard"


def test_nobody_is_shown_as_null_and_not_as_a_method_of_nothing() -> None:
    """`source="created_by.__str__"` prints ``<method-wrapper …>`` where nobody did it: use `StringRelatedField`."""
    get_resolver().url_patterns  # noqa: B018 - loads every app's serializers

    def below(kind: type[Any]) -> list[type[Any]]:
        return [one for sub in kind.__subclasses__() for one in (sub, *below(sub))]

    for serializer in below(serializers.ModelSerializer):
        for field in getattr(serializer, "_declared_fields", {}).values():
            name, _, tail = (getattr(field, "source", None) or "").partition(".")
            if tail == "__str__":
                assert not serializer.Meta.model._meta.get_field(name).null, serializer


@pytest.mark.django_db
def test_a_key_from_the_command_line_was_made_by_nobody() -> None:
    person = create_person(display_name="Anna", role_group="member")
    _, key = create_api_key(user=person, name="k", scopes=["account:read"])
    answer = APIClient().get("/api/auth/api-keys/", headers={"Authorization": f"Token {key}"})
    assert [row["created_by"] for row in answer.json()["results"]] == [None]
