from django.db import migrations
from django.db.models import Value
from django.db.models.functions import Substr

# The keys that messages about an application had when this was written.
PREFIXES = ("application:", "post:application:", "application-mail:")


def set_targets(apps, schema_editor):
    """Messages written before they named a target get the application that their order key named. One statement a prefix."""
    messages = apps.get_model("core", "OutboxMessage").objects.filter(target_type="")
    for prefix in PREFIXES:
        messages.filter(order_key__startswith=prefix).update(
            target_type=Value("recruitment.application"), target_id=Substr("order_key", len(prefix) + 1, 64)
        )


class Migration(migrations.Migration):
    dependencies = [("recruitment", "0004_percentages"), ("core", "0008_outbox_target")]

    operations = [migrations.RunPython(set_targets, migrations.RunPython.noop)]
