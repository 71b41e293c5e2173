"""What somebody who is not signed in may read: every page, every GET of the API and every function of the old API, for each
section of `VisitorAccess` open and closed (`accounts/visitors.py`).

`PAGES`, `API` and `OLD_API` have a row for each, and one without a row fails: `CLOSED` means that nobody reads it without
signing in, a section that it is open while that section is, `FREE` that it is there for everybody.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import PermissionGroup, Section, User
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.auctions.models import BidSession
from guildhall.core import clock
from guildhall.eqdkp.compat.views import READERS
from guildhall.eqdkp.models import LegacyComment
from guildhall.loot.models import Item, LootDistribution
from guildhall.points.models import UserPointsSummary
from guildhall.raids.models import AttendanceUpload, CalendarEvent, CalendarSignup, Raid, RaidAttendance, UnmatchedName
from guildhall.roster.models import Character, CharacterAlias, CharacterOwnership, Rank, RankChange
from guildhall.web.urls import urlpatterns

from . import responses
from .good_requests import url
from .guild import Guild

CLOSED, FREE = "closed", "free"
STANDINGS, ROSTER, RAIDS = Section.STANDINGS.value, Section.ROSTER.value, Section.RAIDS.value
CALENDAR, ITEMS, RECRUITMENT = Section.CALENDAR.value, Section.ITEMS.value, Section.RECRUITMENT.value
SECRET = "SECRET-not-for-strangers"

PAGES: dict[str, str] = {
    **dict.fromkeys(["home", "sign-in", "demo-sign-in", "follow", "sign-out", "setup", "forgot", "join", "reset"], FREE),
    **dict.fromkeys(["standings", "standings-export"], STANDINGS),
    **dict.fromkeys(["roster", "families", "character"], ROSTER),
    **dict.fromkeys(["raids", "raid"], RAIDS),
    **dict.fromkeys(["calendar", "date"], CALENDAR),
    **dict.fromkeys(["items", "item", "loot", "loot-export"], ITEMS),
    "apply": RECRUITMENT,
    **dict.fromkeys(
        [
            "batches", "batch",
            "guild-setup", "setup-step", "invitations", "groups", "group", "my-permissions", "permissions", "raid-close",
            "mine", "account", "keys", "my-discord", "statement", "statement-export", "explain", "why-attendance", "leave",
            "reverse-entry", "bidding", "bidding-policy", "bidding-rule", "bidding-rule-new", "chat-rules", "chat-doubts",
            "shares", "item-pools", "item-pool", "recruitment-settings", "question",
            "adjust", "rules", "rule", "undo-run", "eqdkp-imports", "eqdkp-issues", "eqdkp-import", "pools", "pool",
            "visitors", "people", "person", "discord", "audit", "guild-dump", "make-people", "note-patterns", "auctions", "auction",
            "recruitment", "application", "application-votes", "date-new", "date-edit", "raid-new", "raid-import", "raid-edit",
            "raid-reverse", "check-new", "check", "undo", "attendance", "events", "event", "award", "character-new", "character-edit",
            "ranks", "bulk-rank", "item-edit", "item-merge", "item-suggest", "requests", "requests-decide", "console",
            "groups", "group", "permissions", "my-permissions", "raid-close",
            "standby",
        ],
        CLOSED,
    ),
}  # fmt: skip
API: dict[str, str] = {f"/api/{path}": section for section, paths in {
    STANDINGS: ["dkp-pools/", "dkp-pools/{id}/", "points/leaderboard/{dkp_pool_id}/"],
    ROSTER: [
        "characters/", "characters/by-name/{name}/", "characters/hierarchy/", "characters/{id}/", "ranks/", "ranks/{id}/",
    ],
    RAIDS: [
        "events/", "events/{id}/", "item-pools/", "item-pools/{id}/", "raids/", "raids/{id}/",
        "raids/{raid_id}/attendance/", "raids/{raid_id}/checks/", "raids/{raid_id}/checks/{check_id}/",
    ],
    CALENDAR: ["calendar/", "calendar/{id}/", "calendar/{id}/signups/"],
    ITEMS: [
        "items/", "items/{id}/", "items/{id}/price-history/", "loot/", "loot/{id}/", "raids/{raid_id}/loot/",
    ],
    RECRUITMENT: ["applications/questions/", "applications/questions/{id}/"],
    FREE: ["", "applications/by-link/"],
    CLOSED: [
        "admin/application-statistics/", "admin/audit-log/", "batches/", "batches/{id}/",
        "bidding/sessions/", "admin/roster-audit/", "admin/system-health/", "applications/",
        "applications/pending/", "applications/policy/", "applications/trial-members/", "applications/voting-active/",
        "applications/{app_id}/vote-changes/", "applications/{app_id}/vote/", "applications/{app_id}/votes/details/",
        "applications/{app_id}/votes/member-view/", "applications/{app_id}/votes/officer-view/",
        "applications/{app_id}/votes/summary/", "applications/{app_id}/voting-eligibility/", "applications/{id}/",
        "applications/{id}/comments/", "applications/{id}/history/", "applications/{id}/performance/", "attendance/",
        "attendance/leaves/", "attendance/leaves/{id}/",
        "attendance/shares/", "attendance/user/{user_id}/", "auth/api-keys/", "auth/bot-keys/", "bidding/active/",
        "bidding/chat-doubts/", "bidding/me/", "bidding/policies/{dkp_pool_id}/", "bidding/rules/", "bidding/rules/{id}/",
        "bidding/stream/",
        "bidding/user/{discord_id}/max-bid/", "bidding/{bid_session_id}/", "bidding/{bid_session_id}/bids/",
        "characters/{id}/aliases/", "characters/{id}/ownership-history/", "characters/{id}/rank-history/",
        "discord/active-bids/", "discord/audit-log/", "discord/claims/", "discord/claims/{id}/", "discord/deliveries/",
        "discord/drift/", "discord/members/{discord_id}/", "discord/role-mappings/", "discord/role-mappings/{id}/",
        "discord/roles/", "discord/roster/", "discord/user/{discord_id}/balance/", "dkp-pools/{id}/start-points/",
        "guild/visitor-access/", "items/{item_id}/bid-history/", "permission-groups/", "permission-groups/{id}/", "points/adjustments/",
        "points/character-attribution/{character_name}/", "points/entries/", "points/entries/{id}/",
        "points/history/user/{user_id}/", "points/rule-runs/", "points/rules/", "points/rules/{id}/",
        "requests/", "requests/policy/", "requests/{id}/", "roster/note-patterns/",
        "points/rules/{id}/preview/", "points/rules/{id}/runs/", "points/user/{user_id}/",
        "points/user/{user_id}/pool/{dkp_pool_id}/", "raids/{id}/uploads/", "raids/{raid_id}/unmatched/",
        "raids/{raid_id}/bosses/", "raids/{raid_id}/closing/", "raids/{raid_id}/standby/", "raids/{raid_id}/log/",
        "raids/{raid_id}/presence/", "events/{event_id}/plan/", "users/",
        "users/me/", "users/me/access-history/", "users/{id}/",
    ],
}.items() for path in paths}  # fmt: skip
OLD_API: dict[str, str] = {
    "points": STANDINGS, "raids": RAIDS, "events": RAIDS, "calevents_list": CALENDAR, "calevents_details": CALENDAR,
    "data": FREE, **dict.fromkeys(["me", "user", "user_chars", "search", "character"], CLOSED),
}  # fmt: skip
OLD_ARGUMENTS = "memberdata=items,adjustments&add_columns=1&include_html=1&eventid={date}"
EXPORTS = {"/api/points/leaderboard/{dkp_pool_id}/": "csv", "/api/characters/": "csv"}


def test_every_page_endpoint_and_old_function_has_a_row() -> None:
    assert {pattern.name for pattern in urlpatterns} == set(PAGES)
    assert {path for method, path, _ in responses.operations() if method == "get"} == set(API)
    assert set(READERS) == set(OLD_API)


def _page_paths(guild: Guild) -> dict[str, str]:
    things = {
        "character_id": "aeli's", "user_id": "aeli", "pool_id": "pool", "entry_id": "entry", "rule_id": "rule",
        "run_id": "run", "application_id": "voting", "date_id": "date", "raid_id": "raid",
        "attendance_id": "attendance", "check_id": "check", "event_id": "event", "item_id": "item", "award_id": "loot",
        "bid_session_id": "running", "group_id": "raid leaders", "bidding_rule_id": "bidding rule",
        "item_pool_id": "item pool", "question_id": "question",
    }  # fmt: skip
    found = {}
    guild.ids["raid leaders"] = PermissionGroup.objects.get(name="Raid leader").pk
    for pattern in urlpatterns:
        given: dict[str, Any] = {}
        for name, converter in pattern.pattern.converters.items():
            given[name] = (
                guild.ids[things[name]]
                if name in things
                else {"file_format": "csv", "step": "guild"}.get(name, "nobody")
            )
            if pattern.name in ("eqdkp-import", "batch"):
                given[name] = uuid.UUID(int=1)
            given[name] = converter.to_url(given[name])
        route = str(pattern.pattern)
        for name, value in given.items():
            kind = next(part for part in route.split("<") if part.partition(">")[0].endswith(name)).partition(">")[0]
            route = route.replace(f"<{kind}>", str(value))
        found[pattern.name] = f"/{route}"
    return found


def _opened(guild: Guild) -> dict[str, set[str]]:
    """What a stranger can open now: pages by name, API paths, old functions."""
    client, api = Client(), APIClient(raise_request_exception=False)
    pages = {name for name, path in _page_paths(guild).items() if client.get(path).status_code == 200}
    paths = set()
    for method, path, described in responses.operations():
        if method == "get":
            response = api.get(url(guild, f"get {path}", described))
            assert response.status_code in (200, 401), (path, response.status_code, response.content)
            if response.status_code == 200:
                paths.add(path)
                assert responses.faults("get", path, response) == [], path
    old = {name for name in OLD_API if client.get(_old(guild, name)).json()["status"] == 1}
    feed = client.get("/exchange.php?out=icalfeed&module=calendar")
    if feed.content.startswith(b"BEGIN:VCALENDAR"):
        old.add("the feed")
    return {"pages": pages, "api": paths, "old": old}


def _old(guild: Guild, name: str) -> str:
    number = 100_000_000 + guild.ids["date"]
    return f"/api.php?function={name}&format=json&{OLD_ARGUMENTS.format(date=number)}"


def _expected(opened: set[str]) -> dict[str, set[str]]:
    def named(table: dict[str, str]) -> set[str]:
        return {name for name, section in table.items() if section in opened or section == FREE}

    # Those pages answer 404, 405 or with a form that needs a link: they are there for everybody, and show nothing.
    pages = named(PAGES) - {"demo-sign-in", "sign-out", "follow", "setup", "join", "reset"}
    old = named(OLD_API) | ({"the feed"} if CALENDAR in opened else set())
    return {"pages": pages, "api": named(API), "old": old}


@pytest.mark.parametrize("section", [None, *Section.values])
def test_a_section_opens_its_own_and_nothing_else(guild: Guild, section: str | None) -> None:
    if section is not None:
        edit_visitor_access(actor=None, **{section: True})
    assert _opened(guild) == _expected({section} if section else set())


def test_strangers_are_asked_to_apply_where_they_can(guild: Guild) -> None:
    assert 'href="/apply/' not in Client().get("/").content.decode()
    edit_visitor_access(actor=None, recruitment=True)
    assert 'href="/apply/' in Client().get("/").content.decode()


def test_every_section_closes_again(guild: Guild) -> None:
    edit_visitor_access(actor=None, **dict.fromkeys(Section.values, True))
    assert _opened(guild) == _expected(set(Section.values))
    edit_visitor_access(actor=None, **dict.fromkeys(Section.values, False))
    assert _opened(guild) == _expected(set())


def _plant_secrets(guild: Guild) -> None:
    """Write `SECRET` wherever people write what is not for strangers."""
    User.objects.update(email=f"{SECRET}@example.org", discord_username=SECRET, preferences={SECRET: SECRET})
    Raid.objects.update(notes=SECRET, reversal_reason=SECRET)
    RaidAttendance.objects.update(note=SECRET, reversal_reason=SECRET)
    AttendanceUpload.objects.update(file_name=SECRET)
    UnmatchedName.objects.update(name=SECRET, raw={SECRET: SECRET})
    LootDistribution.objects.update(note=SECRET, reversal_reason=SECRET)
    Item.objects.update(metadata={SECRET: SECRET})
    Character.objects.update(note=SECRET)
    CharacterAlias.objects.update(name=SECRET)
    CharacterOwnership.objects.update(reason=SECRET)
    RankChange.objects.update(reason=SECRET)
    CalendarEvent.objects.update(notes=SECRET)
    CalendarSignup.objects.update(note=SECRET)
    LegacyComment.objects.create(
         page="viewcalraid", attach_id="1", text=SECRET, author_name=SECRET, written_at=clock.now(),
        calendar_event_id=guild.ids["date"],
    )  # fmt: skip
    BidSession.objects.update(note=SECRET)
    _plant_hidden(guild)


def _plant_hidden(guild: Guild) -> None:
    """Characters that strangers are not shown, wherever characters and people are named; `SECRET` is in all of their names."""
    hidden = Rank.objects.create(name=f"{SECRET} rank", order=50, is_hidden=True)
    person = User.objects.create(username=f"{SECRET}p", display_name=f"{SECRET} person", role_group="member")
    main = _character("main", rank=hidden, user=person, is_main=True)
    alt = _character("alt", user=person, main_character=main)  # it would name its main
    second = _character("second", user=person)  # whose person alone hides it
    stray = _character("stray", main_character=main)
    lone = User.objects.create(username=f"{SECRET}l", display_name=f"{SECRET} lone", role_group="member")
    only = _character("only", rank=hidden, user=lone)  # nobody chose a main
    aeli = Character.objects.get(pk=guild.ids["aeli's"])
    box = _character("box", rank=hidden, user=aeli.user, main_character=aeli)
    bare = _character("bare", rank=hidden, user=aeli.user, main_character=aeli)  # told by its name alone
    _character("gone", status=Character.Status.REMOVED)
    CharacterAlias.objects.create(character=box, name=f"{SECRET}former", name_key=f"{SECRET}former".casefold())
    raid, check = Raid.objects.get(pk=guild.ids["raid"]), guild.ids["check"]
    Raid.objects.update(leader=person)
    CalendarEvent.objects.update(leaders=[main.pk, box.pk])
    for character in (main, alt, second, stray, only, box):
        named = {"character": character, "character_name": character.name, "user": character.user}
        RaidAttendance.objects.create(attendance_check_id=check, name_key=character.name_key, **named)
        CalendarSignup.objects.create(event_id=guild.ids["date"], character=character, status=1)
        if character.user is not None:
            _loot(guild, raid, **named)
    for name in (f"{SECRET}former", bare.name):  # as an import writes it, by name alone
        _loot(guild, raid, user=aeli.user, character_name=name)
        by_name = {"user": aeli.user, "character_name": name, "name_key": name.casefold()}
        RaidAttendance.objects.create(attendance_check_id=check, **by_name)
    _loot(guild, raid, user=person)
    for user in (person, lone):
        UserPointsSummary.objects.create(user=user, pool_id=guild.ids["pool"])


def _character(name: str, **values: Any) -> Character:
    full = f"{SECRET}{name}"
    return Character.objects.create(name=full, name_key=full.casefold(), **values)


def _loot(guild: Guild, raid: Raid, **values: Any) -> None:
    LootDistribution.objects.create(
        item_id=guild.ids["item"],
        item_name="Cloak of Flames",
        raid=raid,
        pool_id=guild.ids["pool"],
        points_spent=3,
        **values,
    )


@pytest.mark.broken_ledger  # what is planted was never posted
def test_what_is_private_is_shown_to_no_stranger_wherever_they_look(guild: Guild) -> None:
    _plant_secrets(guild)
    edit_visitor_access(actor=None, **dict.fromkeys(Section.values, True))
    client, read = Client(), {}
    for name, path in _page_paths(guild).items():
        read[name] = client.get(path)
    for method, path, described in responses.operations():
        if method == "get" and API[path] not in (FREE, CLOSED):
            where = url(guild, f"get {path}", described)
            read[path] = client.get(where)
            if path in EXPORTS:
                read[f"{path} as a file"] = client.get(f"{where}?format={EXPORTS[path]}")
                assert read[f"{path} as a file"].status_code == 200
    for name in OLD_API:
        read[name] = client.get(_old(guild, name))
    read["the feed"] = client.get("/exchange.php?out=icalfeed&module=calendar")
    discord_ids = list(User.objects.exclude(discord_id=None).values_list("discord_id", flat=True))
    assert len(discord_ids) > 2
    reasons = ["to begin with", "by hand", "typed twice"]  # of adjustments
    for name, response in read.items():
        content = b"".join(response) if response.streaming else response.content
        body = content.decode()
        for secret in [SECRET, *discord_ids, *reasons]:
            assert secret not in body, (name, secret, body[max(0, body.find(secret) - 200) :][:400])


@pytest.mark.parametrize(
    "path",
    [
        "/api/raids/?search=SECRET",
        "/api/calendar/?when=all&search=SECRET",
        "/api/characters/?search=SECRET",
        "/api/characters/?rank_name=SECRET-not-for-strangers rank",
        "/api/loot/?search=SECRET",
        "/api/loot/?character_name=SECRET-not-for-strangersbox",
        "/api/loot/?display_name=SECRET-not-for-strangers person",
        "/api/points/leaderboard/{pool}/?search=SECRET",
        "/api/points/leaderboard/{pool}/?display_name=SECRET-not-for-strangers person",
        "/api/raids/{raid}/attendance/?character_name=SECRET-not-for-strangersbox",
        "/api/raids/{raid}/loot/?character_name=SECRET-not-for-strangersbox",
        "/api/calendar/{date}/signups/?character_name=SECRET-not-for-strangersmain",
        "/standings/?q=SECRET",
        "/raids/?q=SECRET",
        "/roster/?q=SECRET",
        "/roster/families/?q=SECRET",
    ],
)
@pytest.mark.broken_ledger
def test_what_is_not_shown_is_not_found_either(guild: Guild, path: str) -> None:
    _plant_secrets(guild)
    edit_visitor_access(actor=None, **dict.fromkeys(Section.values, True))
    response = Client().get(path.format(**guild.ids))
    assert response.status_code == 200
    if path.startswith("/api/"):
        assert response.json()["count"] == 0
    elif path.startswith("/standings/"):
        assert "Aeli" not in response.content.decode()  # whose box is hidden
    else:
        assert f"/raids/{guild.ids['raid']}/" not in response.content.decode()
        assert f"/characters/{guild.ids[chr(97) + 'eli' + chr(39) + 's']}/" not in response.content.decode()


@pytest.mark.broken_ledger
def test_the_numbers_of_hidden_people_and_characters_are_not_told_either(guild: Guild) -> None:
    """Where people and characters are told by their numbers alone, and where one is asked for by it."""
    edit_visitor_access(actor=None, **dict.fromkeys(Section.values, True))
    client = Client()

    def attendees() -> list[list[str]]:
        told = client.get(_old(guild, "raids")).json()
        return [sorted(map(str, raid["raid_attendees"])) for name, raid in told.items() if name.startswith("raid:")]

    before = attendees()
    assert any(before)
    _plant_hidden(guild)
    assert attendees() == before
    dates = client.get("/api/calendar/?when=all").json()["results"]
    assert dates
    assert [(row["leaders"], row.get("leader_ids", [])) for row in dates] == [([], [])] * len(dates)
    hidden = User.objects.get(username=f"{SECRET}p")
    assert client.get(f"/api/raids/?attended_by={hidden.pk}").json()["count"] == 0
    assert client.get(f"/api/raids/?attended_by={guild.ids['aeli']}").json()["count"] > 0


@pytest.mark.broken_ledger
def test_who_merely_has_a_hidden_alt_is_shown(guild: Guild) -> None:
    _plant_hidden(guild)
    edit_visitor_access(actor=None, standings=True)
    rows = Client().get(f"/api/points/leaderboard/{guild.ids['pool']}/").json()["results"]
    assert "Aeli" in [row["display_name"] for row in rows]


@pytest.mark.parametrize("path", ["/api/loot/", "/api/characters/"])
def test_a_stranger_cannot_filter_by_what_is_not_shown(guild: Guild, path: str) -> None:
    edit_visitor_access(actor=None, items=True, roster=True)
    response = Client().get(f"{path}?discord_id={guild.ids['aeli' + chr(39) + 's discord']}")
    assert response.status_code == 401
    assert "discord_id" in response.json()["errors"][0]["detail"]


@pytest.mark.parametrize("method", ["post", "put", "patch", "delete"])
def test_an_open_section_is_for_reading_alone(guild: Guild, method: str) -> None:
    edit_visitor_access(actor=None, **dict.fromkeys(Section.values, True))
    api = APIClient(raise_request_exception=False)
    for verb, path, described in responses.operations():
        if verb == method and path not in ("/api/applications/", "/api/applications/by-link/"):
            response = getattr(api, method)(url(guild, f"{verb} {path}", described), {})
            public = path.startswith("/api/auth/token/") or "link" in path
            assert response.status_code in ((400, 401, 403, 404) if public else (401, 403)), (verb, path)


def test_a_member_is_shown_what_they_were_shown(guild: Guild) -> None:
    """What is open to strangers changes nothing for somebody who is signed in."""

    def seen() -> dict[str, bytes]:
        found = {}
        for method, path, described in responses.operations():
            if method == "get" and path != "/api/bidding/stream/" and path != "/api/guild/visitor-access/":
                found[path] = guild.hers.get(url(guild, f"get {path}", described)).content
        return found

    with clock.frozen(clock.now()):
        before = seen()
        edit_visitor_access(actor=None, **dict.fromkeys(Section.values, True))
        assert seen() == before


def test_a_strangers_etag_is_not_a_members(guild: Guild) -> None:
    edit_visitor_access(actor=None, standings=True)
    path = f"/api/points/leaderboard/{guild.ids['pool']}/"
    tag = guild.hers.get(path)["ETag"]
    stranger = APIClient()
    assert stranger.get(path, headers={"If-None-Match": tag}).status_code == 200
    own = stranger.get(path)["ETag"]
    assert stranger.get(path, headers={"If-None-Match": own}).status_code == 304
    edit_visitor_access(actor=None, standings=False)
    assert stranger.get(path, headers={"If-None-Match": own}).status_code == 401


def test_a_bad_key_is_refused_where_strangers_are_let_in(guild: Guild) -> None:
    edit_visitor_access(actor=None, standings=True)
    api = APIClient()
    api.credentials(HTTP_AUTHORIZATION="Token ghp_" + "x" * 40)
    assert api.get("/api/dkp-pools/").status_code == 401
