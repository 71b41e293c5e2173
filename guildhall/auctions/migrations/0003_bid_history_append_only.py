"""The triggers that make the history of bids append-only (guildhall/auctions/triggers.py)."""

from django.db import migrations

from guildhall.auctions.triggers import BID_HISTORY


def install(apps, schema_editor):
    BID_HISTORY.ensure(schema_editor.connection)


def remove(apps, schema_editor):
    BID_HISTORY.remove(schema_editor.connection)


class Migration(migrations.Migration):
    # The exception for merges names a table of points. MySQL commits at each CREATE TRIGGER; safe to repeat.
    dependencies = [("auctions", "0002_chat_lines"), ("points", "0002_append_only")]
    operations = [migrations.RunPython(install, remove)]
