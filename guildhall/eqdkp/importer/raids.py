"""Raids with who was there. A raid and its attendances come in one transaction, so half a raid never stands.

What always holds: after a raid was brought, its standing documents that an import wrote are exactly the old system's
attendances, each paying the raid's value into every pool in which its event counts. A later import compares and touches
only what differs: what is no longer there is reversed, what is new is posted. What an officer of Guildhall reversed or
amended stays as the officer left it, whatever becomes of the raid's value, date or event there. Two characters of one
person were both paid there, and stay paid; the second credits nobody."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.bulk import bulk_rows
from guildhall.core.money import ZERO
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import ImportRun, LegacyRecord
from guildhall.points import ledger
from guildhall.points.history import HistoryRow, post_history
from guildhall.points.models import Bucket, EntryKind
from guildhall.raids.models import AttendanceCheck, AttendanceStatus, Raid, RaidAttendance
from guildhall.roster.names import name_key

from .attendees import AttendeeIndex
from .context import REASON, UNDO_REASON, Context, Kind, Known, fingerprint, first_date
from .pools import unknown_event

BATCH = 250
_ATTENDANCE = (
    "document", "attendance_check_id", "user_id", "credited_user_id", "character_id", "character_name", "name_key",
    "status", "points", "amounts", "note", "created_at", "created_by_id", "reversal_reason",
)  # fmt: skip


#: What an import writes of a raid itself.
_FIELDS = ("event_id", "name", "started_at", "notes", "points")


@dataclass(frozen=True, slots=True)
class Present:
    """One attendance to stand: who earned, which character by which name."""

    user_id: int
    character_id: int | None
    name: str
    points: Decimal


@dataclass(slots=True)
class RaidState:
    """A raid as it is to stand, in ids of ours."""

    event_id: int
    name: str
    started_at: dt.datetime
    notes: str
    points: Decimal
    pools: list[int]
    present: list[Present]

    def as_json(self) -> dict[str, Any]:
        return {
            "event_id": self.event_id,
            "name": self.name,
            "started_at": self.started_at.isoformat(),
            "notes": self.notes,
            "points": str(self.points),
            "pools": self.pools,
            "present": [[p.user_id, p.character_id, p.name, str(p.points)] for p in self.present],
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> RaidState:
        return cls(
            data["event_id"], data["name"], dt.datetime.fromisoformat(data["started_at"]), data["notes"],
            Decimal(data["points"]), data["pools"],
            [Present(user, character, name, Decimal(points)) for user, character, name, points in data["present"]],
        )  # fmt: skip


def _chunks(ctx: Context) -> Iterator[list[r.LegacyRaid]]:
    pending: list[r.LegacyRaid] = []
    for raid in ctx.snapshot.rows(r.RAIDS):
        pending.append(raid)
        if len(pending) >= BATCH:
            yield pending
            pending = []
    if pending:
        yield pending


def import_raids(ctx: Context) -> None:
    """Every raid of the snapshot; then those that the old system no longer has."""
    index = AttendeeIndex(ctx.snapshot)
    event_names = {event.id: event.name or f"Event {event.id}" for event in ctx.snapshot.rows(r.EVENTS)}
    seen: set[int] = set()
    last_date = first_date(raid.date for raid in ctx.snapshot.rows(r.RAIDS))
    try:
        for chunk in _chunks(ctx):
            fresh: list[tuple[r.LegacyRaid, dt.datetime]] = []
            for raid in chunk:
                if raid.id in seen:
                    ctx.problem("raids", raid.id, "duplicate_id", f"raid {raid.id} is there twice", held=True, row=raid)
                    continue
                seen.add(raid.id)
                last_date = raid.date or last_date
                fresh.append((raid, last_date))
            attendees = index.of([raid.id for raid, _ in fresh])
            ctx.batch(lambda fresh=fresh, attendees=attendees: _batch(ctx, fresh, attendees, event_names))  # type: ignore[misc]
        dangling = index.dangling(seen)
    finally:
        index.close()

    def report() -> None:
        for raid_id, member_id in dangling:
            ctx.counts["raid_attendees"].read += 1
            ctx.problem(
                "raid_attendees", f"{raid_id}:{member_id}", "raid_missing",
                f"{ctx.names.get(member_id, f'character {member_id}')} is listed for raid {raid_id}, which does not exist",
                held=True,
            )  # fmt: skip

    ctx.batch(report)
    if not ctx.snapshot.partial:
        _gone(ctx, seen)


def _batch(
    ctx: Context,
    raids: Sequence[tuple[r.LegacyRaid, dt.datetime]],
    attendees: dict[int, list[int]],
    event_names: dict[int, str],
) -> None:
    counts, rows = ctx.counts["raids"], ctx.counts["raid_attendees"]
    known = ctx.lookup(Kind.RAID, [raid.id for raid, _ in raids])
    new: list[tuple[r.LegacyRaid, RaidState, str, Known | None]] = []
    for raid, date in raids:
        counts.read += 1
        members = attendees.get(raid.id, [])
        rows.read += len(members)
        pools = ctx.event_pools.get(raid.event_id, [])
        content = fingerprint(
            raid.event_id,
            event_names.get(raid.event_id),
            raid.date,
            raid.note,
            raid.value,
            pools,
            [(m, ctx.mains.get(m)) for m in members],
        )
        before = known.get(raid.id)
        if before is not None and before.live and before.content == content:
            counts.same += 1
            rows.same += len(members)
            continue
        ctx.look("raids", raid.id)
        if raid.date is None:
            ctx.problem("raids", raid.id, "no_date", f"raid {raid.id} has no date; it was put at {date:%Y-%m-%d %H:%M}")
        state = _state(ctx, raid, date, members, pools, event_names)
        if before is not None and before.live:
            _change(ctx, raid, state, content, before)
        else:
            counts.new += 1
            rows.new += len(state.present)
            new.append((raid, state, content, before))
    _create(ctx, new)
    ctx.progress("raids", len(raids) + sum(len(attendees.get(raid.id, ())) for raid, _ in raids))


def _state(
    ctx: Context,
    raid: r.LegacyRaid,
    date: dt.datetime,
    members: list[int],
    pools: list[int],
    event_names: dict[int, str],
) -> RaidState:
    event_id = ctx.object_id(Kind.EVENT, raid.event_id) if raid.event_id in event_names else None
    if event_id is None:
        ctx.problem(
            "raids", raid.id, "event_missing",
            f"raid {raid.id} is of event {raid.event_id}, which does not exist; it counts in "
            f"{'the pools that the event is linked to' if pools else 'no pool'}, as in EQdkp",
        )  # fmt: skip
        event_id = unknown_event(ctx, raid.event_id)
    last = None
    for member in members:
        if ctx.person_of(member) is None:
            ctx.problem(
                "raid_attendees", f"{raid.id}:{member}", "member_missing",
                f"raid {raid.id} lists character {member}, which does not exist", held=True,
            )  # fmt: skip
            continue
        if member == last:
            ctx.problem(
                "raid_attendees", f"{raid.id}:{member}", "listed_twice",
                f"{ctx.names[member]} is listed twice at raid {raid.id}, and was paid twice there",
            )  # fmt: skip
        last = member
    return RaidState(
        event_id=event_id,
        name=event_names.get(raid.event_id, f"Unknown event {raid.event_id}")[:160],
        started_at=date,
        notes=raid.note,
        points=raid.value,
        pools=[pool for pool in (ctx.object_id(Kind.POOL, p) for p in pools) if pool is not None],
        present=presents_of(ctx, raid.value if pools else ZERO, members),
    )


def presents_of(ctx: Context, earned: Decimal, members: Sequence[int]) -> list[Present]:
    """The attendances to stand of the characters that a raid lists, each worth `earned`; those of nobody are left out.

    Where the event counts in no pool nothing was earned, whatever the raid says of its worth.
    """
    found = []
    for member in members:
        user_id = ctx.person_of(member)
        if user_id is not None:
            found.append(Present(user_id, ctx.object_id(Kind.MEMBER, member), ctx.names[member][:120], earned))
    return found


# -- writing -----------------------------------------------------------------------------------------------------------
def _create(ctx: Context, new: Sequence[tuple[r.LegacyRaid, RaidState, str, Known | None]]) -> None:
    if not new:
        return
    if not ctx.commit:
        for raid, state, content, before in new:
            ctx.simulate(entries_of(state, state.present))
            ctx.remember(Kind.RAID, raid.id, ctx.fake_id(), content, before=before)
        return
    now = clock.now()
    made = [
        Raid(
            event_id=state.event_id, name=state.name, started_at=state.started_at, notes=state.notes,
            points=state.points, context=ctx.run.document(), created_at=now, created_by=ctx.actor,
        )
        for _, state, _, _ in new
    ]  # fmt: skip
    Raid.objects.bulk_create(made)
    if not connection.features.can_return_rows_from_bulk_insert:  # MySQL does not tell the keys of a bulk insert
        keys = dict(Raid.objects.filter(context__in=[raid.context for raid in made]).values_list("context", "pk"))
        for raid_row in made:
            raid_row.pk = keys[raid_row.context]
    AttendanceCheck.objects.bulk_create(
        [
            AttendanceCheck(
                raid=raid, taken_at=raid.started_at, points=raid.points, position=0, created_at=now,
                created_by=ctx.actor,
            )
            for raid in made
        ]
    )  # fmt: skip
    checks = dict(AttendanceCheck.objects.filter(raid__in=made).values_list("raid_id", "pk"))
    writer = AttendanceWriter(ctx.run, ctx.actor)
    for raid_row, (_, state, _, _) in zip(made, new, strict=True):
        writer.add(checks[raid_row.pk], raid_row.context, state, state.present, set())
    writer.store()
    for raid_row, (legacy, state, content, before) in zip(made, new, strict=True):
        ctx.remember(Kind.RAID, legacy.id, raid_row.pk, content, before=before, data=_data(legacy, state))


def _data(raid: r.LegacyRaid, state: RaidState) -> dict[str, Any]:
    """What the old API shows of a raid and no raid of ours has; and by what we see which of its fields changed there."""
    brought = {name: fingerprint(getattr(state, name))[:12] for name in _FIELDS}
    return {"added_by": raid.added_by, "event": raid.event_id, "brought": brought}


def _keep_what_changed_here(raid: Raid, state: RaidState, data: dict[str, Any], before: Known) -> None:
    """Leave in `state` only those fields of the raid as the old system has them that changed there.

    After an import was taken back the record is without content: then nobody knows, and the old system's word counts.
    """
    record = LegacyRecord.objects.filter(pk=before.pk or 0).values_list("data", flat=True).first() or {}
    brought = record.get("brought", {}) if before.content else {}
    for name in _FIELDS:
        if brought.get(name) == data["brought"][name]:
            setattr(state, name, getattr(raid, name))


def entries_of(state: RaidState, present: Sequence[Present]) -> Iterator[HistoryRow]:
    """The ledger entries of attendances, without documents (for a dry run)."""
    for row in present:
        for pool in state.pools:
            yield (
                row.user_id, pool, EntryKind.RAID.value, Bucket.EARNED.value, row.points, state.started_at, row.name,
                state.name, None, None,
            )  # fmt: skip


class AttendanceWriter:
    """Collects attendances with their ledger entries and writes both in a few statements."""

    def __init__(self, run: ImportRun, actor: User | None) -> None:
        self.run = run
        self.actor = actor
        self.rows: list[tuple[Any, ...]] = []
        self.entries: list[HistoryRow] = []
        self._keys: dict[str, str] = {}
        self._now = clock.now()

    def add(
        self, check_id: int, context: UUID, state: RaidState, present: Sequence[Present], credited: set[int]
    ) -> list[UUID]:
        """Attendances of one check; ``credited`` are the people who have one there already. Answers their documents."""
        by = self.actor.pk if self.actor is not None else None
        description = state.name[:200]
        documents = list(self.run.documents(len(present)))
        for row, document in zip(present, documents, strict=True):
            key = self._keys.get(row.name)
            if key is None:
                key = self._keys[row.name] = name_key(row.name)
            first = row.user_id not in credited
            credited.add(row.user_id)
            self.rows.append(
                (
                    document, check_id, row.user_id, row.user_id if first else None, row.character_id, row.name, key,
                    AttendanceStatus.PRESENT.value, row.points, {}, "", self._now, by, "",
                )
            )  # fmt: skip
            for pool in state.pools:
                self.entries.append(
                    (
                        row.user_id, pool, EntryKind.RAID.value, Bucket.EARNED.value, row.points, state.started_at,
                        row.name, description, document, context,
                    )
                )  # fmt: skip
        return documents

    def store(self) -> None:
        bulk_rows(RaidAttendance, _ATTENDANCE, self.rows)
        post_history(rows=self.entries, actor=self.actor)


def reverse_documents(documents: Sequence[UUID], actor: User | None, reason: str) -> None:
    """Reverse what stands of these documents; attendances that paid nothing are struck as well."""
    for start in range(0, len(documents), 500):
        part = documents[start : start + 500]
        ledger.reverse_entries(entries=ledger.standing_entries(documents=part), actor=actor, reason=reason)
        RaidAttendance.objects.filter(document__in=part, reversed_at=None).update(
            reversed_at=clock.now(), reversed_by=actor, credited_user=None, reversal_reason=reason[:300]
        )


# -- bringing up to date -----------------------------------------------------------------------------------------------
def imported_attendance(raid_id: int) -> list[RaidAttendance]:
    """The attendances of a raid that imports wrote and have not themselves taken back, touched by people or not."""
    rows = RaidAttendance.objects.filter(attendance_check__raid_id=raid_id).order_by("pk")
    keys = set(ImportRun.objects.values_list("key", flat=True))
    return [
        row
        for row in rows
        if row.document.hex[:16] in keys and not row.reversal_reason.startswith((REASON, UNDO_REASON))
    ]


def decided_here(row: RaidAttendance) -> bool:
    """Whether people here reversed or amended this attendance, which an import wrote and left standing."""
    return row.reversed_at is not None or bool(row.amounts)


def reversed_by_people(raid: Raid) -> bool:
    """Whether an officer undid the whole raid here."""
    return raid.reversed_at is not None and not raid.reversal_reason.startswith((REASON, UNDO_REASON))


def match_decided(
    wanted: Sequence[Present], rows: Sequence[RaidAttendance]
) -> tuple[list[Present], dict[int, Present]]:
    """Which of the wanted attendances people here have decided about: what is left, and by row key what each stands for.

    The character says which it is, or its name where that is gone; never the person or the points, which may have changed.
    """
    left = list(wanted)
    settled: dict[int, Present] = {}
    for by_character in (True, False):
        for row in rows:
            if row.pk in settled or (by_character and row.character_id is None):
                continue
            found = next(
                (
                    present
                    for present in left
                    if (
                        present.character_id == row.character_id if by_character else present.name == row.character_name
                    )
                ),
                None,
            )
            if found is not None:
                settled[row.pk] = found
                left.remove(found)
    return left, settled


def state_of(raid: Raid) -> RaidState:
    """The raid as it stands now, as far as imports wrote it and nobody here decided otherwise."""
    rows = [row for row in imported_attendance(raid.pk) if not decided_here(row)]
    pools: dict[int, None] = {}
    for entry in ledger.standing_entries(documents=[row.document for row in rows[:50]]):
        pools.setdefault(entry.pool_id)
    return RaidState(
        event_id=raid.event_id,
        name=raid.name,
        started_at=raid.started_at,
        notes=raid.notes,
        points=raid.points,
        pools=list(pools),
        present=[
            Present(row.user_id, row.character_id, row.character_name, row.points)
            for row in rows
            if row.user_id is not None
        ],
    )


def _change(ctx: Context, legacy: r.LegacyRaid, state: RaidState, content: str, before: Known) -> None:
    counts, rows = ctx.counts["raids"], ctx.counts["raid_attendees"]
    raid = Raid.objects.select_related("event").filter(pk=before.key).first()
    data = _data(legacy, state)
    if raid is None:
        ctx.problem(
            "raids", legacy.id, "deleted_here", f"raid {legacy.id} was deleted in Guildhall; it is left so", held=True
        )
        return
    if reversed_by_people(raid):
        ctx.problem(
            "raids", legacy.id, "reversed_here", f"raid {legacy.id} changed in EQdkp, but was undone here; it stays so"
        )
        counts.same += 1
        rows.same += len(state.present)
        ctx.remember(Kind.RAID, legacy.id, raid.pk, content, before=before, created=before.created, data=data)
        return
    was = state_of(raid)
    _keep_what_changed_here(raid, state, data, before)
    added, removed, touched = sync(ctx.run, raid, state, actor=ctx.actor, dry=None if ctx.commit else ctx)
    if added or removed or touched:
        counts.changed += 1
        ctx.note_change(before, was.as_json(), state.as_json())
    else:
        counts.same += 1
    rows.new += added
    rows.gone += removed
    rows.same += len(state.present) - added
    ctx.remember(Kind.RAID, legacy.id, raid.pk, content, before=before, created=before.created, data=data)


def _match(wanted: Sequence[Present], rows: Sequence[RaidAttendance]) -> tuple[list[Present], set[int]]:
    """Which of the wanted attendances are there already: those missing, and the keys of the rest.

    The same person, worth and character; a character that is gone, or never was one, is told by its name.
    """
    kept: set[int] = set()
    missing = list(wanted)
    for by_character in (True, False):
        available: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for row in rows:
            if row.pk not in kept and not (by_character and row.character_id is None):
                which = row.character_id if by_character else row.character_name
                available[row.user_id, row.points, which].append(row.pk)
        left = []
        for present in missing:
            which = present.character_id if by_character else present.name
            found = available.get((present.user_id, present.points, which))
            if found:
                kept.add(found.pop(0))
            else:
                left.append(present)
        missing = left
    return missing, kept


def sync(
    run: ImportRun,
    raid: Raid,
    state: RaidState,
    *,
    actor: User | None,
    dry: Context | None = None,
    without: ImportRun | None = None,
) -> tuple[int, int, bool]:
    """Make a raid stand as `state` says, touching only what differs; with ``dry`` nothing is written.

    What people here decided stays. What the import ``without`` wrote does not count as there: it is being taken back.

    Returns:
        Attendances posted, attendances reversed, and whether the raid itself changed.
    """
    if reversed_by_people(raid):
        return 0, 0, False
    rows = imported_attendance(raid.pk)
    current = state_of(raid)
    repost = current.started_at != state.started_at or (
        bool(current.present) and set(current.pools) != set(state.pools)
    )
    there = [row for row in rows if without is None or row.document.hex[:16] != without.key]
    wanted, settled = match_decided(state.present, [row for row in there if decided_here(row)])
    usable = [] if repost else [row for row in there if not decided_here(row)]
    # What people here undid of the import that is taken back they undid of the row itself: it comes back undone.
    lost = [row for row in rows if row not in there and row.reversed_at is not None]
    wanted, undone = match_decided(wanted, lost)
    missing, kept = _match(wanted, usable)
    surplus = [row for row in rows if row.pk not in kept and row.pk not in settled and row.reversed_at is None]
    touched = [name for name in _FIELDS if getattr(raid, name) != getattr(state, name)]
    if raid.reversed_at is not None and raid.reversal_reason.startswith(REASON):
        touched.append("reversed_at")
    if dry is not None:
        dry.simulate_reversal(row.document for row in surplus)
        dry.simulate(entries_of(state, missing))
    elif touched or surplus or missing or undone:
        reverse_documents([row.document for row in surplus], actor, REASON)
        if touched:
            for name in _FIELDS:
                setattr(raid, name, getattr(state, name))
            if "reversed_at" in touched:
                raid.reversed_at = raid.reversed_by = None
                raid.reversal_reason = ""
            raid.save()
            AttendanceCheck.objects.filter(raid=raid, position=0).update(taken_at=state.started_at, points=state.points)
        check = AttendanceCheck.objects.filter(raid=raid, position=0).get()
        credited = set(check.attendance.exclude(credited_user=None).values_list("credited_user_id", flat=True))
        writer = AttendanceWriter(run, actor)
        writer.add(check.pk, raid.context, state, missing, {pk for pk in credited if pk is not None})
        again = {
            row.pk: writer.add(check.pk, raid.context, state, [undone[row.pk]], {undone[row.pk].user_id})
            for row in lost
            if row.pk in undone
        }
        writer.store()
        for row in lost:
            reverse_documents(again.get(row.pk, []), row.reversed_by, row.reversal_reason)
    return len(missing), len(surplus), bool(touched)


def _gone(ctx: Context, seen: set[int]) -> None:
    """Raids that were deleted in the old system are reversed whole."""
    live = LegacyRecord.objects.filter(source=ctx.source, kind=Kind.RAID, state=LegacyRecord.State.LIVE)
    gone = [legacy_id for legacy_id in live.values_list("legacy_id", flat=True).iterator() if legacy_id not in seen]
    for start in range(0, len(gone), 50):
        part = gone[start : start + 50]
        ctx.batch(lambda part=part: _strike(ctx, part))  # type: ignore[misc]


def _strike(ctx: Context, ids: Sequence[int]) -> None:
    for legacy_id, before in ctx.lookup(Kind.RAID, ids).items():
        raid = Raid.objects.filter(pk=before.key).first()
        ctx.counts["raids"].gone += 1
        ctx.look("raids", legacy_id)
        if raid is not None:
            was = state_of(raid)
            ctx.counts["raid_attendees"].gone += len(was.present)
            ctx.note_change(before, was.as_json(), {})
            if ctx.commit:
                strike_raid(raid, ctx.actor)
            else:
                ctx.simulate_reversal(row.document for row in imported_attendance(raid.pk) if not row.reversed_at)
        ctx.remember(Kind.RAID, legacy_id, before.object_id, "", state=LegacyRecord.State.GONE, before=before)


def strike_raid(raid: Raid, actor: User | None, reason: str = REASON) -> None:
    """Reverse what imports wrote of a raid, and the raid itself where nothing else of it stands."""
    documents = [row.document for row in imported_attendance(raid.pk) if row.reversed_at is None]
    reverse_documents(documents, actor, reason)
    if (
        not RaidAttendance.objects.filter(attendance_check__raid=raid, reversed_at=None).exists()
        and not raid.reversed_at
    ):
        raid.reversed_at, raid.reversed_by, raid.reversal_reason = clock.now(), actor, reason
        raid.save()


__all__ = ["REASON", "RaidState", "import_raids", "imported_attendance", "reverse_documents", "state_of", "sync"]
