from django.db import migrations


def delete_tokens(apps, schema_editor):
    """The tokens of interactions that were answered, or never will be, lose their use and their place."""
    messages = apps.get_model("core", "OutboxMessage").objects.filter(topic="discord.follow_up")
    for message in messages.exclude(state="pending").only("payload").iterator(chunk_size=500):
        if message.payload.pop("token", None) is not None:
            message.save(update_fields=["payload"])


class Migration(migrations.Migration):
    dependencies = [("core", "0006_lease_tokens")]

    operations = [migrations.RunPython(delete_tokens, migrations.RunPython.noop)]
