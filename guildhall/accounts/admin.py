"""People and keys for officers. Roles and accounts change through services; keys are revoked, never shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin

from guildhall.core.admin_base import ReadOnlyAdmin, ServiceAdmin, ServiceForm, actor_of, each

from . import services
from .models import APIKey, RoleGroup, Section, User, VisitorAccess
from .permissions import principal_for
from .visitors import edit_visitor_access


class UserForm(ServiceForm):
    """A person, as an officer changes them."""

    class Meta:
        model = User
        fields = ["display_name", "role_group", "discord_id", "discord_username", "is_active"]
        help_texts = {"is_active": "unticked: cannot sign in, keys stop; points and history stay"}

    def perform(self, values: dict[str, Any]) -> User:
        by = principal_for(self.actor)
        if self.instance.pk is None:
            values.pop("is_active", None)
            return services.create_person(actor=self.actor, by=by, **values)
        current = User.objects.get(pk=self.instance.pk)
        wanted = {name: values[name] for name in ("display_name", "role_group", "is_active") if name in values}
        return services.manage_person(user=current, by=by, reason="in the admin", **wanted) if wanted else current


def _role_action(role: str) -> Any:
    @admin.action(description=f"Role: make {RoleGroup(role).label.lower()}", permissions=["change"])
    def act(modeladmin: Any, request: HttpRequest, queryset: QuerySet[User]) -> None:
        by = principal_for(request.user)
        each(
            modeladmin,
            request,
            queryset,
            lambda user: services.manage_person(user=user, by=by, role_group=role, reason="in the admin"),
            f"now {RoleGroup(role).label.lower()}.",
        )

    act.__name__ = f"make_{role}"
    return act


@admin.register(User)
class UserAdmin(SimpleHistoryAdmin, ServiceAdmin):
    """People. Nobody is deleted: an account is closed."""

    form = UserForm
    list_display = ["display_name", "username", "role_group", "discord_username", "is_active", "is_bot", "date_joined"]
    list_filter = ["role_group", "is_active", "is_bot", "is_placeholder"]
    search_fields = ["display_name", "username", "discord_username", "discord_id", "characters__name"]
    ordering = ["display_name", "pk"]
    actions = [*(_role_action(role) for role in RoleGroup.values), "close", "reopen"]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        if obj is None:
            return []
        # The Discord link is changed where it is verified, not typed over here.
        return ["username", "discord_id", "discord_username", "is_bot", "merged_into", "date_joined", "last_login"]

    def get_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("display_name", "role_group", "discord_id", "discord_username")
        return ("display_name", "role_group", "is_active", *self.get_readonly_fields(request, obj))

    @admin.action(description="Close the selected accounts", permissions=["change"])
    def close(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        by = principal_for(request.user)
        each(self, request, queryset, lambda user: services.manage_person(user=user, by=by, is_active=False), "closed.")

    @admin.action(description="Open the selected accounts again", permissions=["change"])
    def reopen(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        by = principal_for(request.user)
        each(self, request, queryset, lambda user: services.manage_person(user=user, by=by, is_active=True), "opened.")


@admin.register(APIKey)
class APIKeyAdmin(ReadOnlyAdmin):
    """Keys of people and bots: what they may do, when they were last used. Their text is kept nowhere."""

    list_display = ["name", "prefix", "kind", "user", "created_at", "expires_at", "last_used_at", "usage_count", "live"]
    list_filter = ["kind", ("revoked_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "prefix", "user__display_name"]
    list_select_related = ["user"]
    exclude = ["key_hash", "previous_hash"]
    actions = ["revoke"]

    @admin.display(boolean=True, description="live")
    def live(self, key: APIKey) -> bool:
        return key.is_live

    @admin.action(description="Revoke the selected keys", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[APIKey]) -> None:
        each(
            self,
            request,
            queryset,
            lambda key: services.revoke_api_key(key=key, actor=actor_of(request)),
            "revoked.",
        )


class VisitorAccessForm(ServiceForm):
    """The setting, section by section."""

    class Meta:
        model = VisitorAccess
        fields = Section.values

    def perform(self, values: dict[str, Any]) -> VisitorAccess:
        return edit_visitor_access(actor=self.actor, **values)


@admin.register(VisitorAccess)
class VisitorAccessAdmin(SimpleHistoryAdmin, ServiceAdmin):
    """What strangers may see: one row."""

    form = VisitorAccessForm
    list_display = ["__str__", *Section.values]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not VisitorAccess.objects.exists() and bool(super().has_add_permission(request))
