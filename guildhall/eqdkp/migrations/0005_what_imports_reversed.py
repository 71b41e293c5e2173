"""Rows that an import reversed by itself before there was a column for it say which import it was.

Nothing but the reason was written then, so this migration alone compares texts: exactly the two texts that imports wrote,
at a time when an import had begun and was not finished. The import is the latest of those. A person who gave the same
reason at another time stays the one who decided it.
"""

from __future__ import annotations

from django.db import migrations

CHANGED = "changed in EQdkp Plus"
UNDONE = "EQdkp import taken back"
CHUNK = 500


def fill_in(apps, schema_editor):
    Batch = apps.get_model("core", "Batch")
    runs = [
        run
        for run in apps.get_model("eqdkp", "ImportRun").objects.filter(is_commit=True).order_by("-created_at")
        if Batch.objects.filter(pk=run.pk).exists()
    ]
    if not runs:
        return

    def run_at(moment):
        return next(
            (
                run.pk
                for run in runs
                if run.created_at <= moment and (run.finished_at is None or moment <= run.finished_at)
            ),
            None,
        )

    def store(model, rows):
        by_run = {}
        for key, moment in rows:
            found = run_at(moment)
            if found is not None:
                by_run.setdefault(found, []).append(key)
        for run_id, keys in by_run.items():
            for start in range(0, len(keys), CHUNK):
                model.objects.filter(pk__in=keys[start : start + CHUNK]).update(reversed_by_import_id=run_id)

    for app, name in (("raids", "Raid"), ("raids", "RaidAttendance"), ("loot", "LootDistribution")):
        model = apps.get_model(app, name)
        reversed_ = model.objects.filter(reversed_at__isnull=False, reversal_reason__in=[CHANGED, UNDONE])
        store(model, reversed_.values_list("pk", "reversed_at"))
    store(apps.get_model("points", "PointAdjustment"), _adjustments(apps))


def _adjustments(apps):
    """The adjustments whose reversal has one of the two reasons; its text is in the entry alone."""
    PointAdjustment = apps.get_model("points", "PointAdjustment")
    LedgerEntry = apps.get_model("points", "LedgerEntry")
    reversed_ = PointAdjustment.objects.filter(reversed_at__isnull=False)
    rows = list(reversed_.values_list("pk", "document", "reversed_at"))
    for start in range(0, len(rows), CHUNK):
        part = rows[start : start + CHUNK]
        entries = LedgerEntry.objects.filter(document__in=[document for _, document, _ in part], kind="reversal")
        by_import = set()
        texts = entries.values_list("document", "description", "reverses__description", "reverses_id")
        for document, text, original, original_id in texts:
            what = original or f"entry {original_id}"
            if text in (f"Reversal of {what}: {CHANGED}", f"Reversal of {what}: {UNDONE}"):
                by_import.add(document)
        yield from ((pk, reversed_at) for pk, document, reversed_at in part if document in by_import)


class Migration(migrations.Migration):
    dependencies = [
        ("core", "0004_batches"),
        ("eqdkp", "0004_batches"),
        ("loot", "0003_reversed_by_import"),
        ("points", "0010_reversed_by_import"),
        ("raids", "0004_reversed_by_import"),
    ]
    operations = [migrations.RunPython(fill_in, migrations.RunPython.noop)]
