"""Leased like jobs and outbox messages (`core.leases`)."""

from django.db import migrations, models

class Migration(migrations.Migration):

    dependencies = [
        ('eqdkp', '0005_what_imports_reversed'),
    ]

    operations = [
        migrations.AddField(
            model_name='importrun',
            name='lease_token',
            field=models.PositiveBigIntegerField(default=0, help_text='goes up by one each time the row is leased'),
        ),
        migrations.AddField(
            model_name='importrun',
            name='leased_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
