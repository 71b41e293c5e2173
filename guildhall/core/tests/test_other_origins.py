"""A front end of another origin, which the guild has named in `CORS_ALLOWED_ORIGINS`, can use all of the API."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db
THERE = "https://dkp.example.org"
SENT = ("authorization", "content-type", "idempotency-key", "if-none-match", "last-event-id", "cache-control", "accept")
READ = (
    *("etag", "idempotent-replayed", "content-disposition", "link", "location", "retry-after", "www-authenticate"),
    *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"),
)


@pytest.fixture(autouse=True)
def _allowed(settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [THERE]


def names(value: str) -> set[str]:
    return {name.strip().lower() for name in value.split(",")}


def preflight(path: str, *, origin: str = THERE, method: str = "POST", headers: str = ", ".join(SENT)) -> Any:
    asked = {"Origin": origin, "Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return Client().options(path, headers=asked)


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/api/bidding/place-bid/", "POST"),
        ("/api/bidding/stream/", "GET"),
        ("/api/points/leaderboard/1/", "GET"),
        ("/api/users/me/", "PATCH"),
        ("/api/auth/token/", "POST"),
        ("/api/applications/", "POST"),
    ],
)
def test_a_preflight_allows_every_header_that_a_client_of_the_api_sends(path: str, method: str) -> None:
    response = preflight(path, method=method)
    assert response.status_code == 200
    assert response["Access-Control-Allow-Origin"] == THERE
    assert method in response["Access-Control-Allow-Methods"]
    assert names(response["Access-Control-Allow-Headers"]) >= set(SENT)
    assert "Access-Control-Allow-Credentials" not in response  # it comes with a key, never with our cookies


def test_a_preflight_of_any_other_origin_allows_nothing() -> None:
    for path in ("/api/bidding/place-bid/", "/api/bidding/stream/"):
        assert "Access-Control-Allow-Origin" not in preflight(path, origin="https://evil.example")
    assert "Access-Control-Allow-Origin" not in preflight("/sign-in/")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/schema/", 200),
        ("/api/ranks/", 401),
        ("/api/bidding/stream/", 401),
        ("/api/nowhere/", 404),
        ("/api/ranks/?x=%00", 400),  # refused before any view is reached
    ],
)
def test_answers_and_refusals_can_be_read_there(path: str, status: int) -> None:
    response = Client().get(path, headers={"Origin": THERE})
    assert response.status_code == status
    assert response["Access-Control-Allow-Origin"] == THERE
    assert names(response["Access-Control-Expose-Headers"]) >= set(READ)
