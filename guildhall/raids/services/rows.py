"""The rows of attendance that an award writes, and the names that nobody knew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from django.db import IntegrityError

from guildhall.accounts.models import User
from guildhall.core.errors import Stale
from guildhall.core.ids import PoolId, UserId
from guildhall.core.inserts import insert
from guildhall.core.money import ZERO, show_points
from guildhall.points import ledger
from guildhall.points.models import EntryKind
from guildhall.raids.models import AttendanceStatus, AttendanceUpload, Raid, RaidAttendance, UnmatchedName
from guildhall.raids.planning import KEPT, Plan, Planned, Verdict
from guildhall.raids.policy import Amounts
from guildhall.roster.models import Character
from guildhall.roster.names import name_key


def kept_of(row: RaidAttendance, amounts: dict[str, str] | None = None) -> dict[str, object]:
    """Return what stands of a person at a check, JSON-ready, as a batch keeps it."""
    return {
        "character_id": row.character_id,
        "character_name": row.character_name,
        "name_key": row.name_key,
        "status": row.status,
        "points": show_points(row.points),
        "amounts": row.amounts if amounts is None else amounts,
        "given_points": None if row.given_points is None else str(row.given_points),
        "note": row.note,
        "upload_id": row.upload_id,
        "is_credited": row.credited_user_id is not None,
    }


def put_beside(planned: Planned, plan: Plan, actor: User | None) -> RaidAttendance:
    """Return the row of the character that gives way to a better one of the same person: it was there too, and earns
    nothing."""
    was = planned.row
    assert was is not None
    # The row that the better character had as a second one becomes that of the other.
    row = planned.own or RaidAttendance(created_by=was.created_by or actor)
    row.attendance_check = plan.check
    row.user_id, row.credited_user_id = was.user_id, None
    row.character, row.character_name, row.name_key = was.character, was.character_name, was.name_key
    row.status, row.note, row.upload = was.status, was.note, was.upload
    row.points, row.amounts, row.given_points = ZERO, {}, None
    return row


def attendance_row(planned: Planned, plan: Plan, actor: User | None, upload: AttendanceUpload | None) -> RaidAttendance:
    """Return the attendance row of one name: new, or the person's absence that turned out to be none."""
    character = planned.character
    assert character is not None
    given = planned.attendee.character_name
    note = planned.attendee.note or (f"as {given}" if name_key(given) != character.name_key else "")
    earns = planned.verdict in (Verdict.AWARD, Verdict.RAISED)
    row = planned.row if earns and planned.row is not None else RaidAttendance()
    row.attendance_check = plan.check
    row.user_id = character.user_id
    row.credited_user_id = character.user_id if earns else None
    row.character = character
    row.character_name = character.name
    row.name_key = character.name_key
    row.status = planned.attendee.status
    row.points = planned.points(plan.pools)
    row.amounts = stored_amounts(planned.amounts)
    row.given_points = planned.attendee.points if earns else None
    row.note = note[:300]
    row.upload = upload or row.upload
    if row._state.adding:
        row.created_by = actor
    return row


def stored_amounts(amounts: Mapping[PoolId, Decimal]) -> dict[str, str]:
    """Return amounts by pool as `RaidAttendance.amounts` keeps them."""
    return {str(pool_id): show_points(amount) for pool_id, amount in amounts.items()}


def read_amounts(amounts: Mapping[str, str]) -> Amounts:
    """Return what `stored_amounts` made, as it was."""
    return {PoolId(int(pool_id)): Decimal(amount) for pool_id, amount in amounts.items()}


def postings_of(row: RaidAttendance, amounts: Mapping[PoolId, Decimal], raid: Raid) -> list[ledger.Posting]:
    assert row.user_id is not None
    return [
        ledger.Posting(
            user_id=UserId(row.user_id),
            pool_id=pool_id,
            kind=EntryKind.RAID,
            amount=amount,
            occurred_at=row.attendance_check.taken_at,
            document=row.document,
            context=raid.context,
            character_name=row.character_name,
            description=entry_description(raid, row),
        )
        for pool_id, amount in amounts.items()
        if amount != ZERO
    ]


def entry_description(raid: Raid, row: RaidAttendance) -> str:
    """Return what a person reads beside the movement on their statement."""
    check = row.attendance_check
    label = check.label or ("" if check.position == 0 else check.get_kind_display())
    words = f"{raid.name}: {label}" if label else raid.name
    return words if row.status == AttendanceStatus.PRESENT else f"{words} ({row.get_status_display()})"


_CHANGING = [
    "user", "credited_user", "character", "character_name", "name_key", "status", "points", "amounts", "given_points",
    "note", "upload", "amended_at",
]  # fmt: skip


def store(rows: Sequence[RaidAttendance], seconds: Sequence[RaidAttendance]) -> None:
    """Write attendance rows: new ones in one statement, changed ones in another. Where it raises, the caller's transaction
    has failed."""
    new = [row for row in [*rows, *seconds] if row._state.adding]
    changed = [row for row in [*rows, *seconds] if not row._state.adding]
    try:
        insert(new, batch_size=ledger.BATCH)
    except IntegrityError as error:
        raise Stale(
            "Somebody was credited at this check a moment ago. Nothing was stored; send it again.",
            code="already_present",
        ) from error
    store_changed(changed)


def store_changed(rows: Sequence[RaidAttendance]) -> None:
    """Write changed attendance rows in one statement."""
    if rows:
        RaidAttendance.objects.bulk_update(rows, _CHANGING, batch_size=ledger.BATCH)


def keep_unmatched(plan: Plan, actor: User | None) -> list[UnmatchedName]:
    """Keep every name that was not awarded; one that is kept already stays as it is. Answers those still open."""
    planned = plan.of(*KEPT)
    if not planned:
        return []
    names = [
        UnmatchedName(
            raid=plan.check.raid,
            attendance_check=plan.check,
            name=row.attendee.character_name,
            name_key=name_key(row.attendee.character_name),
            status=row.attendee.status,
            given_points=row.attendee.points,
            raw={**row.attendee.raw, "reason": str(row.verdict)},
            suggestions=_suggestions(row),
            character=row.character,
            created_by=actor,
        )
        for row in planned
    ]
    UnmatchedName.objects.bulk_create(names, ignore_conflicts=True, batch_size=ledger.BATCH)
    return list(
        UnmatchedName.objects.filter(
            attendance_check=plan.check,
            name_key__in=[name.name_key for name in names],
            resolution=UnmatchedName.Resolution.OPEN,
        ).order_by("name", "pk")
    )


def _suggestions(row: Planned) -> list[str]:
    return [row.character.name] if isinstance(row.character, Character) else list(row.match.suggestions)
