"""What auctions take and answer (docs/api-contract.md, "Bidding" and "Discord")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import DecimalField
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from guildhall.auctions.models import BiddingPolicy, BiddingRule, Disclosure, Mode, Status, TieBreak
from guildhall.auctions.services import BidRequest, require_one_way
from guildhall.core.api.fields import IdField, PlainDecimalField, PointsField
from guildhall.core.api.rows import Made, OfPage, related_ids
from guildhall.core.api.serializers import Serializer
from guildhall.loot.api.serializers import AwardSerializer, refuse_other_item
from guildhall.points.api.serializers import BalanceSerializer
from guildhall.points.models import DKPPool
from guildhall.roster.models import CharacterClass, Rank

PLACED_BY = "who placed it in the bidder's name, a bot or an officer; null where they did themselves"


class SessionRef(Serializer):
    """Which session."""

    bid_session_id = serializers.CharField(max_length=64)


class RollTierSerializer(Serializer):
    """A range that is rolled, from 0 to `high`, and what it is for."""

    high = serializers.IntegerField(min_value=1, max_value=1_000_000)
    name = serializers.CharField(required=False, default="", allow_blank=True, max_length=40)


class RollInput(Serializer):
    """`POST /api/bidding/{bid_session_id}/rolls/`: a roll as it was thrown."""

    character_name = serializers.CharField(max_length=120)
    high = serializers.IntegerField(help_text="the upper bound, which says for what of the item it is")
    result = serializers.IntegerField()
    low = serializers.IntegerField(required=False, default=0)


class RollOutput(Serializer):
    """A roll for an item."""

    roll_id = serializers.IntegerField()
    user_id = serializers.IntegerField()
    display_name = serializers.CharField()
    character_name = serializers.CharField()
    high = serializers.IntegerField()
    result = serializers.IntegerField()
    tier = serializers.IntegerField(help_text="the place of its range, the best being 1")
    tier_name = serializers.CharField(allow_blank=True)
    counts = serializers.BooleanField()
    problem = serializers.CharField(allow_blank=True, help_text="why it does not count: second_roll, not_allowed")
    tied = serializers.BooleanField(help_text="another that counts is as good")
    at = serializers.DateTimeField()


class RollsOutput(Serializer):
    """The rolls for an item, the best first, then those that do not count."""

    rolls = RollOutput(many=True)


class StartInput(Serializer):
    """`POST /api/bidding/start-bid/`. What is left out comes from the pool's policy."""

    item_name = serializers.CharField(max_length=500, required=False)
    item_id = serializers.IntegerField(required=False, allow_null=True)
    is_new = serializers.BooleanField(
        required=False,
        allow_null=True,
        default=None,
        help_text="false: refuse a name that no item has (`unknown_item`, with names like it); left out or true: it makes the item",
    )
    raid_id = serializers.IntegerField(required=False, allow_null=True)
    dkp_pool_id = serializers.IntegerField(required=False, allow_null=True)
    minimum_bid = PointsField(required=False, allow_null=True)
    increment = PointsField(required=False, allow_null=True)
    duration_seconds = serializers.IntegerField(required=False, allow_null=True)
    quantity = serializers.IntegerField(required=False, default=1)
    mode = serializers.CharField(required=False, allow_null=True, help_text=", ".join(Mode.values))
    anti_snipe_seconds = serializers.IntegerField(required=False, allow_null=True)
    anti_snipe_limit = serializers.IntegerField(required=False, allow_null=True)
    tie_breaks = serializers.ListField(
        child=serializers.CharField(), required=False, help_text=", ".join(TieBreak.values)
    )
    note = serializers.CharField(required=False, allow_blank=True, max_length=300)
    roll_tiers = RollTierSerializer(
        many=True,
        required=False,
        help_text="with mode roll: the ranges, the best first; one up to 1000 where none is given",
    )

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        refuse_other_item(attrs)
        return attrs


@extend_schema_field({"type": "string", "format": "decimal", "example": "12.50"})
class AnyAmount(serializers.Field[Any, Any, Any, Any]):
    """An amount that the service reads, so that its refusal comes with the session's own figures."""

    def to_internal_value(self, data: object) -> object:
        return data

    def to_representation(self, value: object) -> object:
        return value


class PlaceInput(SessionRef):
    """`POST /api/bidding/place-bid/`. Exactly one of `amount`, `all_in` and `steps`; a member may leave out `discord_id`.

    An officer who bids for somebody else says the `amount`.
    """

    discord_id = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=40)
    amount = AnyAmount(required=False, allow_null=True)
    all_in = serializers.BooleanField(required=False, default=False, help_text="everything available")
    steps = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=1000,
        help_text="so many increments above the lead; in a sealed session above one's own bid",
    )
    replace = serializers.BooleanField(
        required=False,
        default=False,
        help_text="in a sealed session: put this bid in the place of a higher one of theirs, which is refused otherwise",
    )
    character_name = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=120)

    def validate(self, attrs: dict[str, Any]) -> dict[str, object]:
        """Require one of `amount`, `all_in` and `steps`."""
        require_one_way(BidRequest(amount=attrs.get("amount"), all_in=attrs["all_in"], steps=attrs.get("steps")))
        return attrs


class LeadSerializer(Serializer):
    """A leading bid."""

    user_id = serializers.IntegerField()
    discord_id = serializers.CharField(allow_null=True)
    display_name = serializers.CharField()
    character_name = serializers.CharField()
    amount = PointsField()
    tier = serializers.IntegerField()


class WinnerSerializer(Serializer):
    """A winner; `amount` is the price by the mode's rule."""

    user_id = serializers.IntegerField()
    discord_id = serializers.CharField(allow_null=True)
    display_name = serializers.CharField()
    character_name = serializers.CharField()
    amount = PointsField()
    bid_amount = PointsField(allow_null=True, help_text="what they bid; null where a sealed session does not tell")
    place = serializers.IntegerField()
    state = serializers.ChoiceField(choices=["won", "awarded", "undone"])
    loot_id = serializers.IntegerField(allow_null=True)


class ReferenceSerializer(Serializer):
    """What the item went for before, as it stood when bidding began."""

    awards = serializers.IntegerField()
    median = PointsField(allow_null=True)
    minimum = PointsField(allow_null=True)
    maximum = PointsField(allow_null=True)
    last_price = PointsField(allow_null=True)
    trend = serializers.CharField(allow_null=True)
    trend_percent = PointsField(allow_null=True)


class OwnBid(Serializer):
    """A standing bid of the caller's own, or of the person that a bot names. Nobody else sees it while it is sealed."""

    bid_id = serializers.IntegerField()
    user_id = serializers.IntegerField()
    amount = PointsField()
    character_name = serializers.CharField()
    tier = serializers.IntegerField()
    at = serializers.DateTimeField()
    placed_by = serializers.CharField(allow_null=True, help_text=PLACED_BY)


class SessionOutput(Serializer):
    """A session (docs/api-contract.md). A sealed one shows neither names nor amounts while it runs, but for the caller's `own_bid`."""

    bid_session_id = serializers.UUIDField()
    item_name = serializers.CharField()
    item_id = serializers.IntegerField()
    raid_id = serializers.IntegerField(allow_null=True)
    dkp_pool_id = serializers.IntegerField(help_text="the main pool")
    dkp_pool_ids = serializers.ListField(
        child=serializers.IntegerField(), help_text="every pool that the price is charged in, the main one first"
    )
    mode = serializers.ChoiceField(choices=Mode.choices)
    status = serializers.ChoiceField(choices=Status.choices)
    paused = serializers.BooleanField()
    minimum_bid = PointsField()
    increment = PointsField()
    next_bid = PointsField()
    quantity = serializers.IntegerField()
    started_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    seconds_left = serializers.FloatField()
    leading = LeadSerializer(many=True)
    bids_count = serializers.IntegerField()
    anti_snipe_seconds = serializers.IntegerField()
    anti_snipes = serializers.IntegerField()
    anti_snipe_limit = serializers.IntegerField()
    rot = serializers.BooleanField()
    winners = WinnerSerializer(many=True)
    price_reference = ReferenceSerializer()
    note = serializers.CharField()
    disclosure = serializers.ChoiceField(
        choices=Disclosure.choices,
        allow_null=True,
        help_text="what everybody sees of a sealed session once it is decided; null for an open one, where all is seen",
    )
    own_bid = OwnBid(allow_null=True)
    server_time = serializers.DateTimeField()
    roll_tiers = RollTierSerializer(
        many=True, required=False, help_text="of mode roll alone: the ranges, the best first"
    )


class BidOutput(Serializer):
    """A bid of the past, accepted, refused, voided by an officer or withdrawn by its bidder."""

    bid_id = serializers.IntegerField()
    bid_session_id = serializers.UUIDField()
    item_name = serializers.CharField()
    user_id = serializers.IntegerField(allow_null=True)
    discord_id = serializers.CharField(allow_null=True)
    display_name = serializers.CharField()
    character_name = serializers.CharField()
    amount = PointsField()
    tier = serializers.IntegerField()
    at = serializers.DateTimeField()
    outcome = serializers.ChoiceField(choices=["accepted", "refused", "voided", "withdrawn"])
    code = serializers.CharField(allow_null=True)
    took_lead = serializers.BooleanField()
    placed_by = serializers.CharField(allow_null=True, help_text=f"{PLACED_BY}; null in the bids of others")


class AppliedRule(Serializer):
    """A bidding rule as it stood at the start."""

    name = serializers.CharField()
    effect = serializers.ChoiceField(choices=BiddingRule.Effect.choices)


class SessionDetail(SessionOutput):
    """A session with its bids and, once it is over, the trace of its decision."""

    bids = BidOutput(many=True)
    rolls = RollOutput(many=True, required=False, help_text="of mode roll alone")
    tie_breaks = serializers.ListField(child=serializers.CharField())
    rules = AppliedRule(many=True)
    trace = serializers.ListField(
        child=serializers.DictField(), help_text="for people; each step has its own figures beside `step`"
    )
    seed = serializers.CharField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)


class PlacedOutput(Serializer):
    """An accepted bid."""

    bid_id = serializers.IntegerField()
    accepted = serializers.BooleanField()
    amount = PointsField()
    leads = serializers.BooleanField(help_text="false while sealed")
    available_after = PointsField()
    leading = LeadSerializer(many=True)
    ends_at = serializers.DateTimeField()
    bid_session_id = serializers.UUIDField()
    price_reference = ReferenceSerializer()
    server_time = serializers.DateTimeField()


class WinnerRef(Serializer):
    """Which of a session's winners."""

    winner_discord_id = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=40)
    winner_user_id = serializers.IntegerField(required=False, allow_null=True)


class AwardInput(SessionRef, WinnerRef):
    """`POST /api/bidding/award-item/`."""

    amount = PointsField(required=False, allow_null=True)
    another = serializers.BooleanField(
        required=False, default=False, help_text="the winner named has one of several copies and gets another"
    )


class ReasonInput(Serializer):
    """Why."""

    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=300)


class ExtendInput(Serializer):
    """How much longer."""

    seconds = serializers.IntegerField()


class PassInput(WinnerRef, ReasonInput):
    """Which winner passes, and why."""


class UndoAwardInput(WinnerRef, ReasonInput):
    """What is reversed: one award (`loot_id`), the one that a winner has, or, with neither, all of the session's."""

    loot_id = serializers.IntegerField(
        required=False,
        allow_null=True,
        min_value=0,
        help_text="as `winners` shows it; needed where one person won several",
    )


class VoidInput(ReasonInput):
    """Whose bid is voided, and why."""

    discord_id = serializers.CharField(max_length=40)


class WithdrawInput(Serializer):
    """Whose bid is withdrawn: the caller's unless a bot names somebody."""

    discord_id = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=40)


class MaxBidOutput(Serializer):
    """How much somebody can bid."""

    discord_id = serializers.CharField()
    user_id = serializers.IntegerField()
    dkp_pool_id = serializers.IntegerField(help_text="whose figures these are: the pool that limits the bidder")
    balance = PointsField()
    held = PointsField()
    available = PointsField()
    max_bid = PointsField()


class ValidateInput(Serializer):
    """`POST /api/discord/validate-bid/`."""

    discord_id = serializers.CharField(max_length=40)
    amount = AnyAmount()
    bid_session_id = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=64)
    dkp_pool_id = serializers.IntegerField(required=False, allow_null=True)
    character_name = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=120)


class ValidateOutput(Serializer):
    """Whether a bid would be accepted now; `code` and `reason` say why not."""

    valid = serializers.BooleanField()
    code = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    dkp_pool_id = serializers.IntegerField(help_text="whose figures these are: the pool that limits the bidder")
    balance = PointsField()
    held = PointsField()
    available = PointsField()


class HeardBid(Serializer):
    """A bid that a bot heard in its own auction."""

    discord_id = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=40)
    amount = PointsField()
    character_name = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=120)
    at = serializers.DateTimeField(required=False, allow_null=True)


class ResultInput(Serializer):
    """`POST /api/discord/bid-results/`."""

    discord_id = serializers.CharField(max_length=40)
    item_name = serializers.CharField(max_length=500)
    winning_bid = PointsField()
    character_name = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=120)
    raid_id = serializers.IntegerField(required=False, allow_null=True)
    dkp_pool_id = serializers.IntegerField(required=False, allow_null=True)
    bids = HeardBid(many=True, required=False)
    external_reference = serializers.CharField(
        required=False, allow_null=True, allow_blank=True, max_length=120,
        help_text="your own number of the auction; sent again it answers the award made before",
    )  # fmt: skip


class AwardedOutput(Serializer):
    """What the winners got."""

    loot = AwardSerializer(many=True)


class StandingBid(OwnBid):
    """A standing bid of the caller's in a running session."""

    bid_session_id = serializers.UUIDField()


class PurseOutput(Serializer):
    """What the caller has in each pool, and what they have bid in running sessions."""

    user_id = serializers.IntegerField()
    pools = BalanceSerializer(many=True)
    bids = StandingBid(many=True)


class BalanceOutput(Serializer):
    """What somebody has, pool by pool."""

    discord_id = serializers.CharField()
    user_id = serializers.IntegerField()
    display_name = serializers.CharField()
    pools = BalanceSerializer(many=True)


class RuleSerializer(serializers.ModelSerializer[BiddingRule]):
    """A bidding rule: whoever meets all its conditions may not bid, may bid at most `cap`, or bids in `tier`."""

    serializer_field_mapping = {**serializers.ModelSerializer.serializer_field_mapping, DecimalField: PlainDecimalField}

    dkp_pool_id = IdField(source="pool", queryset=DKPPool.objects.all(), allow_null=True, required=False)
    cap = PointsField(required=False, allow_null=True)
    ranks = IdField(many=True, queryset=Rank.objects.all(), required=False)
    roles = serializers.ListField(child=serializers.CharField(), required=False)
    character_classes = serializers.ListField(
        child=serializers.CharField(), required=False, help_text=", ".join(v for v in CharacterClass.values if v)
    )
    item_categories = serializers.ListField(child=serializers.CharField(), required=False)

    class Meta:
        model = BiddingRule
        fields = [
            "id", "name", "dkp_pool_id", "position", "is_active", "effect", "cap", "tier", "ranks", "roles",
            "character_kind", "is_trial", "attendance_below", "character_classes", "item_categories",
            "item_not_for_class",
        ]  # fmt: skip

    row_fields: Mapping[str, Made | OfPage] = {
        "ranks": related_ids(
            lambda: BiddingRule.ranks.through.objects.order_by("rank__order", "rank__name"), "biddingrule", "rank"
        )
    }


class PolicySerializer(serializers.ModelSerializer[BiddingPolicy]):
    """What sessions of a pool start with."""

    dkp_pool_id = serializers.IntegerField(source="pool_id", read_only=True)
    minimum_bid = PointsField(required=False)
    increment = PointsField(required=False)
    tie_breaks = serializers.ListField(child=serializers.CharField(), required=False)

    class Meta:
        model = BiddingPolicy
        fields = [
            "dkp_pool_id", "mode", "minimum_bid", "increment", "duration_seconds", "anti_snipe_seconds",
            "anti_snipe_limit", "all_in_breaks_increment", "tie_breaks", "disclosure",
        ]  # fmt: skip
