"""Places on the live stream: what one person or one key opens keeps nobody else out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from guildhall.accounts.services import create_api_key
from guildhall.auctions import stream

from . import build

pytestmark = pytest.mark.django_db(transaction=True)
URL = "/api/bidding/stream/"


@pytest.fixture(autouse=True)
def _limits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.STREAM_LIMIT, settings.STREAMS_A_PERSON, settings.STREAMS_A_KEY = 6, 4, 2
    # One that nobody replaces ends by itself, so that a test which waits for that fails soon and not in five minutes.
    monkeypatch.setitem(stream.subscribe.__kwdefaults__, "seconds", 3.0)
    yield
    assert stream.hub.listeners == 0


def session(name: str) -> Client:
    found = Client()
    found.force_login(build.person(name))
    return found


def keyed(person: Any, name: str = "bot") -> Client:
    key = create_api_key(user=person, name=name, scopes=["bidding:read"])[1]
    return Client(headers={"Authorization": f"Token {key}"})


def open_streams(client: Client, count: int) -> list[Any]:
    found = [client.get(URL) for _ in range(count)]
    assert {response.status_code for response in found} == {200}
    return found


def ended(response: Any) -> bytes:
    """What a stream that ends by itself still says, with what came before it."""
    return b"".join(response.streaming_content)


def close(*responses: Any) -> None:
    for response in responses:
        response.close()


def test_one_key_that_opens_many_keeps_no_officer_out() -> None:
    member = build.person("Member")
    many = open_streams(keyed(member), 34)
    assert stream.hub.listeners == 2
    officer = session("Officer").get(URL)
    assert officer.status_code == 200
    assert stream.hub.listeners == 3
    close(*many, officer)


def test_the_oldest_ends_first_and_says_why() -> None:
    client = session("Member")
    first, *rest = open_streams(client, 5)
    said = ended(first)
    assert b"event: replaced\n" in said
    assert b"retry: 60000\n" in said
    assert b"Close the ones you do not need" in said
    assert stream.hub.listeners == 4
    close(first, *rest)


def test_a_persons_keys_and_sessions_count_together() -> None:
    member = build.person("Member")
    browser = Client()
    browser.force_login(member)
    opened = [*open_streams(keyed(member, "a"), 2), *open_streams(keyed(member, "b"), 2), *open_streams(browser, 2)]
    assert stream.hub.listeners == 4
    assert b"event: replaced" in ended(opened[0])
    assert b"event: replaced" in ended(opened[1])
    close(*opened)


def test_where_all_is_taken_who_has_most_makes_room(settings: Any) -> None:
    greedy = open_streams(session("Greedy"), 4)
    others = [open_streams(session(name), 1)[0] for name in ("One", "Two", "Three")]
    assert b"event: replaced" in ended(greedy[0])
    assert stream.hub.listeners == 6
    close(*greedy, *others)


def test_where_everybody_has_one_a_newcomer_is_told_to_come_back(settings: Any) -> None:
    settings.STREAM_LIMIT = 2
    opened = [open_streams(session(name), 1)[0] for name in ("One", "Two")]
    full = session("Three").get(URL)
    assert (full.status_code, full["Retry-After"]) == (503, "15")
    close(*opened)


def test_a_place_given_back_is_free_once(settings: Any) -> None:
    client = session("Member")
    opened = open_streams(client, 6)
    close(*opened, *opened)
    assert stream.hub.listeners == 0
    again = open_streams(client, 4)
    assert stream.hub.listeners == 4
    close(*again)


def test_with_redis_another_processs_place_counts_too(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What another process opened for this key, as it stands in Redis: one more here ends the oldest there."""
    if not settings.REDIS_URL:
        pytest.skip("needs Redis")
    told: list[bytes] = []
    redis = stream.redis_client()
    monkeypatch.setattr(redis, "publish", lambda channel, message: told.append(message))
    there = [stream.Place("user:0", "key:0", 0.0, f"there-{n}") for n in range(2)]
    for place in there:
        stream._shared.joined(place)
    here = stream.Place("user:0", "key:0", 0.0, "here")
    stream._shared.joined(here)
    assert told == [b"end:there-0"]
    for place in (*there, here):
        stream._shared.left(place)
