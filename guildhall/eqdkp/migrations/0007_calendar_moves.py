"""The calendar is in the app of raids now (raids `0007_calendar`); the tables stay as they are."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('eqdkp', '0006_leased_runs'),
        ('raids', '0007_calendar'),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name='legacycomment',
                    name='calendar_event',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='comments', to='raids.calendarevent'),
                ),
                migrations.DeleteModel(name='CalendarSignup'),
                migrations.DeleteModel(name='CalendarEvent'),
            ],
        ),
    ]
