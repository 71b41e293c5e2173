"""HEAD is GET without its body, OPTIONS is 200 with `Allow`, for everybody and on every operation; and what once was a 500."""

from __future__ import annotations

import io
from typing import Any

import pytest
from django.test import Client
from django.urls import resolve
from openpyxl import load_workbook
from rest_framework.test import APIClient

from guildhall.accounts.services import create_person
from guildhall.core.api.errors import api_not_found
from guildhall.core.api.export import CSVRenderer, Table, XLSXRenderer
from guildhall.roster.models import Character

from . import responses
from .good_requests import url
from .guild import Guild

STREAM = "/api/bidding/stream/"
ROLES = ["officer", "recruiter", "developer", "member", "applicant", "guest", None]


def client_of(guild: Guild, role: str | None) -> Any:
    browser = Client(raise_request_exception=False)
    if role == "officer":
        browser.force_login(guild.boss)
    elif role:
        browser.force_login(create_person(display_name="Onlooker", role_group=role))
    return browser


@pytest.mark.parametrize("role", ROLES)
def test_head_and_options_of_every_operation(guild: Guild, role: str | None) -> None:
    browser, wrong = client_of(guild, role), []
    paths: dict[str, tuple[str, str, dict[str, Any]]] = {}
    for method, path, described in responses.operations():
        if path not in paths or method == "get":
            paths[path] = (method, url(guild, f"{method} {path}", described), described)
    for path, (method, where, _) in paths.items():
        options = browser.options(where)
        allowed = options.get("Allow", "")
        if options.status_code != 200 or method.upper() not in allowed:
            wrong.append(f"OPTIONS {path}: {options.status_code} {allowed}")
        if method != "get":
            continue
        head = browser.head(where)
        status = 200 if path == STREAM and role not in ("guest", "applicant", None) else browser.get(where).status_code
        if head.status_code != status or head.content:
            wrong.append(f"HEAD {path}: {head.status_code} for {status}, {len(head.content)} bytes")
    assert not wrong, "\n".join(wrong)


def test_pages_and_formats_that_there_are_not(guild: Guild) -> None:
    for query in (
        "page=0",
        "page=-1",
        "page=9999999999999999999999",
        "page=banana",
        "page_size=0",
        "page_size=9999999999",
        "page=last",
    ):
        assert guild.api.get(f"/api/characters/?{query}").status_code in (200, 400, 404), query
    for where in ("/api/characters/", "/api/users/me/", f"/api/raids/{guild.ids['raid']}/"):
        refused = guild.api.get(f"{where}?format=pdf")
        assert refused.status_code == 400, where
        error = refused.json()["errors"][0]
        assert (error["code"], error["attr"]) == ("unknown_format", "format")
        assert "json" in error["detail"]


def test_a_format_that_there_is_not_is_refused_in_words_everywhere(guild: Guild) -> None:
    """400 that lists the formats, at every address under /api/ and for strangers too; never Not found, never a bare page."""
    wrong = []
    paths = {
        path: url(guild, f"get {path}", described)
        for method, path, described in responses.operations()
        if method == "get"
    }
    for path in (*paths.values(), "/api/docs/", "/api/schema/"):
        for client in (guild.api, APIClient(raise_request_exception=False)):
            response = client.get(f"{path.partition('?')[0]}?format=zzz")
            is_json = response["Content-Type"].startswith("application/json")
            errors = response.json()["errors"] if is_json else [{"code": "", "detail": ""}]
            if path == STREAM and response.status_code in (400, 401):
                continue  # it has no formats: an unknown parameter there
            if (response.status_code, errors[0]["code"]) != (400, "unknown_format") or "Known: " not in errors[0][
                "detail"
            ]:
                wrong.append(f"{path}: {response.status_code} {response.content[:150]!r}")
    assert wrong == []


def test_the_docs_page_refuses_in_json(guild: Guild) -> None:
    for response, status in (
        (Client().get("/api/docs/?format=zzz"), 400),
        (Client().get("/api/docs/", headers={"Accept": "application/json"}), 406),
        (Client().post("/api/docs/"), 405),
    ):
        assert (response.status_code, response["Content-Type"]) == (status, "application/json")
        assert response.json()["errors"][0]["detail"]
    assert Client().get("/api/docs/")["Content-Type"].startswith("text/html")
    assert "swagger" in Client().get("/api/docs/?format=html").content.decode().lower()


@pytest.mark.parametrize("path", ["/", "/standings/", "/raids/", "/sign-in/", "/items/", "/roster/"])
def test_pages_take_no_notice_of_a_format(guild: Guild, path: str) -> None:
    browser = client_of(guild, "officer")
    assert browser.get(f"{path}?format=zzz").status_code == browser.get(path).status_code


@pytest.mark.parametrize("ordering", ["user____str__", "user__password", "code", "pk", "user__discord_id"])
def test_claims_are_ordered_by_their_columns_alone(guild: Guild, ordering: str) -> None:
    assert guild.api.get("/api/discord/claims/", {"ordering": ordering}).status_code == (400)


ODD = "A\x01b\x0b\x1f\ufffe\uffffc"


def test_files_are_written_without_control_characters(guild: Guild) -> None:
    Character.objects.filter(name="Aeli").update(note=ODD, race=ODD)
    for ending in ("csv", "xlsx"):
        response = guild.api.get(f"/api/characters/?format={ending}")
        assert response.status_code == 200
        if ending == "xlsx":
            rows = list(load_workbook(io.BytesIO(response.content)).active.values)  # type: ignore[union-attr]
            assert "Abc" in {value for row in rows for value in row}
    table = Table("odd", ["name"], [{"name": ODD}])
    assert b"Abc" in CSVRenderer().write(table)
    assert load_workbook(io.BytesIO(XLSXRenderer().write(table))).active["A2"].value == "Abc"  # type: ignore[index]


def test_control_characters_come_in_nowhere(guild: Guild) -> None:
    ids = guild.ids
    for where, body, attr in (
        ("/api/events/", {"name": "Sleep\x01er"}, "name"),
        ("/api/items/", {"name": "Orb\x0b"}, "name"),
        ("/api/points/adjustments/", {"user_id": ids["aeli"], "amount": "1", "reason": "a\x1fb"}, "reason"),
        (
            f"/api/raids/{ids['raid']}/attendance/",
            {"attendees": [{"character_name": "Ae\x02li"}]},
            "attendees.0.character_name",
        ),
    ):
        refused = guild.api.post(where, body)
        assert refused.status_code == 400, where
        assert [(one["code"], one["attr"]) for one in refused.json()["errors"]] == [("control_character", attr)]
    assert guild.api.post("/api/bidding/parse-chat/", {"text": "what a \x01 night"}).status_code == 200  # a log


def test_options_says_the_methods_of_every_address_to_everybody(guild: Guild) -> None:
    """`Allow` and the body's `methods` are those of the schema, for an officer, a guest and a stranger; also where the thing
    is not there."""
    methods: dict[str, set[str]] = {}
    where: dict[str, str] = {}
    for method, path, described in responses.operations():
        methods.setdefault(path, {"HEAD", "OPTIONS"} if method == "get" else {"OPTIONS"}).add(method.upper())
        if method == "get":
            methods[path].add("HEAD")
        where[path] = url(guild, f"{method} {path}", described).partition("?")[0]
    wrong = []
    for role in ("officer", "guest", None):
        browser = client_of(guild, role)
        for path, expected in methods.items():
            for address in (where[path], path.replace("{id}", "987654").replace("{raid_id}", "987654")):
                if path == STREAM or "{" in address or resolve(address).func is api_not_found:
                    continue
                answer = browser.options(address)
                allowed = set(answer.get("Allow", "").replace(" ", "").split(","))
                body = set(answer.json().get("methods", [])) if answer.status_code == 200 else set()
                if not (allowed - {"HEAD"} == body - {"HEAD"} == expected - {"HEAD"}):
                    wrong.append(
                        f"{role} {address}: Allow {sorted(allowed)}, methods {sorted(body)}, {sorted(expected)}"
                    )
    assert wrong == []


def test_strangers_may_ask_what_an_address_takes() -> None:
    answer = APIClient().options("/api/raids/1/checks/1/")
    assert answer.status_code == 200
    assert set(answer["Allow"].replace(" ", "").split(",")) >= {"GET", "PUT", "PATCH", "DELETE"}
