"""What somebody has bid under seal is read by nobody else: every operation, page, admin page and slash command is asked.

The lists of what is asked are made from the schema, the addresses and the admin's registry, so that what is added later
is asked too.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib import admin
from django.db import connection, transaction
from django.test import Client
from django.urls import NoReverseMatch, reverse
from django.urls.converters import UUIDConverter
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from guildhall.accounts import keys
from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot
from guildhall.auctions.api.stream_view import running_sessions
from guildhall.auctions.models import BidHistory, BidSession, StreamEvent
from guildhall.auctions.services import (
    BidRequest,
    award_session,
    cancel_session,
    close_session,
    keep_refusal,
    place_bid,
    save_policy,
    void_bid,
    withdraw_bid,
)
from guildhall.auctions.services.chat import apply_chat, read_chat
from guildhall.auctions.tests import build
from guildhall.core import clock, kept
from guildhall.core.databases import revised
from guildhall.core.errors import GuildhallError
from guildhall.core.models import AuditEvent, OutboxMessage
from guildhall.discord.interactions.dispatch import dispatch
from guildhall.points.models import UserPointsSummary
from guildhall.points.services import adjust_points, create_rule
from guildhall.web.urls import urlpatterns as pages

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
SECRETS = ("17.37", "22.37", "43.63", "38.63")
"""Of 61 points 17.37 are bid under seal and 5 lead in the open: the bid, all that is held, and what is left of each."""


@dataclass
class Scenario:
    pool: Any
    bidder: User
    rival: User
    ring: BidSession
    rule: Any


@pytest.fixture
def scenario(settings: Any) -> Iterator[Scenario]:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 1_000_000)
    with clock.frozen(NOON) as held:
        pool = build.pool()
        bidder = build.person("Aeli", points=61, pool=pool)
        rival = build.person("Borel", points=100, pool=pool)
        ring = build.session(item="Ring")
        build.bid(ring, bidder, 5)
        rule = create_rule(name="Half", pool=pool, kind="decay_percent", percent=50, period="week", actor=None)
        held.set(NOON + dt.timedelta(seconds=30))  # sessions of one moment would come in an order of chance
        yield Scenario(pool, bidder, rival, ring, rule)


def sealed(scenario: Scenario, amount: str = "17.37", **values: Any) -> BidSession:
    """A sealed session in which the scenario's bidder has bid."""
    cloak = build.session(mode="sealed", **values)
    build.bid(cloak, scenario.bidder, amount)
    return cloak


def viewers(scenario: Scenario) -> dict[str, User]:
    found = {role: create_person(display_name=f"A {role}", role_group=role) for role in RoleGroup.values}
    found["superuser"] = create_person(display_name="Root", role_group="officer")
    User.objects.filter(pk=found["superuser"].pk).update(is_superuser=True, is_staff=True)
    found["superuser"].refresh_from_db()
    found["rival"] = scenario.rival
    for number, person in enumerate(found.values()):
        if not person.discord_id:
            User.objects.filter(pk=person.pk).update(discord_id=f"8000000000000{number:02}")
            person.refresh_from_db()
    return found


def bot(*scopes: str) -> APIClient:
    api = APIClient(raise_request_exception=False)
    _, key = create_api_key(user=get_or_create_bot(name="a bot"), name="-".join(scopes), scopes=scopes, kind="bot")
    api.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return api


def places(scenario: Scenario, cloak: BidSession) -> dict[str, Any]:
    return {
        "bid_session_id": cloak.pk, "item_id": cloak.item_id, "user_id": scenario.bidder.pk,
        "discord_id": scenario.bidder.discord_id, "dkp_pool_id": scenario.pool.pk, "pool_id": scenario.pool.pk,
        "character_name": "Aeli", "name": "Aeli", "id": 1, "rule_id": scenario.rule.pk, "file_format": "csv",
    }  # fmt: skip


def operations(scenario: Scenario, cloak: BidSession) -> list[str]:
    """The address of each GET operation about the bidder, the pool and the session, and some with parameters."""
    values = places(scenario, cloak)
    paths = SchemaGenerator().get_schema(request=None, public=True)["paths"]
    found = []
    for path, methods in paths.items():
        if "get" not in methods or path == "/api/bidding/stream/" or "schema" in path:
            continue
        ids = [values["user_id"]] if path.startswith("/api/users/{") else [values["id"]]
        for pk in ids:
            found.append(re.sub(r"\{(\w+)\}", lambda match: str({**values, "id": pk}.get(match[1], 1)), path))  # noqa: B023
    person, discord = scenario.bidder.pk, scenario.bidder.discord_id
    found += [
        f"/api/bidding/user/{discord}/max-bid/?bid_session_id={cloak.pk}",
        f"/api/bidding/user/{discord}/max-bid/?bid_session_id={scenario.ring.pk}",
        f"/api/points/user/{person}/?at={NOON:%Y-%m-%dT%H:%M:%SZ}",
        f"/api/points/user/{person}/pool/{scenario.pool.pk}/?at={NOON:%Y-%m-%dT%H:%M:%SZ}",
        f"/api/bidding/{cloak.pk}/?discord_id={discord}",
        f"/api/bidding/{scenario.ring.pk}/",
        f"/api/bidding/{scenario.ring.pk}/bids/",
        f"/api/bidding/{cloak.pk}/bids/?format=csv",
        f"/api/items/{cloak.item_id}/bid-history/?format=csv",
        "/api/bidding/sessions/?format=csv",
        f"/api/points/user/{person}/?format=csv",
        "/api.php?function=points&format=json",
    ]
    return found


def page_addresses(scenario: Scenario, cloak: BidSession) -> list[str]:
    values = {**places(scenario, cloak), "user_id": scenario.bidder.pk}
    found = []
    for one in pages:
        arguments = {
            name: values.get(name, cloak.pk if isinstance(converter, UUIDConverter) else 1)
            for name, converter in one.pattern.converters.items()
        }
        if one.name in ("sign-out", "demo-sign-in", "eqdkp-import"):
            continue
        found.append(reverse(f"web:{one.name}", kwargs=arguments))
    return [*found, f"/auctions/{scenario.ring.pk}/"]


def admin_addresses() -> list[str]:
    found = []
    for model in admin.site._registry:
        where = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        found.append(reverse(f"{where}_changelist"))
        for pk in model._default_manager.values_list("pk", flat=True)[:30]:
            try:
                found.append(reverse(f"{where}_change", args=[pk]))
            except NoReverseMatch:
                continue
    return found


def said(person: User, name: str, sub: str = "", **options: str) -> str:
    """What a slash command answers."""
    given: list[Any] = [{"name": key, "type": 3, "value": value} for key, value in options.items()]
    data = {"name": name, "options": [{"name": sub, "type": 1, "options": given}] if sub else given}
    user = {"id": person.discord_id, "username": "x"}
    return str(dispatch({"type": 2, "data": data, "member": {"user": user}, "guild_id": "1"}))


def commands(person: User, cloak: BidSession) -> str:
    asked = [
        said(person, "dkp", who="Aeli"), said(person, "standings"), said(person, "history", who="Aeli"),
        said(person, "auction", "list"), said(person, "whois", who="Aeli"), said(person, "auction", "mine"),
        said(person, "item", item=cloak.item_name), said(person, "bid", auction=str(cloak.pk), amount="0"),
    ]  # fmt: skip
    return "\n".join(asked)


def told_in_passing() -> str:
    """What goes out to everybody, and what is kept about it."""
    kept = [str(row.data) for row in StreamEvent.objects.all()]
    kept += [f"{row.summary} {row.data}" for row in AuditEvent.objects.all()]
    kept += [str(row.payload) for row in OutboxMessage.objects.all()]
    return "\n".join([*kept, str(running_sessions())])


def test_the_bidder_and_the_bot_that_bids_for_people_read_it(scenario: Scenario) -> None:
    cloak = sealed(scenario)
    mine = APIClient()
    mine.force_authenticate(scenario.bidder)
    person, discord = scenario.bidder.pk, scenario.bidder.discord_id
    for who in (mine, bot("bidding:write", "bidding:read", "points:read", "discord:read")):
        balance = who.get(f"/api/points/user/{person}/").json()["pools"][0]
        assert (balance["held"], balance["available"]) == ("22.37", "38.63")
        assert who.get(f"/api/bidding/user/{discord}/max-bid/").json()["max_bid"] == "38.63"
        assert who.get(f"/api/bidding/{cloak.pk}/?discord_id={discord}").json()["own_bid"]["amount"] == "17.37"
    assert mine.get("/api/bidding/me/").json()["bids"][0]["amount"] == "5.00"
    assert {bid["amount"] for bid in mine.get("/api/bidding/me/").json()["bids"]} == {"5.00", "17.37"}
    assert mine.get(f"/api/bidding/{cloak.pk}/bids/").json()["results"][0]["amount"] == "17.37"
    browser = Client()
    browser.force_login(scenario.bidder)
    assert b"17.37" in browser.get(f"/auctions/{cloak.pk}/").content
    assert b"your sealed bid" in browser.get(f"/people/{person}/pools/{scenario.pool.pk}/").content
    assert "22.37" in said(scenario.bidder, "dkp")


def test_nobody_else_reads_it_anywhere(scenario: Scenario) -> None:
    cloak = sealed(scenario)
    with pytest.raises(GuildhallError):  # kept in the history of an open session: only the seal explains it
        build.bid(build.session(item="Orb"), scenario.bidder, 50)
    people = viewers(scenario)
    void_bid(
        session_id=sealed(scenario, "17.37", item="Helm").pk,
        user=scenario.bidder,
        actor=people["officer"],
        reason="typo",
    )
    asked = operations(scenario, cloak)
    clients = {name: APIClient(raise_request_exception=False) for name in people}
    for name, person in people.items():
        clients[name].force_authenticate(person)
    clients["nobody"] = APIClient(raise_request_exception=False)
    clients["reader bot"] = bot("points:read", "bidding:read", "discord:read", "roster:read", "raids:read", "admin")
    found, opened = [], 0
    for name, api in clients.items():
        for path in asked:
            response = api.get(path)
            opened += response.status_code == 200
            text = b"".join(response) if response.streaming else response.content
            found += [(name, path, secret) for secret in SECRETS if secret in text.decode("utf-8", "replace")]
    for name in ("rival", "recruiter", "developer", "officer", "superuser"):
        browser = Client(raise_request_exception=False)
        browser.force_login(people[name])
        addresses = page_addresses(scenario, cloak) + (admin_addresses() if people[name].is_staff else [])
        for path in addresses:
            response = browser.get(path)
            opened += response.status_code == 200
            text = b"".join(response) if response.streaming else response.content
            found += [(name, path, secret) for secret in SECRETS if secret in text.decode("utf-8", "replace")]
        text = commands(people[name], cloak)
        found += [(name, "slash commands", secret) for secret in SECRETS if secret in text]
    found += [("everybody", "what is told in passing", secret) for secret in SECRETS if secret in told_in_passing()]
    assert not found
    assert opened > 500  # the walk did get in


@pytest.mark.parametrize(
    "address",
    [
        "/admin/points/userpointssummary/?held__gte=22",
        "/admin/points/userpointssummary/?held_sealed__gte=17",
        "/admin/auctions/bidhistory/?available_before__gte=50",
        "/admin/auctions/bidsession/?trace__contains=17",
        "/admin/auctions/bidsession/?bids__amount__gte=17",
        "/admin/points/userpointssummary/?user__holds__amount__gte=17",
    ],
)
def test_the_admin_answers_no_question_about_it(scenario: Scenario, address: str) -> None:
    sealed(scenario)
    browser = Client(raise_request_exception=False)
    browser.force_login(viewers(scenario)["superuser"])
    answer = browser.get(address)
    assert answer.status_code in (302, 400), answer.status_code


@pytest.mark.every_database  # for SQLite, where alone it can run
def test_two_guilds_that_differ_only_in_a_sealed_bid_look_alike(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("a server's sequences go on after a rollback, so the two would differ in their numbers")
    people = viewers(scenario)
    officer, reader = APIClient(raise_request_exception=False), bot("points:read", "bidding:read", "discord:read")
    officer.force_authenticate(people["officer"])
    browser = Client(raise_request_exception=False)
    browser.force_login(people["superuser"])

    def look(amount: str) -> dict[str, str]:
        sid = transaction.savepoint()
        # Revisions are random numbers: here the same ones for the same writes, so that an ETag tells only what was written.
        numbers = itertools.count(1)
        monkeypatch.setattr(revised.secrets, "randbits", lambda bits: next(numbers))
        kept.clear()
        keys.forget()
        cloak = sealed(scenario, amount)
        seen: dict[str, str] = {}
        for path in operations(scenario, cloak):
            if path == "/api/admin/system-health/":  # measures how long things take, and what is free on the disk
                continue
            for name, api in (("officer", officer), ("reader", reader)):
                response = api.get(path)
                tag = "" if str(cloak.pk) in path else response.headers.get("ETag", "")
                seen[f"{name} {plain(path)}"] = tag + plain(
                    b"".join(response) if response.streaming else response.content
                )
        for path in [*page_addresses(scenario, cloak), *admin_addresses()]:
            if "/apikey/" in path:  # says when it was last used
                continue
            response = browser.get(path)
            seen[plain(path)] = plain(b"".join(response) if response.streaming else response.content)
        for wanted in ("1", "20", "40", "50", "60"):
            for session in (cloak, scenario.ring, None):
                body = {"discord_id": scenario.bidder.discord_id, "amount": wanted}
                body |= {"bid_session_id": str(session.pk)} if session else {}
                for name, api in (("officer", officer), ("reader", reader)):
                    answer = api.post("/api/discord/validate-bid/", body, format="json").content
                    seen[f"{name} validates {wanted} in {session and session.item_name}"] = plain(answer)
        seen["commands"] = plain(commands(people["rival"], cloak))
        seen["in passing"] = plain(told_in_passing())
        transaction.savepoint_rollback(sid)
        return seen

    one, other = look("17.37"), look("23.61")
    assert one.keys() == other.keys()
    differ = {}
    for name in one:
        if one[name] != other[name]:
            at = next((n for n, pair in enumerate(zip(one[name], other[name], strict=False)) if pair[0] != pair[1]), 0)
            differ[name] = (one[name][max(0, at - 80) : at + 80], other[name][max(0, at - 80) : at + 80])
    assert differ == {}


def plain(text: bytes | str) -> str:
    """Without what differs between any two answers: ids made at random, tokens."""
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID", text)
    text = re.sub(
        r'2026-\d\d-\d\dT[\d:.]+Z|"milliseconds":[\d.]+|23 Nov 2026, noon|\b\d{1,2}:\d\d(?: [ap]\.m\.)?', "TIME", text
    )
    return re.sub(r"[A-Za-z0-9_-]{18,}|\b\d+\.\d+ ?ms\b", "TOKEN", text)


def seen_by(person: User, cloak: BidSession) -> str:
    """What everybody is shown of one session, wherever."""
    api, browser = APIClient(), Client()
    api.force_authenticate(person)
    browser.force_login(person)
    paths = [f"/api/bidding/{cloak.pk}/", f"/api/bidding/{cloak.pk}/bids/", f"/api/items/{cloak.item_id}/bid-history/"]
    parts = [api.get(path).content for path in paths] + [browser.get(f"/auctions/{cloak.pk}/").content]
    if person.is_staff:
        history = [f"/admin/auctions/bidhistory/{pk}/change/" for pk in BidHistory.objects.values_list("pk", flat=True)]
        more = ["/admin/auctions/bidhistory/", f"/admin/auctions/bidsession/{cloak.pk}/change/", *history]
        parts += [browser.get(path).content for path in more]
    return b"\n".join(parts).decode()


@pytest.mark.parametrize("decided_first", [False, True])
def test_once_cancelled_everybody_sees_their_own_bid_alone(scenario: Scenario, decided_first: bool) -> None:
    cloak = sealed(scenario)
    if decided_first:
        close_session(session_id=cloak.pk, actor=None)
    cancel_session(session_id=cloak.pk, actor=None)
    for person in viewers(scenario).values():
        assert "17.37" not in seen_by(person, cloak)
    assert "17.37" in seen_by(scenario.bidder, cloak)


@pytest.mark.parametrize(("disclosure", "amount_told", "name_told"), [
    ("winners", False, False), ("amounts", True, False), ("all", True, True),
])  # fmt: skip
@pytest.mark.parametrize("mode", ["sealed", "second_price"])
def test_once_decided_the_guilds_policy_says_what_is_shown(
    scenario: Scenario, mode: str, disclosure: str, amount_told: bool, name_told: bool
) -> None:
    save_policy(pool=scenario.pool, actor=None, disclosure=disclosure)
    cloak = build.session(mode=mode)
    build.bid(cloak, scenario.bidder, "17.37")
    build.bid(cloak, build.person("Dorn", points=90, pool=scenario.pool), "16.11")
    build.bid(cloak, scenario.rival, "33.33")
    save_policy(pool=scenario.pool, actor=None, disclosure="all")  # for later sessions, not for one that people bid in
    close_session(session_id=cloak.pk, actor=None)
    award_session(session_id=cloak.pk, actor=None)
    people = viewers(scenario)
    for name in ("member", "officer", "superuser"):
        text = seen_by(people[name], cloak)
        assert ("33.33" in text) == (mode == "sealed" or amount_told), name
        assert ("16.11" in text) == amount_told, name
        assert ("Dorn" in text) == name_told, name
        if mode == "sealed":
            assert ("17.37" in text) == amount_told, name
    assert "17.37" in seen_by(scenario.bidder, cloak)


def test_an_officer_cannot_work_it_out_by_bidding_in_somebodys_name(scenario: Scenario) -> None:
    cloak = sealed(scenario)
    officer = viewers(scenario)["officer"]

    def refused(session: BidSession, **values: Any) -> GuildhallError:
        with pytest.raises(GuildhallError) as error:
            place_bid(session_id=session.pk, request=BidRequest(**values), bidder=scenario.bidder, actor=officer)
        return error.value

    for amount in ("1", "17.37", "30"):
        assert refused(cloak, amount=amount).code == "bid_is_theirs"
    assert refused(scenario.ring, all_in=True).code == "amount_required"
    assert refused(cloak, steps=1).code == "amount_required"
    short = refused(scenario.ring, amount="50")
    assert short.code == "insufficient_points"
    assert "sealed auction" in short.detail
    assert short.figures["available"] == "56.00"
    with pytest.raises(GuildhallError):
        withdraw_bid(session_id=cloak.pk, bidder=scenario.bidder, actor=officer)
    placed = place_bid(
        session_id=scenario.ring.pk, request=BidRequest(amount="6"), bidder=scenario.bidder, actor=officer
    )
    assert str(placed.available_after) == "55.00"


def test_a_line_of_chat_tells_no_figure_to_who_sends_it_again(scenario: Scenario) -> None:
    cloak = sealed(scenario)
    lines = [f"[Mon Nov 23 12:00:05 2026] Aeli tells you, '{cloak.item_name} all in'"]
    events = read_chat(lines, logger="Boss")
    (heard,) = apply_chat(events, actor=get_or_create_bot(name="a reader of logs"))
    assert (heard.outcome, heard.result.get("amount")) == ("applied", None)
    (again,) = apply_chat(events, actor=scenario.rival)
    assert (again.repeated, again.result.get("amount")) == (True, None)


def test_the_preview_of_a_rule_says_nothing_of_it(scenario: Scenario) -> None:
    sealed(scenario, "55")
    api = APIClient()
    api.force_authenticate(viewers(scenario)["officer"])
    (step,) = [
        step
        for step in api.get(f"/api/points/rules/{scenario.rule.pk}/preview/").json()["steps"]
        if step["user_id"] == scenario.bidder.pk
    ]
    assert (step["held_by_bids"], step["uncovered"]) == ("5.00", "0.00")


def test_the_version_of_what_others_see_stays_when_a_sealed_bid_changes(scenario: Scenario) -> None:
    before = UserPointsSummary.objects.get(user=scenario.bidder)
    cloak = sealed(scenario)
    build.bid(cloak, scenario.bidder, "20")
    after = UserPointsSummary.objects.get(user=scenario.bidder)
    assert (after.version, after.updated_at) == (before.version, before.updated_at)
    assert str(after.held_sealed) == "20.00"
    close_session(session_id=cloak.pk, actor=None)
    told = UserPointsSummary.objects.get(user=scenario.bidder)
    assert (str(told.held), str(told.held_sealed), told.version) == ("25.00", "0.00", before.version + 1)
    adjust_points(user_ids=[scenario.bidder.pk], pool=scenario.pool, amount=1, reason="x", actor=None)


def test_a_refusal_that_only_the_seal_explains_is_its_bidders_alone(scenario: Scenario) -> None:
    sealed(scenario)
    orb = build.session(item="Orb")
    refused = build.refused(orb, scenario.bidder, 50)
    keep_refusal(refused.refusal)  # type: ignore[attr-defined]
    assert "50.00" not in seen_by(viewers(scenario)["superuser"], orb)
    assert "50.00" in seen_by(scenario.bidder, orb)
