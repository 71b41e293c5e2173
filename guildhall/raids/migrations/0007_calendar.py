"""Move the calendar from the app of EQdkp Plus to that of raids. The tables stay as they are, with every row.

The other half is eqdkp's `0007_calendar_moves`.
"""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import guildhall.core.clock
import guildhall.core.fields


class Migration(migrations.Migration):

    dependencies = [
        ('eqdkp', '0006_leased_runs'),
        ('raids', '0006_attendance_counted'),
        ('roster', '0002_batches'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name='CalendarEvent',
                    fields=[
                        ('id', models.BigAutoField(primary_key=True, serialize=False)),
                        ('uid', models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                        ('kind', models.CharField(choices=[('raid', 'Raid'), ('event', 'Event')], default='raid', max_length=5)),
                        ('title', models.CharField(max_length=255)),
                        ('event_id', models.BigIntegerField(blank=True, help_text='the kind of raid (raids.Event)', null=True)),
                        ('starts_at', models.DateTimeField()),
                        ('ends_at', models.DateTimeField(blank=True, null=True)),
                        ('all_day', models.BooleanField(default=False)),
                        ('is_private', models.BooleanField(default=False)),
                        ('is_closed', models.BooleanField(default=False)),
                        ('cancelled_at', models.DateTimeField(blank=True, help_text='when it was called off', null=True)),
                        ('deadline_hours', models.PositiveIntegerField(default=0, help_text='sign-ups close so many hours before the start')),
                        ('places', models.PositiveIntegerField(default=0, help_text='how many are wanted; 0 for any number')),
                        ('points', guildhall.core.fields.PointsField(blank=True, null=True)),
                        ('notes', models.TextField(blank=True)),
                        ('by_role', models.BooleanField(default=False, help_text='places are given by role instead of by class')),
                        ('distribution', models.JSONField(blank=True, default=dict, help_text='places per role or class')),
                        ('leaders', models.JSONField(blank=True, default=list, help_text='characters who lead it')),
                        ('calendar_name', models.CharField(default='Raids', max_length=120)),
                        ('calendar_color', models.CharField(blank=True, max_length=10)),
                        ('calendar_number', models.IntegerField(default=1)),
                        ('creator', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'db_table': 'eqdkp_calendarevent',
                        'ordering': ['starts_at', 'id'],
                    },
                ),
                migrations.CreateModel(
                    name='CalendarSignup',
                    fields=[
                        ('id', models.BigAutoField(primary_key=True, serialize=False)),
                        ('guest_name', models.CharField(blank=True, max_length=120)),
                        ('guest_class', models.IntegerField(default=0)),
                        ('status', models.PositiveSmallIntegerField(choices=[(0, 'confirmed'), (1, 'signed in'), (2, 'signed off'), (3, 'backup'), (4, 'not signed')], default=1)),
                        ('role', models.IntegerField(default=0)),
                        ('raidgroup', models.IntegerField(default=0)),
                        ('note', models.CharField(blank=True, max_length=255)),
                        ('signed_by_officer', models.BooleanField(default=False)),
                        ('signed_at', models.DateTimeField(default=guildhall.core.clock.now)),
                        ('changed_at', models.DateTimeField(default=guildhall.core.clock.now)),
                    ],
                    options={
                        'db_table': 'eqdkp_calendarsignup',
                        'ordering': ['event', 'status', 'id'],
                    },
                ),
                migrations.AddField(
                    model_name='calendarsignup',
                    name='character',
                    field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='roster.character'),
                ),
                migrations.AddField(
                    model_name='calendarsignup',
                    name='event',
                    field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='signups', to='raids.calendarevent'),
                ),
                migrations.AddConstraint(
                    model_name='calendarsignup',
                    constraint=models.UniqueConstraint(fields=('event', 'character'), name='one_signup_a_character'),
                ),
                migrations.AddConstraint(
                    model_name='calendarsignup',
                    constraint=models.CheckConstraint(condition=models.Q(('character__isnull', False), models.Q(('guest_name', ''), _negated=True), _connector='OR'), name='a_signup_is_somebodys'),
                ),
            ],
        ),
    ]
