"""Applications for recruiters: what they may see and do in the admin is what they may in the API.

Only recruiters and officers have the permissions of this app (accounts.services.ensure_groups), so nobody else sees a
vote here. Statuses, votes and decisions are read-only: the actions call the services.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget

from guildhall.accounts.permissions import principal_of
from guildhall.core.admin_base import ReadOnlyAdmin, ServiceAdmin, ServiceForm
from guildhall.core.errors import GuildhallError

from . import selectors, services
from .models import (
    Application,
    ApplicationComment,
    ApplicationQuestion,
    ApplicationStatusChange,
    ApplicationVote,
    RecruitmentPolicy,
)


class ReadOnlyInline(TabularInline):
    """Rows that services write and people read."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class StepInline(ReadOnlyInline):
    model = ApplicationStatusChange
    fields = ("at", "from_status", "to_status", "changed_by", "reason")
    readonly_fields = fields


class VoteInline(ReadOnlyInline):
    model = ApplicationVote
    fields = (
        "voter",
        "round",
        "vote",
        "attendance_percentage",
        "is_counted",
        "vote_changes",
        "cast_at",
        "withdrawn_at",
    )
    readonly_fields = fields


class CommentInline(ReadOnlyInline):
    model = ApplicationComment
    fields = ("created_at", "author", "kind", "body", "visible_to_applicant")
    readonly_fields = fields


def _each(
    model_admin: admin.ModelAdmin[Any],
    request: HttpRequest,
    rows: QuerySet[Application],
    act: Callable[[Application], object],
) -> None:
    """Do `act` to each row; say how many it worked for and, for the others, why not."""
    done = 0
    for row in rows:
        try:
            act(row)
            done += 1
        except GuildhallError as error:
            model_admin.message_user(request, f"{row.character_name}: {error.detail}", messages.ERROR)
    if done:
        model_admin.message_user(request, f"Done for {done}.", messages.SUCCESS)


@admin.register(Application)
class ApplicationAdmin(ReadOnlyAdmin):
    """The queue."""

    list_display = [
        "character_name",
        "character_class",
        "level",
        "status",
        "submitted_at",
        "assigned_to",
        "trial_ends_at",
    ]
    list_filter = ["status", "character_class", "assigned_to"]
    search_fields = ["character_name", "discord_username"]
    list_select_related = ["assigned_to"]
    inlines = [StepInline, CommentInline, VoteInline]
    actions = ["accept_trial", "start_voting", "cancel_voting", "promote_trial", "reject", "reopen"]
    exclude = ["token_hash", "source_address", "name_key", "open_key"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Application]:
        # Drafts are nobody's business yet, and nobody sees the vote on their own application.
        found: QuerySet[Application] = super().get_queryset(request)
        return found.filter(submitted_at__isnull=False).exclude(user=request.user.pk)

    @admin.action(description="Take on trial")
    def accept_trial(self, request: HttpRequest, rows: QuerySet[Application]) -> None:
        _each(self, request, rows, lambda row: services.accept_trial(application=row, actor=request.user))  # type: ignore[arg-type]

    @admin.action(description="Open the vote")
    def start_voting(self, request: HttpRequest, rows: QuerySet[Application]) -> None:
        _each(self, request, rows, lambda row: services.start_voting(application=row, actor=request.user))  # type: ignore[arg-type]

    @admin.action(description="Call the vote off")
    def cancel_voting(self, request: HttpRequest, rows: QuerySet[Application]) -> None:
        why = "called off in the admin"
        _each(self, request, rows, lambda row: services.cancel_voting(application=row, actor=request.user, reason=why))  # type: ignore[arg-type]

    @admin.action(description="Open again")
    def reopen(self, request: HttpRequest, rows: QuerySet[Application]) -> None:
        why = "opened again in the admin"
        _each(self, request, rows, lambda row: services.reopen(application=row, actor=request.user, reason=why))  # type: ignore[arg-type]

    @admin.action(description="Promote to full member")
    def promote_trial(self, request: HttpRequest, rows: QuerySet[Application]) -> None:
        _each(self, request, rows, lambda row: services.promote_trial(application=row, actor=request.user))  # type: ignore[arg-type]

    @admin.action(description="Reject, with the usual words")
    def reject(self, request: HttpRequest, rows: QuerySet[Application]) -> None:
        words = "We have decided not to take you on. Thank you for your interest."
        _each(self, request, rows, lambda row: services.reject(application=row, actor=request.user, reason=words))  # type: ignore[arg-type]


class QuestionForm(ServiceForm):
    """A question; its choices one a line."""

    choices = forms.CharField(
        required=False,
        widget=UnfoldAdminTextareaWidget,
        help_text="For one of several and some of several: each choice on a line of its own.",
    )

    class Meta:
        model = ApplicationQuestion
        fields = ["wording", "help_text", "kind", "choices", "required", "order", "is_active"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["choices"] = "\n".join(self.instance.choices)

    def clean_choices(self) -> list[str]:
        return str(self.cleaned_data["choices"]).splitlines()

    def perform(self, values: dict[str, Any]) -> ApplicationQuestion:
        stored = ApplicationQuestion.objects.get(pk=self.instance.pk) if self.instance.pk else None
        return services.save_question(question=stored, actor=self.actor, **values)


@admin.register(ApplicationQuestion)
class ApplicationQuestionAdmin(SimpleHistoryAdmin, ServiceAdmin):
    """The questionnaire."""

    form = QuestionForm
    list_display = ["wording", "kind", "required", "order", "is_active"]
    list_filter = ["is_active", "kind"]
    search_fields = ["wording"]


class PolicyForm(ServiceForm):
    """How this guild recruits."""

    class Meta:
        model = RecruitmentPolicy
        fields = "__all__"

    def perform(self, values: dict[str, Any]) -> RecruitmentPolicy:
        return services.edit_policy(actor=self.actor, **values)


@admin.register(RecruitmentPolicy)
class RecruitmentPolicyAdmin(SimpleHistoryAdmin, ServiceAdmin):
    """How this guild recruits: one row."""

    form = PolicyForm
    list_display = ["__str__", "is_open", "voting_hours", "minimum_attendance", "quorum", "threshold_percent", "tie"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        may = super().has_add_permission(request) and selectors.may_edit_policy(principal_of(request))
        return may and not RecruitmentPolicy.objects.exists()

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return super().has_change_permission(request, obj) and selectors.may_edit_policy(principal_of(request))
