"""Raids with who was there. A raid and its attendances come in one transaction, so half a raid never stands.

What always holds: after a raid was brought, its standing documents that an import wrote are exactly the old system's
attendances, each paying the raid's value into every pool in which its event counts. A later import compares and touches
only what differs: what is no longer there is reversed, what is new is posted. What an officer of Guildhall reversed or
amended stays as the officer left it, whatever becomes of the raid's value, date or event there. Two characters of one
person were both paid there, and stay paid; the second credits nobody.
What differs is decided in `raid_difference`, without a database; `raid_writing` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from decimal import Decimal
from typing import TypedDict

from django.db import connection

from guildhall.core import clock
from guildhall.core.money import ZERO
from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import LegacyRecord
from guildhall.raids.models import AttendanceCheck, Raid

from .attendees import AttendeeIndex
from .context import Context, Counts, Kind, fingerprint
from .dates import Dated, dated
from .difference import Changed, Created, Known
from .loop import RowKind, bring
from .pools import unknown_event
from .raid_difference import FIELDS, Present, RaidState, reversed_by_people
from .raid_writing import AttendanceWriter, entries_of, imported_attendance, mark_raid_reversed, state_of, sync


def import_raids(ctx: Context) -> None:
    """Import every raid of the snapshot; then reverse those that the old system no longer has."""
    with closing(AttendeeIndex(ctx.snapshot)) as attendees:
        raids = Raids(ctx, attendees)
        bring(raids)
        dangling = attendees.dangling(raids.there)

    def report() -> None:
        for raid_id, member_id in dangling:
            ctx.counts["raid_attendees"].read += 1
            ctx.problem(
                "raid_attendees", f"{raid_id}:{member_id}", "raid_missing",
                f"{ctx.names.get(member_id, f'character {member_id}')} is listed for raid {raid_id}, which does not exist",
                held=True,
            )  # fmt: skip

    ctx.batch(report)


class Raids(RowKind[Dated[r.LegacyRaid], RaidState]):
    """Raids, each with the characters that were there."""

    kind = Kind.RAID
    table = r.RAIDS.name
    called = "raid"
    batch_size = 250
    vanished_size = 50

    def __init__(self, ctx: Context, attendees: AttendeeIndex) -> None:
        super().__init__(ctx)
        self.attendees = attendees
        self.event_names = {event.id: event.name or f"Event {event.id}" for event in ctx.snapshot.rows(r.EVENTS)}
        self._members: dict[int, list[int]] = {}

    @property
    def attendance(self) -> Counts:
        """Return what became of the attendances so far."""
        return self.ctx.counts["raid_attendees"]

    # -- the difference ------------------------------------------------------------------------------------------------
    def rows(self) -> Iterator[Dated[r.LegacyRaid]]:
        """Yield the raids of the old system."""
        return dated(lambda: self.ctx.snapshot.rows(r.RAIDS))

    def prepare(self, rows: Sequence[Dated[r.LegacyRaid]]) -> None:
        """Read who was at the raids."""
        self._members = self.attendees.of([raid.id for raid in rows])
        self.attendance.read += sum(map(len, self._members.values()))

    def members(self, raid_id: int) -> list[int]:
        """Return the characters that a raid lists."""
        return self._members.get(raid_id, [])

    def size(self, rows: Sequence[Dated[r.LegacyRaid]]) -> int:
        """Return how many raids and attendances a batch is."""
        return len(rows) + sum(map(len, self._members.values()))

    def fingerprint(self, row: Dated[r.LegacyRaid]) -> str:
        """Return a fingerprint of a raid with its event, its pools, its characters and their persons."""
        raid, mains = row.row, self.ctx.mains
        return fingerprint(
            raid.event_id, self.event_names.get(raid.event_id), raid.date, raid.note, raid.value,
            self.ctx.event_pools.get(raid.event_id, []), [(m, mains.get(m)) for m in self.members(raid.id)],
        )  # fmt: skip

    def build(self, row: Dated[r.LegacyRaid], before: Known | None) -> RaidState:
        """Return a raid as it is to stand."""
        ctx, raid = self.ctx, row.row
        if raid.date is None:
            what = f"raid {raid.id} has no date; it was put at {row.at:%Y-%m-%d %H:%M}"
            ctx.problem("raids", raid.id, "no_date", what)
        pools = ctx.event_pools.get(raid.event_id, [])
        event_id = ctx.object_id(Kind.EVENT, raid.event_id) if raid.event_id in self.event_names else None
        if event_id is None:
            ctx.problem(
                "raids", raid.id, "event_missing",
                f"raid {raid.id} is of event {raid.event_id}, which does not exist; it counts in "
                f"{'the pools that the event is linked to' if pools else 'no pool'}, as in EQdkp",
            )  # fmt: skip
            event_id = unknown_event(ctx, raid.event_id)
        self._report_attendees(raid)
        return RaidState(
            event_id=event_id,
            name=self.event_names.get(raid.event_id, f"Unknown event {raid.event_id}")[:160],
            started_at=row.at,
            notes=raid.note,
            points=raid.value,
            pools=ctx.pools_here(pools),
            present=presents_of(ctx, raid.value if pools else ZERO, self.members(raid.id)),
        )

    def _report_attendees(self, raid: r.LegacyRaid) -> None:
        last = None
        for member in self.members(raid.id):
            if self.ctx.person_of(member) is None:
                self.ctx.problem(
                    "raid_attendees", f"{raid.id}:{member}", "member_missing",
                    f"raid {raid.id} lists character {member}, which does not exist", held=True,
                )  # fmt: skip
                continue
            if member == last:
                self.ctx.problem(
                    "raid_attendees", f"{raid.id}:{member}", "listed_twice",
                    f"{self.ctx.names[member]} is listed twice at raid {raid.id}, and was paid twice there",
                )  # fmt: skip
            last = member

    def stands(self, before: Known) -> bool:
        """Return whether the old system had the raid all the time; one that comes back is made anew."""
        return before.live

    # -- writing -------------------------------------------------------------------------------------------------------
    def keep(self, row: Dated[r.LegacyRaid]) -> None:
        """Count a raid that is unchanged, with its attendances."""
        super().keep(row)
        self.attendance.same += len(self.members(row.id))

    def create(self, new: Sequence[Created[Dated[r.LegacyRaid], RaidState]]) -> None:
        """Make raids with one check each, the attendances and their entries."""
        self.counts.new += len(new)
        self.attendance.new += sum(len(step.values.present) for step in new)
        if not self.ctx.commit:
            for step in new:
                self.ctx.simulate(entries_of(step.values, step.values.present))
                self.ctx.remember(self.kind, step.row.id, self.ctx.fake_id(), step.content, before=step.before)
        elif new:
            made = _store(self.ctx, [step.values for step in new])
            for step, raid in zip(new, made, strict=True):
                data = _data(step.row.row, step.values)
                self.ctx.remember(self.kind, step.row.id, raid.pk, step.content, before=step.before, data=data)

    def change(self, step: Changed[Dated[r.LegacyRaid], RaidState]) -> None:
        """Bring a raid up to date: what changed there, and nobody here decided otherwise."""
        ctx, legacy, state, before = self.ctx, step.row.row, step.values, step.before
        raid = Raid.objects.select_related("event").filter(pk=before.key).first()
        data = _data(legacy, state)
        if raid is None:
            what = f"raid {legacy.id} was deleted in Guildhall; it is left so"
            ctx.problem("raids", legacy.id, "deleted_here", what, held=True)
            return
        if reversed_by_people(raid):
            what = f"raid {legacy.id} changed in EQdkp, but was undone here; it stays so"
            ctx.problem("raids", legacy.id, "reversed_here", what)
            self.counts.same += 1
            self.attendance.same += len(state.present)
        else:
            was = state_of(raid)
            _keep_what_changed_here(raid, state, data["brought"], before)
            added, removed, touched = sync(ctx.run, raid, state, actor=ctx.actor, dry=None if ctx.commit else ctx)
            if added or removed or touched:
                self.counts.changed += 1
                ctx.note_change(before, was.as_json(), state.as_json())
            else:
                self.counts.same += 1
            self.attendance.new += added
            self.attendance.gone += removed
            self.attendance.same += len(state.present) - added
        ctx.remember(self.kind, legacy.id, raid.pk, step.content, before=before, created=before.created, data=data)

    def vanish(self, legacy_id: int, before: Known) -> None:
        """Reverse a whole raid that was deleted there."""
        ctx = self.ctx
        ctx.look("raids", legacy_id)
        raid = Raid.objects.filter(pk=before.key).first()
        if raid is None:
            return
        was = state_of(raid)
        self.attendance.gone += len(was.present)
        ctx.note_change(before, was.as_json(), {})
        if ctx.commit:
            mark_raid_reversed(raid, ctx.actor, ctx.run)
        else:
            ctx.simulate_reversal(row.document for row in imported_attendance(raid.pk) if not row.reversed_at)


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


def _store(ctx: Context, states: Sequence[RaidState]) -> list[Raid]:
    now = clock.now()
    made = [
        Raid(
            event_id=state.event_id, name=state.name, started_at=state.started_at, notes=state.notes,
            points=state.points, context=ctx.run.document(), created_at=now, created_by=ctx.actor,
        )
        for state in states
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
    for raid_row, state in zip(made, states, strict=True):
        writer.add(checks[raid_row.pk], raid_row.context, state, state.present, set())
    writer.store()
    return made


class _Data(TypedDict):
    added_by: str
    event: int
    brought: dict[str, str]


def _data(raid: r.LegacyRaid, state: RaidState) -> _Data:
    """Return what the old API shows of a raid and no raid of ours has; and by what we see which of its fields
    changed there."""
    brought = {name: fingerprint(getattr(state, name))[:12] for name in FIELDS}
    return {"added_by": raid.added_by, "event": raid.event_id, "brought": brought}


def _keep_what_changed_here(raid: Raid, state: RaidState, becomes: dict[str, str], before: Known) -> None:
    """Leave in `state` only those fields of the raid as the old system has them that changed there.

    After an import was undone the record is without content: then nobody knows, and the old system's word counts.
    """
    record = LegacyRecord.objects.filter(pk=before.pk or 0).values_list("data", flat=True).first() or {}
    brought = record.get("brought", {}) if before.content else {}
    for name in FIELDS:
        if brought.get(name) == becomes[name]:
            setattr(state, name, getattr(raid, name))
