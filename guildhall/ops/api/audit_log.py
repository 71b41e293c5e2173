"""`GET /api/admin/audit-log/`: who did what to what, when and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import django_filters
from django.db.models import QuerySet
from rest_framework import serializers

from guildhall.accounts.api.permissions import principal
from guildhall.core.api.columns import TEXT, Column, person_name
from guildhall.core.api.filters import IdFilter
from guildhall.core.api.rows import Made, OfPage, person
from guildhall.core.api.views import ListAPIView
from guildhall.core.models import AuditEvent
from guildhall.core.selectors import audit_events


class AuditEventOutput(serializers.ModelSerializer[AuditEvent]):
    """One change. `action` is ``app.verb``; `data` has the details, such as the values before and after."""

    actor_id = serializers.IntegerField(allow_null=True, help_text="null for the system itself")
    actor_name = serializers.SerializerMethodField()
    data = serializers.DictField(help_text="differs from action to action")  # type: ignore[assignment]

    class Meta:
        model = AuditEvent
        fields = ["id", "at", "action", "summary", "actor_id", "actor_name", "target_type", "target_id", "data"]

    row_fields: Mapping[str, Made | OfPage] = {"actor_name": person("actor", nobody="")}

    def get_actor_name(self, row: AuditEvent) -> str:
        return str(row.actor) if row.actor is not None else ""


class AuditEventFilter(django_filters.FilterSet):
    """Filters of the audit log."""

    id = IdFilter()
    app = django_filters.CharFilter(method="filter_app", label="the first part of the action, e.g. points")
    action = django_filters.CharFilter()
    actor_id = IdFilter(field_name="actor")
    target_type = django_filters.CharFilter()
    target_id = django_filters.CharFilter()
    at_from = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    at_to = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lte")

    class Meta:
        model = AuditEvent
        fields: list[str] = []

    def filter_app(self, rows: QuerySet[AuditEvent], name: str, value: str) -> QuerySet[AuditEvent]:
        """Return actions of one app."""
        return rows.filter(action__startswith=f"{value}.")


class AuditLogView(ListAPIView[AuditEvent]):
    """Who did what to what, newest first; for officers, and for bots with the scope `admin`.

    What the apps keep from the reader, such as a vote on themselves, is left out.
    """

    required_scopes = {"GET": ("roster:write", "admin")}
    serializer_class = AuditEventOutput
    filterset_class = AuditEventFilter
    queryset = AuditEvent.objects.none()
    search_fields = ["summary", "action"]
    column_paths = {"actor_name": Column(person_name("actor"), TEXT)}
    ordering = ["-at", "-id"]

    def get_queryset(self) -> Any:
        caller = principal(self.request)
        if caller.is_bot:
            caller.require("admin")
        return audit_events(reader=caller.person)
