"""Plans of events, their copies in raids, and how far a raid is."""

from decimal import Decimal

import django.core.validators
import django.db.models.deletion
from django.db import migrations, models

import guildhall.core.fields


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0008_outbox_target'),
        ('eqdkp', '0007_calendar_moves'),
        ('raids', '0007_calendar'),
    ]

    operations = [
        migrations.CreateModel(
            name='EventBoss',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('points', guildhall.core.fields.PointsField(blank=True, help_text="what being at its kill is worth; empty: the plan's", null=True)),
                ('loot', models.JSONField(blank=True, default=list, help_text='names of items')),
                ('position', models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                'ordering': ['event', 'position'],
            },
        ),
        migrations.CreateModel(
            name='PlannedCheck',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('on_time', 'on time'), ('hourly', 'every so many minutes'), ('kill', 'at each kill'), ('end', 'end')], max_length=8)),
                ('label', models.CharField(blank=True, max_length=120)),
                ('offset_minutes', models.PositiveIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(1440)])),
                ('every_minutes', models.PositiveIntegerField(default=0, validators=[django.core.validators.MaxValueValidator(1440)])),
                ('points', guildhall.core.fields.PointsField(blank=True, help_text="what being there is worth; empty: the event's worth", null=True)),
                ('position', models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                'ordering': ['event', 'position'],
            },
        ),
        migrations.CreateModel(
            name='RaidBoss',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120)),
                ('loot', models.JSONField(blank=True, default=list, help_text='names of items')),
                ('position', models.PositiveSmallIntegerField(default=0)),
                ('points', guildhall.core.fields.PointsField(default=Decimal('0.00'), help_text='what being at its kill is worth')),
            ],
            options={
                'ordering': ['raid', 'position'],
            },
        ),
        migrations.AddField(
            model_name='event',
            name='full_bonus',
            field=guildhall.core.fields.PointsField(default=Decimal('0.00'), help_text='for whoever is there at the first and at the last check'),
        ),
        migrations.AddField(
            model_name='event',
            name='usual_minutes',
            field=models.PositiveIntegerField(blank=True, help_text='how long it lasts', null=True, validators=[django.core.validators.MaxValueValidator(1440)]),
        ),
        migrations.AddField(
            model_name='event',
            name='usual_time',
            field=models.TimeField(blank=True, help_text="when it begins, in the guild's time zone", null=True),
        ),
        migrations.AddField(
            model_name='event',
            name='usual_weekday',
            field=models.PositiveSmallIntegerField(blank=True, help_text="0 is Monday, in the guild's time zone", null=True, validators=[django.core.validators.MaxValueValidator(6)]),
        ),
        migrations.AddField(
            model_name='historicalevent',
            name='full_bonus',
            field=guildhall.core.fields.PointsField(default=Decimal('0.00'), help_text='for whoever is there at the first and at the last check'),
        ),
        migrations.AddField(
            model_name='historicalevent',
            name='usual_minutes',
            field=models.PositiveIntegerField(blank=True, help_text='how long it lasts', null=True, validators=[django.core.validators.MaxValueValidator(1440)]),
        ),
        migrations.AddField(
            model_name='historicalevent',
            name='usual_time',
            field=models.TimeField(blank=True, help_text="when it begins, in the guild's time zone", null=True),
        ),
        migrations.AddField(
            model_name='historicalevent',
            name='usual_weekday',
            field=models.PositiveSmallIntegerField(blank=True, help_text="0 is Monday, in the guild's time zone", null=True, validators=[django.core.validators.MaxValueValidator(6)]),
        ),
        migrations.AddField(
            model_name='historicalraid',
            name='closed_at',
            field=models.DateTimeField(blank=True, editable=False, help_text='when it was closed', null=True),
        ),
        migrations.AddField(
            model_name='historicalraid',
            name='full_bonus',
            field=guildhall.core.fields.PointsField(default=Decimal('0.00'), help_text='for whoever is there at the first and at the last check'),
        ),
        migrations.AddField(
            model_name='historicalraid',
            name='state',
            field=models.CharField(choices=[('planned', 'Planned'), ('running', 'Running'), ('done', 'Done'), ('cancelled', 'Cancelled')], db_index=True, default='done', max_length=9),
        ),
        migrations.AddField(
            model_name='raid',
            name='closed_at',
            field=models.DateTimeField(blank=True, editable=False, help_text='when it was closed', null=True),
        ),
        migrations.AddField(
            model_name='raid',
            name='full_bonus',
            field=guildhall.core.fields.PointsField(default=Decimal('0.00'), help_text='for whoever is there at the first and at the last check'),
        ),
        migrations.AddField(
            model_name='raid',
            name='state',
            field=models.CharField(choices=[('planned', 'Planned'), ('running', 'Running'), ('done', 'Done'), ('cancelled', 'Cancelled')], db_index=True, default='done', max_length=9),
        ),
        migrations.AlterField(
            model_name='attendancecheck',
            name='kind',
            field=models.CharField(choices=[('on_time', 'on time'), ('hourly', 'hourly'), ('kill', 'kill'), ('end', 'end'), ('tick', 'tick'), ('bonus', 'there from first to last')], default='tick', max_length=8),
        ),
        migrations.AddField(
            model_name='historicalraid',
            name='date',
            field=models.ForeignKey(blank=True, db_constraint=False, help_text='its sign-ups', null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='raids.calendarevent'),
        ),
        migrations.AddField(
            model_name='raid',
            name='date',
            field=models.OneToOneField(blank=True, help_text='its sign-ups', null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='raid', to='raids.calendarevent'),
        ),
        migrations.AddConstraint(
            model_name='raid',
            constraint=models.CheckConstraint(condition=models.Q(('closed_at__isnull', True), ('state', 'done'), _connector='OR'), name='a_closed_raid_is_done'),
        ),
        migrations.AddField(
            model_name='eventboss',
            name='event',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='bosses', to='raids.event'),
        ),
        migrations.AddField(
            model_name='plannedcheck',
            name='event',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='planned_checks', to='raids.event'),
        ),
        migrations.AddField(
            model_name='raidboss',
            name='attendance_check',
            field=models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='boss', to='raids.attendancecheck'),
        ),
        migrations.AddField(
            model_name='raidboss',
            name='raid',
            field=models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='bosses', to='raids.raid'),
        ),
        migrations.AddConstraint(
            model_name='eventboss',
            constraint=models.UniqueConstraint(fields=('event', 'position'), name='one_boss_a_position'),
        ),
        migrations.AddConstraint(
            model_name='plannedcheck',
            constraint=models.UniqueConstraint(fields=('event', 'position'), name='one_planned_check_a_position'),
        ),
        migrations.AddConstraint(
            model_name='plannedcheck',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('every_minutes__gt', 0), ('kind', 'hourly')), models.Q(models.Q(('kind', 'hourly'), _negated=True), ('every_minutes', 0)), _connector='OR'), name='an_hourly_check_repeats'),
        ),
        migrations.AddConstraint(
            model_name='raidboss',
            constraint=models.UniqueConstraint(fields=('raid', 'position'), name='one_boss_of_a_raid_a_position'),
        ),
    ]
