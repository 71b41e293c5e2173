"""Who has had a pool's start points is a column; until now it was read from the reason, which anybody may write."""

from __future__ import annotations

from django.db import migrations, models

REASON = "Start points"


def fill_in(apps, schema_editor):
    apps.get_model("points", "PointAdjustment").objects.filter(reason=REASON).update(is_start_points=True)


class Migration(migrations.Migration):
    dependencies = [("points", "0011_who_reversed_adjustments")]
    operations = [
        migrations.AddField(
            model_name="pointadjustment",
            name="is_start_points",
            field=models.BooleanField(
                default=False,
                db_default=False,
                editable=False,
                help_text="the pool's start points; each member is given them once",
            ),
        ),
        migrations.RunPython(fill_in, migrations.RunPython.noop),
    ]
