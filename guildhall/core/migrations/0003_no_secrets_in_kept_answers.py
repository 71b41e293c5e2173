"""Take secrets out of the answers that are kept for `Idempotency-Key`, and forget those of strangers.

Until now a stranger's answer was kept for everybody without an account (owner ``user:None``), with the secret of an
application's private link in clear. Those rows are deleted; a repetition of such a call is answered by the application
that exists already. Every other kept answer loses its secret fields.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

SECRET_FIELDS = frozenset({"key", "link_token", "token"})


def _without(node: Any) -> Any:
    if isinstance(node, dict):
        return {name: _without(value) for name, value in node.items() if name not in SECRET_FIELDS}
    return [_without(item) for item in node] if isinstance(node, list) else node


def purge(apps: Any, schema_editor: Any) -> None:
    rows = apps.get_model("core", "IdempotencyKey").objects.using(schema_editor.connection.alias)
    rows.filter(owner="user:None").delete()
    for row in rows.exclude(body=None).iterator():
        clean = _without(row.body)
        if clean != row.body:
            rows.filter(pk=row.pk).update(body=clean)


class Migration(migrations.Migration):
    dependencies = [("core", "0002_job_queue")]

    operations = [
        migrations.AlterField(
            model_name="idempotencykey",
            name="owner",
            field=models.CharField(help_text="whose key it is: user:ID, key:ID, stranger:HASH", max_length=80),
        ),
        migrations.RunPython(purge, migrations.RunPython.noop),
    ]
