"""Ranks that were changed in bulk before there were batches are listed too."""

from __future__ import annotations

from itertools import groupby

from django.db import migrations


def list_them(apps, schema_editor):
    Batch = apps.get_model("core", "Batch")
    RankChange = apps.get_model("roster", "RankChange")
    rows = RankChange.objects.filter(batch__isnull=False).order_by("batch", "pk")
    found = []
    for batch, group in groupby(rows.iterator(), key=lambda row: row.batch):
        first, *rest = group
        size = len(rest) + 1
        found.append(
            Batch(
                id=batch, kind="rank_change", title=f"Rank of {size} character{'' if size == 1 else 's'}",
                reason=first.reason, size=size, at=first.at, actor_id=first.changed_by_id,
            )
        )  # fmt: skip
    Batch.objects.bulk_create(found, batch_size=500, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("core", "0004_batches"), ("roster", "0001_initial")]
    operations = [migrations.RunPython(list_them, migrations.RunPython.noop)]
