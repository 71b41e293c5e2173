"""Imports that were made before there were batches are listed too."""

from __future__ import annotations

from django.db import migrations


def list_them(apps, schema_editor):
    Batch = apps.get_model("core", "Batch")
    ImportRun = apps.get_model("eqdkp", "ImportRun")
    found = [
        Batch(
            id=run.pk, kind="eqdkp_import", title=f"Import from {run.origin}"[:300], size=run.total_rows,
            at=run.created_at, actor_id=run.created_by_id,
            undone_at=run.finished_at if run.state == "undone" else None,
        )
        for run in ImportRun.objects.filter(is_commit=True).iterator()
    ]  # fmt: skip
    Batch.objects.bulk_create(found, batch_size=500, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("core", "0004_batches"), ("eqdkp", "0003_calling_off")]
    operations = [migrations.RunPython(list_them, migrations.RunPython.noop)]
