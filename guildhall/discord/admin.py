"""Discord in the admin: mappings to edit (through the services), the rest to read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from guildhall.accounts.models import User
from guildhall.core.errors import GuildhallError

from .models import Claim, DiscordMember, DiscordRole, DiscordRoleMapping, DiscordSyncLog
from .roles import mapping as mappings
from .roles.sync import request_sync


class ReadOnly(ModelAdmin):
    """Written by the worker alone."""

    list_per_page = 50

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


_FIELDS = ("role_id", "kind", "rank", "value", "is_active")


@admin.register(DiscordRoleMapping)
class MappingAdmin(ModelAdmin):
    """What a role stands for."""

    list_display = ["meaning", "role_name", "role_id", "is_active"]
    list_filter = ["kind", "is_active"]
    fields = _FIELDS
    list_per_page = 50

    def save_model(self, request: HttpRequest, obj: DiscordRoleMapping, form: object, change: bool) -> None:
        values: dict[str, Any] = {name: getattr(obj, name) for name in _FIELDS}
        actor = request.user if isinstance(request.user, User) else None
        try:
            if change:
                mappings.update_mapping(mapping=obj, actor=actor, **values)
            else:
                obj.pk = mappings.create_mapping(actor=actor, **values).pk
        except GuildhallError as error:
            messages.error(request, error.detail)

    def delete_model(self, request: HttpRequest, obj: DiscordRoleMapping) -> None:
        mappings.delete_mapping(mapping=obj, actor=request.user if isinstance(request.user, User) else None)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[DiscordRoleMapping]) -> None:
        for obj in queryset:
            self.delete_model(request, obj)


@admin.register(DiscordRole)
class RoleAdmin(ReadOnly):
    """Roles as the bot last saw them."""

    list_display = ["name", "role_id", "position", "is_managed", "is_assignable", "is_deleted", "problem", "seen_at"]


@admin.register(DiscordMember)
class MemberAdmin(ReadOnly):
    """Members as the bot last saw them."""

    list_display = ["__str__", "discord_id", "in_server", "problem", "seen_at"]
    list_filter = ["in_server"]
    search_fields = ["discord_id", "username", "global_name", "nickname"]
    actions = ["sync_now"]

    @admin.action(description="Put the roles of these members right")
    def sync_now(self, request: HttpRequest, queryset: QuerySet[DiscordMember]) -> None:
        ids = list(
            User.objects.filter(discord_id__in=queryset.values_list("discord_id", flat=True)).values_list(
                "pk", flat=True
            )
        )
        count = request_sync(
            user_ids=ids, source="admin", actor=request.user if isinstance(request.user, User) else None
        )
        messages.success(request, f"{count} members are corrected by the worker.")


@admin.register(DiscordSyncLog)
class SyncLogAdmin(ReadOnly):
    """Every change made or seen in Discord."""

    list_display = ["at", "user", "discord_id", "action", "role_name", "outcome", "source", "detail"]
    list_filter = ["action", "outcome", "source"]
    search_fields = ["discord_id", "role_name", "detail", "user__display_name"]
    list_select_related = ["user"]


@admin.register(Claim)
class ClaimAdmin(ReadOnly):
    """Claims; they are decided on the Discord page."""

    list_display = ["created_at", "user", "kind", "character", "person", "state", "proof"]
    list_filter = ["state", "kind"]
    list_select_related = ["user", "character", "person"]
    exclude = ["code"]
