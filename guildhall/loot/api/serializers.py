"""What items and awards look like outside (docs/api-contract.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rest_framework import serializers

from guildhall.core.api.fields import AliasesMixin, IdField, JSONObjectField, PointsField
from guildhall.core.api.previews import DigestField, ShownDigestField
from guildhall.core.api.rows import Made, OfPage, Page, made_of, related_ids
from guildhall.core.api.serializers import Serializer
from guildhall.core.errors import BadInput, contradiction
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.names import item_key
from guildhall.raids.models import ItemPool


class ItemSerializer(AliasesMixin, serializers.ModelSerializer[Item]):
    """An item. There is no price here: `price-history` tells what it went for."""

    aliases = {"item_pool_id": "item_pool"}

    name = serializers.CharField(max_length=200)
    awards_count = serializers.IntegerField(read_only=True)
    last_awarded_at = serializers.DateTimeField(read_only=True, allow_null=True)
    metadata = JSONObjectField(required=False)
    item_pool = IdField(queryset=ItemPool.objects.all(), allow_null=True, required=False)

    class Meta:
        model = Item
        fields = [
            "id", "name", "description", "category", "item_pool", "rarity", "game_id", "metadata", "is_active",
            "awards_count", "last_awarded_at", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = ["created_at", "updated_at"]


_EXTRA_POOLS = related_ids(
    lambda: LootDistribution.extra_pools.through.objects.order_by("dkppool__name"), "lootdistribution", "dkppool"
)


def _every_pool(page: Page, keys: Sequence[int], pool_ids: Sequence[int]) -> list[list[int]]:
    extra = _EXTRA_POOLS.make(page, keys)
    return [[pool_id, *others] for pool_id, others in zip(pool_ids, extra, strict=True)]


class AwardSerializer(serializers.ModelSerializer[LootDistribution]):
    """An award as it stands: names as they were then, `reversed_at` once it was undone."""

    item_id = serializers.IntegerField(read_only=True)
    user_id = serializers.IntegerField(read_only=True)
    discord_id = serializers.CharField(source="user.discord_id", read_only=True, allow_null=True)
    display_name = serializers.CharField(source="user.__str__", read_only=True)
    raid_id = serializers.IntegerField(read_only=True, allow_null=True)
    dkp_pool_id = serializers.IntegerField(source="pool_id", read_only=True)
    dkp_pool = serializers.CharField(source="pool.name", read_only=True)
    dkp_pool_ids = serializers.SerializerMethodField()
    points_spent = PointsField(read_only=True)
    awarded_by: serializers.StringRelatedField[Any] = serializers.StringRelatedField(allow_null=True)
    bid_session_id = serializers.UUIDField(source="auction", read_only=True, allow_null=True)
    corrects = serializers.IntegerField(source="corrected_from_id", read_only=True, allow_null=True)

    class Meta:
        model = LootDistribution
        fields = [
            "id", "item_id", "item_name", "user_id", "discord_id", "display_name", "character_name", "raid_id",
            "dkp_pool_id", "dkp_pool", "dkp_pool_ids", "points_spent", "awarded_at", "awarded_by", "source",
            "bid_session_id", "note", "reversed_at", "reversal_reason", "corrects",
        ]  # fmt: skip
        read_only_fields = fields

    row_fields: Mapping[str, Made | OfPage] = {"dkp_pool_ids": OfPage(("pk", "pool_id"), _every_pool)}

    def get_dkp_pool_ids(self, award: LootDistribution) -> list[int]:
        """Return every pool that it counts in, the main one first."""
        return [award.pool_id, *(pool.pk for pool in award.extra_pools.all())]


def refuse_other_item(attrs: dict[str, Any]) -> None:
    """Pass unless `item_id` and `item_name` are two items. One query where both are given, two where they differ.

    Raises:
        BadInput: ``contradiction``.
    """
    name, item_id = attrs.get("item_name"), attrs.get("item_id")
    if not name or item_id is None:
        return
    item = Item.objects.select_related("merged_into").filter(pk=item_id).first()
    if item is None or item_key(name) == item.name_key:
        return
    item = item.merged_into or item
    if item.name_key != item_key(name) and not item.merged_from.filter(name_key=item_key(name)).exists():
        raise contradiction("item_name", "item_id", f"{item_id} is {item.name}, not {name[:60]}.")


class BuyerFields(Serializer):
    """Who gets it: a character's name, a person, or both if they agree."""

    character_name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    user_id = serializers.IntegerField(required=False, allow_null=True)


class AwardInput(BuyerFields):
    """`POST /api/raids/{id}/loot/`."""

    item_name = serializers.CharField(required=False, max_length=500)
    item_id = serializers.IntegerField(required=False)
    points_spent = PointsField()
    dkp_pool_id = serializers.IntegerField(required=False, allow_null=True)
    awarded_at = serializers.DateTimeField(required=False, allow_null=True)
    note = serializers.CharField(required=False, allow_blank=True, max_length=300)

    def validate(self, attrs: dict[str, object]) -> dict[str, object]:
        if not attrs.get("item_name") and not attrs.get("item_id"):
            raise BadInput("Say what it is: item_name, or item_id.", code="required", attr="item_name")
        refuse_other_item(attrs)
        return attrs


class CorrectionInput(BuyerFields):
    """`POST /api/loot/{id}/correct/`: what is given replaces what was wrong."""

    item_name = serializers.CharField(required=False, allow_blank=True, max_length=500)
    points_spent = PointsField(required=False)
    reason = serializers.CharField(max_length=300)


class ReasonInput(Serializer):
    """Why something is undone."""

    reason = serializers.CharField(max_length=300)


class PastPriceSerializer(Serializer):
    """One award in a price history."""

    award_id = serializers.IntegerField()
    awarded_at = serializers.DateTimeField()
    points_spent = PointsField()
    character_name = serializers.CharField()
    user_id = serializers.IntegerField()
    dkp_pool_id = serializers.IntegerField()


class PriceReferenceSerializer(Serializer):
    """What an item went for (`loot.selectors.PriceReference`)."""

    item_id = serializers.IntegerField()
    item_name = serializers.CharField()
    awards = serializers.IntegerField()
    paid_awards = serializers.IntegerField()
    minimum = PointsField(allow_null=True)
    maximum = PointsField(allow_null=True)
    median = PointsField(allow_null=True)
    last_price = PointsField(allow_null=True)
    trend = serializers.ChoiceField(choices=["rising", "falling", "steady"], allow_null=True)
    trend_percent = serializers.DecimalField(max_digits=9, decimal_places=2, allow_null=True)
    last = PastPriceSerializer(many=True)

    row_fields: Mapping[str, Made | OfPage] = {
        "last": Made(("last",), lambda prices: made_of(prices, PastPriceSerializer))
    }


class ItemMergeInput(Serializer):
    """The item that turns out to be this one; `preview` shows what would move and changes nothing."""

    source_item_id = serializers.IntegerField(min_value=0)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300)
    preview = serializers.BooleanField(required=False, default=False)
    digest = DigestField()


class ItemMergeSerializer(Serializer):
    """What a merge of two items moves, or moved. No point moves."""

    digest = ShownDigestField()
    source_item_id = serializers.IntegerField()
    target_item_id = serializers.IntegerField()
    merged = serializers.BooleanField()
    batch_id = serializers.UUIDField(allow_null=True, help_text="undo it at `/api/batches/{id}/undo/`")
    awards = serializers.IntegerField(help_text="that move, the undone too")
    auctions = serializers.IntegerField(help_text="that move")
    plans = serializers.IntegerField(help_text="bosses whose expected loot names the other item")
    details = serializers.ListField(
        child=serializers.CharField(), help_text="what this item lacks and gets of the other: description, category, …"
    )
    source_prices = PriceReferenceSerializer(help_text="what the other item went for before")
    target_prices = PriceReferenceSerializer(help_text="what this item went for before")
