"""What points look like outside (docs/api-contract.md, "Points"). Amounts are text with two places."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from guildhall.core.api.fields import IdField, PlainDecimalField, PointsField
from guildhall.core.api.filters import MAX_ID
from guildhall.core.api.previews import DigestField, ShownDigestField
from guildhall.core.api.rows import Made, OfPage, Page
from guildhall.core.api.serializers import Serializer
from guildhall.core.money import show_points
from guildhall.points.models import AltPolicy, DKPPool, EntryKind, PointAdjustment, PointRule, PointRuleRun
from guildhall.points.selectors import balances_after
from guildhall.points.services import AdjustmentPreview
from guildhall.points.uncovered import bids_at_risk


class PoolSerializer(serializers.ModelSerializer[DKPPool]):
    """A pool of points. A closed one (`is_active` false) takes no new points and no bids."""

    name = serializers.CharField(max_length=80)
    decimal_places = serializers.IntegerField(required=False, min_value=0, max_value=2)
    alt_policy = serializers.ChoiceField(choices=AltPolicy.choices, required=False)
    alt_share_percent = serializers.IntegerField(required=False, min_value=0, max_value=100)
    start_points = PointsField(required=False)

    class Meta:
        model = DKPPool
        fields = [
            "id", "name", "description", "is_active", "is_default", "allow_negative", "decimal_places", "alt_policy",
            "alt_share_percent", "start_points", "start_points_since", "created_at",
        ]  # fmt: skip
        read_only_fields = ["created_at"]


class BalanceSerializer(Serializer):
    """What a person has in a pool; `available` is `balance` less what their leading bids hold."""

    dkp_pool_id = serializers.IntegerField()
    dkp_pool = serializers.CharField()
    earned = PointsField()
    spent = PointsField()
    adjusted = PointsField()
    balance = PointsField()
    held = PointsField()
    available = PointsField()


class UserPointsSerializer(Serializer):
    """A person's balances, the default pool first."""

    user_id = serializers.IntegerField()
    discord_id = serializers.CharField(allow_null=True)
    display_name = serializers.CharField()
    pools = BalanceSerializer(many=True)


class StandingSerializer(Serializer):
    """One row of the standings; equal balances share a rank."""

    rank = serializers.IntegerField()
    user_id = serializers.IntegerField()
    discord_id = serializers.CharField(allow_null=True)
    display_name = serializers.CharField()
    main_character = serializers.CharField(allow_null=True)
    character_class = serializers.CharField(allow_null=True)
    earned = PointsField()
    spent = PointsField()
    adjusted = PointsField()
    balance = PointsField()
    attendance_30d = serializers.DecimalField(
        max_digits=5, decimal_places=2, allow_null=True, help_text="per cent of the checks of the last 30 days"
    )


class EntrySerializer(Serializer):
    """One movement. `reverses` is the entry that it undoes, `reversed_by` the one that undid it."""

    id = serializers.IntegerField()
    occurred_at = serializers.DateTimeField()
    created_at = serializers.DateTimeField()
    user_id = serializers.IntegerField()
    dkp_pool_id = serializers.IntegerField(source="pool_id")
    dkp_pool = serializers.CharField(source="pool.name")
    kind = serializers.ChoiceField(choices=EntryKind.choices)
    bucket = serializers.CharField(help_text="the figure that it counts in: earned, spent or adjusted")
    amount = PointsField()
    character_name = serializers.CharField(allow_blank=True)
    description = serializers.CharField(allow_blank=True)
    reverses = serializers.IntegerField(source="reverses_id", allow_null=True)
    reversed_by = serializers.IntegerField(source="reversed_by.id", allow_null=True)
    document = serializers.UUIDField(allow_null=True, help_text="what it belongs to and is undone with")
    context = serializers.UUIDField(allow_null=True, help_text="the raid, run or import that is part of")  # type: ignore[assignment]
    created_by_id = serializers.IntegerField(allow_null=True)

    row_fields: Mapping[str, Made | OfPage] = {
        name: Made((name,), lambda moment: moment) for name in ("occurred_at", "created_at")
    }
    """Times stay times: a workbook has them as dates."""


def _balances_after(
    page: Page, ids: Sequence[int], user_ids: Sequence[int], pools: Sequence[int], times: Sequence[dt.datetime]
) -> list[str]:
    found = balances_after(user_ids[0], zip(ids, pools, times, strict=True))  # a statement is one person's
    return [show_points(found[one]) for one in ids]


class StatementSerializer(EntrySerializer):
    """A movement with the balance that it left in its pool."""

    balance_after = PointsField()

    row_fields: Mapping[str, Made | OfPage] = {
        **EntrySerializer.row_fields,
        "balance_after": OfPage(("id", "user_id", "pool_id", "occurred_at"), _balances_after),
    }


class AdjustmentInput(Serializer):
    """Points given or, with a negative amount, taken: from one person (`user_id`) or many (`user_ids`), all or none."""

    user_id = serializers.IntegerField(required=False, min_value=0)
    discord_id = serializers.CharField(required=False, max_length=20, help_text="instead of user_id")
    user_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=MAX_ID),
        required=False,
        allow_empty=False,
        max_length=5000,
    )
    dkp_pool_id = serializers.IntegerField(
        required=False, allow_null=True, min_value=0, help_text="the default pool where left out"
    )
    amount = PointsField()
    reason = serializers.CharField(max_length=200)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=5000)
    character_name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    occurred_at = serializers.DateTimeField(required=False)
    preview = serializers.BooleanField(required=False, default=False, help_text="show what it would do; change nothing")
    digest = DigestField()


class AdjustmentStepSerializer(Serializer):
    """What an adjustment would do to one person."""

    user_id = serializers.IntegerField()
    display_name = serializers.CharField()
    before = PointsField()
    after = PointsField()


class BidAtRiskSerializer(Serializer):
    """Somebody who leads in the open with more than they would have left in this pool."""

    user_id = serializers.IntegerField()
    display_name = serializers.CharField()
    dkp_pool_id = serializers.IntegerField()
    dkp_pool = serializers.CharField()
    held_by_bids = PointsField(help_text="what their bids in open auctions hold; of sealed ones nothing is told")
    after = PointsField(help_text="the balance that they would have")
    uncovered = PointsField()


class BidsAtRiskSerializer(Serializer):
    """Whose bids would not be covered any more, and what becomes of them. Who has bid in sealed auctions is not told."""

    people = BidAtRiskSerializer(many=True)
    sealed_auctions = serializers.IntegerField(help_text="how many run in the pools from which points are taken")
    what_happens = serializers.CharField(allow_blank=True, help_text="in words; empty where no bids are concerned")


class AdjustmentPreviewSerializer(Serializer):
    """What an adjustment would do, person by person. Send the same again with `digest` to post exactly that."""

    digest = ShownDigestField()
    dkp_pool_id = serializers.IntegerField(source="pool.pk")
    dkp_pool = serializers.CharField(source="pool.name")
    amount = PointsField()
    people = serializers.SerializerMethodField()
    steps = AdjustmentStepSerializer(many=True)
    bids_at_risk = serializers.SerializerMethodField()

    def get_people(self, preview: AdjustmentPreview) -> int:
        return len(preview.steps)

    @extend_schema_field(BidsAtRiskSerializer)
    def get_bids_at_risk(self, preview: AdjustmentPreview) -> Any:
        return BidsAtRiskSerializer(bids_at_risk(preview.changes)).data


class AdjustmentSerializer(serializers.ModelSerializer[PointAdjustment]):
    """An adjustment as it stands; `reversed_at` once it was undone. `notes` are for who writes points."""

    user_id = serializers.IntegerField(read_only=True)
    discord_id = serializers.CharField(source="user.discord_id", read_only=True, allow_null=True)
    display_name = serializers.CharField(source="user.__str__", read_only=True)
    dkp_pool_id = serializers.IntegerField(source="pool_id", read_only=True)
    dkp_pool = serializers.CharField(source="pool.name", read_only=True)
    amount = PointsField(read_only=True)
    notes = serializers.SerializerMethodField()
    created_by: serializers.StringRelatedField[Any] = serializers.StringRelatedField(allow_null=True)

    class Meta:
        model = PointAdjustment
        fields = [
            "id", "user_id", "discord_id", "display_name", "dkp_pool_id", "dkp_pool", "amount", "reason", "notes",
            "character_name", "occurred_at", "created_at", "created_by", "batch", "document", "reversed_at",
        ]  # fmt: skip
        read_only_fields = fields

    row_fields: Mapping[str, Made | OfPage] = {
        "notes": OfPage(("notes",), lambda page, notes: notes if page.context.get("sees_notes") else [""] * len(notes))
    }

    def get_notes(self, adjustment: PointAdjustment) -> str:
        return adjustment.notes if self.context.get("sees_notes") else ""


class BulkAdjustmentSerializer(Serializer):
    """Many adjustments made in one go."""

    batch = serializers.UUIDField(allow_null=True)
    count = serializers.IntegerField()
    results = AdjustmentSerializer(many=True)


class ReasonInput(Serializer):
    """Why something is undone; it is shown beside the reversal."""

    reason = serializers.CharField(max_length=300)


class OwnerSerializer(Serializer):
    """One stretch of a name's ownership."""

    user_id = serializers.IntegerField(allow_null=True)
    display_name = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField(allow_blank=True)
    changed_by = serializers.CharField(allow_null=True)


class NameEarningsSerializer(Serializer):
    """What a name earned and spent for one person in one pool."""

    user_id = serializers.IntegerField()
    display_name = serializers.CharField()
    dkp_pool_id = serializers.IntegerField()
    dkp_pool = serializers.CharField()
    earned = PointsField()
    spent = PointsField()
    adjusted = PointsField()
    entries = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()


class AttributionSerializer(Serializer):
    """Who owned a name when, and what it earned for whom."""

    character_name = serializers.CharField()
    character_id = serializers.IntegerField(allow_null=True)
    owners = OwnerSerializer(many=True)
    earnings = NameEarningsSerializer(many=True)


def _in_words(kind: str, amount: Decimal | None, percent: Decimal | None, days: int, pool: str) -> str:
    return PointRule(kind=kind, amount=amount, percent=percent, days=days, pool=DKPPool(name=pool)).as_text()


class RuleSerializer(serializers.ModelSerializer[PointRule]):
    """A rule that moves points by the calendar: decay, caps, bonuses and penalties; `in_words` says what it does."""

    name = serializers.CharField(max_length=80)
    dkp_pool_id = IdField(source="pool", queryset=DKPPool.objects.all())
    dkp_pool = serializers.CharField(source="pool.name", read_only=True)
    percent = PlainDecimalField(
        max_digits=5, decimal_places=2, min_value=0, max_value=100, required=False, allow_null=True
    )
    amount = PointsField(required=False, allow_null=True)
    in_words = serializers.CharField(read_only=True, source="as_text")

    class Meta:
        model = PointRule
        fields = [
            "id", "name", "dkp_pool_id", "dkp_pool", "kind", "percent", "amount", "days", "period", "scope",
            "automatic", "is_active", "in_words", "created_at",
        ]  # fmt: skip
        read_only_fields = ["created_at"]

    row_fields: Mapping[str, Made | OfPage] = {
        "in_words": Made(("kind", "amount", "percent", "days", "pool__name"), _in_words)
    }


class RuleStepSerializer(Serializer):
    """What a rule does to one person."""

    user_id = serializers.IntegerField()
    display_name = serializers.CharField()
    before = PointsField()
    change = PointsField()
    after = PointsField()
    attended = serializers.IntegerField(help_text="raids, for the kinds that ask about attendance; else 0")
    held = serializers.IntegerField()
    held_by_bids = PointsField(help_text="what their bids in open auctions hold; of sealed ones nothing is told")
    uncovered = PointsField(
        help_text="how much of that they would not have any more: their bid then counts for what they have left"
    )


class RulePreviewSerializer(Serializer):
    """What running a rule now would do. Send `digest` with the run to carry out exactly that."""

    digest = ShownDigestField()
    period = serializers.CharField()
    people = serializers.IntegerField()
    total = PointsField()
    steps = RuleStepSerializer(many=True)
    bids_at_risk = BidsAtRiskSerializer()


class RuleRunSerializer(serializers.ModelSerializer[PointRuleRun]):
    """One run of a rule for one period; undone as a whole."""

    rule_id = serializers.IntegerField(read_only=True)
    rule = serializers.CharField(source="rule.name", read_only=True)
    period = serializers.CharField(source="period_key", read_only=True)
    total = PointsField(read_only=True)
    run_by: serializers.StringRelatedField[Any] = serializers.StringRelatedField(allow_null=True)

    class Meta:
        model = PointRuleRun
        fields = ["id", "rule_id", "rule", "period", "people", "total", "at", "run_by", "document", "reversed_at"]
        read_only_fields = fields


class DigestInput(Serializer):
    """The preview that is to be carried out, where there was one."""

    digest = DigestField()


class StartPointsSerializer(Serializer):
    """Who gets (GET) or got (POST) a pool's start points. The POST takes the `digest` of the GET."""

    digest = ShownDigestField()
    dkp_pool_id = serializers.IntegerField()
    start_points = PointsField()
    people = serializers.IntegerField()
    user_ids = serializers.ListField(child=serializers.IntegerField())


class MergeInput(Serializer):
    """The person who turns out to be this one; `preview` shows what would move and changes nothing."""

    source_user_id = serializers.IntegerField(min_value=0)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300)
    preview = serializers.BooleanField(required=False, default=False)
    digest = DigestField()


class MergeBalanceSerializer(Serializer):
    """A pool's balances on both sides; afterwards the target has their sum."""

    dkp_pool = serializers.CharField()
    source_balance = PointsField()
    target_balance = PointsField()


class MergeSerializer(Serializer):
    """What a merge moves, or moved."""

    digest = ShownDigestField()
    source_user_id = serializers.IntegerField()
    target_user_id = serializers.IntegerField()
    merged = serializers.BooleanField()
    characters = serializers.ListField(child=serializers.CharField())
    entries = serializers.IntegerField()
    balances = MergeBalanceSerializer(many=True)
    bids_at_risk = BidsAtRiskSerializer(help_text="what debts of the source would take from bids of the target")
