"""Logs and dumps that were committed before there were batches are listed too."""

from __future__ import annotations

from django.db import migrations


def list_them(apps, schema_editor):
    Batch = apps.get_model("core", "Batch")
    Attendance = apps.get_model("raids", "RaidAttendance")
    Upload = apps.get_model("raids", "AttendanceUpload")
    found = []
    for upload in Upload.objects.select_related("raid").iterator():
        documents = Attendance.objects.filter(upload=upload).exclude(credited_user=None, reversed_at=None)
        documents = [str(document) for document in documents.values_list("document", flat=True)]
        if documents:
            size = len(documents)
            found.append(
                Batch(
                    kind="attendance", title=f"{upload.raid.name}: {size} {'person' if size == 1 else 'people'}"[:300],
                    reason=upload.file_name, size=size, at=upload.created_at, actor_id=upload.created_by_id,
                    data={
                        "raid_id": upload.raid_id, "check_id": upload.attendance_check_id, "documents": documents,
                        "unmatched": [], "upload_id": upload.pk,
                    },
                )
            )  # fmt: skip
    Batch.objects.bulk_create(found, batch_size=500)


class Migration(migrations.Migration):
    dependencies = [("core", "0004_batches"), ("raids", "0001_initial")]
    operations = [migrations.RunPython(list_them, migrations.RunPython.noop)]
