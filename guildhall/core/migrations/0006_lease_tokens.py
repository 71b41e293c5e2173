from django.db import migrations, models

TOKEN = {"default": 0, "help_text": "goes up by one each time the row is leased"}


class Migration(migrations.Migration):
    """The token of a lease is a number that goes up. Leases that were held run out as they would have."""

    dependencies = [("core", "0005_not_sent")]

    operations = [
        operation
        for model in ("jobrun", "outboxmessage", "queuedjob")
        for operation in (
            migrations.RemoveField(model_name=model, name="lease_token"),
            migrations.AddField(
                model_name=model, name="lease_token", field=models.PositiveBigIntegerField(**TOKEN)
            ),
        )
    ]
