"""Points for officers. The ledger is read here and undone by reversal; nothing in it can be edited or deleted."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from simple_history.admin import SimpleHistoryAdmin
from unfold.widgets import UnfoldAdminSelect2MultipleWidget

from guildhall.accounts.models import User
from guildhall.core.admin_base import ConcealsFields, ReadOnlyAdmin, ServiceAdmin, ServiceForm, each
from guildhall.core.errors import BadInput

from . import services
from .models import DKPPool, Hold, LedgerEntry, PointAdjustment, PointRule, PointRuleRun, UserMerge, UserPointsSummary

UNDONE = "undone in the admin"


class PoolForm(ServiceForm):
    """A pool."""

    class Meta:
        model = DKPPool
        fields = [
            "name", "description", "is_active", "is_default", "allow_negative", "decimal_places", "alt_policy",
            "alt_share_percent", "start_points", "start_points_since",
        ]  # fmt: skip

    def perform(self, values: dict[str, Any]) -> DKPPool:
        if self.instance.pk is None:
            return services.create_pool(actor=self.actor, **values)
        return services.update_pool(pool=DKPPool.objects.get(pk=self.instance.pk), actor=self.actor, **values)


@admin.register(DKPPool)
class DKPPoolAdmin(SimpleHistoryAdmin, ServiceAdmin):
    """Pools. One with a history is closed, never deleted."""

    form = PoolForm
    list_display = ["name", "is_active", "is_default", "allow_negative", "decimal_places", "alt_policy", "start_points"]
    list_filter = ["is_active"]
    search_fields = ["name"]
    actions = ["give_start_points", "remove"]

    @admin.action(description="Give start points to whoever has not had them", permissions=["change"])
    def give_start_points(self, request: HttpRequest, queryset: QuerySet[DKPPool]) -> None:
        user: Any = request.user
        each(self, request, queryset, lambda pool: services.grant_start_points(pool=pool, actor=user), "pools done.")

    @admin.action(description="Delete the selected pools in which nothing ever happened", permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[DKPPool]) -> None:
        user: Any = request.user
        each(self, request, queryset, lambda pool: services.delete_pool(pool=pool, actor=user), "deleted.")


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """Every movement of points."""

    list_display = ["id", "occurred_at", "user", "pool", "kind", "amount", "character_name", "description", "undone"]
    list_filter = ["kind", "pool", ("occurred_at", admin.DateFieldListFilter)]
    search_fields = ["description", "character_name", "user__display_name"]
    list_select_related = ["user", "pool", "reversed_by"]
    show_full_result_count = False
    actions = ["undo"]

    @admin.display(boolean=True, description="undone")
    def undone(self, entry: LedgerEntry) -> bool:
        return hasattr(entry, "reversed_by")

    @admin.action(description="Reverse the selected entries, with what they belong to", permissions=["change"])
    def undo(self, request: HttpRequest, queryset: QuerySet[LedgerEntry]) -> None:
        user: Any = request.user
        each(
            self,
            request,
            queryset.order_by("pk"),
            lambda entry: services.reverse_entry(entry_id=entry.pk, reason=UNDONE, actor=user),
            "reversed.",
        )


@admin.register(UserPointsSummary)
class UserPointsSummaryAdmin(ConcealsFields, ReadOnlyAdmin):
    """What people have, without what running sealed auctions hold. Select some and adjust them together."""

    concealed = ("held", "held_sealed")
    list_display = ["user", "pool", "earned", "spent", "adjusted", "balance", "held_in_the_open", "updated_at"]
    readonly_fields = ["held_in_the_open"]
    list_filter = ["pool"]
    search_fields = ["user__display_name", "user__username"]
    list_select_related = ["user", "pool"]
    ordering = ["pool", "-balance"]
    actions = ["adjust"]

    @admin.display(description="held")
    def held_in_the_open(self, row: UserPointsSummary) -> Decimal:
        return row.held_visible

    @admin.action(description="Adjust the points of the selected people…", permissions=["change"])
    def adjust(self, request: HttpRequest, queryset: QuerySet[UserPointsSummary]) -> object:
        pools = set(queryset.values_list("pool_id", flat=True))
        if len(pools) != 1:
            self.message_user(request, "Select people of one pool (use the filter).", messages.ERROR)
            return None
        people = ",".join(str(pk) for pk in queryset.values_list("user_id", flat=True)[:1000])
        query = urlencode({"people": people, "pool": pools.pop()})
        return HttpResponseRedirect(f"{reverse('admin:points_pointadjustment_add')}?{query}")


class AdjustmentForm(ServiceForm):
    """Points given to, or taken from, one person or many, all or none."""

    people = forms.ModelMultipleChoiceField(
        queryset=User.objects.none(), widget=UnfoldAdminSelect2MultipleWidget, help_text="one or many"
    )

    class Meta:
        model = PointAdjustment
        fields = ["people", "pool", "amount", "reason", "notes", "character_name", "occurred_at"]
        help_texts = {"amount": "with a minus to take points", "reason": "shown in the person's statement"}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "people" in self.fields and "pool" in self.fields:
            chosen: Any = self.fields["people"]
            chosen.queryset = User.objects.filter(merged_into=None, is_bot=False).order_by("display_name")
            self.fields["pool"].queryset = DKPPool.objects.filter(is_active=True)  # type: ignore[attr-defined]
            self.fields["occurred_at"].required = False

    def _get_validation_exclusions(self) -> set[str]:
        return {*super()._get_validation_exclusions(), "user"}  # type: ignore[misc]

    def perform(self, values: dict[str, Any]) -> PointAdjustment:
        people = values.pop("people")
        if not people:
            raise BadInput("Choose somebody.", code="required", attr="people")
        made = services.adjust_points(user_ids=[one.pk for one in people], actor=self.actor, **values)
        return PointAdjustment.objects.get(document=made[0].document)


@admin.register(PointAdjustment)
class PointAdjustmentAdmin(ServiceAdmin):
    """Adjustments: made here for one or many, undone by reversal."""

    form = AdjustmentForm
    list_display = ["occurred_at", "user", "pool", "amount", "reason", "character_name", "created_by", "reversed_at"]
    list_filter = ["pool", ("reversed_at", admin.EmptyFieldListFilter)]
    search_fields = ["reason", "notes", "user__display_name", "character_name"]
    list_select_related = ["user", "pool", "created_by"]
    date_hierarchy = "occurred_at"
    actions = ["undo"]

    def get_fields(self, request: HttpRequest, obj: PointAdjustment | None = None) -> tuple[str, ...]:
        if obj is None:
            return ("people", "pool", "amount", "reason", "notes", "character_name", "occurred_at")
        return (
            "user",
            "pool",
            "amount",
            "reason",
            "notes",
            "character_name",
            "occurred_at",
            "created_by",
            "reversed_at",
        )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        found: dict[str, Any] = super().get_changeform_initial_data(request)
        people = [pk for pk in str(found.get("people", "")).split(",") if pk.isdecimal()]
        return {**found, "people": people} if people else found

    def has_change_permission(self, request: HttpRequest, obj: PointAdjustment | None = None) -> bool:
        return obj is None and bool(super().has_change_permission(request, obj))

    @admin.action(description="Undo the selected adjustments", permissions=["change"])
    def undo(self, request: HttpRequest, queryset: QuerySet[PointAdjustment]) -> None:
        user: Any = request.user
        each(
            self,
            request,
            queryset,
            lambda one: services.reverse_adjustment(adjustment=one, reason=UNDONE, actor=user),
            "undone.",
        )


class RuleForm(ServiceForm):
    """A rule of the calendar."""

    class Meta:
        model = PointRule
        fields = ["name", "pool", "kind", "percent", "amount", "days", "period", "scope", "automatic", "is_active"]

    def perform(self, values: dict[str, Any]) -> PointRule:
        if self.instance.pk is None:
            return services.create_rule(actor=self.actor, **values)
        return services.update_rule(rule=PointRule.objects.get(pk=self.instance.pk), actor=self.actor, **values)


@admin.register(PointRule)
class PointRuleAdmin(SimpleHistoryAdmin, ServiceAdmin):
    """Decay, caps, bonuses and penalties: look first, then run."""

    form = RuleForm
    list_display = ["name", "pool", "kind", "percent", "amount", "period", "scope", "automatic", "is_active"]
    list_filter = ["pool", "kind", "is_active"]
    search_fields = ["name"]
    list_select_related = ["pool"]
    actions = ["show", "run"]

    @admin.action(description="Show what running them now would do")
    def show(self, request: HttpRequest, queryset: QuerySet[PointRule]) -> None:
        for rule in queryset.select_related("pool"):
            steps = services.preview_rule(rule=rule)
            total = sum(step.change for step in steps)
            first = "; ".join(f"{step.display_name} {step.before} → {step.after}" for step in steps[:10])
            self.message_user(request, f"{rule}: {len(steps)} people, {total} in all. {first}")

    @admin.action(description="Run the selected rules for the present period", permissions=["change"])
    def run(self, request: HttpRequest, queryset: QuerySet[PointRule]) -> None:
        user: Any = request.user
        each(self, request, queryset, lambda rule: services.run_rule(rule=rule, actor=user), "run.")


@admin.register(PointRuleRun)
class PointRuleRunAdmin(ReadOnlyAdmin):
    """Runs of rules, undone as a whole."""

    list_display = ["at", "rule", "period_key", "people", "total", "run_by", "reversed_at"]
    list_filter = ["rule"]
    list_select_related = ["rule", "run_by"]
    actions = ["undo"]

    @admin.action(description="Undo the selected runs", permissions=["change"])
    def undo(self, request: HttpRequest, queryset: QuerySet[PointRuleRun]) -> None:
        user: Any = request.user
        each(
            self,
            request,
            queryset,
            lambda run: services.reverse_rule_run(run=run, actor=user, reason=UNDONE),
            "undone.",
        )


@admin.register(Hold)
class HoldAdmin(ReadOnlyAdmin):
    """What leading bids tie up. A bid in a sealed auction that runs is not among them (`points.visibility`)."""

    exclude = ["is_sealed"]
    list_display = ["user", "pool", "amount", "reference", "created_at"]
    list_filter = ["pool"]
    list_select_related = ["user", "pool"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Hold]:
        return super().get_queryset(request).filter(is_sealed=False)


@admin.register(UserMerge)
class UserMergeAdmin(ReadOnlyAdmin):
    """Two people who turned out to be one."""

    list_display = ["at", "source", "target", "moved_entries", "merged_by", "reason"]
    list_select_related = ["source", "target", "merged_by"]
