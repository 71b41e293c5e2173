"""Summaries of people who were merged into another take nothing more; those merged before are closed here."""

from django.db import migrations, models


def close(apps, schema_editor):
    summaries = apps.get_model("points", "UserPointsSummary")
    merged = apps.get_model("points", "UserMerge").objects.filter(is_open=False).values("source_id")
    summaries.objects.filter(user_id__in=merged).update(is_closed=True)


class Migration(migrations.Migration):
    dependencies = [("points", "0002_append_only")]

    operations = [
        migrations.AddField(
            model_name="userpointssummary",
            name="is_closed",
            field=models.BooleanField(default=False, help_text="of somebody merged into another: takes nothing more"),
        ),
        migrations.RunPython(close, migrations.RunPython.noop),
    ]
