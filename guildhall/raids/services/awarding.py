"""Award attendance to a raid.

Invariants:
- One person earns once per check. The raid's row is locked first, so awards of one raid stand in line; the unique
  constraint on `credited_user` is the last guard.
- All or nothing: people, entries, summaries, unmatched names, the audit row and the messages commit together.
- The number of statements does not grow with the number of people (`tests/test_statements.py`).
- The same upload counts once for a check: its fingerprint is written in the same transaction.
- What a call changed of a row that an earlier one made (a raise, an absence that was none) is kept in its batch with what
  stood before, so that undoing it takes back that alone (`undoing`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from django.db import transaction

from guildhall.accounts.models import User
from guildhall.core import audit, batches, clock, previews
from guildhall.core.errors import Conflict
from guildhall.core.ids import PoolId, UserId
from guildhall.core.money import ZERO, show_points
from guildhall.core.transactions import use_case
from guildhall.points import ledger
from guildhall.raids.attendees import Attendee, clean_attendees
from guildhall.raids.check_state import plan_attendance
from guildhall.raids.models import AttendanceCheck, AttendanceUpload, Raid, RaidAttendance, UnmatchedName
from guildhall.raids.parsers import AttendanceParse, RosterBlock
from guildhall.raids.planning import KEPT, Plan, Planned, Verdict, shown_of
from guildhall.raids.policy import Amounts
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
from guildhall.roster.names import name_key

from .locking import begin, check_of, lock_raid, refuse_future
from .log_findings import record_log
from .rows import attendance_row, keep_unmatched, kept_of, postings_of, put_beside, read_amounts, store, stored_amounts
from .standing import RAID_AWARDED, announce


@dataclass(frozen=True, slots=True)
class Credit:
    """Somebody with what they got: `points` is the amount in the event's first pool, `amounts` by pool id."""

    character_name: str
    user_id: UserId | None
    status: str
    points: Decimal
    amounts: Mapping[PoolId, Decimal] = field(default_factory=dict)
    attendance_id: int | None = None
    reason: str = ""
    difference: Mapping[PoolId, Decimal] = field(default_factory=dict)
    instead_of: str = ""
    """Of a raise: what was posted by pool id, and the character that had stood for the person."""


@dataclass(slots=True)
class AwardResult:
    """What an award did. `raised` had been paid less, through another character of theirs or for another status: the
    difference was posted. `already_present` earned nothing: they were down already, or are a second character; the reason
    ``amended`` says that an officer put their row right, which is left as it is."""

    raid: Raid
    check: AttendanceCheck
    awarded: list[Credit] = field(default_factory=list)
    raised: list[Credit] = field(default_factory=list)
    already_present: list[Credit] = field(default_factory=list)
    unmatched: list[UnmatchedName] = field(default_factory=list)
    total: Decimal = ZERO
    warnings: list[tuple[str, str]] = field(default_factory=list)
    upload: AttendanceUpload | None = None
    is_repeat: bool = False
    """The same upload was committed before; nothing was done this time."""
    batch_id: UUID | None = None
    """What undoes it in one go."""


@use_case
def award_attendance(
    *,
    raid: Raid,
    attendees: Iterable[Attendee | Mapping[str, object] | str],
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
@previews.executes_preview("guildhall.raids.selectors.preview_attendance")
def commit_parsed_attendance(
    *,
    raid: Raid,
    parse: AttendanceParse,
    check: AttendanceCheck | int | None = None,
    decisions: Decisions | None = None,
    file_name: str = "",
    digest: str | None = None,
    asked: object = None,
    actor: User | None,
) -> AwardResult:
    """Award what a log, a dump or a list says. Committing the same one to the same check again does nothing, and
    says so.

    Args:
        digest: of the `preview_attendance` that this carries out, which was called with the same `asked`.

    Raises:
        PreviewChanged: it is not what was previewed.
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
    _keep_what_the_log_says(locked, parse, blocks, actor)
    mark = fingerprint(blocks, decided)
    before = AttendanceUpload.objects.filter(attendance_check=at, fingerprint=mark).first()
    if before is not None and digest is None:
        return _repeat(locked, at, before, attendees)
    plan = plan_attendance(check=at, attendees=attendees, own_guilds=own_guilds(decided.guilds), force=decided.force)
    previews.require(
        digest,
        lambda: shown_of(plan, mark=mark, remember=decided.remember, asked=asked, is_repeat=before is not None),
    )
    if before is not None:
        return _repeat(locked, at, before, attendees)
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
        "raised": len(result.raised),
        "already_present": len(result.already_present),
        "unmatched": len(result.unmatched),
        "total": show_points(result.total),
    }
    upload.save(update_fields=["result"])
    result.warnings = warnings_of(parse, blocks, at)
    return result


def _keep_what_the_log_says(
    raid: Raid, parse: AttendanceParse, blocks: Sequence[RosterBlock], actor: User | None
) -> None:
    """Keep the joins, loot and check-ins of the log, and who was linkdead in its rosters; most uploads have neither."""
    if parse.events or any(entry.flags & {"linkdead", "afk"} for block in blocks for entry in block.entries):
        record_log(raid=raid, events=parse.events, blocks=blocks, logger=parse.character or "", actor=actor)


def _repeat(raid: Raid, check: AttendanceCheck, upload: AttendanceUpload, attendees: Sequence[Attendee]) -> AwardResult:
    """Return the answer to an upload that was committed before: everybody it names is there already, nothing is
    done."""
    keys = [name_key(attendee.character_name) for attendee in attendees]
    rows = RaidAttendance.objects.filter(attendance_check=check, reversed_at=None, upload=upload)
    return AwardResult(
        raid=raid,
        check=check,
        already_present=[
            Credit(row.character_name, row.person_id, row.status, ZERO, attendance_id=row.pk, reason="committed_before")
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
        quiet: write no audit row and no message: the caller writes its own. What it changed of rows that earlier calls
            made is kept as a batch all the same.
    """
    check, raid = plan.check, plan.check.raid
    begin(raid)
    result = AwardResult(raid=raid, check=check)
    awards = plan.of(Verdict.AWARD, Verdict.RAISED)
    before = {planned.row.pk: planned.row.character_name for planned in plan.of(Verdict.RAISED) if planned.row}
    # What an absence was paid already (a share, a named amount) is not paid again when it turns out to be none; of a
    # better character of somebody who was paid, only what it earns more is posted.
    owed = [_less_paid(planned) for planned in awards]
    changed = [_Changed(planned) for planned in awards if planned.row is not None]
    for one in changed:
        if one.planned.verdict == Verdict.RAISED and one.planned.own is not one.planned.row:
            one.beside = put_beside(one.planned, plan, actor)
    beside = [one.beside for one in changed if one.beside is not None]
    rows = [attendance_row(planned, plan, actor, upload) for planned in awards]
    postings = [posting for row, amounts in zip(rows, owed, strict=True) for posting in postings_of(row, amounts, raid)]
    posted = {posting.pool_id for posting in postings}  # `post` asks whether these are open
    if silent := [PoolId(pool.pk) for pool in plan.pools if pool.pk not in posted]:
        ledger.open_pools(silent)
    ledger.post(postings=postings, actor=actor)
    paid = {posting.user_id for posting in postings}
    unpaid = [planned.user_id for planned in [*awards, *plan.of(Verdict.SECOND_CHARACTER)]]
    ledger.lock_people(user_id for user_id in unpaid if user_id not in paid)
    seconds = [attendance_row(planned, plan, actor, upload) for planned in plan.of(Verdict.SECOND_CHARACTER)]
    store(rows, [*seconds, *beside])
    for planned, row in zip(awards, rows, strict=True):
        if planned.verdict == Verdict.AWARD:
            result.awarded.append(_credit(planned, row, plan))
        else:
            result.raised.append(_credit(planned, row, plan, instead_of=before[row.pk]))
    result.already_present = [
        Credit(
            character_name=planned.character.name if planned.character else planned.attendee.character_name,
            user_id=planned.user_id,
            status=_status_there(planned),
            points=ZERO,
            attendance_id=planned.row.pk if planned.row else None,
            reason="amended" if planned.is_amended else planned.verdict,
        )
        for planned in plan.of(Verdict.ALREADY_PRESENT, Verdict.SECOND_CHARACTER)
    ]
    kept_before: set[int] = set()
    if plan.of(*KEPT):
        kept_before = set(UnmatchedName.objects.filter(attendance_check=check).values_list("pk", flat=True))
    result.unmatched = keep_unmatched(plan, actor)
    result.total = sum((credit.points for credit in result.awarded), ZERO)
    result.total += sum((planned.posted(plan.pools) for planned in plan.of(Verdict.RAISED)), ZERO)
    if changed or (not quiet and (upload is not None or len(rows) > 1)):
        _write_down(result, rows, changed, kept_before, upload, actor)
    if not quiet:
        _notify(result, actor)
    return result


class _Changed:
    """A row that an earlier call made, as it was before this one changed it."""

    def __init__(self, planned: Planned) -> None:
        assert planned.row is not None
        own = planned.own if planned.own is not planned.row else None
        self.planned, self.row = planned, planned.row
        paid = planned.paid or read_amounts(planned.row.amounts)
        self.before = kept_of(planned.row, stored_amounts(paid))
        self.own_before = kept_of(own) if own is not None else None
        self.beside: RaidAttendance | None = None

    def kept(self) -> dict[str, object]:
        """Return before and after, for the batch."""
        return {
            "document": str(self.row.document),
            "before": self.before,
            "after": kept_of(self.row),
            "beside": {"document": str(self.beside.document), "before": self.own_before} if self.beside else None,
        }


def _status_there(planned: Planned) -> str:
    """Return how a character that is down already stands there."""
    own, character = planned.own, planned.character
    if own is not None and character is not None and own.name_key == character.name_key:
        return own.status
    return planned.attendee.status


def _write_down(
    result: AwardResult,
    rows: Sequence[RaidAttendance],
    changed: Sequence[_Changed],
    kept_before: set[int],
    upload: AttendanceUpload | None,
    actor: User | None,
) -> None:
    """Keep what was awarded in one go, so that it can be undone in one go (`raids.batches`)."""
    raid, check = result.raid, result.check
    unmatched = [name.pk for name in result.unmatched if name.pk not in kept_before]
    theirs = {one.row.document for one in changed}
    if not rows and not unmatched:
        return
    count = f"{len(rows)} {'person' if len(rows) == 1 else 'people'}"
    batch = batches.record(
        kind="attendance",
        title=f"{raid}, {check}: {count}, {show_points(result.total)} points",
        reason=upload.file_name if upload else "",
        size=len(rows),
        actor=actor,
        data={
            "raid_id": raid.pk,
            "check_id": check.pk,
            "documents": [str(row.document) for row in rows if row.document not in theirs],
            "raised": [one.kept() for one in changed],
            "unmatched": unmatched,
            "upload_id": upload.pk if upload else None,
        },
    )
    result.batch_id = batch.pk


def _less_paid(planned: Planned) -> Amounts:
    """Return what is still to be posted for an award, by pool id: its amounts less what the row that it replaces was
    paid."""
    if planned.row is None:
        return planned.amounts
    paid = planned.paid or read_amounts(planned.row.amounts)
    owed = {
        pool_id: planned.amounts.get(pool_id, ZERO) - paid.get(pool_id, ZERO) for pool_id in {**paid, **planned.amounts}
    }
    planned.amounts = {**dict.fromkeys(paid, ZERO), **planned.amounts}
    return owed


def _credit(planned: Planned, row: RaidAttendance, plan: Plan, *, instead_of: str = "") -> Credit:
    return Credit(
        character_name=row.character_name,
        user_id=row.person_id,
        status=row.status,
        points=planned.points(plan.pools),
        amounts=planned.amounts,
        attendance_id=row.pk,
        reason="raised" if instead_of else "",
        difference={
            pool_id: amount - planned.paid.get(pool_id, ZERO)
            for pool_id, amount in planned.amounts.items()
            if amount != planned.paid.get(pool_id, ZERO)
        }
        if instead_of
        else {},
        instead_of=instead_of,
    )


def _notify(result: AwardResult, actor: User | None) -> None:
    raid, check = result.raid, result.check
    people = [*result.awarded, *result.raised]
    paid = [credit for credit in people if any(credit.amounts.values())]
    unmatched = f", {len(result.unmatched)} names unmatched" if result.unmatched else ""
    audit.record(
        action="raids.award_attendance",
        summary=f"{raid}, {check}: {len(people)} people, {show_points(result.total)} points{unmatched}",
        actor=actor,
        target=raid,
        data={
            "check_id": check.pk,
            "awarded": [
                [credit.user_id, credit.character_name, show_points(credit.points)] for credit in result.awarded
            ],
            "raised": [
                [credit.user_id, credit.instead_of, credit.character_name, show_points(credit.points)]
                for credit in result.raised
            ],
            "already_present": [credit.character_name for credit in result.already_present],
            "unmatched": [name.name for name in result.unmatched],
            "at": clock.now().isoformat(),
        },
    )
    if people or result.unmatched:
        announce(
            RAID_AWARDED,
            raid,
            check_id=check.pk,
            people=len(people),
            paid=len(paid),
            total=show_points(result.total),
            unmatched=len(result.unmatched),
        )
