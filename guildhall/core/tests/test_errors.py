"""Whatever comes in, the answer is JSON in one form and never a 500 (docs/api-contract.md, "Conventions")."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import path
from rest_framework.test import APIClient
from rest_framework.views import APIView

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core.errors import TooLarge
from guildhall.points.models import LedgerEntry, PointAdjustment
from guildhall.points.services import create_pool, update_pool
from guildhall.roster.services import create_character

pytestmark = pytest.mark.django_db
HUGE = "9" * 30


@pytest.fixture
def officer() -> User:
    return create_person(display_name="Boss", role_group="officer")


@pytest.fixture
def api(officer: User) -> APIClient:
    found = APIClient(raise_request_exception=False)
    found.force_authenticate(officer)
    return found


def shape(response: Any) -> tuple[int, str]:
    """Status and first code, after checking the whole form."""
    assert response["Content-Type"].startswith("application/json"), response["Content-Type"]
    body = response.json()
    assert set(body) == {"type", "errors"}
    assert body["type"] in ("validation_error", "client_error", "server_error")
    for error in body["errors"]:
        assert {"code", "detail", "attr"} <= set(error) <= {"code", "detail", "attr", "figures"}
        assert error["detail"]
    return response.status_code, body["errors"][0]["code"]


@pytest.mark.parametrize(
    ("body", "kind", "expected"),
    [
        (b"{", "application/json", (400, "parse_error")),
        (b'{"a": NaN}', "application/json", (400, "parse_error")),
        (b"\xff\xfe", "application/json", (400, "parse_error")),
        (b"", "application/json", (400, "required")),
        (b"[]", "application/json", (400, "invalid")),
        (b'"text"', "application/json", (400, "invalid")),
        (b"null", "application/json", (400, "null")),
        (b"<a/>", "text/xml", (415, "unsupported_media_type")),
        (b"x", "multipart/form-data", (400, "parse_error")),
    ],
)
def test_a_body_that_cannot_be_read(api: APIClient, body: bytes, kind: str, expected: tuple[int, str]) -> None:
    create_pool(name="V")
    assert shape(api.generic("POST", "/api/points/adjustments/", body, content_type=kind)) == expected


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("NaN", "not_a_number"), ("Infinity", "not_a_number"), ("1000000000", "out_of_range"), ("1.234", "too_many_decimals"),
        ("abc", "not_a_number"), ("", "not_a_number"), (None, "null"), (True, "not_a_number"), ([1], "not_a_number"),
        ({}, "not_a_number"), ("1,5", "not_a_number"), ("0", "zero_amount"), (0.1 + 0.2, "too_many_decimals"),
        ("0." + "0" * 40 + "1", "too_many_decimals"), (10**40, "out_of_range"), ("٣", None), ("1_000", None),
    ],
)  # fmt: skip
def test_amounts(api: APIClient, officer: User, amount: Any, code: str | None) -> None:
    create_pool(name="V")
    body = {"user_id": officer.pk, "amount": amount, "reason": "x"}
    response = api.post("/api/points/adjustments/", body)
    if code is None:  # other writings of a number are taken or refused, never a crash
        assert response.status_code in (201, 400)
        return
    assert shape(response) == (400, code)
    assert response.json()["errors"][0]["attr"] == "amount"
    assert not LedgerEntry.objects.exists()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"user_id": 99_999}, (404, "unknown_user")),
        ({"user_id": int(HUGE)}, None),
        ({"user_id": -1}, (400, "min_value")),
        ({"user_id": "x"}, (400, "invalid")),
        ({"user_id": None}, (400, "null")),
        ({"user_ids": [1]}, (400, "both_given")),
        ({"dkp_pool_id": 99_999}, (404, "unknown_pool")),
        ({"dkp_pool_id": int(HUGE)}, None),
        ({"reason": ""}, (400, "blank")),
        ({"reason": "   "}, (400, "blank")),
        ({"reason": "x" * 201}, (400, "max_length")),
        ({"reason": "a\x00b"}, (400, "control_character")),
        ({"reason": "\ud800"}, (400, "control_character")),
        ({"occurred_at": "yesterday"}, (400, "invalid")),
        ({"occurred_at": "2999-01-01T00:00:00Z"}, (400, "in_future")),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, None),
    ],
)
def test_an_adjustment_that_is_wrong_stores_nothing(
    api: APIClient, officer: User, change: dict[str, Any], expected: tuple[int, str] | None
) -> None:
    create_pool(name="V")
    # Escaped by hand: the test client cannot send half characters, a hostile one can.
    body = json.dumps({"user_id": officer.pk, "amount": 5, "reason": "x", **change})
    response = api.generic("POST", "/api/points/adjustments/", body, content_type="application/json")
    if expected is None:
        assert 400 <= response.status_code < 500, response.content
    else:
        assert shape(response) == expected
    assert not PointAdjustment.objects.exists()


def test_a_closed_pool_is_a_conflict(api: APIClient, officer: User) -> None:
    pool = create_pool(name="V")
    update_pool(pool=pool, is_active=False, actor=officer)
    body = {"user_id": officer.pk, "amount": 5, "reason": "x", "dkp_pool_id": pool.pk}
    assert shape(api.post("/api/points/adjustments/", body)) == (409, "pool_closed")


@pytest.mark.parametrize(
    "url",
    [
        f"/api/points/user/{HUGE}/", f"/api/points/user/1/pool/{HUGE}/", f"/api/points/history/user/{HUGE}/",
        f"/api/points/leaderboard/{HUGE}/", f"/api/characters/{HUGE}/", f"/api/ranks/{HUGE}/", f"/api/users/{HUGE}/",
        f"/api/dkp-pools/{HUGE}/", "/api/points/user/0/", "/api/points/user/-1/", "/api/points/user/abc/",
        "/api/points/leaderboard/999/", "/api/characters/999/", "/api/characters/by-name/Nobodyx/",
        "/api/points/character-attribution/Nobodyx/", "/api/points/entries/999/", "/api/nothing/",
        "/api/points/rules/999/", "/api/points/user/999999999999999999/", "/api/points/rules/999/preview/",
        "/api/characters/by-name/" + "x" * 3000 + "/", "/api/points/character-attribution/" + "é" * 500 + "/",
        "/api/characters/by-name/%ff%fe/", "/api/characters/?page=99999", "/api/dkp-pools",
    ],
)  # fmt: skip
def test_what_is_not_there_is_a_404(api: APIClient, url: str) -> None:
    assert shape(api.get(url))[0] == 404


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("/api/characters/by-name/a%00b/", "null_characters_not_allowed"),
        ("/api/characters/?search=%00", "null_characters_not_allowed"),
        ("/api/points/character-attribution/%00/", "null_characters_not_allowed"),
        ("/api/characters/?ordering=bogus", "invalid_ordering"),
        ("/api/characters/?ordering=user__password", "invalid_ordering"),
        ("/api/points/leaderboard/{pool}/?ordering=bogus", "invalid_ordering"),
        (f"/api/characters/?rank={HUGE}", "max_value"),
        ("/api/characters/?rank=x", "invalid"),
        ("/api/characters/?status=asleep", "invalid_choice"),
        (f"/api/points/adjustments/?user_id={HUGE}", "max_value"),
        ("/api/points/adjustments/?batch=nouuid", "invalid"),
        ("/api/points/adjustments/?since=yesterday", "invalid"),
        (f"/api/points/entries/?dkp_pool_id={HUGE}", "max_value"),
        ("/api/points/entries/?kind=theft", "invalid_choice"),
        ("/api/points/user/{user}/?at=yesterday", "invalid"),
        ("/api/points/user/{user}/?at=9999-99-99T00:00:00Z", "invalid"),
        ("/api/points/user/{user}/?recorded=perhaps", "invalid"),
        (f"/api/points/history/user/{{user}}/?dkp_pool={HUGE}", "invalid"),
        ("/api/points/history/user/{user}/?kind=theft", "invalid_choice"),
        ("/api/characters/?search=" + "x" * 9000, "too_large"),
        (f"/api/points/rules/?pool={HUGE}", "invalid"),
        ("/api/characters/?is_main=perhaps", "invalid"),
        ("/api/dkp-pools/?is_active=banana", "invalid"),
        ("/api/points/entries/?since=9999-12-31T23:59:59-14:00", "invalid"),
    ],
)
def test_a_bad_query_is_a_400(api: APIClient, officer: User, url: str, code: str) -> None:
    pool = create_pool(name="V")
    assert shape(api.get(url.format(user=officer.pk, pool=pool.pk))) == (400, code)


@pytest.mark.parametrize(
    "url",
    [
        "/api/characters/?page_size=", "/api/characters/?page_size=500", "/api/characters/?page=last",
        "/api/characters/?search=" + "a+" * 500, "/api/characters/?search=%25%5C", "/api/characters/?is_main=yes",
        "/api/points/user/{user}/?at=2026-01-01", "/api/points/user/{user}/?at=0001-01-01T00:00:00Z",
        "/api/points/user/{user}/?at=2026-01-01T00:00:00+02:00", "/api/characters/?ordering=",
        "/api/characters/?user=", "/api/characters/?rank=0", "/api/points/history/user/{user}/?search=%F0%9F%98%80",
    ],
)  # fmt: skip
def test_what_can_be_understood_is_answered(api: APIClient, officer: User, url: str) -> None:
    create_pool(name="V")
    assert api.get(url.format(user=officer.pk)).status_code == 200


def test_true_and_false_are_read_alike_everywhere(api: APIClient) -> None:
    create_pool(name="V")
    for text, count in (("true", 1), ("True", 1), ("1", 1), ("yes", 1), ("false", 0), ("0", 0), ("no", 0), ("", 1)):
        assert api.get("/api/dkp-pools/", {"is_active": text}).json()["count"] == count, text
    assert "true or false" in api.get("/api/dkp-pools/?is_active=banana").json()["errors"][0]["detail"]


def test_pages_are_at_most_500(api: APIClient) -> None:
    for n in range(3):
        create_character(name=f"Aeli{'abc'[n]}", actor=None)
    page = api.get("/api/characters/?page_size=2").json()
    assert (page["count"], len(page["results"]), "page=2" in page["next"]) == (3, 2, True)
    assert len(api.get(page["next"]).json()["results"]) == 1


def test_a_wrong_method_is_405_and_says_which(api: APIClient) -> None:
    response = api.delete("/api/points/adjustments/")
    assert shape(response) == (405, "method_not_allowed")
    assert "POST" in response["Allow"]
    assert shape(api.generic("BREW", "/api/ranks/"))[0] == 405


def test_401_and_403_are_not_the_same(officer: User) -> None:
    nobody, guest = APIClient(), APIClient()
    guest.force_authenticate(create_person(display_name="Guest", role_group="guest"))
    assert shape(nobody.get("/api/dkp-pools/")) == (401, "not_authenticated")
    assert shape(guest.get("/api/dkp-pools/")) == (403, "permission_denied")
    assert shape(nobody.post("/api/points/adjustments/", {})) == (401, "not_authenticated")


def test_a_browsers_session_needs_its_csrf_token(officer: User) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(officer)
    assert browser.get("/api/ranks/").status_code == 200
    response = browser.post("/api/ranks/", {"name": "x"}, content_type="application/json")
    assert shape(response) == (403, "permission_denied")
    assert shape(Client(enforce_csrf_checks=True).post("/api/nowhere/", {}))[0] == 404


def test_a_strange_host_is_json_too(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["guild.example"]
    assert shape(Client().get("/api/ranks/", headers={"host": "evil.example"}))[0] in (400, 401)


def test_a_body_that_is_too_large(api: APIClient, settings: Any) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    assert shape(api.post("/api/ranks/", {"name": "x" * 2000})) == (400, "too_large")


class Broken(APIView):
    required_scopes = None

    def get(self, request: Any) -> Any:
        raise ZeroDivisionError

    def put(self, request: Any) -> Any:
        raise TooLarge("Too much.")


class ours:
    urlpatterns = [path("api/broken/", Broken.as_view())]


def test_a_bug_of_ours_is_json_and_tells_nothing(api: APIClient, settings: Any) -> None:
    settings.ROOT_URLCONF = ours
    response = api.get("/api/broken/")
    assert shape(response)[0] == 500
    assert b"ZeroDivision" not in response.content
    assert shape(api.put("/api/broken/")) == (400, "too_large")


def test_preferences_hold_what_a_database_can_hold(api: APIClient) -> None:
    me = "/api/users/me/"
    assert api.patch(me, {"preferences": {"theme": "dark"}}).json()["preferences"] == {"theme": "dark"}
    for bad in ([], "x", {"a": "\x00"}, {"a": "\ud800"}, {"a": "x" * 30_000}, {"\x00": 1}):
        body = json.dumps({"preferences": bad})
        assert shape(api.generic("PATCH", me, body, content_type="application/json"))[0] == 400
    assert api.get(me).json()["preferences"] == {"theme": "dark"}


def test_the_browsable_api_shows_lists_and_errors(officer: User) -> None:
    browser = Client()
    browser.force_login(officer)
    one = create_character(name="Aeli", user=officer, actor=None)
    pool = create_pool(name="V")
    for url, status in (
        ("/api/characters/", 200), (f"/api/characters/{one.pk}/", 200), ("/api/users/me/", 200), ("/api/users/", 200),
        (f"/api/points/leaderboard/{pool.pk}/", 200), ("/api/points/adjustments/", 200), ("/api/dkp-pools/", 200),
        ("/api/auth/api-keys/", 200), ("/api/points/rules/", 200), ("/api/characters/999999/", 404),
        ("/api/admin/bulk-rank-update/", 405), ("/api/points/entries/", 200), ("/api/ranks/", 200),
    ):  # fmt: skip
        response = browser.get(url, headers={"accept": "text/html"})
        assert (response.status_code, response["Content-Type"]) == (status, "text/html; charset=utf-8"), url


def test_an_error_on_the_way_to_a_file_is_json_as_well(api: APIClient) -> None:
    assert shape(api.get("/api/characters/?format=csv&rank=x")) == (400, "invalid")
    assert shape(api.get("/api/points/leaderboard/999999/?format=xlsx")) == (404, "unknown_pool")
