"""What a bot saw in the server: somebody joined, left, changed their nickname, was given or lost roles by hand.

Invariants: the same event counts once (`event_id` unique); this system is the authority for mapped roles: with
`DISCORD_AUTHORITY=enforce` a change by hand is put back, with ``report`` it is noted, and either way it is in the log.
Our own changes come back as events too: they agree with what is due and lead to nothing.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction

from guildhall.accounts.models import User
from guildhall.accounts.services import clean_discord_id
from guildhall.core import clock
from guildhall.core.errors import BadInput
from guildhall.core.ids import DiscordId, UserId
from guildhall.core.transactions import use_case

from .models import DiscordMember, DiscordRole, DiscordSyncLog, InboundEvent
from .roles.desired import active_mappings, desired_roles, mapped_role_ids
from .roles.groups import gives_a_group, keep_groups_of_roles
from .roles.plans import make_plan
from .roles.sync import request_member_sync

EVENTS = ("joined", "left", "updated")
Action = DiscordSyncLog.Action


@dataclass(frozen=True, slots=True)
class MemberUpdate:
    """One event. `role_ids` and `nickname` are None where the event does not say."""

    event: str
    discord_id: str
    event_id: str = ""
    username: str | None = None
    global_name: str | None = None
    nickname: str | None = None
    role_ids: Sequence[str] | None = None
    occurred_at: dt.datetime | None = None

    @property
    def key(self) -> str:
        """Return the bot's own id for the event, else one made from all it says."""
        if self.event_id:
            return self.event_id[:120]
        text = json.dumps(
            [
                self.event, self.discord_id, self.username, self.nickname,
                sorted(self.role_ids) if self.role_ids is not None else None, str(self.occurred_at),
            ]
        )  # fmt: skip
        return "auto:" + hashlib.sha256(text.encode()).hexdigest()[:40]


def authority() -> str:
    """Return ``enforce`` or ``report``: what happens to mapped roles that were changed by hand."""
    return "report" if str(getattr(settings, "DISCORD_AUTHORITY", "enforce")).lower() == "report" else "enforce"


@use_case
def receive_member_update(*, update: MemberUpdate, actor: User | None) -> dict[str, object]:
    """Take in one event; the same one again answers the same and does nothing.

    Returns:
        ``{event_id, repeated, linked, user_id, changes, action}``: `action` is what follows: ``none``, ``reported`` or
        ``sync_queued``.

    Raises:
        BadInput: ``invalid_choice``, ``invalid_discord_id``, ``required``.
    """
    if update.event not in EVENTS:
        raise BadInput(f"An event is one of {', '.join(EVENTS)}.", code="invalid_choice", attr="event")
    discord_id = clean_discord_id(update.discord_id)
    if discord_id is None:
        raise BadInput("Say who it is (discord_id).", code="required", attr="discord_id")
    if not update.event_id and update.occurred_at is None:
        raise BadInput(
            "Send an event_id, or the time (occurred_at), so that a repeat can be told from a second event.",
            code="required",
            attr="event_id",
        )
    try:
        with transaction.atomic():
            event = InboundEvent.objects.create(event_id=update.key, discord_id=discord_id, kind=update.event)
    except IntegrityError:
        before = InboundEvent.objects.get(event_id=update.key)
        return {**before.answer, "repeated": True}
    answer = {"event_id": update.key, "repeated": False, **_apply_update(update, discord_id, actor)}
    event.answer = answer
    event.save(update_fields=["answer"])
    return answer


def _apply_update(update: MemberUpdate, discord_id: str, actor: User | None) -> dict[str, object]:
    person = User.objects.filter(discord_id=discord_id).first()
    member, _ = DiscordMember.objects.select_for_update().get_or_create(discord_id=discord_id)
    answer: dict[str, Any] = {
        "linked": person is not None,
        "user_id": person.pk if person else None,
        "changes": [],
        "action": "none",
    }
    if update.occurred_at is not None and member.seen_at > update.occurred_at and member.username:
        answer["action"] = "outdated"  # what we know is newer than what this tells
        return answer
    changes: list[str] = answer["changes"]
    if update.username is not None:
        member.username = update.username[:80]
    if update.global_name is not None:
        member.global_name = update.global_name[:80]
    if update.event == "left":
        changes.append("left")
        member.in_server, member.role_ids = False, []
        if person is not None:
            keep_groups_of_roles(user=person, role_ids=())
        _note(Action.LEFT, person, discord_id, actor, "left the server")
    else:
        if update.event == "joined":
            changes.append("joined")
            _note(Action.JOINED, person, discord_id, actor, "joined the server")
        member.in_server = True
        if update.nickname is not None and update.nickname != member.nickname:
            changes.append("nickname")
            _note(Action.NICKNAME, person, discord_id, actor, f"“{member.nickname}” → “{update.nickname}”")
            member.nickname = update.nickname[:80]
        if update.role_ids is not None:
            _apply_roles(update, member, person, actor, answer)
        elif update.event == "joined" and person is not None:
            answer["action"] = _follow(discord_id, "joined the server")
    member.seen_at = clock.now()
    member.save()
    return answer


def _apply_roles(
    update: MemberUpdate, member: DiscordMember, person: User | None, actor: User | None, answer: dict[str, Any]
) -> None:
    """Compare the roles that the event tells with what is due; drift leads to a sync or to a note."""
    now = {str(role_id) for role_id in update.role_ids or []}
    before = set(member.role_ids)
    member.role_ids = sorted(now)
    if now != before:
        answer["changes"].append("roles")
        if person is not None:
            keep_groups_of_roles(user=person, role_ids=now)
            if gives_a_group(now - before):
                answer["action"] = _follow(member.discord_id, "a role gives a group")
    mappings = active_mappings()
    desired = desired_roles([person.pk], mappings=mappings).get(UserId(person.pk)) if person else None
    if desired is None:
        return
    roles = {role.role_id: role for role in DiscordRole.objects.all()}
    plan = make_plan(
        discord_id=DiscordId(member.discord_id),
        desired=desired,
        actual=now,
        mapped=mapped_role_ids(mappings),
        roles=roles,
    )
    if not plan.changes:
        return
    words = ", ".join(
        f"{'lacks' if change.action == Action.ROLE_ADD else 'holds'} {change.role_name or change.role_id}"
        for change in plan.changes
    )
    if now != before:
        _note(Action.ROLES_SEEN, person, member.discord_id, actor, words)
    if authority() == "enforce" or update.event == "joined":
        answer["action"] = _follow(member.discord_id, "changed by hand in Discord")
    else:
        answer["action"] = "reported"


def _follow(discord_id: str, reason: str) -> str:
    queued = request_member_sync(discord_id=DiscordId(discord_id), source="inbound", reason=reason)
    return "sync_queued" if queued else "none"


def _note(action: str, person: User | None, discord_id: str, actor: User | None, detail: str) -> None:
    DiscordSyncLog.objects.create(
        action=action,
        user=person,
        discord_id=discord_id,
        outcome=DiscordSyncLog.Outcome.SEEN,
        source="inbound",
        detail=detail,
        actor=actor,
        finished_at=clock.now(),
    )
