"""A good request for every operation of the schema, in the guild of `guild.py`.

`PLACES` says what stands behind each placeholder, by the path up to it. `bodies` has a good body for each operation that
takes one; an operation that is about another thing than its path's usual one says so in `ELSEWHERE`.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

from django.db import transaction
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.core import clock

from .guild import DUMP, LOG, WHO, Guild, application_form

PLACES = {
    "/api/applications/{app_id}": "voting",
    "/api/applications/{id}": "submitted",
    "/api/applications/questions/{id}": "question",
    "/api/attendance/leaves/{id}": "leave",
    "/api/attendance/shares/{id}": "share",
    "/api/attendance/user/{user_id}": "aeli",
    "/api/auth/api-keys/{id}": "key",
    "/api/auth/bot-keys/{id}": "bot key",
    "/api/batches/{id}": "batch",
    "/api/bidding/{bid_session_id}": "running",
    "/api/bidding/chat-doubts/{fingerprint}": "doubt",
    "/api/bidding/policies/{dkp_pool_id}": "pool",
    "/api/bidding/rules/{id}": "bidding rule",
    "/api/bidding/user/{discord_id}": "aeli's discord",
    "/api/calendar/{id}": "date",
    "/api/calendar/{id}/signups/{signup_id}": "signup",
    "/api/characters/{id}": "aeli's",
    "/api/characters/{id}/aliases/{alias_id}": "alias",
    "/api/characters/by-name/{name}": "a name",
    "/api/discord/claims/{id}": "claim",
    "/api/discord/deliveries/{id}": "delivery",
    "/api/discord/members/{discord_id}": "aeli's discord",
    "/api/discord/role-mappings/{id}": "mapping",
    "/api/discord/unlink-member/{user_id}": "borel",
    "/api/discord/user/{discord_id}": "aeli's discord",
    "/api/dkp-pools/{id}": "pool",
    "/api/events/{id}": "event",
    "/api/events/{event_id}": "event",
    "/api/item-pools/{id}": "item pool",
    "/api/items/{id}": "item",
    "/api/items/{item_id}": "item",
    "/api/loot/{id}": "loot",
    "/api/permission-groups/{id}": "group",
    "/api/permission-groups/{id}/members/{user_id}": "borel",
    "/api/points/character-attribution/{character_name}": "a name",
    "/api/points/entries/{id}": "entry",
    "/api/points/history/user/{user_id}": "aeli",
    "/api/points/leaderboard/{dkp_pool_id}": "pool",
    "/api/points/rule-runs/{id}": "run",
    "/api/points/rules/{id}": "rule",
    "/api/points/user/{user_id}": "aeli",
    "/api/points/user/{user_id}/pool/{dkp_pool_id}": "pool",
    "/api/raids/{id}": "raid",
    "/api/raids/{raid_id}": "raid",
    "/api/raids/{raid_id}/attendance/{attendance_id}": "attendance",
    "/api/raids/{raid_id}/bosses/{boss_id}": "a boss",
    "/api/raids/{raid_id}/checks/{check_id}": "check",
    "/api/raids/{raid_id}/standby/{standby_id}": "standby",
    "/api/raids/{raid_id}/log/{finding_id}": "finding",
    "/api/raids/{raid_id}/unmatched/{unmatched_id}": "unmatched",
    "/api/ranks/{id}": "rank",
    "/api/requests/{id}": "request",
    "/api/users/{id}": "aeli",
    "/api/users/{user_id}": "aeli",
}
ELSEWHERE: dict[str, dict[str, str]] = {
    "put /api/applications/{id}/": {"id": "draft"},
    "patch /api/applications/{id}/": {"id": "draft"},
    "post /api/applications/{id}/submit/": {"id": "draft"},
    "post /api/applications/{id}/promote-trial/": {"id": "trial"},
    "post /api/applications/{id}/start-voting/": {"id": "trial"},
    "post /api/applications/{id}/cancel-voting/": {"id": "voting"},
    "post /api/applications/{id}/reopen/": {"id": "rejected"},
    "get /api/applications/{id}/performance/": {"id": "trial"},
    "get /api/applications/{id}/comments/": {"id": "voting"},
    "post /api/raids/{raid_id}/log/{finding_id}/reopen/": {"finding_id": "settled finding"},
    "post /api/bidding/chat-doubts/{fingerprint}/dismiss/": {"fingerprint": "other doubt"},
    "post /api/bidding/chat-doubts/{fingerprint}/reopen/": {"fingerprint": "dismissed doubt"},
    "post /api/bidding/{bid_session_id}/resume/": {"bid_session_id": "paused"},
    "post /api/bidding/{bid_session_id}/pass/": {"bid_session_id": "closed"},
    "post /api/bidding/{bid_session_id}/undo-award/": {"bid_session_id": "awarded"},
    "post /api/bidding/{bid_session_id}/withdraw/": {"bid_session_id": "sealed"},
    "post /api/bidding/{bid_session_id}/rolls/": {"bid_session_id": "rolled"},
    "delete /api/dkp-pools/{id}/": {"id": "idle pool"},
    "delete /api/events/{id}/": {"id": "idle event"},
    "delete /api/items/{id}/": {"id": "idle item"},
    "delete /api/raids/{id}/": {"id": "idle raid"},
    "post /api/raids/{raid_id}/cancel/": {"raid_id": "idle raid"},
    "delete /api/raids/{raid_id}/checks/{check_id}/": {"check_id": "free check"},
    "delete /api/ranks/{id}/": {"id": "idle rank"},
    "delete /api/points/rules/{id}/": {"id": "idle rule"},
    "get /api/points/rules/{id}/preview/": {"id": "idle rule"},
    "post /api/points/rules/{id}/run/": {"id": "idle rule"},
    "post /api/discord/claims/{id}/withdraw/": {"id": "own claim"},
    "post /api/characters/{id}/make-main/": {"id": "aelialt's"},
}
AS = {f"{method} /api/applications/{{id}}/": "drafter" for method in ("put", "patch")} | {
    "post /api/applications/{id}/submit/": "drafter",
    "post /api/bidding/{bid_session_id}/withdraw/": "bidder",
    "post /api/requests/{id}/withdraw/": "aeli",
}
"""Who asks, where it is not the officer: an unfinished application is its writer's alone, a sealed bid its bidder's, a request
whoever asked."""


def path_for(guild: Guild, operation: str) -> str:
    """The operation's path with the guild's things in its placeholders."""
    path = found = operation.partition(" ")[2]
    for placeholder in re.findall(r"\{(\w+)\}", path):
        before = path[: path.index(f"{{{placeholder}}}")] + f"{{{placeholder}}}"
        thing = ELSEWHERE.get(operation, {}).get(placeholder) or PLACES[before]
        found = found.replace(f"{{{placeholder}}}", str(guild.ids[thing]))
    return found


def url(guild: Guild, operation: str, described: dict[str, Any]) -> str:
    """The same with what must stand in the query string."""
    needed = [
        f"{one['name']}={guild.ids[one['name']]}"
        for one in described.get("parameters", [])
        if one["in"] == "query" and one.get("required")
    ]
    return "?".join([path_for(guild, operation), *needed[:1]])


def ask(guild: Guild, operation: str, where: str, body: Any = None, *, raw: str | bytes | None = None) -> Any:
    """Send one request, a body as JSON or as it is (`raw`), and forget what it did."""
    api = guild.api
    if operation in AS:
        api = APIClient(raise_request_exception=False)
        api.force_authenticate(User.objects.get(pk=guild.ids[AS[operation]]))
    method = operation.partition(" ")[0]
    with transaction.atomic():
        if raw is not None:
            response = api.generic(method.upper(), where, raw, content_type="application/json")
        else:
            response = getattr(api, method)(where, body) if body is not None else getattr(api, method)(where)
        transaction.set_rollback(True)
    return response


def bodies(guild: Guild) -> dict[str, Any]:
    """A good body by operation; a list where more than one kind of answer is described."""
    ids = guild.ids
    soon = (clock.now() + dt.timedelta(days=5)).isoformat()
    rank = {"name": "Veteran", "order": 3, "is_hidden": False}
    character = {"name": "Cedric", "character_class": "Druid", "level": 55, "rank": "Raider", "user": ids["borel"]}
    pool = {"name": "Luclin", "description": "after Velious", "decimal_places": 2, "start_points": "5.00"}
    rule = {"name": "Bonus", "dkp_pool_id": ids["pool"], "kind": "bonus", "amount": "5", "period": "month"}
    event = {"name": "Sleeper", "dkp_pool": ids["pool"], "dkp_pools": [ids["pool"]], "default_points": "12.5"}
    item_pool = {"name": "Weapons", "description": "", "dkp_pools": [ids["pool"]]}
    raid = {"event": ids["event"], "name": "ToV again", "notes": "late", "points": "11", "leader": ids["aeli"]}
    check = {"kind": "kill", "label": "Aaryonar", "points": "3"}
    item = {"name": "Orb of Tishan", "category": "range", "metadata": {"slot": "range"}, "game_id": "123"}
    session = {"bid_session_id": ids["running"]}
    bidding_rule = {"name": "Trials", "effect": "deny", "is_trial": True, "roles": ["guest"], "ranks": [ids["rank"]]}
    policy = {"mode": "open", "minimum_bid": "5", "duration_seconds": 120, "tie_breaks": ["earliest"]}
    question = {"wording": "Which class?", "kind": "choice", "choices": ["Cleric", "Druid"], "required": False}
    date = {"title": "Vex Thal", "starts_at": soon, "places": 54, "event": ids["event"], "leaders": [ids["aeli's"]]}
    mapping = {"role_id": ids["role"], "kind": "role_group", "value": "member"}
    share = {"status": "early_leave", "percent": "75", "dkp_pool": ids["pool"]}
    recruiting = {"trial_days": 30, "quorum": 1, "trial_rank": ids["rank"], "intro": "Welcome."}
    reason, form = {"reason": "typed twice"}, application_form(guild, "Aelinor")
    person = {"display_name": "Aelia", "role_group": "member", "reason": "asked"}
    return {
        "post /api/admin/bulk-rank-update/": {"character_ids": [ids["aeli's"]], "rank": "Idle", "reason": "audit"},
        "post /api/admin/force-discord-sync/": [{"user_ids": [ids["aeli"]]}, {"dry_run": True}],
        "post /api/applications/": form,
        "put /api/applications/policy/": recruiting,
        "patch /api/applications/policy/": recruiting,
        "post /api/applications/questions/": question,
        "put /api/applications/questions/{id}/": question,
        "patch /api/applications/questions/{id}/": question,
        "post /api/applications/{app_id}/vote/": {"vote": "pass", "comment": "Good heals."},
        "put /api/applications/{app_id}/vote/": {"vote": "fail"},
        "patch /api/applications/{app_id}/vote/": {"vote": "recycle"},
        "put /api/applications/{id}/": form,
        "patch /api/applications/{id}/": form,
        "post /api/applications/{id}/assign/": {"user_id": ids["boss"]},
        "post /api/applications/{id}/comments/": {"body": "Heals well.", "kind": "feedback"},
        "post /api/applications/{id}/promote-trial/": reason,
        "post /api/applications/{id}/cancel-voting/": reason,
        "post /api/applications/{id}/reopen/": reason,
        "post /api/applications/{id}/reject/": reason,
        "post /api/applications/{id}/start-voting/": {"hours": 24},
        "post /api/applications/{id}/trial-accept/": {"days": 14, **reason},
        "post /api/applications/{id}/withdraw/": reason,
        "put /api/attendance/shares/": share,
        "patch /api/attendance/shares/": share,
        "post /api/attendance/leaves/": {"user_id": ids["borel"], "starts_on": "2026-12-03", "ends_on": None, **reason},
        "patch /api/attendance/leaves/{id}/": {"ends_on": None, **reason},
        "post /api/auth/api-keys/": {"name": "laptop", "scopes": ["roster:read"], "expires_at": soon},
        "post /api/auth/api-keys/{id}/rotate/": {"grace_seconds": 60},
        "post /api/auth/bot-keys/": {"name": "opendkp", "scopes": ["points:read"], "expires_at": soon},
        "put /api/auth/bot-keys/{id}/permissions/": {"scopes": ["points:read"]},
        "patch /api/auth/bot-keys/{id}/permissions/": {"scopes": ["points:read"]},
        "patch /api/guild/visitor-access/": {"standings": True},
        "post /api/auth/token/": {"username": "signer", "password": "a long enough word"},
        "post /api/auth/token/discord/": {"access_token": ids["access token"]},
        "post /api/bidding/award-item/": {"bid_session_id": ids["closed"], "amount": "25"},
        "post /api/bidding/chat-doubts/{fingerprint}/apply/": {
            "kind": "award", "item": "Cloak of Flames", "character_name": "Aeli", "amount": "2",
        },
        "post /api/bidding/close-bid/": session,
        "post /api/bidding/parse-chat/": [{"text": LOG, "logger": "Boss"}, {"text": LOG, "logger": "Boss", "apply": True}],
        "post /api/bidding/place-bid/": {**session, "discord_id": ids["aeli's discord"], "amount": "50"},
        "put /api/bidding/policies/{dkp_pool_id}/": policy,
        "patch /api/bidding/policies/{dkp_pool_id}/": policy,
        "post /api/bidding/rules/": bidding_rule,
        "put /api/bidding/rules/{id}/": bidding_rule,
        "patch /api/bidding/rules/{id}/": bidding_rule,
        "post /api/bidding/start-bid/": {"item_name": "Sash", "minimum_bid": "5", "quantity": 2, "mode": "sealed"},
        "post /api/bidding/{bid_session_id}/cancel/": reason,
        "post /api/bidding/{bid_session_id}/extend/": {"seconds": 60},
        "post /api/bidding/{bid_session_id}/pass/": reason,
        "post /api/bidding/{bid_session_id}/undo-award/": reason,
        "post /api/bidding/{bid_session_id}/withdraw/": {},
        "post /api/bidding/{bid_session_id}/rolls/": {"character_name": "Aeli", "high": 333, "result": 97},
        "post /api/bidding/{bid_session_id}/void-bid/": {"discord_id": "90000000000000002", **reason},
        "post /api/calendar/": date,
        "put /api/calendar/{id}/": date,
        "patch /api/calendar/{id}/": date,
        "post /api/calendar/{id}/sign-up/": {"character_id": ids["borel's"], "status": "reserve", "note": "late"},
        "post /api/calendar/{id}/signups/{signup_id}/": {"status": "confirmed"},
        "post /api/characters/": character,
        "put /api/characters/{id}/": character,
        "patch /api/characters/{id}/": {"level": 61, "note": "boxed", "reason": "dinged"},
        "post /api/characters/{id}/aliases/": {"name": "Aely"},
        "post /api/characters/{id}/reassign/": {"user_id": ids["borel"], **reason},
        "post /api/characters/{id}/rename/": {"name": "Aelina"},
        "post /api/discord/bid-results/": {
            "discord_id": ids["aeli's discord"], "item_name": "Sash", "winning_bid": "12", "character_name": "Aeli",
            "bids": [{"discord_id": "90000000000000002", "amount": "11"}],
        },
        "post /api/discord/claims/": {"character_name": "Borel", "message": "mine"},
        "post /api/discord/claims/verify-log/": {
            "text": f"[Mon Nov 23 20:08:52 2026] Stray says out of character, '{ids['code']}'"
        },
        "post /api/discord/claims/{id}/approve/": reason,
        "post /api/discord/claims/{id}/refuse/": reason,
        "post /api/discord/link-member/": {"user_id": ids["double"], "discord_id": "90000000000000077", **reason},
        "post /api/discord/role-mappings/": mapping,
        "put /api/discord/role-mappings/{id}/": mapping,
        "patch /api/discord/role-mappings/{id}/": {"is_active": False},
        "post /api/discord/sync-roles/": [{"user_ids": [ids["aeli"]], **reason}, {"dry_run": True}],
        "post /api/discord/validate-bid/": [
            {**session, "discord_id": ids["aeli's discord"], "amount": "9999"},
            {"dkp_pool_id": ids["pool"], "discord_id": ids["aeli's discord"], "amount": "1"},
        ],
        "post /api/discord/webhooks/member-update/": {
            "event": "updated", "discord_id": ids["aeli's discord"], "role_ids": [ids["role"]], "event_id": "e1",
        },
        "post /api/dkp-pools/": pool,
        "put /api/dkp-pools/{id}/": pool,
        "patch /api/dkp-pools/{id}/": {"description": "the old one"},
        "post /api/events/": event,
        "put /api/events/{id}/": event,
        "patch /api/events/{id}/": event,
        "post /api/item-pools/": item_pool,
        "put /api/item-pools/{id}/": item_pool,
        "patch /api/item-pools/{id}/": item_pool,
        "post /api/items/": item,
        "put /api/items/{id}/": item,
        "patch /api/items/{id}/": {"description": "warm"},
        "post /api/items/{id}/merge/": [
            {"source_item_id": ids["idle item"], "reason": "a typo"},
            {"source_item_id": ids["idle item"], "preview": True},
        ],
        "post /api/loot/{id}/correct/": {"character_name": "Borel", "points_spent": "18", "reason": "misheard"},
        "post /api/loot/{id}/reverse/": reason,
        "post /api/points/adjustments/": [
            {"user_id": ids["aeli"], "amount": "5", "reason": "tracked", "notes": "all week", "character_name": "Aeli"},
            {"user_ids": [ids["aeli"], ids["borel"]], "amount": -5, "reason": "missed the call"},
            {"user_ids": [ids["aeli"]], "amount": -5, "reason": "missed the call", "preview": True},
        ],
        "post /api/points/entries/{id}/reverse/": reason,
        "post /api/points/parse-attendance/": {"text": WHO, "format": "auto", "file_name": "eqlog_Boss_server.txt"},
        "post /api/points/rule-runs/{id}/reverse/": reason,
        "post /api/batches/{id}/undo/": reason,
        "post /api/requests/": {"kind": "alt", "name": "Dawn", "character_class": "Bard", "level": 50, "message": "mine"},
        "post /api/requests/{id}/refuse/": reason,
        "put /api/requests/policy/": {"alt": True, "main": False, "transfer": False, "attendance": False},
        "patch /api/requests/policy/": {"main": True},
        "post /api/dkp-pools/{id}/start-points/": {},
        "post /api/points/rules/{id}/run/": {},
        "post /api/points/rules/": rule,
        "put /api/points/rules/{id}/": rule,
        "patch /api/points/rules/{id}/": {"name": "Tax"},
        "post /api/raids/": raid,
        "post /api/raids/{raid_id}/close/": {"anyway": True},
        "post /api/raids/{raid_id}/log/": {"text": WHO, "file_name": "eqlog_Boss_server.txt", "time_zone": "UTC"},
        "post /api/raids/{raid_id}/log/{finding_id}/settle/": {"document": None},
        "post /api/raids/{raid_id}/bosses/{boss_id}/kill/": {"taken_at": clock.now().isoformat()},
        "patch /api/events/{event_id}/plan/": {
            "planned_checks": [{"kind": "on_time", "label": "on time", "offset_minutes": 0, "points": "4"}],
            "bosses": [{"name": "Vulak", "points": None, "loot": ["Cloak of Flames"]}],
        },
        "post /api/calendar/{id}/start/": {"event": ids["event"]},
        "put /api/raids/{id}/": raid,
        "patch /api/raids/{id}/": {"notes": "a good night"},
        "post /api/raids/{id}/amend/": [
            {"attendees": [{"character_name": "Aeli", "status": "late"}], **reason},
            {"attendees": [{"character_name": "Borel"}], "remove": ["Aeli"], "partial": True, "preview": True},
        ],
        "post /api/raids/{id}/preview/": {"text": f"{WHO}nonsense\n", "decisions": {"blocks": "latest"}},
        "post /api/raids/{id}/reverse/": reason,
        "post /api/raids/{raid_id}/attendance/": [
            {"attendees": [{"character_name": "Aelialt", "status": "late", "points": "4", "note": "n"}]},
            {"text": WHO, "format": "auto", "check": ids["free check"]},
        ],
        "delete /api/raids/{raid_id}/attendance/{attendance_id}/": reason,
        "post /api/raids/{raid_id}/checks/": check,
        "put /api/raids/{raid_id}/checks/{check_id}/": check,
        "patch /api/raids/{raid_id}/checks/{check_id}/": check,
        "post /api/raids/{raid_id}/loot/": {"item_name": "Sash", "character_name": "Borel", "points_spent": "12.5"},
        "post /api/raids/{raid_id}/standby/": {"character_name": "Borel", "source": "chat", "since": clock.now().isoformat()},
        "post /api/raids/{raid_id}/standby/mark/": {"check": ids["check"], "standby_ids": [ids["standby"]]},
        "post /api/raids/{raid_id}/unmatched/{unmatched_id}/resolve/": [
            {"character_id": ids["aelialt's"], "remember_alias": True}, {"ignore": True},
        ],
        "post /api/permission-groups/": {"name": "Banker", "description": "d", "scopes": ["points:write"]},
        "patch /api/permission-groups/{id}/": {"scopes": ["loot:write"]},
        "post /api/permission-groups/{id}/members/": {"user_id": ids["aeli"], "reason": "voted"},
        "post /api/ranks/": rank,
        "put /api/ranks/{id}/": rank,
        "patch /api/ranks/{id}/": {"is_trial": True},
        "put /api/roster/note-patterns/": {"patterns": ["alt_of", "brackets"]},
        "patch /api/roster/note-patterns/": {"patterns": ["alt_of"]},
        "post /api/roster/guild-dump/": [{"text": DUMP}, {"text": DUMP, "apply": True, "make_ranks": True}],
        "post /api/users/": {"display_name": "Fenn", "discord_id": "90000000000000055", "role_group": "member"},
        "put /api/users/me/": {"display_name": "Boss", "preferences": {"theme": "dark"}},
        "patch /api/users/me/": {"preferences": {"theme": "dark"}},
        "put /api/users/{id}/": person,
        "patch /api/users/{id}/": person,
        "post /api/users/{user_id}/merge/": [
            {"source_user_id": ids["double"], "preview": True}, {"source_user_id": ids["double"], **reason},
        ],
    }  # fmt: skip
