from django.db import migrations, models


class Migration(migrations.Migration):
    """A message names the row it is about, so that who may read it does not depend on the text of its order key."""

    dependencies = [("core", "0007_no_tokens_of_past_interactions")]

    operations = [
        migrations.AddField(
            model_name="outboxmessage", name="target_type", field=models.CharField(blank=True, default="", max_length=64),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="outboxmessage", name="target_id", field=models.CharField(blank=True, default="", max_length=64),
            preserve_default=False,
        ),
    ]
