"""Say how far the raids are that are there already, and give those to come a date that people sign up for."""

import datetime as dt

from django.db import migrations

from guildhall.core import clock


def say_states(apps, schema_editor):
    Raid, CalendarEvent = apps.get_model("raids", "Raid"), apps.get_model("raids", "CalendarEvent")
    now = clock.now()
    standing = Raid.objects.filter(reversed_at=None)
    standing.filter(started_at__lte=now, started_at__gt=now - dt.timedelta(hours=12), ended_at=None).update(state="running")
    for raid in standing.filter(started_at__gt=now, date=None):
        raid.state = "planned"
        raid.date = CalendarEvent.objects.create(
            title=raid.name, event_id=raid.event_id, starts_at=raid.started_at,
            ends_at=raid.ended_at if raid.ended_at and raid.ended_at > raid.started_at else None,
            notes=raid.notes, creator_id=raid.created_by_id,
        )
        raid.save(update_fields=["state", "date"])


class Migration(migrations.Migration):

    dependencies = [('raids', '0008_raid_states')]

    operations = [migrations.RunPython(say_states, migrations.RunPython.noop, elidable=True)]
