"""`/api/batches/`: what was done to many rows in one go, with one undo for each kind (`core.batches`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import django_filters
from django.db.models import BooleanField, ExpressionWrapper, Q, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.core import batches
from guildhall.core.api.columns import FLAG, Column
from guildhall.core.api.filters import IdFilter
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.previews import DigestField, ShownDigestField, previewed_anew
from guildhall.core.api.rows import Made, OfPage, by_model, page_of
from guildhall.core.api.serializers import Serializer
from guildhall.core.api.views import GenericViewSet
from guildhall.core.errors import BadInput
from guildhall.core.models import Batch
from guildhall.points.api.serializers import BidsAtRiskSerializer
from guildhall.points.uncovered import bids_at_risk

WRITERS = ("points:write", "roster:write", "raids:write", "loot:write")


def _why_never(batch: Batch) -> str:
    kind = batches.kind_of(batch)
    return kind.why_not if kind.undo is None else ""


class BatchSerializer(serializers.ModelSerializer[Batch]):
    """Something that was done to many rows in one go."""

    kind_label = serializers.SerializerMethodField()
    actor_id = serializers.IntegerField(read_only=True, allow_null=True)
    actor: serializers.StringRelatedField[Any] = serializers.StringRelatedField(allow_null=True)
    undone_by: serializers.StringRelatedField[Any] = serializers.StringRelatedField(allow_null=True)
    is_undone = serializers.SerializerMethodField()
    cannot_be_undone = serializers.SerializerMethodField(help_text="why none of its kind can be undone; else empty")

    class Meta:
        model = Batch
        fields = [
            "id", "kind", "kind_label", "title", "reason", "size", "at", "actor_id", "actor", "is_undone", "undone_at",
            "undone_by", "undo_reason", "cannot_be_undone",
        ]  # fmt: skip
        read_only_fields = fields

    row_fields: Mapping[str, Made | OfPage] = {
        "kind_label": by_model(Batch, lambda batch: batches.kind_of(batch).label, "kind"),
        "is_undone": Made(("undone_at",), lambda undone_at: undone_at is not None),
        "cannot_be_undone": by_model(Batch, _why_never, "kind"),
    }

    def get_kind_label(self, batch: Batch) -> str:
        return batches.kind_of(batch).label

    def get_cannot_be_undone(self, batch: Batch) -> str:
        return _why_never(batch)

    def get_is_undone(self, batch: Batch) -> bool:
        return batch.undone_at is not None


class BatchRowSerializer(Serializer):
    """One part of a batch."""

    label = serializers.CharField()  # type: ignore[assignment]
    what = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=[batches.STANDING, batches.UNDONE, batches.CHANGED])
    note = serializers.CharField(allow_blank=True)


class BatchDetailSerializer(BatchSerializer):
    """A batch with its parts as they stand. Send `digest` with the undo to undo exactly those that stand here."""

    digest = ShownDigestField()
    state = serializers.ChoiceField(choices=["standing", "partly_undone", "undone"], read_only=True)
    can_undo = serializers.BooleanField(read_only=True)
    why_not = serializers.CharField(read_only=True, allow_blank=True)
    rows = BatchRowSerializer(many=True, read_only=True)
    bids_at_risk = BidsAtRiskSerializer(read_only=True)

    class Meta(BatchSerializer.Meta):
        fields = [*BatchSerializer.Meta.fields, "digest", "state", "can_undo", "why_not", "rows", "bids_at_risk"]
        read_only_fields = fields


class BatchUndoneSerializer(BatchDetailSerializer):
    """A batch after its undo: what was undone, and what was left because it was undone before or changed since."""

    undone = BatchRowSerializer(many=True, read_only=True)
    left = BatchRowSerializer(many=True, read_only=True)

    class Meta(BatchDetailSerializer.Meta):
        fields = [*BatchDetailSerializer.Meta.fields, "undone", "left"]
        read_only_fields = fields


class UndoBatchInput(Serializer):
    """Why; and the digest of the batch as it was seen."""

    reason = serializers.CharField(max_length=300)
    digest = DigestField()


class BatchFilter(django_filters.FilterSet):
    """Filters of `/api/batches/`."""

    kind = django_filters.CharFilter(method="filter_kind")
    actor_id = IdFilter(field_name="actor_id")
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lte")
    is_undone = django_filters.BooleanFilter(field_name="undone_at", lookup_expr="isnull", exclude=True)

    def filter_kind(self, rows: Any, name: str, value: str) -> object:
        """Return batches of this kind.

        Raises:
            BadInput: ``invalid_choice``, with the kinds that there are.
        """
        known = [kind.name for kind in batches.kinds()]
        if value not in known:
            raise BadInput(f"kind is one of {', '.join(known)}.", code="invalid_choice", attr=name)
        return rows.filter(kind=value)


class BatchViewSet(GenericViewSet[Batch]):
    """What was done to many rows in one go: adjustments, runs, attendance, ranks, dumps, imports, merges."""

    required_scopes = {"GET": WRITERS, "POST": WRITERS}
    serializer_class = BatchSerializer
    queryset = Batch.objects.none()
    lookup_value_regex = "[0-9a-fA-F-]{36}"
    filterset_class = BatchFilter
    search_fields = ["title", "reason"]
    column_paths = {"is_undone": Column(ExpressionWrapper(Q(undone_at__isnull=False), BooleanField()), FLAG)}
    hidden_columns = {"kind_label": "the words for `kind`", "cannot_be_undone": "goes by `kind`"}

    def get_queryset(self) -> QuerySet[Batch]:
        who = principal(self.request)
        return batches.listed(
            kinds=[kind.name for kind in batches.kinds() if any(who.can(scope) for scope in kind.scopes)]
        )

    @extend_schema(responses=BatchSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Return those that you may undo, newest first."""
        return page_of(self, self.filter_queryset(self.get_queryset()))

    @extend_schema(responses=BatchDetailSerializer)
    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One, part by part, with what undoing it would undo and leave."""
        return Response(_detail(self._find(request, pk)))

    @extend_schema(
        request=UndoBatchInput,
        responses=BatchUndoneSerializer,
        examples=[OpenApiExample("why", {"reason": "wrong raid"}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def undo(self, request: Request, pk: UUID) -> Response:
        """Undo whatever still stands of it, in one go and once. A merge cannot be undone (409 `cannot_be_undone`)."""
        given = UndoBatchInput(data=request.data)
        given.is_valid(raise_exception=True)
        batch = self._find(request, pk)
        with previewed_anew(lambda: _detail(batch)):
            done = batches.undo_batch(
                batch=batch,
                actor=principal(request).user,
                reason=given.validated_data["reason"],
                digest=given.validated_data.get("digest"),
            )
        after = _detail(batches.find(batch.pk))
        rows = {name: BatchRowSerializer(getattr(done, what), many=True).data for name, what in _OUTCOME.items()}
        return Response({**after, **rows})

    def _find(self, request: Request, pk: UUID) -> Batch:
        batch = batches.find(pk)
        principal(request).require(*batches.kind_of(batch).scopes)
        return batch


_OUTCOME = {"undone": "undone_now", "left": "left"}


def _detail(batch: Batch) -> dict[str, object]:
    view = batches.preview_undo_batch(batch=batch)
    return {
        **BatchSerializer(batch).data,
        "digest": view.digest,
        "state": view.state,
        "can_undo": view.can_undo,
        "why_not": view.why_not,
        "rows": BatchRowSerializer(view.rows, many=True).data,
        "bids_at_risk": BidsAtRiskSerializer(bids_at_risk(view.changes)).data,
    }
