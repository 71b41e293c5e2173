"""A guild with one of everything that the API can show or change, made through the API, for `test_every_operation.py`.

`places` says what stands behind each placeholder of a path, by the path up to it; `writes` has a good body for every
operation that takes one. An operation that neither names fails the walk.
"""

from __future__ import annotations

import datetime as dt
import time
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import connection
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.auctions.services import BidRequest, place_bid
from guildhall.core import clock
from guildhall.core.models import OutboxMessage
from guildhall.discord.models import Claim, DiscordMember, DiscordRole, DiscordSyncLog
from guildhall.raids.models import AttendanceCheck
from guildhall.raids.services import refresh_attendance
from guildhall.raids.services.requests import make_request
from guildhall.recruitment.services import applying
from guildhall.roster.models import Character
from tests import snapshots
from tests.fake_discord import FakeDiscordServer
from tests.snapshots import Snapshot

LOG = """\
[Mon Nov 23 20:15:01 2026] Boss tells the raid,  'Bids to me on Orb of Tishan, min 5'
[Mon Nov 23 20:15:02 2026] Aeli tells the raid,  'Cloak of Flames 40'
[Mon Nov 23 20:15:09 2026] Nobodyx tells the raid,  'Cloak of Flames 60'
[Mon Nov 23 20:15:10 2026] Borel tells the raid,  'what a night'
"""
DOUBTFUL = """\
[Mon Nov 23 20:40:01 2026] Boss tells the raid,  'Gratz Aeli on the Cloak of Flames, 1st one in 6 months'
[Mon Nov 23 20:41:01 2026] Boss tells the raid,  '!grats Cloak of Flames 4 Borell outbid Aeli'
[Mon Nov 23 20:42:01 2026] Boss tells the raid,  '!grats Cloak of Flames 5 Borell outbid Aeli'
"""
WHO = "[Mon Nov 23 20:01:13 2026] [60 Warder] Aeli (Wood Elf) <Ours> ZONE: veeshan\n"
DUMP = "Aeli\t60\tCleric\tRaider\t\t11/20/26\tNexus\t\nNewcomer\t50\tDruid\tRaider\t\t11/20/26\tNexus\t\n"


@dataclass
class Guild:
    """The guild, and a client of its officer."""

    api: APIClient
    boss: User
    ids: dict[str, Any] = field(default_factory=dict)
    hers: APIClient = field(default_factory=APIClient)

    def post(self, path: str, body: Any = None, *, api: APIClient | None = None) -> Any:
        response = (api or self.api).post(path, body or {})
        assert response.status_code < 300, (path, response.content)
        return response.json()

    def keep(self, name: str, path: str, body: Any, key: str = "id") -> Any:
        made = self.post(path, body)
        self.ids[name] = made[key]
        return made


def member(name: str, discord_id: str) -> User:
    return create_person(display_name=name, role_group="member", discord_id=discord_id)


#: How long a guild that was made is put back in place of another, in seconds: its auctions run for ten minutes.
KEEP = 60
_kept: tuple[float, Snapshot, dict[str, Any]] | None = None


def make_guild(fake: FakeDiscordServer) -> Guild:
    """The guild. What needs no Discord is made once a minute, and its rows are put back for the tests that follow."""
    global _kept
    if _kept and time.monotonic() - _kept[0] < KEEP and not clock.is_held():
        snapshots.restore(connection, _kept[1])
        guild = _guild_of(User.objects.get(pk=_kept[2]["boss"]))
        guild.ids |= _kept[2]
        guild.hers.force_authenticate(User.objects.get(pk=guild.ids["aeli"]))
    else:
        guild = _made()
        if not clock.is_held():
            _kept = (time.monotonic(), snapshots.take(connection), dict(guild.ids))
    _discord(guild, fake)
    refresh_attendance()
    return guild


def _guild_of(boss: User) -> Guild:
    api = APIClient(raise_request_exception=False)
    api.force_authenticate(boss)
    return Guild(api, boss)


def _made() -> Guild:
    boss = create_person(display_name="Boss", role_group="officer", discord_id="90000000000000009")
    User.objects.filter(pk=boss.pk).update(is_superuser=True)
    boss = User.objects.get(pk=boss.pk)
    guild = _guild_of(boss)
    _people(guild)
    _points(guild)
    _raids(guild)
    _auctions(guild)
    _recruitment(guild)
    _calendar(guild)
    return guild


def _people(guild: Guild) -> None:
    aeli, borel = member("Aeli", "90000000000000001"), member("Borel", "90000000000000002")
    guild.ids |= {"boss": guild.boss.pk, "aeli": aeli.pk, "borel": borel.pk}
    guild.ids |= {"aeli's discord": aeli.discord_id, "a name": "Aeli"}
    signer = create_person(display_name="Signer", role_group="member")
    User.objects.filter(pk=signer.pk).update(username="signer", password=make_password("a long enough word"))
    guild.ids["double"] = create_person(display_name="Double", role_group="member").pk
    guild.hers.force_authenticate(aeli)
    guild.keep("rank", "/api/ranks/", {"name": "Raider", "order": 2})
    guild.keep("idle rank", "/api/ranks/", {"name": "Idle", "order": 9})
    guild.keep("group", "/api/permission-groups/", {"name": "Scribe", "scopes": ["calendar:read"]})
    guild.post(f"/api/permission-groups/{guild.ids['group']}/members/", {"user_id": borel.pk})
    for name, owner in (
        ("Aeli", aeli),
        ("Aelialt", aeli),
        ("Borel", borel),
        ("Stray", None),
    ):
        body = {"name": name, "character_class": "Cleric", "level": 60, "rank": guild.ids["rank"]}
        guild.keep(name.lower() + "'s", "/api/characters/", {**body, "user": owner.pk if owner else None})
    hers = "/api/characters/{}".format(guild.ids["aeli's"])
    guild.keep("alias", f"{hers}/aliases/", {"name": "Aelli"})
    guild.post(f"{hers}/rename/", {"name": "Aelie"})
    guild.post(f"{hers}/rename/", {"name": "Aeli"})
    guild.keep("key", "/api/auth/api-keys/", {"name": "mine", "scopes": ["roster:read"]})
    guild.keep("bot key", "/api/auth/bot-keys/", {"name": "helper", "scopes": ["roster:read"]})


def _points(guild: Guild) -> None:
    ids = guild.ids
    guild.keep("pool", "/api/dkp-pools/", {"name": "Velious", "is_default": True, "start_points": "5"})
    guild.keep("idle pool", "/api/dkp-pools/", {"name": "Idle"})
    give = {"dkp_pool_id": ids["pool"], "reason": "to begin with", "notes": "by hand", "character_name": "Aeli"}
    guild.keep("adjustment", "/api/points/adjustments/", {**give, "user_id": ids["aeli"], "amount": "500"})
    both = {**give, "user_ids": [ids["borel"], ids["aeli"]], "amount": 1000}
    guild.keep("batch", "/api/points/adjustments/", both, key="batch")
    ids["entry"] = guild.api.get("/api/points/entries/").json()["results"][0]["id"]
    rule = {"dkp_pool_id": ids["pool"], "kind": "decay_percent", "percent": "10"}
    guild.keep("rule", "/api/points/rules/", {**rule, "name": "Decay"})
    guild.keep("idle rule", "/api/points/rules/", {**rule, "name": "Never run"})
    guild.keep("run", f"/api/points/rules/{ids['rule']}/run/", {})


def _raids(guild: Guild) -> None:
    ids, now = guild.ids, clock.now()
    guild.keep("item pool", "/api/item-pools/", {"name": "Armour", "dkp_pools": [ids["pool"]]})
    event = {
        "name": "Temple of Veeshan",
        "dkp_pool": ids["pool"],
        "default_points": "10",
        "item_pools": [ids["item pool"]],
    }
    guild.keep("event", "/api/events/", event)
    plan = {"bosses": [{"name": "Vulak", "points": "5", "loot": ["Cloak of Flames"]}]}
    assert guild.api.patch(f"/api/events/{ids['event']}/plan/", plan).status_code == 200
    guild.keep("idle event", "/api/events/", {"name": "Idle"})
    raid = {"event": ids["event"], "name": "ToV", "leader": ids["boss"]}
    made = guild.keep("raid", "/api/raids/", {**raid, "started_at": (now - dt.timedelta(hours=2)).isoformat()})
    ids["check"] = made["checks"][0]["id"]
    guild.keep("idle raid", "/api/raids/", {**raid, "started_at": (now - dt.timedelta(hours=1)).isoformat()})
    path = f"/api/raids/{ids['raid']}"
    ids["a boss"] = guild.api.get(f"{path}/bosses/").json()["results"][0]["id"]
    guild.keep("idle check", f"{path}/checks/", {"kind": "kill", "label": "Vulak", "points": "5"})
    names = [{"character_name": name} for name in ("Aeli", "Borel", "Wholly", "Stray")]
    done = guild.post(f"{path}/attendance/", {"attendees": names})
    ids["attendance"] = done["awarded"][0]["attendance_id"]
    unmatched = guild.api.get(f"{path}/unmatched/").json()["results"]
    ids["unmatched"] = next(row["id"] for row in unmatched if row["name"] == "Wholly")
    guild.post(f"{path}/attendance/", {"text": WHO, "check": ids["idle check"]})
    at = f"[{now - dt.timedelta(hours=1):%a %b %d %H:%M:%S %Y}]"
    seen = "".join(f"{at} --Aeli has looted a {item}.--\n" for item in ("Cloak of Flames", "Lucid Shard"))
    guild.post(f"{path}/log/", {"text": seen, "time_zone": "UTC"})
    ids["finding"], ids["settled finding"] = (row["id"] for row in guild.api.get(f"{path}/log/").json()["results"])
    guild.post(f"{path}/log/{ids['settled finding']}/settle/", {})
    guild.keep("free check", f"{path}/checks/", {"kind": "kill"})
    guild.keep("standby", f"{path}/standby/", {"character_name": "Aeli"})
    item = {"name": "Cloak of Flames", "metadata": {"slot": "back"}, "item_pool": ids["item pool"]}
    guild.keep("item", "/api/items/", item)
    guild.keep("idle item", "/api/items/", {"name": "Rusty Dagger"})
    bought = {"item_name": "Cloak of Flames", "character_name": "Aeli", "points_spent": "20"}
    guild.keep("loot", f"{path}/loot/", bought)
    guild.api.put("/api/attendance/shares/", {"status": "late", "percent": "50"})
    away = {
        "user_id": ids["aeli"],
        "starts_on": (now + dt.timedelta(days=1)).date().isoformat(),
        "reason": "travelling",
    }
    guild.keep("leave", "/api/attendance/leaves/", {**away, "ends_on": (now + dt.timedelta(days=9)).date().isoformat()})
    asked = {"kind": "main", "character_id": ids["aelialt's"], "message": "I play her now"}
    ids["request"] = guild.post("/api/requests/", asked, api=guild.hers)["id"]
    there = AttendanceCheck.objects.get(pk=ids["idle check"])
    borel, hers = User.objects.get(pk=ids["borel"]), Character.objects.get(pk=ids["borel's"])
    make_request(user=borel, kind="attendance", character=hers, check=there)
    ids["share"] = guild.api.get("/api/attendance/shares/").json()["shares"][0]["id"]


def _auctions(guild: Guild) -> None:
    ids = guild.ids
    start = {"dkp_pool_id": ids["pool"], "minimum_bid": "10", "duration_seconds": 600}
    rule = {"name": "At most 400", "effect": "cap", "cap": "400", "dkp_pool_id": ids["pool"]}
    guild.keep("bidding rule", "/api/bidding/rules/", rule)
    for name in ("running", "paused", "closed", "awarded"):
        body = {**start, "item_name": "Cloak of Flames" if name == "running" else f"Orb of the {name}"}
        guild.keep(name, "/api/bidding/start-bid/", body, "bid_session_id")
        for discord_id, amount in (("90000000000000001", "20"), ("90000000000000002", "30")):
            guild.post(
                "/api/bidding/place-bid/",
                {"bid_session_id": ids[name], "discord_id": discord_id, "amount": amount},
            )
    body = {**start, "item_name": "Sealed Sash", "mode": "sealed"}
    guild.keep("sealed", "/api/bidding/start-bid/", body, "bid_session_id")
    bidder = User.objects.get(discord_id="90000000000000001")
    ids["bidder"] = bidder.pk
    place_bid(session_id=ids["sealed"], request=BidRequest(amount=15), bidder=bidder, actor=bidder)
    guild.post(f"/api/bidding/{ids['paused']}/pause/")
    for name in ("closed", "awarded"):
        guild.post("/api/bidding/close-bid/", {"bid_session_id": ids[name]})
    guild.post("/api/bidding/award-item/", {"bid_session_id": ids["awarded"]})
    rolled = {
        "item_name": "Drum",
        "dkp_pool_id": ids["pool"],
        "mode": "roll",
        "roll_tiers": [{"high": 333, "name": "main"}],
    }
    guild.keep("rolled", "/api/bidding/start-bid/", rolled, "bid_session_id")
    said = guild.post("/api/bidding/parse-chat/", {"text": DOUBTFUL, "apply": True, "trusted_speakers": ["Boss"]})
    names = ("doubt", "other doubt", "dismissed doubt")
    ids |= {name: event["doubt"]["fingerprint"] for name, event in zip(names, said["events"], strict=True)}
    guild.post(f"/api/bidding/chat-doubts/{ids['dismissed doubt']}/dismiss/", {})


def _recruitment(guild: Guild) -> None:
    ids = guild.ids
    guild.keep("question", "/api/applications/questions/", {"wording": "Why us?", "kind": "long"})
    choose = {"wording": "Which nights?", "kind": "multiple", "choices": ["Tue", "Thu"]}
    ids["nights"] = guild.post("/api/applications/questions/", choose)["id"]
    for name in ("submitted", "trial", "voting", "over"):
        made = guild.keep(name, "/api/applications/", application_form(guild, f"Apply{name}"))
        ids["token"] = made["link_token"]
        path = f"/api/applications/{ids[name]}"
        if name != "submitted":
            guild.post(f"{path}/trial-accept/", {"days": 14, "reason": "knows the fights"})
        if name in ("voting", "over"):
            guild.post(f"{path}/start-voting/", {})
            guild.post(f"{path}/vote/", {"vote": "pass", "comment": "Good heals."})
            guild.post(f"{path}/vote/", {"vote": "fail"}, api=guild.hers)
            guild.post(f"{path}/vote/", {"vote": "recycle"}, api=guild.hers)
    guild.keep("rejected", "/api/applications/", application_form(guild, "Applyrejected"))
    guild.post(f"/api/applications/{ids['rejected']}/reject/", {"reason": "Too few healers lately."})
    guild.post(f"/api/applications/{ids['voting']}/comments/", {"body": "Ask Gortor.", "kind": "note"})
    guest = create_person(display_name="Drafter", role_group="guest")
    ids["draft"] = applying.save_draft(user=guest, **application_form(guild, "Drafter")).pk
    ids["drafter"] = guest.pk


def application_form(guild: Guild, name: str) -> dict[str, Any]:
    return {
        "character_name": name, "server": "Firiona", "character_class": "Cleric", "level": 60,
        "previous_guilds": "none", "availability": "Tue", "timezone": "Europe/Berlin", "references": "Gortor",
        "discord_username": name.lower(), "email": "a@example.org",
        "answers": [
            {"question_id": guild.ids["question"], "answer": "I heal."},
            {"question_id": guild.ids["nights"], "answer": ["Tue"]},
        ],
    }  # fmt: skip


def _calendar(guild: Guild) -> None:
    soon = clock.now() + dt.timedelta(days=3)
    body = {"title": "Sleeper's Tomb", "starts_at": soon.isoformat(), "places": 54, "event": guild.ids["event"]}
    guild.keep("date", "/api/calendar/", body)
    answer = {"character_id": guild.ids["aeli's"], "status": "coming"}
    guild.keep("signup", f"/api/calendar/{guild.ids['date']}/sign-up/", answer)


def _discord(guild: Guild, fake: FakeDiscordServer) -> None:
    ids, now = guild.ids, clock.now()
    role, other = fake.state.add_role("Raider", position=12), fake.state.add_role("Spare", position=3)
    ids["role"], ids["spare role"] = role.id, other.id
    ids["access token"] = fake.state.token_for(fake.state.add_person("newcomer"))
    for one in (role, other):
        DiscordRole.objects.create(role_id=one.id, name=one.name, position=one.position, seen_at=now)
    for discord_id, name in (("90000000000000001", "aeli"), ("90000000000000077", "stranger")):
        DiscordMember.objects.create(
            discord_id=discord_id, username=name, in_server=True, seen_at=now, role_ids=[role.id, other.id]
        )
    guild.keep("mapping", "/api/discord/role-mappings/", {"role_id": role.id, "kind": "rank", "rank": ids["rank"]})
    guild.post("/api/discord/role-mappings/", {"role_id": other.id, "kind": "linked"})
    DiscordSyncLog.objects.create(
        at=now, discord_id="90000000000000001", action="role_add", role_id=role.id, role_name="Raider", outcome="done"
    )
    placeholder = create_person(display_name="Oldtimer", role_group="member")
    User.objects.filter(pk=placeholder.pk).update(is_placeholder=True)
    ids["claim"] = guild.post("/api/discord/claims/", {"character_name": "Stray"}, api=guild.hers)["id"]
    own = guild.post("/api/discord/claims/", {"user_id": placeholder.pk, "message": "me"}, api=guild.api)
    ids["own claim"], ids["code"] = own["id"], Claim.objects.get(pk=ids["claim"]).code
    given_up = OutboxMessage.objects.order_by("pk").first()
    assert given_up is not None
    OutboxMessage.objects.filter(pk=given_up.pk).update(state=OutboxMessage.State.DEAD, last_error="Discord said no.")
    ids["delivery"] = given_up.pk
