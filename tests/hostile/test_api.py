"""What a member, and a stranger's old tool, are told who send more than is read in one go: a 400 that says what to do."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import RoleGroup, User
from guildhall.auctions.chat import matching, reader

from . import inputs

pytestmark = pytest.mark.django_db
URL = "/api/bidding/parse-chat/"


@pytest.fixture
def member() -> APIClient:
    client = APIClient()
    client.force_login(User.objects.create_user("fenn", role_group=RoleGroup.MEMBER))
    return client


def _error(response: object) -> dict[str, str]:
    assert response.status_code == 400, response.content[:300]  # type: ignore[attr-defined]
    return response.json()["errors"][0]  # type: ignore[attr-defined, no-any-return]


def test_five_megabytes_of_bars_are_refused_before_they_are_read(member: APIClient) -> None:
    error = _error(member.post(URL, {"text": "|" * (reader.MAX_CHARACTERS + 1)}, format="json"))
    assert error["code"] == "too_large"
    assert "part of them" in error["detail"]


def test_lines_that_look_like_openings_are_refused_once_the_budget_is_spent(
    member: APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = inputs.DISTINCT["openings"](100_000)
    assert member.post(URL, {"text": text}, format="json").status_code == 200
    monkeypatch.setattr(matching, "STEPS", 100_000)
    error = _error(member.post(URL, {"text": text}, format="json"))
    assert error["code"] == "too_much_work"
    assert "one raid" in error["detail"]


def test_a_list_of_too_many_lines_is_refused_before_any_is_looked_at(member: APIClient) -> None:
    error = _error(member.post(URL, {"lines": [""] * (reader.MAX_LINES + 1)}, format="json"))
    assert error["code"] == "too_large"


@pytest.mark.parametrize("body", ["[" + "{}," * 60_000 + "{}]", '{"lines":[' + "1," * 200_001 + "1]}", "[" * 100_000])
def test_a_body_of_too_many_values_is_refused(member: APIClient, body: str) -> None:
    error = _error(member.post(URL, body, content_type="application/json"))
    assert error["code"] == "parse_error"


def test_an_old_tools_nested_body_is_refused(client: Client) -> None:
    from guildhall.core.errors import BadInput
    from guildhall.eqdkp.api_format import parse_body

    for body in ("<a>" * 40 + "</a>" * 40, "[" * 100_000, json.dumps({"a": [1] * 100_001})):
        with pytest.raises(BadInput) as caught:
            parse_body(body.encode())
        assert caught.value.code in ("malformed_input", "too_much_work")


def test_only_what_takes_logs_takes_a_file_as_large_as_a_log(member: APIClient) -> None:
    """A file lies in the temporary folder while it is read; nobody fills the disk with one that no view wants."""
    large = {"CONTENT_LENGTH": str(300 * 1024 * 1024), "content_type": "multipart/form-data; boundary=x"}
    for path in ("/api/applications/", URL):
        error = _error(member.generic("POST", path, b"--x--", **large))
        assert (error["code"], "MB" in error["detail"]) == ("too_large", True), path
