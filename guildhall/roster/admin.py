"""The roster for officers: every change goes through a service; the history of each row is beside it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminTextInputWidget

from guildhall.core.admin_base import ReadOnlyAdmin, ServiceAdmin, ServiceForm, actor_of, each

from . import services
from .models import Character, CharacterAlias, CharacterOwnership, Rank, RankChange


class RankForm(ServiceForm):
    """A rank."""

    class Meta:
        model = Rank
        fields = ["name", "order", "is_hidden", "is_trial", "is_default"]

    def perform(self, values: dict[str, Any]) -> Rank:
        if self.instance.pk is None:
            return services.create_rank(actor=self.actor, **values)
        return services.update_rank(rank=Rank.objects.get(pk=self.instance.pk), actor=self.actor, **values)


@admin.register(Rank)
class RankAdmin(SimpleHistoryAdmin, ServiceAdmin):
    """The ranks, the highest first."""

    form = RankForm
    list_display = ["name", "order", "is_trial", "is_hidden", "is_default"]
    search_fields = ["name"]
    actions = ["remove"]

    @admin.action(description="Delete the selected ranks that nobody ever held", permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Rank]) -> None:
        each(
            self,
            request,
            queryset,
            lambda rank: services.delete_rank(rank=rank, actor=actor_of(request)),
            "deleted.",
        )


class CharacterForm(ServiceForm):
    """A character; a new owner, rank or name is recorded with the reason."""

    reason = forms.CharField(
        required=False,
        max_length=300,
        widget=UnfoldAdminTextInputWidget,
        help_text="kept in the history of ranks and owners",
    )

    class Meta:
        model = Character
        fields = [
            "name", "character_class", "race", "level", "rank", "status", "user", "is_main", "joined_at", "note",
        ]  # fmt: skip

    def perform(self, values: dict[str, Any]) -> Character:
        reason = str(values.pop("reason", "") or "")
        if self.instance.pk is None:
            values["is_main"] = values.get("is_main") or None
            return services.create_character(actor=self.actor, **values)
        current = Character.objects.get(pk=self.instance.pk)
        return services.edit_character(character=current, actor=self.actor, changes=values, reason=reason)


class _Past(TabularInline):
    extra = 0
    can_delete = False
    show_change_link = False

    def get_readonly_fields(self, request: HttpRequest, obj: object = None) -> Any:
        return self.fields

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class OwnershipInline(_Past):
    """Who owned it when."""

    model = CharacterOwnership
    fields = ["user", "started_at", "ended_at", "reason", "changed_by"]
    tab = True


class RankChangeInline(_Past):
    """Its ranks."""

    model = RankChange
    fields = ["from_rank", "to_rank", "at", "reason", "changed_by"]
    tab = True


class AliasInline(_Past):
    """Its other names."""

    model = CharacterAlias
    fields = ["name", "kind", "created_at"]
    tab = True


@admin.register(Character)
class CharacterAdmin(SimpleHistoryAdmin, ServiceAdmin):
    """Characters. Nobody is deleted: a character is retired."""

    form = CharacterForm
    inlines = [AliasInline, OwnershipInline, RankChangeInline]
    list_display = ["name", "character_class", "level", "rank", "user", "is_main", "status", "joined_at"]
    list_filter = ["status", "rank", "character_class", "is_main"]
    search_fields = ["name", "aliases__name", "user__display_name"]
    list_select_related = ["rank", "user"]
    autocomplete_fields = ["user"]
    actions = ["retire", "make_main"]

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        found: dict[str, Any] = super().get_actions(request)
        if self.has_change_permission(request):
            for rank in Rank.objects.all():
                act = _rank_action(rank)
                found[act.__name__] = (act, act.__name__, f"Rank: give “{rank}”")
        return found

    @admin.action(description="Take the selected characters off the roster", permissions=["change"])
    def retire(self, request: HttpRequest, queryset: QuerySet[Character]) -> None:
        each(
            self,
            request,
            queryset,
            lambda character: services.retire_character(
                character=character,
                actor=actor_of(request),
                reason="in the admin",
            ),
            "taken off the roster.",
        )

    @admin.action(description="Make the selected characters mains", permissions=["change"])
    def make_main(self, request: HttpRequest, queryset: QuerySet[Character]) -> None:
        each(
            self,
            request,
            queryset,
            lambda one: services.set_main(character=one, actor=actor_of(request)),
            "are mains.",
        )


def _rank_action(rank: Rank) -> Any:
    def act(modeladmin: object, request: HttpRequest, queryset: QuerySet[Character]) -> None:
        user: Any = request.user
        ids = list(queryset.values_list("pk", flat=True))
        each(
            modeladmin,
            request,
            [ids],
            lambda ids: services.bulk_set_rank(character_ids=ids, rank=rank, actor=user, reason="in the admin"),
            f"update of {len(ids)} characters done; the audit trail holds the batch that undoes it.",
        )

    act.__name__ = f"give_rank_{rank.pk}"
    return act


class AliasForm(ServiceForm):
    """Another name for a character."""

    class Meta:
        model = CharacterAlias
        fields = ["character", "name", "kind"]

    def perform(self, values: dict[str, Any]) -> CharacterAlias:
        return services.add_alias(actor=self.actor, **values)


@admin.register(CharacterAlias)
class CharacterAliasAdmin(ServiceAdmin):
    """Other names of characters."""

    form = AliasForm
    list_display = ["name", "character", "kind", "created_at", "created_by"]
    list_filter = ["kind"]
    search_fields = ["name", "character__name"]
    list_select_related = ["character", "created_by"]
    autocomplete_fields = ["character"]
    actions = ["forget"]

    def has_change_permission(self, request: HttpRequest, obj: CharacterAlias | None = None) -> bool:
        return obj is None and bool(super().has_change_permission(request, obj))

    @admin.action(description="Forget the selected aliases", permissions=["change"])
    def forget(self, request: HttpRequest, queryset: QuerySet[CharacterAlias]) -> None:
        each(
            self,
            request,
            queryset,
            lambda alias: services.remove_alias(alias=alias, actor=actor_of(request)),
            "forgotten.",
        )


@admin.register(RankChange)
class RankChangeAdmin(ReadOnlyAdmin):
    """Changes of rank; a bulk update can be undone as a whole."""

    list_display = ["at", "character", "from_rank", "to_rank", "changed_by", "reason", "batch"]
    list_filter = ["to_rank"]
    search_fields = ["character__name", "reason", "=batch"]
    list_select_related = ["character", "from_rank", "to_rank", "changed_by"]
    actions = ["undo"]

    @admin.action(description="Undo the bulk updates that the selected changes are of", permissions=["change"])
    def undo(self, request: HttpRequest, queryset: QuerySet[RankChange]) -> None:
        batches = set(queryset.exclude(batch=None).values_list("batch", flat=True))
        user: Any = request.user
        each(self, request, batches, lambda batch: services.undo_bulk_rank(batch=batch, actor=user), "undone.")
