"""Who reversed an adjustment, from the entry that reversed it."""

from __future__ import annotations

from django.db import migrations
from django.db.models import OuterRef, Subquery


def fill_in(apps, schema_editor):
    PointAdjustment = apps.get_model("points", "PointAdjustment")
    LedgerEntry = apps.get_model("points", "LedgerEntry")
    reversals = LedgerEntry.objects.filter(document=OuterRef("document"), kind="reversal").order_by("-pk")
    PointAdjustment.objects.filter(reversed_at__isnull=False).update(
        reversed_by_id=Subquery(reversals.values("created_by_id")[:1])
    )


class Migration(migrations.Migration):
    dependencies = [("points", "0010_reversed_by_import")]
    operations = [migrations.RunPython(fill_in, migrations.RunPython.noop)]
