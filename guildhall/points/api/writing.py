"""Writing points: adjustments and reversals (PRD 5.2.6, 3.8.1). Each honours `Idempotency-Key`."""

from __future__ import annotations

from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, PolymorphicProxySerializer, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.models import User
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.filters import IdFilter
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.kept import kept
from guildhall.core.api.previews import previewed_anew
from guildhall.core.api.rows import page_of, row_of
from guildhall.core.api.views import GenericViewSet, ListModelMixin
from guildhall.core.errors import BadInput, NotFound, contradiction
from guildhall.core.ids import UserId
from guildhall.points import selectors, services
from guildhall.points.models import DKPPool, EntryKind, LedgerEntry, PointAdjustment
from guildhall.roster.selectors import find_person

from .serializers import (
    AdjustmentInput,
    AdjustmentPreviewSerializer,
    AdjustmentSerializer,
    BulkAdjustmentSerializer,
    EntrySerializer,
    ReasonInput,
    StatementSerializer,
)


def reason_of(request: Request) -> str:
    """Return the `reason` of a request's body."""
    given = ReasonInput(data=request.data)
    given.is_valid(raise_exception=True)
    return str(given.validated_data["reason"])


class AdjustmentFilter(django_filters.FilterSet):
    """`?user_id=`, `?dkp_pool_id=`, `?batch=`, `?since=`, `?until=`, `?standing=true` for those not undone."""

    user_id = IdFilter(field_name="user_id")
    discord_id = django_filters.CharFilter(field_name="user__discord_id")
    dkp_pool_id = IdFilter(field_name="pool_id")
    batch = django_filters.UUIDFilter()
    created_by = IdFilter(field_name="created_by_id")
    since = django_filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="lte")
    standing = django_filters.BooleanFilter(field_name="reversed_at", lookup_expr="isnull")


_ADJUSTMENTS = PolymorphicProxySerializer(
    component_name="AdjustmentAnswer",
    serializers=[AdjustmentSerializer, BulkAdjustmentSerializer],
    resource_type_field_name=None,
)


class PointAdjustmentViewSet(ListModelMixin, GenericViewSet[PointAdjustment]):
    """`/api/points/adjustments/`."""

    required_scopes = "points"
    serializer_class = AdjustmentSerializer
    queryset = PointAdjustment.objects.none()
    filterset_class = AdjustmentFilter
    column_aliases = {"dkp_pool": "dkp_pool_id"}
    hidden_columns = {"notes": "shown to those who write points alone"}
    search_fields = ["reason", "character_name", "user__display_name"]

    def get_queryset(self) -> QuerySet[PointAdjustment]:
        return selectors.adjustments()

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "sees_notes": principal(self.request).can("points:write")}

    @kept(PointAdjustment, LedgerEntry, DKPPool, User)
    def list(self, request: Request, *args: object, **kwargs: object) -> Any:
        """Return adjustments, newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(
        request=AdjustmentInput,
        responses={200: AdjustmentPreviewSerializer, 201: _ADJUSTMENTS},
        examples=[
            OpenApiExample(
                "look first", {"user_ids": [12, 31], "amount": "-5", "reason": "Missed the call", "preview": True},
                request_only=True,
            ),
            OpenApiExample(
                "one person",
                {"user_id": 12, "dkp_pool_id": 1, "amount": "25.00", "reason": "Tracked all week", "notes": "",
                 "character_name": "Aeli"},
                request_only=True,
            ),
            OpenApiExample(
                "many", {"user_ids": [12, 31, 40], "amount": "-5", "reason": "Missed the call"}, request_only=True
            ),
        ],
    )  # fmt: skip
    @idempotent
    def create(self, request: Request) -> Response:
        """Give points, or take them with a negative amount: one person's (`user_id`) or many's (`user_ids`).

        With `preview` nothing is posted: the answer says what each would have, and its `digest`, sent with the same
        request without `preview`, posts exactly that or nothing (409 `preview_changed`).
        """
        given = AdjustmentInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        many = "user_ids" in data
        asked: dict[str, Any] = {
            "user_ids": _people(data),
            "pool": selectors.pool_or_default(data.get("dkp_pool_id")),
            "amount": data["amount"],
            "reason": data["reason"],
            "notes": data.get("notes", ""),
            "character_name": data.get("character_name", ""),
            "occurred_at": data.get("occurred_at"),
        }

        def preview() -> object:
            return AdjustmentPreviewSerializer(services.preview_adjustment(**asked)).data

        if data["preview"]:
            return Response(preview())
        with previewed_anew(preview):
            made = services.adjust_points(**asked, digest=data.get("digest"), actor=principal(request).user)
        rows = selectors.adjustments().filter(document__in=[one.document for one in made]).order_by("pk")
        written = AdjustmentSerializer(rows, many=True, context=self.get_serializer_context()).data
        if not many:
            return Response(written[0], status=201)
        return Response({"batch": made[0].batch, "count": len(written), "results": written}, status=201)


def _people(data: dict[str, Any]) -> list[int]:
    """Return whom an adjustment is about: exactly one of `user_id`, `discord_id` and `user_ids` says so."""
    named = [name for name in ("user_id", "discord_id", "user_ids") if name in data]
    if len(named) > 1:
        raise contradiction(named[0], named[1], "each says who it is about.", code="both_given")
    if not named:
        raise BadInput("Say who: user_id, discord_id or user_ids, one of them.", code="required", attr="user_id")
    if "user_ids" in data:
        return list(data["user_ids"])
    return [find_person(user_id=data.get("user_id"), discord_id=data.get("discord_id")).pk]


class EntryFilter(django_filters.FilterSet):
    """`?user_id=`, `?dkp_pool_id=`, `?kind=`, `?character_name=`, `?document=`, `?context=`, `?since=`, `?until=`."""

    user_id = IdFilter(field_name="user_id")
    dkp_pool_id = IdFilter(field_name="pool_id")
    kind = django_filters.ChoiceFilter(choices=EntryKind.choices)
    character_name = django_filters.CharFilter(lookup_expr="iexact")
    document = django_filters.UUIDFilter()
    context = django_filters.UUIDFilter()
    since = django_filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="occurred_at", lookup_expr="lte")


class EntryViewSet(GenericViewSet[LedgerEntry]):
    """`/api/points/entries/`: the ledger itself. Nothing in it is ever changed; a wrong entry is reversed."""

    required_scopes = "points"
    serializer_class = EntrySerializer
    queryset = LedgerEntry.objects.none()
    lookup_value_regex = ID_PATTERN
    filterset_class = EntryFilter
    column_aliases = {"dkp_pool": "dkp_pool_id"}
    search_fields = ["description", "character_name"]

    def get_queryset(self) -> QuerySet[LedgerEntry]:
        return selectors.ledger_entries()

    @extend_schema(responses=EntrySerializer(many=True))
    @kept(LedgerEntry, DKPPool, User)
    def list(self, request: Request) -> object:
        """Return movements of everybody, newest first."""
        return page_of(self, self.filter_queryset(self.get_queryset()))

    @extend_schema(responses=StatementSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """Return one movement, with the balance that it left."""
        return Response(_entry(int(pk)))

    @extend_schema(
        request=ReasonInput,
        responses={201: StatementSerializer},
        examples=[OpenApiExample("why", {"reason": "typed twice"}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def reverse(self, request: Request, pk: str) -> Response:
        """Undo a movement, and what it belongs to in every pool; returns the reversing entry. At most once."""
        reversal = services.reverse_entry(entry_id=int(pk), reason=reason_of(request), actor=principal(request).user)
        return Response(_entry(LedgerEntry.objects.get(reverses_id=reversal.reverses_id).pk), status=201)


def _entry(pk: int) -> dict[str, object]:
    user_id = LedgerEntry.objects.filter(pk=pk).values_list("user_id", flat=True).first()
    if user_id is None:
        raise NotFound(f"There is no entry {pk}.", code="unknown_entry")
    found = row_of(selectors.statement(user_id=UserId(user_id)).filter(pk=pk), StatementSerializer)
    assert found is not None  # nothing is ever deleted
    return found
