"""Awarding attendance: the main job of the house.

Invariants:
- One person earns once per check. The raid's row is locked first, so awards of one raid stand in line; the unique
  constraint on `credited_user` is the last guard.
- All or nothing: people, entries, summaries, unmatched names, the audit row and the messages commit together.
- The number of statements does not grow with the number of people (`tests/test_statements.py`).
- The same upload counts once for a check: its fingerprint is written in the same transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import Conflict
from guildhall.core.money import ZERO, show_points
from guildhall.core.transactions import use_case
from guildhall.points import ledger
from guildhall.points.models import EntryKind
from guildhall.raids.models import (
    AttendanceCheck,
    AttendanceStatus,
    AttendanceUpload,
    Raid,
    RaidAttendance,
    UnmatchedName,
)
from guildhall.raids.parsers import AttendanceParse
from guildhall.raids.planning import (
    KEPT,
    Attendee,
    Plan,
    Planned,
    Verdict,
    clean_attendees,
    plan_attendance,
)
from guildhall.raids.uploads import (
    Decisions,
    attendees_of,
    chosen_blocks,
    fingerprint,
    own_guilds,
    refuse_guild_dump,
    taken_at_of,
    warnings_of,
)
from guildhall.roster.models import Character
from guildhall.roster.names import name_key

from .raids import check_of, lock_raid, refuse_future
from .standing import RAID_AWARDED, announce


@dataclass(frozen=True, slots=True)
class Credit:
    """Somebody with what they got: `points` is the amount in the event's first pool, `amounts` by pool id."""

    character_name: str
    user_id: int | None
    status: str
    points: Decimal
    amounts: Mapping[int, Decimal] = field(default_factory=dict)
    attendance_id: int | None = None
    reason: str = ""


@dataclass(slots=True)
class AwardResult:
    """What an award did. `already_present` earned nothing: they were down already, or are a second character."""

    raid: Raid
    check: AttendanceCheck
    awarded: list[Credit] = field(default_factory=list)
    already_present: list[Credit] = field(default_factory=list)
    unmatched: list[UnmatchedName] = field(default_factory=list)
    total: Decimal = ZERO
    warnings: list[tuple[str, str]] = field(default_factory=list)
    upload: AttendanceUpload | None = None
    is_repeat: bool = False
    """The same upload was committed before; nothing was done this time."""


@use_case
def award_attendance(
    *,
    raid: Raid,
    attendees: Iterable[Attendee | Mapping[str, Any] | str],
    check: AttendanceCheck | int | None = None,
    actor: User | None,
) -> AwardResult:
    """Award everybody in the list at one check of a raid; names that nobody knows are kept and awarded when resolved.

    Args:
        attendees: names, or `Attendee`s, or dicts with their fields.
        check: the raid's first where none is given.

    Raises:
        BadInput: those of `clean_attendees`, ``raid_in_future``; nothing is stored then.
        Conflict: ``raid_reversed``, ``pool_closed``.
        NotFound: ``unknown_check``, ``no_pool``.
    """
    cleaned = clean_attendees(attendees)
    locked = lock_raid(raid.pk)
    at = check_of(locked, check)
    refuse_future(locked, at)
    return carry_out(plan_attendance(check=at, attendees=cleaned), actor=actor)


@use_case
def commit_parsed_attendance(
    *,
    raid: Raid,
    parse: AttendanceParse,
    check: AttendanceCheck | int | None = None,
    decisions: Decisions | None = None,
    file_name: str = "",
    actor: User | None,
) -> AwardResult:
    """Award what a log, a dump or a list says. Committing the same one to the same check again does nothing, and says so.

    Raises:
        BadInput: as `award_attendance`; ``not_attendance`` for a guild dump, ``unknown_block``, ``unknown_character``.
        Conflict: ``raid_reversed``, ``pool_closed``.
    """
    decided = decisions or Decisions()
    blocks = chosen_blocks(parse, decided.blocks)
    attendees = attendees_of(parse, decided)
    refuse_guild_dump(blocks, decided)
    locked = lock_raid(raid.pk)
    at = check_of(locked, check)
    refuse_future(locked, at)
    mark = fingerprint(blocks, decided)
    before = AttendanceUpload.objects.filter(attendance_check=at, fingerprint=mark).first()
    if before is not None:
        return _repeat(locked, at, before, attendees)
    plan = plan_attendance(check=at, attendees=attendees, own_guilds=own_guilds(decided.guilds), force=decided.force)
    upload = AttendanceUpload.objects.create(
        raid=locked,
        attendance_check=at,
        fingerprint=mark,
        format=parse.format,
        file_name=file_name[-200:],
        taken_at=taken_at_of(blocks),
        created_by=actor,
    )
    result = carry_out(plan, actor=actor, upload=upload)
    if decided.remember:
        _remember(plan, decided, actor)
    upload.result = {
        "awarded": len(result.awarded),
        "already_present": len(result.already_present),
        "unmatched": len(result.unmatched),
        "total": show_points(result.total),
    }
    upload.save(update_fields=["result"])
    result.warnings = warnings_of(parse, blocks, at)
    return result


def _repeat(raid: Raid, check: AttendanceCheck, upload: AttendanceUpload, attendees: Sequence[Attendee]) -> AwardResult:
    """The answer to an upload that was committed before: everybody it names is there already, nothing is done."""
    keys = [name_key(attendee.character_name) for attendee in attendees]
    rows = RaidAttendance.objects.filter(attendance_check=check, reversed_at=None, upload=upload)
    return AwardResult(
        raid=raid,
        check=check,
        already_present=[
            Credit(row.character_name, row.user_id, row.status, ZERO, attendance_id=row.pk, reason="committed_before")
            for row in rows
        ],
        unmatched=list(
            UnmatchedName.objects.filter(
                attendance_check=check, name_key__in=keys, resolution=UnmatchedName.Resolution.OPEN
            )
        ),
        warnings=[
            (
                "committed_before",
                f"This was committed on {upload.created_at:%Y-%m-%d at %H:%M} UTC already; nothing was paid again.",
            )
        ],
        upload=upload,
        is_repeat=True,
    )


def _remember(plan: Plan, decisions: Decisions, actor: User | None) -> None:
    """Keep the names that the leader explained as aliases."""
    from guildhall.roster.services import add_alias

    chosen = {name_key(name) for name in decisions.characters}
    for row in plan.rows:
        key = name_key(row.attendee.character_name)
        if key in chosen and row.character is not None and key != row.character.name_key:
            try:
                with transaction.atomic():
                    add_alias(character=row.character, name=row.attendee.character_name, actor=actor)
            except Conflict:  # it is a character's own name: then it must not become an alias
                continue


def carry_out(
    plan: Plan, *, actor: User | None, upload: AttendanceUpload | None = None, quiet: bool = False
) -> AwardResult:
    """Do what a plan says, in the caller's transaction, with the raid locked (`lock_raid`).

    Args:
        quiet: write no audit row and no message: the caller writes its own.
    """
    check, raid = plan.check, plan.check.raid
    result = AwardResult(raid=raid, check=check)
    awards = plan.of(Verdict.AWARD)
    # What an absence was paid already (a share, a named amount) is not paid again when it turns out to be none.
    owed = [_less_paid(planned) for planned in awards]
    rows = [_row(planned, plan, actor, upload) for planned in awards]
    postings = [posting for row, amounts in zip(rows, owed, strict=True) for posting in _postings(row, amounts, raid)]
    ledger.open_pools([pool.pk for pool in plan.pools])
    ledger.post(postings=postings, actor=actor)
    seconds = [_row(planned, plan, actor, upload) for planned in plan.of(Verdict.SECOND_CHARACTER)]
    _store(rows, seconds)
    result.awarded = [_credit(planned, row, plan) for planned, row in zip(awards, rows, strict=True)]
    result.already_present = [
        Credit(
            character_name=planned.character.name if planned.character else planned.attendee.character_name,
            user_id=planned.user_id,
            status=planned.attendee.status,
            points=ZERO,
            attendance_id=planned.row.pk if planned.row else None,
            reason=planned.verdict,
        )
        for planned in plan.of(Verdict.ALREADY_PRESENT, Verdict.SECOND_CHARACTER)
    ]
    result.unmatched = _keep_unmatched(plan, actor)
    result.total = sum((credit.points for credit in result.awarded), ZERO)
    if not quiet:
        _tell(result, actor)
    return result


def _less_paid(planned: Planned) -> dict[int, Decimal]:
    """What is still to be posted for an award, by pool id: its amounts less what the row that it replaces was paid."""
    if planned.row is None:
        return planned.amounts
    paid = {int(pool_id): Decimal(amount) for pool_id, amount in planned.row.amounts.items()}
    owed = {
        pool_id: planned.amounts.get(pool_id, ZERO) - paid.get(pool_id, ZERO) for pool_id in {**paid, **planned.amounts}
    }
    planned.amounts = {**dict.fromkeys(paid, ZERO), **planned.amounts}
    return owed


def _row(planned: Planned, plan: Plan, actor: User | None, upload: AttendanceUpload | None) -> RaidAttendance:
    """The attendance row of one name: new, or the person's absence that turned out to be none."""
    character = planned.character
    assert character is not None
    given = planned.attendee.character_name
    note = planned.attendee.note or (f"as {given}" if name_key(given) != character.name_key else "")
    row = planned.row if planned.verdict == Verdict.AWARD and planned.row is not None else RaidAttendance()
    row.attendance_check = plan.check
    row.user_id = character.user_id
    row.credited_user_id = character.user_id if planned.verdict == Verdict.AWARD else None
    row.character = character
    row.character_name = character.name
    row.name_key = character.name_key
    row.status = planned.attendee.status
    row.points = planned.points(plan.pools)
    row.amounts = stored_amounts(planned.amounts)
    row.given_points = planned.attendee.points if planned.verdict == Verdict.AWARD else None
    row.note = note[:300]
    row.upload = upload or row.upload
    if row._state.adding:
        row.created_by = actor
    return row


def stored_amounts(amounts: Mapping[int, Decimal]) -> dict[str, str]:
    """Amounts by pool as `RaidAttendance.amounts` keeps them."""
    return {str(pool_id): show_points(amount) for pool_id, amount in amounts.items()}


def _postings(row: RaidAttendance, amounts: Mapping[int, Decimal], raid: Raid) -> list[ledger.Posting]:
    assert row.user_id is not None
    return [
        ledger.Posting(
            user_id=row.user_id,
            pool_id=pool_id,
            kind=EntryKind.RAID,
            amount=amount,
            occurred_at=row.attendance_check.taken_at,
            document=row.document,
            context=raid.context,
            character_name=row.character_name,
            description=entry_words(raid, row),
        )
        for pool_id, amount in amounts.items()
        if amount != ZERO
    ]


def entry_words(raid: Raid, row: RaidAttendance) -> str:
    """What a person reads beside the movement on their statement."""
    check = row.attendance_check
    label = check.label or ("" if check.position == 0 else check.get_kind_display())
    words = f"{raid.name}: {label}" if label else raid.name
    return words if row.status == AttendanceStatus.PRESENT else f"{words} ({row.get_status_display()})"


_CHANGING = [
    "user", "credited_user", "character", "character_name", "name_key", "status", "points", "amounts", "given_points",
    "note", "upload",
]  # fmt: skip


def _store(rows: Sequence[RaidAttendance], seconds: Sequence[RaidAttendance]) -> None:
    """Write attendance rows: new ones in one statement, changed ones in another."""
    new = [row for row in [*rows, *seconds] if row._state.adding]
    changed = [row for row in rows if not row._state.adding]
    try:
        with transaction.atomic():
            RaidAttendance.objects.bulk_create(new, batch_size=ledger.BATCH)
    except IntegrityError as error:
        raise Conflict(
            "Somebody was credited at this check a moment ago. Nothing was stored; send it again.",
            code="already_present",
        ) from error
    store_changed(changed)


def store_changed(rows: Sequence[RaidAttendance]) -> None:
    """Write changed attendance rows in one statement."""
    if rows:
        RaidAttendance.objects.bulk_update(rows, _CHANGING, batch_size=ledger.BATCH)


def _credit(planned: Planned, row: RaidAttendance, plan: Plan) -> Credit:
    return Credit(
        character_name=row.character_name,
        user_id=row.user_id,
        status=row.status,
        points=planned.points(plan.pools),
        amounts=planned.amounts,
        attendance_id=row.pk,
    )


def _keep_unmatched(plan: Plan, actor: User | None) -> list[UnmatchedName]:
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


def _tell(result: AwardResult, actor: User | None) -> None:
    raid, check = result.raid, result.check
    paid = [credit for credit in result.awarded if any(credit.amounts.values())]
    unmatched = f", {len(result.unmatched)} names unmatched" if result.unmatched else ""
    audit.record(
        action="raids.award_attendance",
        summary=f"{raid}, {check}: {len(result.awarded)} people, {show_points(result.total)} points{unmatched}",
        actor=actor,
        target=raid,
        data={
            "check_id": check.pk,
            "awarded": [
                [credit.user_id, credit.character_name, show_points(credit.points)] for credit in result.awarded
            ],
            "already_present": [credit.character_name for credit in result.already_present],
            "unmatched": [name.name for name in result.unmatched],
            "at": clock.now().isoformat(),
        },
    )
    if result.awarded or result.unmatched:
        announce(
            RAID_AWARDED,
            raid,
            check_id=check.pk,
            people=len(result.awarded),
            paid=len(paid),
            total=show_points(result.total),
            unmatched=len(result.unmatched),
        )
