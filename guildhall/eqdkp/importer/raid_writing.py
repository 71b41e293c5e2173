"""Reading and writing the raids that imports brought: attendances with their entries, and the change of a raid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.bulk import bulk_rows
from guildhall.eqdkp.models import ImportRun
from guildhall.points import ledger
from guildhall.points.history import HistoryRow, post_history
from guildhall.points.models import Bucket, EntryKind
from guildhall.raids.models import AttendanceCheck, AttendanceStatus, Raid, RaidAttendance
from guildhall.roster.names import name_key

from .context import REASON, Context
from .raid_difference import FIELDS, Difference, Present, RaidState, decided_here, raid_difference

_ATTENDANCE = (
    "document", "attendance_check_id", "user_id", "credited_user_id", "character_id", "character_name", "name_key",
    "status", "points", "amounts", "note", "created_at", "created_by_id", "reversal_reason",
)  # fmt: skip


def entries_of(state: RaidState, present: Sequence[Present]) -> Iterator[HistoryRow]:
    """Yield the ledger entries of attendances, without documents (for a dry run)."""
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
        self.rows: list[tuple[object, ...]] = []
        self.entries: list[HistoryRow] = []
        self._keys: dict[str, str] = {}
        self._now = clock.now()

    def add(
        self, check_id: int, context: UUID, state: RaidState, present: Sequence[Present], credited: set[int]
    ) -> list[UUID]:
        """Add attendances of one check and return their documents; ``credited`` are the people who have one there
        already."""
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


def reverse_documents(
    documents: Sequence[UUID], actor: User | None, reason: str, *, by_import: ImportRun | None
) -> None:
    """Reverse what stands of these documents, also attendances that paid nothing.

    `by_import` is the import that reverses them by itself; None repeats what a person decided.
    """
    import_id = by_import.pk if by_import is not None else None
    for start in range(0, len(documents), 500):
        part = documents[start : start + 500]
        ledger.reverse_entries(documents=part, actor=actor, reason=reason, import_id=import_id)
        RaidAttendance.objects.filter(document__in=part, reversed_at=None).update(
            reversed_at=clock.now(),
            reversed_by=actor,
            reversed_by_import=import_id,
            credited_user=None,
            reversal_reason=reason[:300],
        )


def imported_attendance(raid_id: int) -> list[RaidAttendance]:
    """Return the attendances of a raid that imports wrote and have not themselves undone, touched by people or not."""
    rows = RaidAttendance.objects.filter(attendance_check__raid_id=raid_id).order_by("pk")
    keys = set(ImportRun.objects.values_list("key", flat=True))
    return [row for row in rows if row.document.hex[:16] in keys and row.reversed_by_import_id is None]


def state_of(raid: Raid) -> RaidState:
    """Return the raid as it stands now, as far as imports wrote it and nobody here decided otherwise."""
    rows = [row for row in imported_attendance(raid.pk) if not decided_here(row)]
    pools: dict[int, None] = {}
    for entry in ledger.unreversed_entries(documents=[row.document for row in rows[:50]]):
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

    What people here decided stays. What the import ``without`` wrote does not count as there: it is being undone.

    Returns:
        Attendances posted, attendances reversed, and whether the raid itself changed.
    """
    difference = raid_difference(
        raid,
        imported_attendance(raid.pk),
        state_of(raid),
        state,
        undone_key=without.key if without is not None else None,
    )
    if dry is not None:
        dry.simulate_reversal(row.document for row in difference.surplus)
        dry.simulate(entries_of(state, difference.missing))
    elif not difference.is_empty:
        _apply(run, raid, state, difference, actor=actor, by_import=without or run)
    return len(difference.missing), len(difference.surplus), difference.changes_raid


def _apply(
    run: ImportRun, raid: Raid, state: RaidState, difference: Difference, *, actor: User | None, by_import: ImportRun
) -> None:
    """Write a difference: first what is reversed, then the raid, then what is posted."""
    reverse_documents([row.document for row in difference.surplus], actor, REASON, by_import=by_import)
    if difference.changes_raid:
        for name in FIELDS:
            setattr(raid, name, getattr(state, name))
        if difference.unreverse:
            raid.reversed_at = raid.reversed_by = raid.reversed_by_import = None
            raid.reversal_reason = ""
        raid.save()
        AttendanceCheck.objects.filter(raid=raid, position=0).update(taken_at=state.started_at, points=state.points)
    check = AttendanceCheck.objects.filter(raid=raid, position=0).get()
    credited = set(check.attendance.exclude(credited_user=None).values_list("credited_user_id", flat=True))
    writer = AttendanceWriter(run, actor)
    writer.add(check.pk, raid.context, state, difference.missing, {pk for pk in credited if pk is not None})
    again = [
        (row, writer.add(check.pk, raid.context, state, [present], {present.user_id}))
        for row, present in difference.restored
    ]
    writer.store()
    for row, documents in again:
        reverse_documents(documents, row.reversed_by, row.reversal_reason, by_import=None)


def mark_raid_reversed(raid: Raid, actor: User | None, run: ImportRun) -> None:
    """Reverse what imports wrote of a raid, and the raid itself where nothing else of it stands."""
    raid = Raid.objects.select_for_update().get(pk=raid.pk)
    documents = [row.document for row in imported_attendance(raid.pk) if row.reversed_at is None]
    reverse_documents(documents, actor, REASON, by_import=run)
    if (
        not RaidAttendance.objects.filter(attendance_check__raid=raid, reversed_at=None).exists()
        and not raid.reversed_at
    ):
        raid.reversed_at, raid.reversed_by, raid.reversal_reason = clock.now(), actor, REASON
        raid.reversed_by_import_id = run.pk
        raid.save()
