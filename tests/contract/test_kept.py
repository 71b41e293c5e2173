"""Kept answers: read from nothing that they do not name, never stale, never somebody else's (`core/api/kept.py`)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, transaction
from django.urls import resolve
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_api_key, get_or_create_bot
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.auctions.services import BidRequest, place_bid
from guildhall.core import clock, kept, revisions
from guildhall.core.api import kept as api_kept
from guildhall.points.models import DKPPool
from guildhall.points.services import adjust_points
from guildhall.recruitment.models import Application
from tests.reads import Reads

from . import responses
from .good_requests import bodies, url
from .guild import Guild
from .test_who_may import BOTS, ENDLESS, OTHERS, client_of

#: What tells who asks; a key and its owner are looked at in each request, whatever is kept.
OF_A_KEY = {"core_revision", "accounts_visitoraccess"}
OF_THE_CALLER = {"core_revision", "accounts_apikey", "accounts_user", "accounts_visitoraccess", "django_session"}


def handler_of(path: str) -> Any:
    """Return the GET handler that answers at `path`."""
    view = resolve(path.partition("?")[0]).func
    name = (getattr(view, "actions", None) or {}).get("get", "get")
    return getattr(view.cls, name, None)  # type: ignore[attr-defined]


def kept_paths(guild: Guild) -> Iterator[tuple[str, Any]]:
    """Every address whose answer is kept, and its handler."""
    for method, path, described in responses.operations():
        operation = f"{method} {path}"
        if method == "get" and operation != ENDLESS:
            where = url(guild, operation, described)
            handler = handler_of(where)
            if getattr(handler, "kept_tables", None) is not None:
                yield where, handler


@pytest.mark.parametrize("caller", ["officer", "member", "guest", "nobody", "bot roster:read", "bot points:read"])
def test_what_is_read_is_named(guild: Guild, caller: str) -> None:
    """Without a table's name an answer would outlive a change to it."""
    wrong = []
    with transaction.atomic():
        open_to_strangers()
        api = client_of(caller, guild)
        for where, handler in kept_paths(guild):
            api.get(where)  # after that a key and its owner are known, and what is read is the answer's
            kept.clear()
            reads = Reads()
            with connection.execute_wrapper(reads):
                api.get(where)
            missing = (
                reads.tables - set(handler.kept_tables()) - (OF_A_KEY if caller.startswith("bot ") else OF_THE_CALLER)
            )
            wrong += [f"{where}: {table}" for table in sorted(missing)]
        transaction.set_rollback(True)
    assert wrong == []


def test_there_are_some(guild: Guild) -> None:
    assert len(list(kept_paths(guild))) >= 24


def sealed_bid(guild: Guild) -> None:
    """Aeli bids 7 in a sealed auction that runs."""
    session = guild.post("/api/bidding/start-bid/", {"item_name": "Orb", "mode": "sealed"})
    place_bid(
        session_id=session["bid_session_id"],
        request=BidRequest(amount="7"),
        bidder=User.objects.get(pk=guild.ids["aeli"]),
        actor=None,
    )


OF_A_PERSON = (
    "/api/points/user/{aeli}/", "/api/points/user/{aeli}/pool/{pool}/", "/api/points/history/user/{aeli}/",
    "/api/bidding/user/{aeli's discord}/max-bid/", "/api/discord/user/{aeli's discord}/balance/", "/api/applications/",
)  # fmt: skip


@pytest.mark.parametrize("first", [0, 1, 2])
def test_two_of_one_role_do_not_share_what_is_of_one_of_them(guild: Guild, first: int) -> None:
    """What somebody has in sealed auctions is told to them, and to no other member; whoever asked first."""
    callers = [guild.hers, *(client_of(column, guild) for column in ("member", "bot points:read"))]
    callers = callers[first:] + callers[:first]
    paths = [path.format(**guild.ids) for path in OF_A_PERSON]
    tags = {}
    for bids in (False, True):
        if bids:
            sealed_bid(guild)
        alone = {}
        for api in callers:
            for where in paths:
                kept.clear()
                alone[api, where] = answer(api, where)
        for _ in "12":
            for api in callers:
                for where in paths:
                    assert answer(api, where) == alone[api, where], where
        before, tags = tags, {(api, where): api.get(where).headers.get("ETag") for api in callers for where in paths}
        told = {where for api, where in before if before[api, where] != tags[api, where] and api is not guild.hers}
        assert told == set(), "an ETag told that somebody has bid"
    assert answer(guild.hers, paths[0]) != answer(callers[1] if callers[0] is guild.hers else callers[0], paths[0])


def asker(guild: Guild, *scopes: str) -> APIClient:
    _, key = create_api_key(user=get_or_create_bot(name="asker"), name="k", scopes=[*scopes], kind="bot")
    return APIClient(headers={"authorization": f"Token {key}"})


def test_an_answer_of_one_record_comes_before_the_view_and_has_its_own_etag(
    guild: Guild, django_assert_num_queries: Any
) -> None:
    api, where = asker(guild, "points:read"), "/api/points/user/{aeli}/".format(**guild.ids)
    first = api.get(where)
    with django_assert_num_queries(1):  # the revisions
        again = api.get(where)
    assert isinstance(again, api_kept.KeptResponse)
    assert (again.content, again["ETag"], again["Cache-Control"]) == (first.content, first["ETag"], "private, no-cache")
    with django_assert_num_queries(1):
        assert api.get(where, headers={"if-none-match": first["ETag"]}).status_code == 304
    adjust_points(
        user_ids=[guild.ids["borel"]], pool=DKPPool.objects.get(pk=guild.ids["pool"]), amount=1, reason="x", actor=None
    )
    unchanged = api.get(where, headers={"if-none-match": first["ETag"]})  # made anew, and found to be the same
    assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", first["ETag"])
    assert api.get(where).content == first.content


def test_a_question_is_answered_by_what_was_sent(guild: Guild, django_assert_num_queries: Any) -> None:
    api, where = asker(guild, "bidding:read"), "/api/discord/validate-bid/"
    bid = {"discord_id": guild.ids["aeli's discord"], "amount": "5"}
    first = [api.post(where, {**bid, "amount": amount}, format="json").json() for amount in ("5", "99999")]
    assert [one["valid"] for one in first] == [True, False]
    with django_assert_num_queries(2):  # the revisions, twice
        assert [api.post(where, {**bid, "amount": amount}, format="json").json() for amount in ("5", "99999")] == first
    assert api.post(where, {**bid, "wrong": 1}, format="json").status_code == 400
    adjust_points(
        user_ids=[guild.ids["aeli"]],
        pool=DKPPool.objects.get(pk=guild.ids["pool"]),
        amount=99999,
        reason="x",
        actor=None,
    )
    assert api.post(where, {**bid, "amount": "99999"}, format="json").json()["valid"] is True
    session = guild.post("/api/bidding/start-bid/", {"item_name": "Orb", "duration_seconds": 60})
    of_one = {**bid, "bid_session_id": session["bid_session_id"]}
    assert api.post(where, of_one, format="json").json()["valid"] is True
    with clock.frozen(clock.now() + dt.timedelta(minutes=2)):
        assert api.post(where, of_one, format="json").json()["valid"] is False


def test_a_vote_that_ends_by_the_clock_is_over_in_what_is_kept(guild: Guild) -> None:
    application = Application.objects.exclude(submitted_at=None).first()
    assert application is not None
    now = clock.now()
    Application.objects.filter(pk=application.pk).update(
        status="voting_active", voting_ends_at=now + dt.timedelta(hours=1)
    )
    api = asker(guild, "recruitment:read")
    for after, status in ((0, "voting_active"), (59, "voting_active"), (60, "voting_complete")):
        with clock.frozen(now + dt.timedelta(minutes=after)):
            rows = api.get("/api/applications/").json()["results"]
            assert [row["status"] for row in rows if row["id"] == application.pk] == [status]


def open_to_strangers() -> None:
    edit_visitor_access(actor=None, standings=True, roster=True, raids=True, calendar=True, items=True)


def answer(api: APIClient, where: str) -> tuple[int, bytes]:
    response = api.get(where)
    return response.status_code, response.content


@pytest.mark.parametrize("columns", [OTHERS, BOTS], ids=["people", "bots"])
def test_nobody_gets_the_answer_of_another(guild: Guild, columns: list[str]) -> None:
    """Each caller is answered the same whether others' answers are kept or not, in whichever order they came."""
    paths = [where for where, _ in kept_paths(guild)]
    with transaction.atomic():
        open_to_strangers()
        clients = {column: client_of(column, guild) for column in columns}
        alone: dict[tuple[str, str], tuple[int, bytes]] = {}
        for column, api in clients.items():
            for where in paths:
                kept.clear()
                alone[column, where] = answer(api, where)
        wrong = []
        for order in (list(clients), list(reversed(clients))):
            kept.clear()
            for column in order:
                for where in paths:
                    for _ in range(2):  # made, and kept
                        if answer(clients[column], where) != alone[column, where]:
                            wrong.append(f"{where} as {column}")
        transaction.set_rollback(True)
    assert wrong == []


@pytest.mark.slow
def test_nothing_that_is_written_leaves_a_stale_answer(guild: Guild, monkeypatch: pytest.MonkeyPatch) -> None:
    """After every operation of the API that writes, each kept answer is what would be made anew."""
    api, good, wrong = guild.api, bodies(guild), []
    paths = [where for where, _ in kept_paths(guild)]
    for where in paths:
        answer(api, where)  # kept from here on; each write below is rolled back
    for method, path, described in responses.operations():
        operation = f"{method} {path}"
        if method == "get":
            continue
        given = good.get(operation)
        with transaction.atomic():
            send = getattr(api, method)
            body = given[0] if isinstance(given, list) else given
            where = url(guild, operation, described)
            send(where, body) if body is not None else send(where)
            found = {where: answer(api, where) for where in paths}
            with monkeypatch.context() as patched:
                patched.setattr(kept, "get", lambda key: None)
                wrong += [f"{where} after {operation}" for where in paths if found[where] != answer(api, where)]
            transaction.set_rollback(True)
    assert wrong == []


def test_a_program_with_a_key_is_answered_before_the_view(guild: Guild, django_assert_num_queries: Any) -> None:
    bot = get_or_create_bot(name="poller")
    key_row, key = create_api_key(user=bot, name="k", scopes=["roster:read"], kind="bot")
    api = APIClient(headers={"authorization": f"Token {key}"})
    first = api.get("/api/characters/")
    with django_assert_num_queries(1):  # the revisions
        again = api.get("/api/characters/")
    assert isinstance(again, api_kept.KeptResponse)
    assert (again.content, again["ETag"], again["Content-Type"]) == (
        first.content,
        first["ETag"],
        first["Content-Type"],
    )
    differing = {
        name
        for name in {*first.headers, *again.headers}
        if first.headers.get(name) != again.headers.get(name) and not name.startswith("X-RateLimit")
    }
    assert differing == set()
    with django_assert_num_queries(1):
        unchanged = api.get("/api/characters/", headers={"if-none-match": first["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")

    from guildhall.accounts.services import revoke_api_key

    revoke_api_key(key=key_row, actor=None)
    assert api.get("/api/characters/").status_code == 401


def test_an_answer_begun_before_a_commit_is_not_kept(guild: Guild, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.clear()
    put: list[str] = []
    monkeypatch.setattr(kept, "put", lambda key, made: put.append(key))
    assert guild.api.get("/api/ranks/").status_code == 200
    assert len(put) == 1
    seen = revisions.read()

    def later() -> dict[str, int]:  # somebody commits between the first look and the second
        return {**seen, "roster_rank": 1}

    monkeypatch.setattr(revisions, "of_request", lambda request: seen)
    monkeypatch.setattr(revisions, "read", later)
    assert guild.api.get("/api/ranks/?page_size=7").status_code == 200
    assert len(put) == 1


@pytest.mark.parametrize("encoding", ["zstd", "br", "gzip", "", "identity", "br;q=0, gzip", "deflate"])
def test_it_comes_as_the_client_takes_it(guild: Guild, encoding: str) -> None:
    plain = guild.api.get("/api/characters/?page_size=500")
    made = guild.api.get("/api/characters/?page_size=500&ordering=name", headers={"accept-encoding": encoding})
    assert made.headers.get("Content-Encoding", "") == {"br;q=0, gzip": "gzip", "deflate": "", "identity": ""}.get(
        encoding, encoding
    )
    found = guild.api.get("/api/characters/?page_size=500", headers={"accept-encoding": encoding})
    chosen = {"br;q=0, gzip": "gzip", "deflate": "", "identity": ""}.get(encoding, encoding)
    assert len(plain.content) >= kept.SMALLEST
    assert found.headers.get("Content-Encoding", "") == chosen
    assert "Accept-Encoding" in found["Vary"]
    assert decoded(found.content, chosen) == plain.content
    assert found["ETag"] == plain["ETag"]


def decoded(body: bytes, encoding: str) -> bytes:
    import gzip

    import brotli
    import zstandard

    if encoding == "zstd":
        return zstandard.ZstdDecompressor().decompress(body)
    if encoding == "br":
        return bytes(brotli.decompress(body))
    return gzip.decompress(body) if encoding == "gzip" else body
