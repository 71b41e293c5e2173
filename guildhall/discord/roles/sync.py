"""Desired against actual: what differs for a member, and how it is corrected.

Invariants:
1. Only mapped roles are touched, one at a time (PUT and DELETE of one role), so a moderator's change of any other role
   at the same moment is never undone; managed and unmapped roles never appear in a plan.
2. Nothing is written to Discord where nothing differs.
3. What the message carries is who, never which roles: the plan is made from the state at the moment of delivery.
4. A change is one log row (see `models`). What Discord forbids is written down in words and not tried again until
   positions, permissions or the mapping change.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db import IntegrityError, transaction

from guildhall.accounts.models import User
from guildhall.core import clock, outbox, previews
from guildhall.core.ids import DiscordId, RoleId, UserId
from guildhall.core.transactions import use_case
from guildhall.discord.client import DiscordConfig, Forbidden, NotThere, RestClient
from guildhall.discord.client.errors import UNKNOWN_ROLE, as_text
from guildhall.discord.models import DiscordSyncLog

from .desired import active_mappings, desired_roles, linked_people, mapped_role_ids
from .drift import preview_role_sync
from .groups import follow_members
from .mirror import known_roles, member_row, note_left, note_role_problem
from .plans import Change, Plan, make_plan

SYNC_MEMBER = "discord.sync_member"
RECONCILE = "discord.reconcile"
Action = DiscordSyncLog.Action
Outcome = DiscordSyncLog.Outcome


@use_case
def request_member_sync(*, discord_id: DiscordId, source: str, reason: str = "", actor_id: int | None = None) -> bool:
    """Have one member's roles corrected soon. Says no, and queues nothing, where no bot is configured."""
    if not DiscordConfig.from_settings().has_bot:
        return False
    outbox.put(
        topic=SYNC_MEMBER,
        payload={"discord_id": discord_id, "source": source, "reason": reason[:200], "actor_id": actor_id},
        order_key=f"discord:{discord_id}",
        dedupe_key=f"sync:{discord_id}",
    )
    return True


@use_case
@previews.executes_preview(preview_role_sync)
def request_sync(
    *,
    user_ids: Collection[int] | None,
    source: str,
    actor: User | None = None,
    reason: str = "",
    digest: str | None = None,
) -> int:
    """Have the roles of these people, or of everybody linked, corrected; returns for how many.

    Everybody is one message: the worker lists the members in pages and asks for those alone that differ. What it then
    does is what differs at that moment (invariant 3), so the digest is compared when the sync is asked for.

    Args:
        digest: of the `preview_role_sync` that this carries out.

    Raises:
        PreviewChanged: other roles would be given or taken than were shown.
    """
    if digest is not None:
        previews.require(digest, lambda: preview_role_sync(user_ids=user_ids).shown)
    if not DiscordConfig.from_settings().has_bot:
        return 0
    people = linked_people() if user_ids is None else linked_people().filter(pk__in=list(user_ids))
    if user_ids is None:
        outbox.put(
            topic=RECONCILE,
            payload={"source": source, "actor_id": actor.pk if actor else None, "reason": reason[:200]},
            order_key="discord:reconcile",
            dedupe_key="reconcile",
        )
        return people.count()
    ids = list(people.values_list("discord_id", flat=True))
    for discord_id in ids:
        request_member_sync(
            discord_id=DiscordId(discord_id or ""), source=source, reason=reason, actor_id=actor.pk if actor else None
        )
    return len(ids)


# -- doing it ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class SyncResult:
    """How one member's sync ended."""

    given: int = 0
    taken: int = 0
    refused: int = 0
    in_server: bool = True

    def __str__(self) -> str:
        if not self.in_server:
            return "not in the server"
        return f"{self.given} given, {self.taken} taken, {self.refused} refused"


def sync_member(
    *, discord_id: DiscordId, client: RestClient, source: str, reason: str = "", actor_id: int | None = None
) -> SyncResult:
    """Make one member's mapped roles what they should be. Calls Discord; never inside a request or a transaction.

    Raises:
        DiscordError: only what another try may mend (`delivery.outbox_errors` sorts it out).
    """
    roles = known_roles(client)
    result = SyncResult()
    try:
        member = client.member(discord_id)
    except NotThere as error:
        note_left(discord_id)
        _close_all(discord_id, as_text(error))
        result.in_server = False
        return result
    row = member_row(member, clock.now())
    person = User.objects.filter(discord_id=discord_id).first()
    mappings = active_mappings()
    desired = desired_roles([person.pk], mappings=mappings)[UserId(person.pk)] if person else None
    plan = make_plan(
        discord_id=discord_id, desired=desired, actual=row.role_ids, mapped=mapped_role_ids(mappings), roles=roles
    )
    held = {RoleId(role_id) for role_id in row.role_ids}
    log = _Log(discord_id, person, source, reason, actor_id)
    log.settle_open(held, plan)
    problems = []
    for change in plan.changes:
        problem = change.blocked or _apply(client, log, change, held)
        if problem:
            result.refused += 1
            problems.append(problem)
            if change.blocked:
                log.note_blocked(change)
        elif change.action == Action.ROLE_ADD:
            result.given += 1
        else:
            result.taken += 1
    row.role_ids = sorted(held)
    row.problem = " ".join(dict.fromkeys(problems))
    row.save()
    follow_members([row])
    return result


def _apply(client: RestClient, log: _Log, change: Change, held: set[RoleId]) -> str:
    """Make one change, under its log row; returns the problem in words, empty when it is done."""
    entry = log.open(change)
    call = client.add_role if change.action == Action.ROLE_ADD else client.remove_role
    try:
        call(log.discord_id, change.role_id, reason=log.audit_reason(change))
    except (Forbidden, NotThere) as error:
        words = as_text(error)
        log.close(entry, Outcome.REFUSED, words)
        if isinstance(error, Forbidden) or error.code == UNKNOWN_ROLE:
            note_role_problem(change.role_id, words, deleted=error.code == UNKNOWN_ROLE)
        return words
    if change.action == Action.ROLE_ADD:
        held.add(change.role_id)
    else:
        held.discard(change.role_id)
    log.close(entry, Outcome.DONE)
    return ""


class _Log:
    """The log rows of one member's sync."""

    def __init__(
        self, discord_id: DiscordId, person: User | None, source: str, reason: str, actor_id: int | None
    ) -> None:
        self.discord_id = discord_id
        self.person = person
        self.source = source
        self.reason = reason
        self.actor_id = actor_id

    def _key(self, role_id: RoleId) -> str:
        return f"{self.discord_id}:{role_id}"

    def audit_reason(self, change: Change) -> str:
        """Return what Discord's own audit log shows."""
        return f"Guildhall: {self.reason or change.why}"

    def open(self, change: Change) -> DiscordSyncLog:
        """Return the open row for this change: the one a killed worker left, or a new one."""
        values = {
            "user": self.person,
            "discord_id": self.discord_id,
            "action": change.action,
            "role_id": change.role_id,
            "role_name": change.role_name,
            "source": self.source[:20],
            "reason": (self.reason or change.why)[:300],
            "actor_id": self.actor_id,
            "at": clock.now(),
        }
        try:
            with transaction.atomic():
                return DiscordSyncLog.objects.create(open_key=self._key(change.role_id), **values)
        except IntegrityError:
            return DiscordSyncLog.objects.get(open_key=self._key(change.role_id))

    def close(self, entry: DiscordSyncLog, outcome: str, detail: str = "") -> None:
        DiscordSyncLog.objects.filter(pk=entry.pk).update(
            outcome=outcome, detail=detail, finished_at=clock.now(), open_key=None
        )

    def settle_open(self, held: set[RoleId], plan: Plan) -> None:
        """Finish what a killed worker began: done where Discord shows it, dropped where it is not wanted any more."""
        wanted = {(change.action, change.role_id) for change in plan.possible}
        for entry in DiscordSyncLog.objects.filter(discord_id=self.discord_id, open_key__isnull=False):
            happened = (RoleId(entry.role_id) in held) == (entry.action == Action.ROLE_ADD)
            if happened:
                self.close(entry, Outcome.DONE)
            elif (entry.action, entry.role_id) not in wanted:
                self.close(entry, Outcome.DROPPED, "Not needed any more when it was tried again.")

    def note_blocked(self, change: Change) -> None:
        """Write down, once, that the bot cannot do this."""
        latest = DiscordSyncLog.objects.filter(
            discord_id=self.discord_id, role_id=change.role_id, action=change.action
        ).first()
        if latest is not None and latest.outcome == Outcome.REFUSED and latest.detail == change.blocked:
            return
        entry = self.open(change)
        self.close(entry, Outcome.REFUSED, change.blocked)


def _close_all(discord_id: DiscordId, words: str) -> None:
    DiscordSyncLog.objects.filter(discord_id=discord_id, open_key__isnull=False).update(
        outcome=Outcome.REFUSED, detail=words, finished_at=clock.now(), open_key=None
    )
