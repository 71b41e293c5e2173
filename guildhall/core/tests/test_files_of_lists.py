"""Every list can be had as CSV and XLSX, whole; an unknown format is refused and the known ones are named."""

from __future__ import annotations

import csv
import io
from typing import Any

import openpyxl
import pytest
from django.core.cache import cache
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from guildhall.accounts.services import create_person
from guildhall.core.api import pagination
from guildhall.core.text import spreadsheet_text
from guildhall.points.services import create_pool
from guildhall.raids.services import create_event, create_raid
from guildhall.web import exports

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer() -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.force_authenticate(create_person(display_name="Boss", role_group="officer"))
    return client


@pytest.fixture
def raids() -> Any:
    pool = create_pool(name="Velious")
    event = create_event(name="Temple", pools=[pool], default_points=10, actor=None)
    return [create_raid(event=event, name=name, actor=None) for name in ("=HYPERLINK(1)", "b", "c")]


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


def test_a_list_comes_whole_whatever_the_page(officer: APIClient, raids: Any) -> None:
    answer = officer.get("/api/raids/", {"format": "csv", "page_size": 1, "page": 2})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/csv")
    assert "attachment" in answer["Content-Disposition"]
    found = rows(answer.content)
    assert {one["name"] for one in found} == {"'=HYPERLINK(1)", "b", "c"}
    assert set(found[0]) >= {"id", "name", "started_at"}


def test_filters_and_order_hold_for_the_file_too(officer: APIClient, raids: Any) -> None:
    answer = officer.get("/api/raids/", {"format": "csv", "search": "b", "ordering": "name"})
    assert [one["name"] for one in rows(answer.content)] == ["b"]


def test_an_empty_list_has_its_columns(officer: APIClient) -> None:
    answer = officer.get("/api/raids/", {"format": "csv"})
    assert answer.content.decode("utf-8-sig").startswith("id,")


def test_a_workbook_can_be_opened(officer: APIClient, raids: Any) -> None:
    answer = officer.get("/api/raids/", {"format": "xlsx"})
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    assert sheet.max_row == 4


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r", "\n", "\x00=", "＝", "－"])
@pytest.mark.parametrize("after", ["1+1", "HYPERLINK(1)", "A1", "2+5+cmd|' /C calc'!A0", ""])
def test_no_text_is_a_formula_in_a_spreadsheet(first: str, after: str) -> None:
    shown = spreadsheet_text(first + after)
    assert shown.startswith("'")
    assert shown[1:] == (first + after).replace("\x00", "")


@pytest.mark.parametrize("text", ["-5", "+5.25", "-0.50", "12", "Aelric", "", "a=b", "'quoted"])
def test_numbers_and_other_text_stay_as_they_are(text: str) -> None:
    assert spreadsheet_text(text) == text


@pytest.mark.parametrize("file_format", ["csv", "xlsx"])
@pytest.mark.parametrize("path", ["/api/raids/", "/raids/"])
def test_every_file_is_without_formulas(path: str, file_format: str, officer: APIClient) -> None:
    """The files of the API and those of the pages are written by different code."""
    event = create_event(name="Temple", pools=[create_pool(name="Velious")], default_points=10, actor=None)
    for first in "=+-@":
        create_raid(event=event, name=f"{first}1+1", actor=None)
    if path.startswith("/api"):
        content = officer.get(path, {"format": file_format}).content
    else:
        names_there = [[f"{first}1+1"] for first in "=+-@"]
        response = exports.table(name="raids", file_format=file_format, columns=["name"], rows=names_there)
        content = b"".join(response)  # type: ignore[call-overload]
    if file_format == "csv":
        names = {one["name"] for one in rows(content)}
    else:
        sheet = openpyxl.load_workbook(io.BytesIO(content)).active
        assert sheet is not None
        assert all(cell.data_type != "f" for line in sheet.iter_rows() for cell in line)
        names = {str(cell.value) for line in sheet.iter_rows() for cell in line}
    assert {f"'{first}1+1" for first in "=+-@"} <= names


def test_too_many_rows_for_a_file_are_refused(officer: APIClient, raids: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(pagination, "MOST_FILE_ROWS", 2)
    answer = officer.get("/api/raids/", {"format": "csv"})
    assert answer.status_code == 400
    assert "filter" in answer.json()["errors"][0]["detail"]


@pytest.mark.parametrize("path", ["/api/raids/", "/api/users/me/", "/api/admin/system-health/"])
def test_an_unknown_format_is_refused_by_name(officer: APIClient, path: str) -> None:
    answer = officer.get(path, {"format": "pdf"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["attr"] == "format"
    assert "json" in answer.json()["errors"][0]["detail"]


def test_one_record_is_no_file(officer: APIClient) -> None:
    assert officer.get("/api/users/me/", {"format": "csv"}).status_code == 400


def test_every_list_of_the_schema_is_offered_as_a_file() -> None:
    """An operation whose answer is a list, paged or not, names CSV and XLSX beside JSON."""
    schema: Any = SchemaGenerator().get_schema(request=None, public=True)
    missing = []
    for path, methods in schema["paths"].items():
        content = methods.get("get", {}).get("responses", {}).get("200", {}).get("content", {})
        form = content.get("application/json", {}).get("schema", {})
        while "$ref" in form:
            form = schema["components"]["schemas"][form["$ref"].rpartition("/")[2]]
        is_list = form.get("type") == "array" or "results" in form.get("properties", {})
        if is_list and not {"text/csv"} <= set(content):
            missing.append(path)
    assert missing == []


def test_the_audit_log_is_for_officers(officer: APIClient, raids: Any) -> None:
    found = officer.get("/api/admin/audit-log/", {"app": "raids", "ordering": "-id"}).json()["results"]
    assert {one["action"].split(".")[0] for one in found} == {"raids"}
    member = APIClient()
    member.force_authenticate(create_person(display_name="Member", role_group="member"))
    assert member.get("/api/admin/audit-log/").status_code == 403
    cache.clear()


def test_a_bot_reads_the_audit_log_with_the_scope_admin_alone() -> None:
    from guildhall.accounts.models import APIKey
    from guildhall.accounts.services import create_api_key, get_or_create_bot

    for scopes, status in ((["roster:write"], 403), (["admin"], 200)):
        _, key = create_api_key(user=get_or_create_bot(name="bot"), name="k", scopes=scopes, kind=APIKey.Kind.BOT)
        assert APIClient(HTTP_AUTHORIZATION=f"Token {key}").get("/api/admin/audit-log/").status_code == status
