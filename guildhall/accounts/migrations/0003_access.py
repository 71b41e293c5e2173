"""Tokens of Django REST Framework become keys of ours, and accounts learn to end their sessions.

A token had no end, could not be revoked, stood in clear and outlived the link it came from. Each one whose person may still
sign in becomes a sign-in key: its SHA-256, its first eight characters, an end 30 days from now, and the permissions of
the person's role without those for the account itself. Programs go on with the text they have until then. The others,
and the table, are dropped, with what Django kept about the application `rest_framework.authtoken`.
"""

import datetime as dt
import hashlib
import uuid

import django.db.models.deletion  # noqa: F401
from django.db import migrations, models
from django.db.migrations.recorder import MigrationRecorder

from guildhall.core import clock

TABLE = "authtoken_token"
DAYS = 30
_STRANGER = ["roster:read", "recruitment:read", "recruitment:write"]
_MEMBER = [
    "roster:read", "points:read", "raids:read", "raids:signup", "bidding:read", "bidding:write", "discord:read",
    "recruitment:read", "recruitment:write",
]  # fmt: skip
_OFFICER = [
    "roster:read", "roster:write", "points:read", "points:write", "raids:read", "raids:signup", "raids:write",
    "bidding:read", "bidding:write", "discord:read", "discord:write", "recruitment:read", "recruitment:write",
]  # fmt: skip


def _scopes(user):
    if user.is_superuser:
        return [*_OFFICER, "admin"]
    if user.role_group == "officer":
        return _OFFICER
    return _STRANGER if user.role_group in ("guest", "applicant") else _MEMBER


def move_tokens(apps, schema_editor):
    connection = schema_editor.connection
    if TABLE not in connection.introspection.table_names():
        return
    User, APIKey = apps.get_model("accounts", "User"), apps.get_model("accounts", "APIKey")
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT user_id, {connection.ops.quote_name('key')} FROM {TABLE}")  # noqa: S608
        tokens = dict(cursor.fetchall())
    now = clock.now()
    people = User.objects.filter(pk__in=tokens, is_active=True, is_bot=False, merged_into=None)
    for user in people:
        has_password = bool(user.password) and not user.password.startswith("!")
        if not user.discord_id and not has_password:
            continue  # they were unlinked, and cannot sign in
        APIKey.objects.get_or_create(
            key_hash=hashlib.sha256(tokens[user.pk].encode()).hexdigest(),
            defaults={
                "id": uuid.uuid4(),
                "user_id": user.pk,
                "kind": "sign_in",
                "origin": "discord" if user.discord_id else "password",
                "name": "personal token, made before it could expire",
                "prefix": tokens[user.pk][:8],
                "scopes": _scopes(user),
                "created_at": now,
                "expires_at": now + dt.timedelta(days=DAYS),
            },
        )


def mark_keys_made_through_discord(apps, schema_editor):
    """Whoever can sign in through Discord alone made their keys that way."""
    apps.get_model("accounts", "APIKey").objects.filter(
        kind="personal", user__discord_id__isnull=False, user__password__startswith="!"
    ).update(origin="discord")


def drop_table(apps, schema_editor):
    if TABLE in schema_editor.connection.introspection.table_names():
        schema_editor.execute(f"DROP TABLE {TABLE}")


def forget_application(apps, schema_editor):
    connection = schema_editor.connection
    # A backup names the migrations of its database, and fits only where there are the same.
    MigrationRecorder(connection).migration_qs.filter(app="authtoken").delete()
    permissions = apps.get_model("auth", "Permission").objects.filter(content_type__app_label="authtoken")
    for through in (apps.get_model("auth", "Group").permissions.through, apps.get_model("accounts", "User").user_permissions.through):
        through.objects.filter(permission_id__in=list(permissions.values_list("pk", flat=True))).delete()
    permissions.delete()
    apps.get_model("contenttypes", "ContentType").objects.filter(app_label="authtoken").delete()


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_visitor_access"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.AddField(
            model_name="apikey",
            name="origin",
            field=models.CharField(
                blank=True,
                choices=[("", "Unknown"), ("password", "Password"), ("discord", "Discord"), ("command", "command line")],
                default="",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="apikey",
            name="kind",
            field=models.CharField(
                choices=[("personal", "Personal"), ("bot", "Bot"), ("sign_in", "Sign In")],
                default="personal",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="session_epoch",
            field=models.PositiveIntegerField(
                default=0, editable=False, help_text="raised to end every session of this person"
            ),
        ),
        migrations.RunPython(move_tokens, migrations.RunPython.noop),
        migrations.RunPython(mark_keys_made_through_discord, migrations.RunPython.noop),
        # MariaDB cannot roll back the dropping of a table, and Django refuses it inside a transaction there.
        migrations.RunPython(drop_table, migrations.RunPython.noop, atomic=False),
        migrations.RunPython(forget_application, migrations.RunPython.noop),
    ]
