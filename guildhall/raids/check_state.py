"""Reading what a plan is made from (`raids/planning.py`): the check, its pools, the shares, who stands there, the names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from django.db.models import Sum

from guildhall.core.errors import BadInput
from guildhall.core.ids import PoolId
from guildhall.points.models import DKPPool, LedgerEntry
from guildhall.points.selectors import default_pool
from guildhall.roster.models import Character
from guildhall.roster.selectors import Match, match_names

from .attendees import Attendee
from .models import AttendanceCheck, RaidAttendance
from .planning import CheckState, Plan, plan
from .policy import Amounts, shares_in_force


def pools_of(check: AttendanceCheck) -> list[DKPPool]:
    """Return the pools that the check's raid pays into, the event's own first; the default one where the event names
    none."""
    links = check.raid.event.event_pools.select_related("pool").order_by("position", "pk")
    return [link.pool for link in links] or [default_pool()]


def read_check_state(check: AttendanceCheck, attendees: Sequence[Attendee]) -> CheckState:
    """Return what a plan for `attendees` at `check` is made from. Nine queries at most, whatever their number; the check
    need not be stored yet."""
    standing = []
    if check.pk is not None:
        rows = RaidAttendance.objects.filter(attendance_check=check, reversed_at=None)
        standing = list(rows.select_related("character").order_by("pk"))
    return CheckState(
        check=check,
        pools=pools_of(check),
        shares=shares_in_force(),
        matches=_match(attendees),
        standing=standing,
        paid=amounts_of(standing),
    )


def plan_attendance(
    *,
    check: AttendanceCheck,
    attendees: Sequence[Attendee],
    own_guilds: Collection[str] = (),
    force: Collection[str] = (),
    force_all: bool = False,
) -> Plan:
    """Read the state of a check and return what awarding `attendees` there would do (`planning.plan`)."""
    state = read_check_state(check, attendees)
    return plan(state, attendees, own_guilds=own_guilds, force=force, force_all=force_all)


def _match(attendees: Sequence[Attendee]) -> dict[str, Match]:
    """Recognise the names; where somebody said who it is, that counts."""
    chosen = {a.character_name: a.character_id for a in attendees if a.character_id is not None}
    matches = match_names([a.character_name for a in attendees if a.character_name not in chosen])
    if chosen:
        characters = Character.objects.select_related("user", "rank").in_bulk(list(set(chosen.values())))
        for name, character_id in chosen.items():
            character = characters.get(character_id)
            if character is None:
                raise BadInput(
                    f"There is no character {character_id} for “{name}”.", code="unknown_character", attr="character_id"
                )
            matches[name] = Match(name, "chosen", character, [])
    return matches


def amounts_of(rows: Iterable[RaidAttendance]) -> dict[UUID, Amounts]:
    """Return what the ledger holds for each of these rows, by pool id. One query."""
    found: dict[UUID, Amounts] = defaultdict(dict)
    sums = (
        LedgerEntry.objects.filter(document__in=[row.document for row in rows])
        .order_by()
        .values_list("document", "pool_id")
        .annotate(total=Sum("amount"))
    )
    for document, pool_id, total in sums:
        assert document is not None
        found[document][PoolId(pool_id)] = total
    return found
