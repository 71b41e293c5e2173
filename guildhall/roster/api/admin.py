"""`/api/admin/roster-audit/` and `/api/admin/bulk-rank-update/` (PRD 5.2.10)."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.core.api.fields import AliasesMixin
from guildhall.core.api.filters import MAX_ID
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.previews import DigestField, ShownDigestField, previewed_anew
from guildhall.core.api.serializers import Serializer
from guildhall.core.api.views import APIView
from guildhall.core.errors import BadInput
from guildhall.roster import services
from guildhall.roster.audit import ADVICE, Audit, roster_audit
from guildhall.roster.models import Rank

from .serializers import RankField

KEEPERS = ("roster:write", "admin")


class FindingSerializer(Serializer):
    """One thing out of order."""

    detail = serializers.CharField()
    user_id = serializers.IntegerField(allow_null=True)
    display_name = serializers.CharField(allow_null=True)
    character_id = serializers.IntegerField(allow_null=True)
    character_name = serializers.CharField(allow_null=True)


class RosterAuditSerializer(Serializer):
    """The findings by kind; `advice` says what to do about each kind."""

    total = serializers.IntegerField()
    advice = serializers.DictField(child=serializers.CharField())

    def get_fields(self) -> dict[str, Any]:
        return {
            **super().get_fields(),
            **{name: FindingSerializer(many=True) for name in Audit.__dataclass_fields__},
        }


class RosterAuditView(APIView):
    """`GET /api/admin/roster-audit/`."""

    required_scopes = {"GET": KEEPERS}

    @extend_schema(responses=RosterAuditSerializer)
    def get(self, request: Request) -> Response:
        """Return people without a main, mains of nobody, characters without an owner, ranks out of step."""
        audit = roster_audit()
        return Response({"total": audit.total, "advice": ADVICE, **asdict(audit)})


class BulkRankInput(AliasesMixin, Serializer):
    """Either `character_ids` and `rank`, or `undo` with the batch of an earlier update."""

    aliases = {"rank_id": "rank"}

    character_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=MAX_ID),
        required=False,
        allow_empty=False,
        max_length=2000,
    )
    rank = RankField(queryset=Rank.objects.all(), required=False, allow_null=True, help_text="an id or a name")
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300)
    preview = serializers.BooleanField(required=False, default=False, help_text="show it, change nothing")
    digest = DigestField()
    undo = serializers.UUIDField(required=False, help_text="the batch to undo")

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        if "undo" not in attrs and not {"character_ids", "rank"} <= attrs.keys():
            missing = "rank" if "character_ids" in attrs else "character_ids"
            raise BadInput("Name the characters (character_ids) and the rank.", code="required", attr=missing)
        return attrs


class RankStepSerializer(Serializer):
    """One character's part; `changes` is false where it has that rank already."""

    character_id = serializers.IntegerField()
    name = serializers.CharField()
    before = serializers.CharField(allow_null=True)
    after = serializers.CharField(allow_null=True)
    changes = serializers.BooleanField()


class BulkRankSerializer(Serializer):
    """What was done, or would be. `batch` takes it back: send it as `undo`."""

    preview = serializers.BooleanField()
    digest = ShownDigestField(allow_null=True)
    batch = serializers.UUIDField(allow_null=True)
    changed = serializers.IntegerField()
    steps = RankStepSerializer(many=True)


class BulkRankUpdateView(APIView):
    """`POST /api/admin/bulk-rank-update/`."""

    required_scopes = {"POST": KEEPERS}

    @extend_schema(
        request=BulkRankInput,
        responses=BulkRankSerializer,
        examples=[
            OpenApiExample(
                "look first", {"character_ids": [4, 8], "rank": "Raider", "preview": True}, request_only=True
            ),
            OpenApiExample(
                "do it", {"character_ids": [4, 8], "rank": "Raider", "reason": "Trial passed"}, request_only=True
            ),
            OpenApiExample("take it back", {"undo": "f1b2c9de-6a41-4a53-93a4-0f8f2f8d5a11"}, request_only=True),
        ],
    )
    @idempotent
    def post(self, request: Request) -> Response:
        """Give many characters a rank, all or none; or undo it, where the rank has not been changed again since."""
        given = BulkRankInput(data=request.data)
        given.is_valid(raise_exception=True)
        data, actor = given.validated_data, principal(request).user
        if "undo" in data:
            return self._answer(
                services.undo_bulk_rank(batch=data["undo"], actor=actor, reason=data.get("reason", "")), preview=False
            )
        who: dict[str, Any] = {"character_ids": data["character_ids"], "rank": data["rank"]}
        if data["preview"]:
            return self._answer(services.preview_bulk_rank(**who), preview=True)
        with previewed_anew(lambda: self._body(services.preview_bulk_rank(**who), preview=True)):
            done = services.bulk_set_rank(**who, actor=actor, reason=data.get("reason", ""), digest=data.get("digest"))
        return self._answer(done, preview=False)

    def _answer(self, result: services.BulkRankResult, *, preview: bool) -> Response:
        return Response(self._body(result, preview=preview))

    def _body(self, result: services.BulkRankResult, *, preview: bool) -> object:
        changed = sum(step.changes for step in result.steps)
        found = {
            "preview": preview,
            "digest": result.digest,
            "batch": result.batch,
            "changed": changed,
            "steps": result.steps,
        }
        return BulkRankSerializer(found).data
