"""`/api/bidding/chat-doubts/`: lines of chat that a person has to decide."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.auctions.models import ChatLine
from guildhall.auctions.services import chat_doubts
from guildhall.core.api.fields import PointsField
from guildhall.core.api.filters import MAX_ID
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.serializers import Serializer
from guildhall.core.api.views import APIView, ListAPIView

from . import people
from .shared import given

_TEXT: dict[str, object] = {"type": "string"}
_TEXT_OR_NONE: dict[str, object] = {"type": "string", "nullable": True}
_TEXTS: dict[str, object] = {"type": "array", "items": _TEXT}


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "meant": {"type": "string", "description": "what it was read as: award, open, close, cancel, undo, bid, …"},
            "item": _TEXT_OR_NONE,
            "character_name": _TEXT_OR_NONE,
            "amount": _TEXT_OR_NONE,
            "category": _TEXT_OR_NONE,
            "quantity": {"type": "integer"},
            "high": {"type": "integer", "description": "of a roll: the upper bound"},
            "result": {"type": "integer", "description": "of a roll: what turned up"},
            "left_over": {**_TEXTS, "nullable": True, "description": "the words that nothing accounts for"},
            "suggestions": {**_TEXTS, "nullable": True},
            "reason": _TEXT,
            "detail": _TEXT,
            "convention": _TEXT,
            "channel": _TEXT,
        },
    }
)
class UnderstoodField(serializers.JSONField):
    """What was understood of a line."""


@extend_schema_field(
    {
        "type": "object",
        "description": "why nothing was done, or what applying it did",
        "properties": {
            "outcome": {"type": "string", "enum": ["applied", "skipped"]},
            "code": _TEXT,
            "detail": _TEXT,
            "bid_session_id": _TEXT,
            "bid_session_ids": _TEXTS,
            "bid_id": {"type": "integer"},
            "roll_id": {"type": "integer"},
            "counts": {"type": "boolean"},
            "leads": {"type": "boolean"},
            "rot": {"type": "boolean"},
            "loot_ids": {"type": "array", "items": {"type": "integer"}},
        },
    }
)
class ResultField(serializers.JSONField):
    """What became of a line."""


class DoubtSerializer(serializers.ModelSerializer[ChatLine]):
    """A line of chat that was not understood whole. It moved nothing; it does so once, when somebody applies it."""

    understood = UnderstoodField(source="doubt")
    result = ResultField()
    raid_id = serializers.IntegerField(allow_null=True)
    dkp_pool_id = serializers.IntegerField(source="pool_id", allow_null=True)
    decided_by_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = ChatLine
        fields = [
            "fingerprint", "state", "line", "speaker", "said_at", "understood", "result", "raid_id", "dkp_pool_id",
            "decided_at", "decided_by_id",
        ]  # fmt: skip
        read_only_fields = fields


class CorrectionInput(Serializer):
    """What the line means: `item` always, `character_name` and `amount` for an award or a bid; of a roll `character_name`."""

    kind = serializers.ChoiceField(choices=list(chat_doubts.KINDS))
    item = serializers.CharField(max_length=200)
    character_name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    amount = PointsField(required=False, allow_null=True, help_text="price, bid, or the least bid of an opening")
    quantity = serializers.IntegerField(required=False, min_value=1, max_value=100)
    high = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=MAX_ID, help_text="of a roll; left out, as the log says"
    )
    result = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, max_value=MAX_ID, help_text="of a roll; left out, as the log says"
    )


class DoubtFilter(django_filters.FilterSet):
    """Filters of doubts."""

    state = django_filters.ChoiceFilter(choices=ChatLine.State.choices)

    class Meta:
        model = ChatLine
        fields: list[str] = []


class DoubtsView(ListAPIView[ChatLine]):
    """Lines of chat that were not understood whole, the newest first. Officers and bots that run auctions read them."""

    required_scopes = "bidding:write"
    serializer_class = DoubtSerializer
    filterset_class = DoubtFilter
    queryset = ChatLine.objects.none()
    search_fields = ["line", "speaker"]

    def get_queryset(self) -> QuerySet[ChatLine]:
        if getattr(self, "swagger_fake_view", False):
            return ChatLine.objects.none()
        people.runs_auctions(self.request)
        return chat_doubts.doubts()


class ApplyDoubtView(APIView):
    """Apply a doubtful line as you say, once. 409 `doubt_decided` where somebody did before."""

    required_scopes = "bidding:write"

    @extend_schema(
        request=CorrectionInput,
        responses=DoubtSerializer,
        examples=[
            OpenApiExample(
                "an award",
                {"kind": "award", "item": "Cloak of Flames", "character_name": "Aeli", "amount": "40"},
                request_only=True,
            )
        ],
    )
    @idempotent
    def post(self, request: Request, fingerprint: str) -> Response:
        actor = people.runs_auctions(request)
        correction = chat_doubts.Correction(**given(CorrectionInput, request))
        row = chat_doubts.apply_doubt(fingerprint=fingerprint, correction=correction, actor=actor)
        return Response(DoubtSerializer(row).data)


class DismissDoubtView(APIView):
    """Say that a doubtful line means nothing here."""

    required_scopes = "bidding:write"

    @extend_schema(request=None, responses=DoubtSerializer)
    @idempotent
    def post(self, request: Request, fingerprint: str) -> Response:
        actor = people.runs_auctions(request)
        return Response(DoubtSerializer(chat_doubts.dismiss_doubt(fingerprint=fingerprint, actor=actor)).data)


class ReopenDoubtView(APIView):
    """Take a dismissal back. What was applied is undone where it was done: at the award, or the auction."""

    required_scopes = "bidding:write"

    @extend_schema(request=None, responses=DoubtSerializer)
    @idempotent
    def post(self, request: Request, fingerprint: str) -> Response:
        actor = people.runs_auctions(request)
        return Response(DoubtSerializer(chat_doubts.reopen_doubt(fingerprint=fingerprint, actor=actor)).data)
