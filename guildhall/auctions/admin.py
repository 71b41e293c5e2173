"""Auctions for officers: policies and rules are edited here, sessions are run by actions; all of it calls services."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin, TabularInline

from guildhall.core.admin_base import ConcealsFields
from guildhall.core.errors import GuildhallError
from guildhall.core.generics import ModelForm

from . import services, visibility
from .models import BiddingPolicy, BiddingRule, BidHistory, BidSession, ChatLine, SessionWinner
from .services.rules import RuleValues, check_rule


class _ReadOnly:
    """Rows that services write and people read."""

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class RuleForm(ModelForm):
    """Says beside the field what the service would refuse."""

    class Meta:
        model = BiddingRule
        fields = tuple(RuleValues.__annotations__)

    def clean(self) -> dict[str, object]:
        cleaned = super().clean() or {}
        if not self.errors:
            try:
                check_rule(BiddingRule(**{name: value for name, value in cleaned.items() if name != "ranks"}))
            except GuildhallError as error:
                raise ValidationError({error.attr or "__all__": error.detail}) from error
        return cleaned


@admin.register(BiddingRule)
class BiddingRuleAdmin(SimpleHistoryAdmin, ModelAdmin):
    """Who may bid and how far."""

    form = RuleForm
    list_display = ["name", "pool", "effect", "cap", "tier", "position", "is_active"]
    list_filter = ["pool", "effect", "is_active"]
    filter_horizontal = ["ranks"]

    def save_model(self, request: HttpRequest, obj: BiddingRule, form: ModelForm, change: bool) -> None:
        saved = services.save_rule(
            actor=request.user,  # type: ignore[arg-type]
            rule=obj if change else None,
            **form.cleaned_data,
        )
        obj.pk = saved.pk

    def save_related(self, request: HttpRequest, form: ModelForm, formsets: object, change: bool) -> None:
        """Do nothing: the service has written the ranks already."""

    def delete_model(self, request: HttpRequest, obj: BiddingRule) -> None:
        services.delete_rule(rule=obj, actor=request.user)  # type: ignore[arg-type]


class PolicyForm(ModelForm):
    """Says what the service would refuse."""

    class Meta:
        model = BiddingPolicy
        fields = (
            "pool", "mode", "minimum_bid", "increment", "duration_seconds", "anti_snipe_seconds", "anti_snipe_limit",
            "all_in_breaks_increment", "tie_breaks", "disclosure",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "disclosure" in self.fields:
            self.fields["disclosure"].required = False  # left out, it stays as it is

    def clean_disclosure(self) -> str:
        return str(self.cleaned_data["disclosure"] or self.instance.disclosure)

    def clean_tie_breaks(self) -> list[str]:
        try:
            return services.check_tie_breaks(self.cleaned_data["tie_breaks"])
        except GuildhallError as error:
            raise ValidationError(error.detail) from error


@admin.register(BiddingPolicy)
class BiddingPolicyAdmin(SimpleHistoryAdmin, ModelAdmin):
    """What sessions of a pool start with."""

    form = PolicyForm
    list_display = ["pool", "mode", "minimum_bid", "increment", "duration_seconds", "anti_snipe_seconds", "disclosure"]

    def get_readonly_fields(self, request: HttpRequest, obj: BiddingPolicy | None = None) -> list[str]:
        return ["pool"] if obj else []

    def save_model(self, request: HttpRequest, obj: BiddingPolicy, form: ModelForm, change: bool) -> None:
        values = dict(form.cleaned_data)
        pool = values.pop("pool", None) or obj.pool
        obj.pk = services.save_policy(pool=pool, actor=request.user, **values).pk  # type: ignore[arg-type]


class WinnerInline(_ReadOnly, TabularInline):
    """Who won, and the price."""

    model = SessionWinner
    fields = ["position", "user", "character_name", "amount", "state", "loot"]
    extra = 0


class BidInline(_ReadOnly, TabularInline):
    """The bids that everybody may see with their bidder (`visibility`), the refused ones too."""

    model = BidHistory
    fields = ["at", "bidder", "character_name", "amount", "tier", "outcome", "code", "took_lead", "placed_by"]
    extra = 0

    def get_queryset(self, request: HttpRequest) -> QuerySet[BidHistory]:
        return visibility.bids_in_the_admin()


@admin.register(BidSession)
class BidSessionAdmin(ConcealsFields, _ReadOnly, ModelAdmin):
    """Sessions: read here, run by the actions."""

    concealed = ("trace",)

    list_display = ["item_name", "pool", "mode", "status", "bids_count", "started_at", "ends_at", "is_rot"]
    list_filter = ["status", "mode", "pool", "is_rot"]
    search_fields = ["item_name"]
    list_select_related = ["pool"]
    date_hierarchy = "started_at"
    inlines = [WinnerInline, BidInline]
    exclude = ["seed"]
    actions = ["pause", "resume", "close", "award", "undo", "cancel"]

    def _each(
        self, request: HttpRequest, queryset: QuerySet[BidSession], act: Callable[..., object], **values: object
    ) -> None:
        if not (request.user.is_superuser or request.user.has_perm("auctions.change_bidsession")):
            self.message_user(request, "Auctions are run by officers.", messages.ERROR)
            return
        done = 0
        for session in queryset:
            try:
                act(session_id=session.pk, actor=request.user, **values)
                done += 1
            except GuildhallError as error:
                self.message_user(request, f"{session.item_name}: {error.detail}", messages.ERROR)
        if done:
            self.message_user(request, f"{done} done.")

    @admin.action(description="Pause")
    def pause(self, request: HttpRequest, queryset: QuerySet[BidSession]) -> None:
        self._each(request, queryset, services.pause_session)

    @admin.action(description="Go on")
    def resume(self, request: HttpRequest, queryset: QuerySet[BidSession]) -> None:
        self._each(request, queryset, services.resume_session)

    @admin.action(description="Close now")
    def close(self, request: HttpRequest, queryset: QuerySet[BidSession]) -> None:
        self._each(request, queryset, services.close_session)

    @admin.action(description="Award what was won")
    def award(self, request: HttpRequest, queryset: QuerySet[BidSession]) -> None:
        self._each(request, queryset, services.award_session)

    @admin.action(description="Undo the award")
    def undo(self, request: HttpRequest, queryset: QuerySet[BidSession]) -> None:
        self._each(request, queryset, services.undo_award, reason="undone in the admin")

    @admin.action(description="Cancel")
    def cancel(self, request: HttpRequest, queryset: QuerySet[BidSession]) -> None:
        self._each(request, queryset, services.cancel_session, reason="cancelled in the admin")


@admin.register(BidHistory)
class BidHistoryAdmin(ConcealsFields, _ReadOnly, ModelAdmin):
    """The bids that everybody may see with their bidder (`visibility`)."""

    # What somebody could have bid tells what sealed auctions held of it.
    concealed = ("available_before",)

    list_display = ["at", "session", "bidder", "character_name", "amount", "outcome", "code", "took_lead"]
    list_filter = ["outcome", "code"]
    search_fields = ["bidder", "character_name", "session__item_name"]
    list_select_related = ["session"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[BidHistory]:
        return visibility.bids_in_the_admin()


@admin.register(ChatLine)
class ChatLineAdmin(_ReadOnly, ModelAdmin):
    """Lines of chat that were applied, and what they did; without what was bid under seal."""

    list_display = ["applied_at", "kind", "line", "applied_by"]
    list_filter = ["kind"]
    search_fields = ["line"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ChatLine]:
        return visibility.chat_lines_in_the_admin()
