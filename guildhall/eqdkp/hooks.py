"""What this room does when something happens in an earlier one."""

from __future__ import annotations

from guildhall.points.hooks import on_merge

from .models import LegacyRecord


@on_merge
def follow_merged_person(source_id: int, target_id: int) -> dict[str, int]:
    """A placeholder was claimed: the old system's people are the new person from now on, also for later imports."""
    moved = LegacyRecord.objects.filter(
        kind__in=[LegacyRecord.Kind.PERSON, LegacyRecord.Kind.USER], object_id=source_id
    ).update(object_id=target_id)
    return {"legacy_people": moved}
