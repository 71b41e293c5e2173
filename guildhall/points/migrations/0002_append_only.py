"""The triggers that make the ledger append-only (guildhall/points/triggers.py holds their text)."""

from django.db import migrations

from guildhall.points.triggers import LEDGER


def install(apps, schema_editor):
    LEDGER.ensure(schema_editor.connection)


def remove(apps, schema_editor):
    LEDGER.remove(schema_editor.connection)


class Migration(migrations.Migration):
    # MySQL commits implicitly at each CREATE TRIGGER; the statements are safe to repeat.
    dependencies = [("points", "0001_initial")]
    operations = [migrations.RunPython(install, remove)]
