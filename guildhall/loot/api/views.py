"""`/api/items/`, `/api/loot/` and `/api/raids/{id}/loot/`."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.api.visitors import VisitorReadable
from guildhall.accounts.models import Section, User
from guildhall.accounts.visitors import is_visitor
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.filters import IdFilter
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.kept import kept
from guildhall.core.api.params import whole_number
from guildhall.core.api.previews import previewed_anew
from guildhall.core.api.rows import made_of
from guildhall.core.api.views import GenericViewSet, ListModelMixin, ModelViewSet, RetrieveModelMixin
from guildhall.core.models import Batch
from guildhall.loot import selectors, services
from guildhall.loot.models import Item, LootDistribution
from guildhall.points.models import DKPPool
from guildhall.points.selectors import pool_or_default
from guildhall.raids.models import Event, ItemPool, Raid
from guildhall.roster.models import Character, CharacterAlias, Rank
from guildhall.roster.selectors import find_person

from .serializers import (
    AwardInput,
    AwardSerializer,
    CorrectionInput,
    ItemMergeInput,
    ItemMergeSerializer,
    ItemSerializer,
    PastPriceSerializer,
    PriceReferenceSerializer,
    ReasonInput,
)

READ = ("raids:read", "bidding:read")
WRITE = ("raids:write", "loot:write")
SCOPES = {"GET": READ, **dict.fromkeys(("POST", "PUT", "PATCH", "DELETE"), WRITE)}


def buyer(data: dict[str, Any]) -> dict[str, Any]:
    """Return `user` and `character_name` from `BuyerFields`."""
    user_id = data.get("user_id")
    return {
        "user": find_person(user_id=user_id) if user_id is not None else None,
        "character_name": data.get("character_name", ""),
    }


#: What is shown of an item, or of an award, is read from these.
OF_ITEMS = (Item, ItemPool, LootDistribution, DKPPool, User, Character, CharacterAlias, Rank, Raid, Event)


class ItemViewSet(VisitorReadable, ModelViewSet[Item]):
    """The catalogue of items. Nothing here has a fixed price; `price-history` tells what an item went for."""

    required_scopes = SCOPES
    visitor_section = Section.ITEMS
    visitor_actions = ("list", "retrieve", "price_history")
    visitor_params = ("category", "rarity", "item_pool", "is_active", "game_id", "dkp_pool_id", "last")
    visitor_fields = (
        "id", "name", "description", "category", "item_pool", "rarity", "game_id", "is_active", "awards_count",
        "last_awarded_at", "created_at", "updated_at", *PriceReferenceSerializer().fields, *PastPriceSerializer().fields,
    )  # fmt: skip
    serializer_class = ItemSerializer
    queryset = Item.objects.none()
    lookup_value_regex = ID_PATTERN
    search_fields = ["name", "category", "game_id"]

    list = kept(*OF_ITEMS)(ListModelMixin.list)

    def get_queryset(self) -> Any:
        return selectors.items()

    def perform_create(self, serializer: serializers.BaseSerializer[Item]) -> None:
        made = services.create_item(actor=principal(self.request).user, **serializer.validated_data)
        serializer.instance = selectors.items().get(pk=made.pk)  # with its awards counted

    def perform_update(self, serializer: Any) -> None:
        changed = services.update_item(
            item=serializer.instance, actor=principal(self.request).user, **serializer.validated_data
        )
        serializer.instance = selectors.items().get(pk=changed.pk)

    def perform_destroy(self, instance: Item) -> None:
        services.delete_item(item=instance, actor=principal(self.request).user)

    def retrieve(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Return an item; of an id that was merged into another item, that one."""
        self.kwargs["pk"] = selectors.staying_item_id(int(self.kwargs["pk"]))
        return super().retrieve(request, *args, **kwargs)

    def get_object(self) -> Item:
        """Return the item that the URL names, for a change.

        Raises:
            Conflict: ``item_merged``.
        """
        for merged in Item.objects.select_related("merged_into").filter(
            pk=self.kwargs["pk"], merged_into__isnull=False
        ):
            services.refuse_merged(merged)
        return super().get_object()

    @extend_schema(
        request=ItemMergeInput,
        responses=ItemMergeSerializer,
        examples=[
            OpenApiExample("look first", {"source_item_id": 12, "preview": True}, request_only=True),
            OpenApiExample("a typo", {"source_item_id": 12, "reason": "Clok of Flames was a typo"}, request_only=True),
        ],
        filters=False,
    )
    @action(detail=True, methods=["post"], pagination_class=None)
    @idempotent
    def merge(self, request: Request, pk: str) -> Response:
        """Make another item this one: its awards, prices, auctions and planned loot become this item's; its name and id find it."""
        given = ItemMergeInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        target, source = (selectors.entry_by_id(one) for one in (pk, data["source_item_id"]))
        plan, batch = services.preview_merge_items(source=source, target=target), None
        if not data["preview"]:
            with previewed_anew(lambda: _merge(services.preview_merge_items(source=source, target=target), None)):
                batch = services.merge_items(
                    source=source,
                    target=target,
                    actor=principal(request).user,
                    reason=data.get("reason", ""),
                    digest=data.get("digest"),
                )
        return Response(_merge(plan, batch))

    @extend_schema(
        responses=PriceReferenceSerializer,
        parameters=[
            OpenApiParameter("dkp_pool_id", OpenApiTypes.INT, description="prices of this pool alone"),
            OpenApiParameter(
                "last", OpenApiTypes.INT, description="how many past awards (20 unless told, at most 200)"
            ),
        ],
        filters=False,
    )
    @action(detail=True, methods=["get"], url_path="price-history", pagination_class=None)
    @kept(*OF_ITEMS)
    def price_history(self, request: Request, pk: str) -> Response:
        """Count, range, median of the last awards, and whether they rise or fall."""
        last = whole_number(request, "last") or selectors.REFERENCE_SIZE
        reference = selectors.price_reference(
            item=selectors.item_by_id(pk), pool_id=whole_number(request, "dkp_pool_id"),
            last=min(last, 200), for_visitor=is_visitor(request),
        )  # fmt: skip
        return Response(made_of([reference], PriceReferenceSerializer)[0])


def _merge(plan: services.ItemMerge, batch: Batch | None) -> object:
    return ItemMergeSerializer(
        {
            "digest": plan.digest,
            "source_item_id": plan.source.pk,
            "target_item_id": plan.target.pk,
            "merged": batch is not None,
            "batch_id": batch.pk if batch is not None else None,
            "awards": plan.awards,
            "auctions": plan.followers.get("auctions", 0),
            "plans": len(plan.planned),
            "details": plan.details,
            "source_prices": plan.source_prices,
            "target_prices": plan.target_prices,
        }
    ).data


class ItemIdFilter(IdFilter):
    """A filter on the id of an item, also by that of an entry that was merged into it."""

    def filter(self, qs: Any, value: int | None) -> Any:
        """Return the rows of the item."""
        return super().filter(qs, value if value is None else selectors.staying_item_id(int(value)))  # type: ignore[misc]


class AwardFilter(django_filters.FilterSet):
    """`?user_id=`, `?raid_id=`, `?item_id=`, `?dkp_pool_id=`, `?source=`, `?awarded_after=`, `?awarded_before=`,
    `?standing=true` for those that were not undone."""

    user_id = IdFilter(field_name="user_id")
    raid_id = IdFilter(field_name="raid_id")
    item_id = ItemIdFilter(field_name="item_id")
    dkp_pool_id = IdFilter(field_name="pool_id")
    discord_id = django_filters.CharFilter(field_name="user__discord_id")
    source = django_filters.ChoiceFilter(choices=LootDistribution.Source.choices)
    awarded_after = django_filters.IsoDateTimeFilter(field_name="awarded_at", lookup_expr="gte")
    awarded_before = django_filters.IsoDateTimeFilter(field_name="awarded_at", lookup_expr="lte")
    standing = django_filters.BooleanFilter(field_name="reversed_at", lookup_expr="isnull")


_VISITOR_AWARD_FIELDS = (
    "id", "item_id", "item_name", "user_id", "display_name", "character_name", "raid_id", "dkp_pool_id", "dkp_pool",
    "dkp_pool_ids", "points_spent", "awarded_at", "source", "bid_session_id", "reversed_at", "corrects",
)  # fmt: skip


class AwardViewSet(VisitorReadable, ListModelMixin, RetrieveModelMixin, GenericViewSet[LootDistribution]):
    """Who got what for how much, with what was undone."""

    required_scopes = {"GET": READ, "POST": (*WRITE, "points:write")}
    visitor_section = Section.ITEMS
    visitor_params = (
        "user_id", "raid_id", "item_id", "dkp_pool_id", "source", "awarded_after", "awarded_before", "standing",
    )  # fmt: skip
    visitor_fields = _VISITOR_AWARD_FIELDS
    serializer_class = AwardSerializer
    queryset = LootDistribution.objects.none()
    lookup_value_regex = ID_PATTERN
    filterset_class = AwardFilter
    column_aliases = {"dkp_pool": "dkp_pool_id"}
    search_fields = ["item_name", "character_name", "user__display_name"]

    list = kept(*OF_ITEMS)(ListModelMixin.list)

    def get_queryset(self) -> Any:
        rows = selectors.awards()
        return selectors.named_awards(rows) if is_visitor(self.request) else rows

    @extend_schema(
        request=CorrectionInput,
        responses=AwardSerializer,
        examples=[
            OpenApiExample("wrong buyer", {"character_name": "Borel", "reason": "heard wrong"}, request_only=True),
            OpenApiExample("wrong price", {"points_spent": "35", "reason": "typo"}, request_only=True),
        ],
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def correct(self, request: Request, pk: str) -> Response:
        """Put right the buyer, the price or the item: undone and made anew in one transaction. Returns the new award."""
        given = CorrectionInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        made = services.correct_award(
            award=selectors.award_by_id(pk),
            actor=principal(request).user,
            reason=data["reason"],
            points_spent=data.get("points_spent"),
            item_name=data.get("item_name", ""),
            **buyer(data),
        )
        return Response(AwardSerializer(made).data)

    @extend_schema(request=ReasonInput, responses=AwardSerializer)
    @action(detail=True, methods=["post"])
    @idempotent
    def reverse(self, request: Request, pk: str) -> Response:
        """Undo an award; the buyer has the points again."""
        given = ReasonInput(data=request.data)
        given.is_valid(raise_exception=True)
        award = services.reverse_award(
            award=selectors.award_by_id(pk),
            actor=principal(request).user,
            reason=given.validated_data["reason"],
        )
        return Response(AwardSerializer(award).data)


class RaidLootView(VisitorReadable, ListModelMixin, GenericViewSet[LootDistribution]):
    """What dropped in a raid and who got it."""

    required_scopes = {"GET": READ, "POST": WRITE}
    visitor_section = Section.ITEMS
    visitor_fields = _VISITOR_AWARD_FIELDS
    serializer_class = AwardSerializer
    queryset = LootDistribution.objects.none()
    column_aliases = {"dkp_pool": "dkp_pool_id"}

    list = kept(*OF_ITEMS)(ListModelMixin.list)

    def get_queryset(self) -> Any:
        services.find_raid(self.kwargs["raid_id"])
        return selectors.awards_of_raid(self.kwargs["raid_id"], for_visitor=is_visitor(self.request))

    @extend_schema(
        request=AwardInput,
        responses={201: AwardSerializer},
        examples=[
            OpenApiExample(
                "an award",
                {"item_name": "Cloak of Flames", "character_name": "Aeli", "points_spent": "120"},
                request_only=True,
            )
        ],
    )
    @idempotent
    def create(self, request: Request, raid_id: int) -> Response:
        """Award an item; its price is taken in the same transaction."""
        given = AwardInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        item_id, pool_id = data.get("item_id"), data.get("dkp_pool_id")
        award = services.award_item(
            award=services.NewAward(
                raid=services.find_raid(raid_id),
                item=selectors.item_by_id(item_id) if item_id else None,
                item_name=data.get("item_name", ""),
                points_spent=data["points_spent"],
                pool=pool_or_default(pool_id) if pool_id is not None else None,
                awarded_at=data.get("awarded_at"),
                note=data.get("note", ""),
                **buyer(data),
            ),
            actor=principal(request).user,
        )
        return Response(AwardSerializer(award).data, status=201)
