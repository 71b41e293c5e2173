"""With Redis away the scenario goes on without a cache."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from rest_framework.test import APIClient

from guildhall.accounts.services import create_api_key, create_person
from guildhall.ops.selectors import health

pytestmark = pytest.mark.django_db


@pytest.fixture
def no_redis(settings: Any) -> None:
    """The cache's Redis at a port where nothing listens."""
    settings.CACHES = {
        **settings.CACHES,
        "default": {
            "BACKEND": "guildhall.core.cache.FaultTolerantRedisCache",
            "LOCATION": "redis://127.0.0.1:1/0",
            "OPTIONS": {"socket_connect_timeout": 1},
        },
    }


def test_every_call_of_the_api_is_answered(no_redis: None) -> None:
    member = create_person(display_name="Sorrel")
    _, key = create_api_key(user=member, name="phone")
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    answer = client.get("/api/users/me/")
    assert answer.status_code == 200
    assert answer["X-RateLimit-Limit"]
    assert APIClient().get("/api/users/me/").status_code == 401
    client.credentials(HTTP_AUTHORIZATION="Token ghp_nonsense")
    assert client.get("/api/users/me/").status_code == 401


def test_the_health_page_says_so(no_redis: None) -> None:
    (check,) = [check for check in health().checks if check.name == "cache"]
    assert check.status == "failing"
    assert "without a cache" in check.detail


def test_an_absent_cache_is_an_empty_one(no_redis: None) -> None:
    cache.set("a", 1)
    cache.set_many({"b": 2})
    assert (cache.get("a", "none"), cache.get_many(["a", "b"]), "a" in cache) == ("none", {}, False)
    assert cache.add("a", 1)
    assert not cache.delete("a")
    assert not cache.touch("a")
    cache.delete_many(["a"])
    with pytest.raises(ValueError):
        cache.incr("a")


def test_sessions_are_in_the_database_and_go_on(no_redis: None, settings: Any, client: Any) -> None:
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
    member = create_person(display_name="Sorrel")
    client.force_login(member, "django.contrib.auth.backends.ModelBackend")
    assert client.get("/").status_code == 200
