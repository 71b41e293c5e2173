"""Raids with who was there. A raid and its attendances come in one transaction, so half a raid never stands.

What always holds: after a raid was brought, its standing documents that an import wrote are exactly the old system's
attendances, each paying the raid's value into every pool in which its event counts. A later import compares and touches
only what differs: what is no longer there is reversed, what is new is posted. What an officer of Guildhall reversed or
amended stays as the officer left it, whatever becomes of the raid's value, date or event there. Two characters of one
person were both paid there, and stay paid; the second credits nobody.
What differs is decided in `raid_difference`, without a database; `raid_writing` writes it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from django.db import connection

from guildhall.core import clock
from guildhall.core.money import ZERO
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import LegacyRecord
from guildhall.raids.models import AttendanceCheck, Raid

from .attendees import AttendeeIndex
from .context import Context, Kind, Known, fingerprint, first_date
from .pools import unknown_event
from .raid_difference import FIELDS, Present, RaidState, reversed_by_people
from .raid_writing import AttendanceWriter, entries_of, imported_attendance, mark_raid_reversed, state_of, sync

BATCH = 250


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
    """Import every raid of the snapshot; then reverse those that the old system no longer has."""
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
    """Return the attendances to stand of the characters that a raid lists, each worth `earned`; those of nobody are
    left out.

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
    """Return what the old API shows of a raid and no raid of ours has; and by what we see which of its fields
    changed there."""
    brought = {name: fingerprint(getattr(state, name))[:12] for name in FIELDS}
    return {"added_by": raid.added_by, "event": raid.event_id, "brought": brought}


def _keep_what_changed_here(raid: Raid, state: RaidState, data: dict[str, Any], before: Known) -> None:
    """Leave in `state` only those fields of the raid as the old system has them that changed there.

    After an import was undone the record is without content: then nobody knows, and the old system's word counts.
    """
    record = LegacyRecord.objects.filter(pk=before.pk or 0).values_list("data", flat=True).first() or {}
    brought = record.get("brought", {}) if before.content else {}
    for name in FIELDS:
        if brought.get(name) == data["brought"][name]:
            setattr(state, name, getattr(raid, name))


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


def _gone(ctx: Context, seen: set[int]) -> None:
    """Reverse whole raids that were deleted in the old system."""
    live = LegacyRecord.objects.filter(source=ctx.source, kind=Kind.RAID, state=LegacyRecord.State.LIVE)
    gone = [legacy_id for legacy_id in live.values_list("legacy_id", flat=True).iterator() if legacy_id not in seen]
    for start in range(0, len(gone), 50):
        part = gone[start : start + 50]
        ctx.batch(lambda part=part: _mark_reversed(ctx, part))  # type: ignore[misc]


def _mark_reversed(ctx: Context, ids: Sequence[int]) -> None:
    for legacy_id, before in ctx.lookup(Kind.RAID, ids).items():
        raid = Raid.objects.filter(pk=before.key).first()
        ctx.counts["raids"].gone += 1
        ctx.look("raids", legacy_id)
        if raid is not None:
            was = state_of(raid)
            ctx.counts["raid_attendees"].gone += len(was.present)
            ctx.note_change(before, was.as_json(), {})
            if ctx.commit:
                mark_raid_reversed(raid, ctx.actor, ctx.run)
            else:
                ctx.simulate_reversal(row.document for row in imported_attendance(raid.pk) if not row.reversed_at)
        ctx.remember(Kind.RAID, legacy_id, before.object_id, "", state=LegacyRecord.State.GONE, before=before)
