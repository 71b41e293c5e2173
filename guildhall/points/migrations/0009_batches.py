"""Adjustments of many people, runs of rules and merges that were made before there were batches are listed too."""

from __future__ import annotations

from itertools import groupby

from django.db import migrations


def list_them(apps, schema_editor):
    Batch = apps.get_model("core", "Batch")
    Adjustment = apps.get_model("points", "PointAdjustment")
    Run = apps.get_model("points", "PointRuleRun")
    Merge = apps.get_model("points", "UserMerge")
    rows = Adjustment.objects.filter(batch__isnull=False).select_related("pool").order_by("batch", "pk")
    found = []
    for batch, group in groupby(rows.iterator(), key=lambda row: row.batch):
        first, *rest = group
        found.append(
            Batch(
                id=batch, kind="adjustment", title=f"{first.amount} in {first.pool.name} for {len(rest) + 1} people",
                reason=first.reason, size=len(rest) + 1, at=first.created_at, actor_id=first.created_by_id,
            )
        )  # fmt: skip
    for run in Run.objects.select_related("rule__pool").iterator():
        found.append(
            Batch(
                id=run.document, kind="rule_run", size=run.people, at=run.at, actor_id=run.run_by_id,
                title=f"{run.rule.name} run for {run.period_key}: {run.total} in {run.rule.pool.name}"[:300],
                undone_at=run.reversed_at, undone_by_id=run.reversed_by_id,
            )
        )  # fmt: skip
    for merge in Merge.objects.filter(is_open=False).select_related("source", "target").iterator():
        names = [person.display_name or person.username for person in (merge.source, merge.target)]
        found.append(
            Batch(
                kind="merge", title=f"{names[0]} merged into {names[1]}"[:300], reason=merge.reason,
                size=merge.moved_entries, at=merge.at, actor_id=merge.merged_by_id,
                data={"characters": [], "source_id": merge.source_id, "target_id": merge.target_id},
            )
        )  # fmt: skip
    Batch.objects.bulk_create(found, batch_size=500, ignore_conflicts=True)


class Migration(migrations.Migration):
    dependencies = [("core", "0004_batches"), ("points", "0008_sealed_holds")]
    operations = [migrations.RunPython(list_them, migrations.RunPython.noop)]
