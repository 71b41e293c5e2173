"""What people here decided about imported rows: undone or amended, it stays so, and explains a difference in the proof.

For each such row the proof needs two figures: what EQdkp Plus counts for it now, and what its documents still move here.
Worked out from the database and the snapshot alone, so that nothing the import believes of itself enters.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeVar
from uuid import UUID

from django.db.models import Q, Sum

from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.models import ImportRun, LegacyRecord
from guildhall.loot.models import LootDistribution
from guildhall.points.models import Bucket, LedgerEntry, PointAdjustment
from guildhall.raids.models import Raid, RaidAttendance

from . import adjustments, items
from .context import Context, Kind
from .raid_difference import decided_here, match_decided, reversed_by_people
from .raid_writing import imported_attendance
from .raids import presents_of

Key = tuple[int, int]
T = TypeVar("T")
CHUNK = 1000


@dataclass
class Decided:
    """What decisions of people here move: signed sums by person, pool and bucket (here less there), and how many
    rows."""

    sums: dict[Key, dict[str, Decimal]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(Decimal)))
    counts: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    documents: list[UUID] = field(default_factory=list)

    def there(self, user_id: int | None, pools: Iterable[int], bucket: Bucket, amount: Decimal) -> None:
        """Record a row that EQdkp counts and people here decided about."""
        for pool in pools:
            if user_id is not None:
                self.sums[user_id, pool][bucket.value] -= amount
                self.counts[user_id, pool] += 1


def import_ranges(source: str) -> Q:
    """Return the ledger documents that imports of a source wrote (also those undone)."""
    ranges = Q(pk__in=[])
    for run in ImportRun.objects.filter(source=source, is_commit=True):
        ranges |= Q(document__gte=run.first_document, document__lte=run.last_document)
    return ranges


def decided(ctx: Context) -> Decided:
    """Return every imported row that people here undid or amended and that the old system still has."""
    found = Decided()
    ranges = import_ranges(ctx.source)
    _raids(ctx, found, ranges)
    _items(ctx, found, ranges)
    _adjustments(ctx, found, ranges)
    for part in _parts(found.documents):
        sums = (
            LedgerEntry.objects.filter(document__in=part)
            .order_by()
            .values_list("user_id", "pool_id", "bucket")
            .annotate(total=Sum("amount"))
        )
        for user_id, pool_id, bucket, total in sums:
            found.sums[user_id, pool_id][bucket] += total
    return found


def _parts(values: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


_LIVE = (LegacyRecord.State.LIVE,)
#: A row that was excluded, or deleted and made again there, is the same row: undone here before, it comes back undone.
_KNOWN = (LegacyRecord.State.LIVE, LegacyRecord.State.HELD, LegacyRecord.State.GONE)


def _legacy_ids(ctx: Context, kind: str, keys: Sequence[int], states: Sequence[str] = _LIVE) -> dict[int, int]:
    """Return the legacy id of each of these rows of ours that still stands for one."""
    found: dict[int, int] = {}
    records = LegacyRecord.objects.filter(source=ctx.source, kind=kind, state__in=states)
    for part in _parts(keys):
        rows = records.filter(object_id__in=part).values_list("object_id", "legacy_id")
        found.update((key, legacy_id) for key, legacy_id in rows if key is not None)
    return found


def _ours(ctx: Context, pools: Iterable[int]) -> list[int]:
    return [pool for pool in (ctx.object_id(Kind.POOL, pool) for pool in pools) if pool is not None]


def _raids(ctx: Context, found: Decided, ranges: Q) -> None:
    by_people = Q(reversed_at__isnull=False, reversed_by_import=None)
    reversed_rows = RaidAttendance.objects.filter(ranges, by_people)
    amended = RaidAttendance.objects.filter(ranges, reversed_at=None).exclude(amounts={})
    touched = {*reversed_rows.values_list("attendance_check__raid_id", flat=True).distinct()}
    touched |= {*amended.values_list("attendance_check__raid_id", flat=True).distinct()}
    touched |= {*Raid.objects.filter(by_people).values_list("pk", flat=True)}
    legacy = {number: key for key, number in _legacy_ids(ctx, Kind.RAID, sorted(touched)).items()}
    if not legacy:
        return
    raids = {raid.id: raid for raid in ctx.snapshot.rows(r.RAIDS) if raid.id in legacy}
    members: dict[int, list[int]] = defaultdict(list)
    for attendee in ctx.snapshot.rows(r.ATTENDEES):
        if attendee.raid_id in raids:
            members[attendee.raid_id].append(attendee.member_id)
    for raid_id, row in raids.items():
        pools = _ours(ctx, ctx.event_pools.get(row.event_id, []))
        wanted = presents_of(ctx, row.value, sorted(members[raid_id])) if pools else []
        raid = Raid.objects.get(pk=legacy[raid_id])
        here = imported_attendance(raid.pk)
        if reversed_by_people(raid):
            settled = wanted
            found.documents += [row.document for row in here]
        else:
            _, matched = match_decided(wanted, [row for row in here if decided_here(row)])
            settled = list(matched.values())
            found.documents += [row.document for row in here if row.pk in matched]
        for present in settled:
            found.there(present.user_id, pools, Bucket.EARNED, present.points)


def _items(ctx: Context, found: Decided, ranges: Q) -> None:
    reversed_awards = LootDistribution.objects.filter(ranges, reversed_at__isnull=False, reversed_by_import=None)
    undone = dict(reversed_awards.values_list("pk", "document"))
    legacy = {number: undone[key] for key, number in _legacy_ids(ctx, Kind.ITEM, list(undone), _KNOWN).items()}
    if not legacy:
        return
    for row in ctx.snapshot.rows(r.ITEMS):
        user_id = ctx.person_of(row.member_id) if row.id in legacy else None
        if user_id is not None:
            found.documents += items.documents_beside(legacy[row.id])
            found.there(user_id, _ours(ctx, ctx.itempool_pools.get(row.itempool_id, [])), Bucket.SPENT, -row.value)


def _adjustments(ctx: Context, found: Decided, ranges: Q) -> None:
    by_people = PointAdjustment.objects.filter(ranges, reversed_at__isnull=False, reversed_by_import=None)
    undone: set[UUID] = set(by_people.values_list("document", flat=True))
    bases = sorted({UUID(int=document.int & ~0xFF) for document in undone})
    firsts: dict[int, UUID] = {}
    for part in _parts(bases):
        firsts.update(PointAdjustment.objects.filter(document__in=part).values_list("pk", "document"))
    legacy = {number: firsts[key] for key, number in _legacy_ids(ctx, Kind.ADJUSTMENT, list(firsts), _KNOWN).items()}
    if not legacy:
        return
    for row in ctx.snapshot.rows(r.ADJUSTMENTS):
        user_id = ctx.person_of(row.member_id) if row.id in legacy else None
        pools = _ours(ctx, ctx.event_pools.get(row.event_id, []))
        if user_id is not None and pools:
            found.documents += adjustments.documents_of(legacy[row.id])
            found.there(user_id, pools, Bucket.ADJUSTED, row.value)


__all__ = ["Decided", "decided", "import_ranges"]
