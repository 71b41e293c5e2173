"""Items and awards for officers; every action calls a service."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin

from guildhall.core.errors import GuildhallError
from guildhall.core.generics import ModelForm

from . import services
from .models import Item, LootDistribution


@admin.register(Item)
class ItemAdmin(SimpleHistoryAdmin, ModelAdmin):
    """The catalogue."""

    list_display = ["name", "category", "rarity", "item_pool", "game_id", "is_active", "merged_into"]
    list_filter = ["category", "rarity", "item_pool", "is_active"]
    search_fields = ["name", "game_id"]
    fields = ["name", *services.ItemDetails.__annotations__]

    def save_model(self, request: HttpRequest, obj: Item, form: ModelForm, change: bool) -> None:
        values = {name: form.cleaned_data[name] for name in form.changed_data}
        if change:
            services.update_item(item=obj, actor=request.user, **values)  # type: ignore[arg-type]
        else:
            values["name"] = form.cleaned_data["name"]
            made = services.create_item(actor=request.user, **values)  # type: ignore[arg-type]
            obj.pk = made.pk
        obj.refresh_from_db()

    def delete_model(self, request: HttpRequest, obj: Item) -> None:
        services.delete_item(item=obj, actor=request.user)  # type: ignore[arg-type]

    def has_delete_permission(self, request: HttpRequest, obj: Item | None = None) -> bool:
        # An item that was awarded stays on record; the one that never was may go, from its own page.
        allowed = super().has_delete_permission(request, obj)
        used = obj is None or obj.merged_into_id is not None or obj.merged_from.exists() or obj.awards.exists()
        return allowed and not used

    def has_change_permission(self, request: HttpRequest, obj: Item | None = None) -> bool:
        # An entry that was merged into another is kept so that its name finds that one; nothing about it is changed.
        return super().has_change_permission(request, obj) and (obj is None or obj.merged_into_id is None)

    def get_form(self, request: HttpRequest, obj: Item | None = None, change: bool = False, **kwargs: object) -> Any:
        form = super().get_form(request, obj, change, **kwargs)

        class Checked(form):  # type: ignore[misc, valid-type]
            """Says before saving what the service would refuse."""

            def clean_name(self) -> str:
                from django.core.exceptions import ValidationError

                from .names import clean_item_name, item_key

                try:
                    name = clean_item_name(self.cleaned_data["name"])
                except GuildhallError as error:
                    raise ValidationError(error.detail) from error
                if Item.objects.filter(name_key=item_key(name)).exclude(pk=self.instance.pk).exists():
                    raise ValidationError("There is an item of this name already.")
                return name

        return Checked


@admin.register(LootDistribution)
class LootDistributionAdmin(ModelAdmin):
    """Awards: read here, undone by the action, corrected through the page or the API."""

    list_display = ["item_name", "character_name", "user", "points_spent", "pool", "raid", "awarded_at", "reversed_at"]
    list_filter = ["source", "pool", ("reversed_at", admin.EmptyFieldListFilter)]
    search_fields = ["item_name", "character_name", "user__display_name"]
    list_select_related = ["user", "pool", "raid"]
    date_hierarchy = "awarded_at"
    actions = ["undo"]

    @admin.action(description="Undo the selected awards")
    def undo(self, request: HttpRequest, queryset: QuerySet[LootDistribution]) -> None:
        done = 0
        for award in queryset:
            try:
                services.reverse_award(award=award, actor=request.user, reason="undone in the admin")  # type: ignore[arg-type]
                done += 1
            except GuildhallError as error:
                self.message_user(request, error.detail, messages.ERROR)
        if done:
            self.message_user(request, f"{done} undone.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: LootDistribution | None = None) -> bool:
        # The list must be open to those who may undo; the form is read-only.
        return obj is None and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: LootDistribution | None = None) -> bool:
        return False
