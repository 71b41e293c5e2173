"""The demo guild with what its year leaves out, so that every list has several rows."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.core.management import call_command
from django.db.models import Count

from guildhall.accounts.models import APIKey, User
from guildhall.auctions.models import BiddingRule, BidSession, ChatLine
from guildhall.core import clock
from guildhall.core.models import AuditEvent, OutboxMessage
from guildhall.discord.models import Claim, DiscordRole, DiscordRoleMapping, DiscordSyncLog
from guildhall.loot.models import Item
from guildhall.points.models import DKPPool, PointRule
from guildhall.raids.models import (
    AttendanceUpload,
    CalendarEvent,
    Leave,
    LogFinding,
    MemberRequest,
    Raid,
    RaidBoss,
    Standby,
    UnmatchedName,
)
from guildhall.recruitment.models import Application, ApplicationComment
from guildhall.roster.models import Character, CharacterAlias, Rank, RankChange


def load() -> User:
    """Make the guild, and return an officer of it who may do everything."""
    call_command("load_demo", verbosity=0)
    boss = User.objects.filter(role_group="officer").order_by("pk")[0]
    User.objects.filter(pk=boss.pk).update(is_superuser=True)
    boss = User.objects.get(pk=boss.pk)
    people, now = list(User.objects.exclude(pk=boss.pk).order_by("pk")[:4]), clock.now()
    check = Raid.objects.filter(reversed_at=None)[0].checks.first()
    assert check is not None
    _keys(boss, now)
    _discord(boss, people, now)
    for number, person in enumerate(people):
        since = now + dt.timedelta(days=number - 1)
        Leave.objects.create(
            user=person, starts_on=since.date(), ends_on=None if number else since.date(), counts_from=since,
            counts_until=None if number else since, reason=f"“{number}”", created_by=boss if number else None,
        )  # fmt: skip
        MemberRequest.objects.create(
            kind="attendance" if number else "alt", user=person, character_name=f"Asked{number}", message=f"“{number}”",
            check_asked=check if number else None, state="refused" if number > 1 else "open", decided_by=boss if number > 1 else None,
        )  # fmt: skip
        Standby.objects.create(
            raid=check.raid, user=person if number else None, character_name=f"Waits{number}", source="chat" if number else "self",
            standing_key=f"person:{person.pk}", created_by=boss if number else None,
        )  # fmt: skip
        AttendanceUpload.objects.create(
            raid=check.raid, attendance_check=check, fingerprint=str(number), format="who", result={"awarded": number}
        )
        UnmatchedName.objects.create(
            raid=check.raid, attendance_check=check, name=f"Nobody{number}", name_key=f"nobody{number}",
            raw={"level": 60} if number else {"reason": "offline"}, suggestions=["Somebody"] * number,
        )  # fmt: skip
        rule = BiddingRule.objects.create(
            name=f"Rule {number}", effect="tier", tier=number + 1, pool=None if number else DKPPool.objects.first()
        )
        rule.ranks.set(Rank.objects.order_by("-order")[:number])
        main = Character.objects.filter(is_main=True)[number]
        CharacterAlias.objects.create(character=_first(), name=f"Former{number}", name_key=f"former{number}")
        RankChange.objects.create(
            character=_first(), from_rank=main.rank if number else None, to_rank=main.rank, changed_by=person
        )
        ApplicationComment.objects.create(application=Application.objects.exclude(status="draft")[0], body=str(number))
        AuditEvent.objects.create(
            action="accounts.set_name", target_type="accounts.user", target_id=str(boss.pk), summary=f"name {number}",
            actor=person if number else None, data={"with": "a session"} if number else {},
        )  # fmt: skip
    return boss


def _first() -> Character:
    return Character.objects.order_by("pk")[0]


def _keys(boss: User, now: dt.datetime) -> None:
    for number in range(6):
        APIKey.objects.create(
            user=boss, kind="bot" if number % 2 else "personal", name=f"key {number}", prefix=f"p{number}",
            key_hash=uuid.uuid4().hex, scopes=["roster:read"] * number, created_by=boss if number else None,
            expires_at=None if number < 3 else now + dt.timedelta(days=number - 4), usage_count=number,
        )  # fmt: skip


def _discord(boss: User, people: list[User], now: dt.datetime) -> None:
    ranks = list(Rank.objects.order_by("order")[:3])
    for number, person in enumerate(people):
        role = f"7000000000000000{number}"
        if number < 3:
            DiscordRole.objects.create(role_id=role, name=f"Role {number}", position=number, seen_at=now)
            DiscordRoleMapping.objects.create(role_id=role, kind="rank", rank=ranks[number])
        else:
            DiscordRoleMapping.objects.create(role_id=role, kind="linked")
        DiscordSyncLog.objects.create(
            user=person if number else None, actor=boss if number % 2 else None, action="role_add", role_id=role
        )
        Claim.objects.create(
            kind="person" if number % 2 else "character", user=boss if number == 1 else person, code=f"abc{number}",
            person=people[0] if number % 2 else None, character=None if number % 2 else _first(),
            state="open" if number < 3 else "refused",
        )  # fmt: skip
        ChatLine.objects.create(
            fingerprint=f"doubt{number}", line="grats Aeli", kind="doubt_award", speaker="Boss", doubt={"meant": "award"},
            state="open" if number % 2 else "dismissed", decided_by=None if number % 2 else boss,
        )  # fmt: skip
        OutboxMessage.objects.create(topic="raid.awarded", state="dead", order_key=f"raid:{number}", attempts=number)
    raid = Raid.objects.earliest("pk")
    LogFinding.objects.bulk_create(
        LogFinding(raid=raid, kind="loot", at=raid.started_at, item=f"Shard {n}", character_name="Aeli")
        for n in range(4)
    )
    RaidBoss.objects.bulk_create(
        RaidBoss(raid=raid, name=f"Boss {n}", loot=["Cloak"] * n, position=n) for n in range(4)
    )


def places() -> dict[str, Any]:
    """What stands behind each placeholder of a list's path: of its kind the one with the most rows."""

    def most(model: type[Any], rows: str) -> Any:
        return model.objects.annotate(n=Count(rows)).order_by("-n", "pk")[0].pk

    return {
        "/api/applications/{app_id}": most(Application, "votes"),
        "/api/applications/{id}": most(Application, "comments"),
        "/api/applications/{id}/history": most(Application, "status_changes"),
        "/api/bidding/{bid_session_id}": most(BidSession, "bid_history"),
        "/api/calendar/{id}": most(CalendarEvent, "signups"),
        "/api/characters/{id}": _first().pk,
        "/api/characters/{id}/ownership-history": most(Character, "ownerships"),
        "/api/items/{item_id}": most(Item, "bid_sessions__bid_history"),
        "/api/points/history/user/{user_id}": most(User, "ledger_entries"),
        "/api/points/leaderboard/{dkp_pool_id}": most(DKPPool, "summaries"),
        "/api/points/rules/{id}": most(PointRule, "runs"),
        "/api/raids/{id}": most(Raid, "uploads"),
        "/api/raids/{raid_id}/attendance": most(Raid, "checks__attendance"),
        "/api/raids/{raid_id}/bosses": most(Raid, "bosses"),
        "/api/raids/{raid_id}/checks": most(Raid, "checks"),
        "/api/raids/{raid_id}/log": most(Raid, "log_findings"),
        "/api/raids/{raid_id}/loot": most(Raid, "loot"),
        "/api/raids/{raid_id}/standby": most(Raid, "standby"),
        "/api/raids/{raid_id}/unmatched": most(Raid, "unmatched"),
    }
