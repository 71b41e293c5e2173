"""Leased like jobs and outbox messages (`core.leases`)."""

from django.db import migrations, models

class Migration(migrations.Migration):

    dependencies = [
        ('discord', '0003_posts_remember_what_they_show'),
    ]

    operations = [
        migrations.AddField(
            model_name='discordtoken',
            name='lease_token',
            field=models.PositiveBigIntegerField(default=0, help_text='goes up by one each time the row is leased'),
        ),
        migrations.AlterField(
            model_name='discordtoken',
            name='leased_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
