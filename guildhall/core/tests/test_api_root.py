"""What the API says of itself: its root, and who may call what."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.urls import get_resolver
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from guildhall.accounts.models import Section
from guildhall.accounts.services import create_person
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.core.api.root import endpoints

METHODS = ("get", "post", "put", "patch", "delete")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    found: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return found


@pytest.fixture(autouse=True)
def _no_rate_limits(settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)


@pytest.mark.django_db
def test_the_root_lists_every_path_with_its_methods() -> None:
    answer = APIClient().get("/api/")
    assert answer.status_code == 200
    listed = {one["path"]: one for one in answer.json()["endpoints"]}
    assert set(listed["/api/raids/"]["methods"]) == {"GET", "POST"}
    assert listed["/api/raids/"]["url"] == "http://testserver/api/raids/"
    assert listed["/api/raids/{id}/"]["url"] is None
    assert answer.json()["schema"] == "http://testserver/api/schema/"


def test_nothing_in_the_schema_is_missing_from_the_root(schema: dict[str, Any]) -> None:
    known = {(path, method.lower()) for path, methods in endpoints().items() for method in methods}
    described = {(path, method) for path, found in schema["paths"].items() for method in METHODS if method in found}
    assert described - known == set()


UUID_PLACES = ("/batches/{id}", "/auth/api-keys/{id}", "/auth/bot-keys/{id}", "{bid_session_id}")


def address(path: str) -> str:
    """The path with something in each placeholder that the URL conf takes; there need be no such row."""
    for place in UUID_PLACES:
        path = path.replace(place, re.sub(r"\{\w+\}", "00000000-0000-0000-0000-000000000001", place))
    return re.sub(r"\{\w+\}", "1", path)


def needs_nobody(operation: dict[str, Any]) -> bool:
    return {} in (operation.get("security") or [{}])


@pytest.mark.django_db
def test_the_schema_says_who_needs_to_sign_in(schema: dict[str, Any]) -> None:
    """A stranger gets 401 exactly where the schema names no way without signing in, once officers opened everything."""
    edit_visitor_access(actor=None, **dict.fromkeys(Section.values, True))
    client, wrong = APIClient(raise_request_exception=False), []
    for path, methods in schema["paths"].items():
        for method in METHODS:
            if method in methods:
                answer = client.generic(method.upper(), address(path), "{}", content_type="application/json")
                if (answer.status_code == 401) == needs_nobody(methods[method]) and not refuses_credentials(answer):
                    wrong.append((method, path, answer.status_code, methods[method].get("security")))
    assert wrong == []


def refuses_credentials(answer: Any) -> bool:
    """A sign-in that failed: nobody needs to be signed in to try."""
    return bool(answer.status_code == 401 and answer.json()["errors"][0]["code"] != "not_authenticated")


@pytest.mark.django_db
def test_a_member_gets_403_without_the_scopes_that_the_schema_names(schema: dict[str, Any]) -> None:
    guest = APIClient(raise_request_exception=False)
    guest.force_login(create_person(display_name="Guest", role_group="guest"))
    open_to_guests = {"roster:read", "recruitment:read", "recruitment:write"}
    for path, methods in schema["paths"].items():
        for method in METHODS:
            scopes = set(methods.get(method, {}).get("x-required-scopes", []))
            if scopes and not any(one in open_to_guests or one.startswith("account:") for one in scopes):
                if needs_nobody(methods[method]):
                    continue
                answer = guest.generic(method.upper(), address(path), "{}", content_type="application/json")
                assert answer.status_code in (403, 404), (method, path, answer.content)


def test_every_method_of_a_view_says_which_scopes_it_needs() -> None:
    """`required_scopes` by method leaves none of the view's methods out: one left out was open to everybody once."""
    missing = set()

    def walk(patterns: Any) -> None:
        for pattern in patterns:
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns)
                continue
            view = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
            initial = getattr(pattern.callback, "initkwargs", {})
            declared = initial.get("required_scopes", getattr(view, "required_scopes", None))
            if isinstance(declared, dict):
                actions = getattr(pattern.callback, "actions", None)
                methods = list(actions) if actions else [name for name in METHODS if hasattr(view, name)]
                missing.update(
                    (view.__name__, name) for name in methods if name != "head" and name.upper() not in declared
                )

    walk(get_resolver().url_patterns)
    assert missing == set()


@pytest.mark.django_db
def test_a_guest_does_not_change_what_a_status_earns() -> None:
    guest = APIClient()
    guest.force_authenticate(create_person(display_name="Guest", role_group="guest"))
    for method in (guest.put, guest.patch):
        assert method("/api/attendance/shares/", {"status": "late", "percent": "10"}).status_code == 403
