"""The batches of raids: attendance that was awarded in one go, from a log, a dump or a list.

What undoing one does where calls changed each other's rows: `services/undoing.py`.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from guildhall.core import batches, clock
from guildhall.core.batches import CHANGED, STANDING, UNDONE, BatchKind, BatchRow
from guildhall.core.models import Batch
from guildhall.points.ledger import Key

from .models import AttendanceUpload, Raid, UnmatchedName

ATTENDANCE = "attendance"
_NAMES = {UnmatchedName.Resolution.OPEN: STANDING, UnmatchedName.Resolution.IGNORED: UNDONE}


def _rows(batch: Batch) -> list[BatchRow]:
    from .services import undoing

    found = [BatchRow(part.label, part.what, part.state, part.note) for part in undoing.parts_of(batch)]
    for name in UnmatchedName.objects.filter(pk__in=batch.data.get("unmatched", [])).order_by("name", "pk"):
        state = _NAMES.get(UnmatchedName.Resolution(name.resolution), CHANGED)
        note = "" if state == STANDING else f"was settled: {name.get_resolution_display()}"
        found.append(BatchRow(name.name, "a name that nobody knew", state, note))
    return found


def _changes(batch: Batch) -> dict[Key, Decimal]:
    from .services import undoing

    return undoing.changes_of_undoing_attendance(batch)


def _lock(batch: Batch) -> None:
    list(Raid.objects.select_for_update().filter(pk=batch.data.get("raid_id") or 0).values_list("pk", flat=True))


def _undo(batch: Batch, actor: Any, reason: str) -> None:
    from .services import undoing

    undoing.undo_attendance(batch=batch, actor=actor, reason=reason)
    UnmatchedName.objects.filter(
        pk__in=batch.data.get("unmatched", []), resolution=UnmatchedName.Resolution.OPEN
    ).update(resolution=UnmatchedName.Resolution.IGNORED, resolved_at=clock.now(), resolved_by=actor)
    # The same log may be committed again now.
    for upload in AttendanceUpload.objects.filter(pk=batch.data.get("upload_id") or 0):
        upload.fingerprint = f"undone:{upload.pk}"
        upload.save(update_fields=["fingerprint"])


batches.register(
    BatchKind(
        ATTENDANCE,
        "Attendance of a raid",
        ("raids:write", "points:write"),
        rows=_rows,
        lock=_lock,
        undo=_undo,
        changes=_changes,
    )
)
