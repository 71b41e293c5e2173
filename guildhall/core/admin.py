"""Guildhall's own records: read here, changed nowhere. A dead letter can be sent again."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from . import audit, outbox
from .admin_base import ReadOnlyAdmin, each
from .models import AuditEvent, IdempotencyKey, JobRun, OutboxMessage

# Groups mirror the roles (accounts.services); changing them by hand would put them out of step.
if admin.site.is_registered(Group):
    admin.site.unregister(Group)


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin):
    """Who did what, when and why."""

    list_display = ["at", "actor", "action", "summary"]
    list_filter = ["action", ("at", admin.DateFieldListFilter)]
    search_fields = ["summary", "action", "target_id", "actor__display_name"]
    list_select_related = ["actor"]
    date_hierarchy = "at"

    def get_queryset(self, request: HttpRequest) -> Any:
        return audit.visible_to(request.user, super().get_queryset(request))


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    """What is on its way out; dead letters wait here for somebody to look at them."""

    list_display = ["id", "topic", "state", "attempts", "due_at", "delivered_at", "outcome", "last_error"]
    list_filter = ["state", "topic"]
    search_fields = ["topic", "order_key", "last_error"]
    actions = ["send_again"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return outbox.visible_to(request.user, super().get_queryset(request))

    @admin.action(description="Send the selected dead letters again")
    def send_again(self, request: HttpRequest, queryset: QuerySet[OutboxMessage]) -> None:
        dead = queryset.filter(state=OutboxMessage.State.DEAD)
        each(self, request, dead, lambda message: outbox.resend(message_id=message.pk), "will be sent again.")


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """That a request was answered, and whose it was; never the answer, which was its owner's alone: a vote, a new key's text."""

    list_display = ["created_at", "owner", "key", "status_code"]
    search_fields = ["owner", "key"]
    exclude = ["body", "request_hash"]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        hidden = lookup.partition("__")[0] in self.exclude
        return not hidden and super().lookup_allowed(lookup, value, request)  # type: ignore[arg-type]


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    """When each scheduled job last ran."""

    list_display = ["name", "started_at", "finished_at", "succeeded_at", "error"]
    search_fields = ["name"]
