"""What keys and tokens look like outside (docs/api-contract.md, "Accounts"). A key's text is in the answer that makes it, alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from guildhall.accounts.models import APIKey
from guildhall.accounts.permissions import SCOPES
from guildhall.core.api.rows import Made, OfPage, by_model
from guildhall.core.api.serializers import Serializer
from guildhall.core.models import AuditEvent

SCOPES_HELP = "At least one of: " + ", ".join(SCOPES)


class TokenInput(Serializer):
    """A username and its password."""

    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=1000, trim_whitespace=False, write_only=True)


class TokenSerializer(Serializer):
    """A new key of the person's, for `Authorization: Token <token>`."""

    token = serializers.CharField(help_text="shown in this answer alone; it expires, see the person's keys")


class KeyInput(Serializer):
    """A new key: its name, what it may do, until when."""

    name = serializers.CharField(max_length=80)
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=40),
        required=False,
        allow_null=True,
        max_length=50,
        help_text=f"{SCOPES_HELP}. Left out: everything that whoever makes the key may do, without account:….",
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True, help_text="never, where left out")


class BotKeyInput(KeyInput):
    """A new key for a bot, whose scopes must be said."""

    scopes = serializers.ListField(child=serializers.CharField(max_length=40), max_length=50, help_text=SCOPES_HELP)


class KeySerializer(serializers.ModelSerializer[APIKey]):
    """A key without its text: that is shown once, when it is made."""

    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    user_id = serializers.IntegerField(read_only=True)
    owner = serializers.CharField(source="user.__str__", read_only=True)
    created_by: serializers.StringRelatedField[Any] = serializers.StringRelatedField(allow_null=True)
    is_live = serializers.SerializerMethodField(help_text="neither revoked nor expired")
    origin = serializers.CharField(read_only=True, help_text="how its maker had signed in: password, discord, command")

    class Meta:
        model = APIKey
        fields = [
            "id", "name", "kind", "origin", "prefix", "scopes", "user_id", "owner", "created_at", "created_by", "expires_at",
            "revoked_at", "previous_valid_until", "last_used_at", "usage_count", "is_live",
        ]  # fmt: skip
        read_only_fields = fields

    row_fields: Mapping[str, Made | OfPage] = {
        "is_live": by_model(APIKey, lambda key: key.is_live, "revoked_at", "expires_at")
    }

    def get_is_live(self, key: APIKey) -> bool:
        return key.is_live


class NewKeySerializer(KeySerializer):
    """A key with its text, for this once."""

    key = serializers.SerializerMethodField(help_text="shown in this answer alone; keep it now")

    class Meta(KeySerializer.Meta):
        fields = [*KeySerializer.Meta.fields, "key"]
        read_only_fields = fields

    def get_key(self, key: APIKey) -> str:
        return str(self.context["plain"])


class RotateInput(Serializer):
    """How long the old text still works beside the new one."""

    grace_seconds = serializers.IntegerField(required=False, default=0, min_value=0, max_value=86_400)


@extend_schema_serializer(component_name="BotPermissions")
class ScopesInput(Serializer):
    """The scopes that replace a bot key's."""

    scopes = serializers.ListField(child=serializers.CharField(max_length=40), max_length=50, help_text=SCOPES_HELP)


class AccessEventSerializer(serializers.ModelSerializer[AuditEvent]):
    """Something that was done to a person's access."""

    actor: serializers.StringRelatedField[Any] = serializers.StringRelatedField(
        allow_null=True, help_text="null: the server itself"
    )
    came_with = serializers.SerializerMethodField(
        help_text="in person, which key, with what and from where a program signed in, or the server"
    )

    class Meta:
        model = AuditEvent
        fields = ["id", "at", "action", "summary", "actor_id", "actor", "came_with"]
        read_only_fields = fields

    row_fields: Mapping[str, Made | OfPage] = {"came_with": Made(("data",), lambda data: str(data.get("with", "")))}

    def get_came_with(self, event: AuditEvent) -> str:
        return str(event.data.get("with", ""))
