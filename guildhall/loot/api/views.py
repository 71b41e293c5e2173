"""`/api/items/`, `/api/loot/` and `/api/raids/{id}/loot/`."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.filters import IdFilter
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.params import whole_number
from guildhall.loot import selectors, services
from guildhall.loot.models import Item, LootDistribution
from guildhall.points.selectors import pool_or_default
from guildhall.roster.selectors import find_person

from .serializers import (
    AwardInput,
    AwardSerializer,
    CorrectionInput,
    ItemSerializer,
    PriceReferenceSerializer,
    ReasonInput,
)

READ = ("raids:read", "bidding:read")
SCOPES = {"GET": READ, "POST": "raids:write", "PUT": "raids:write", "PATCH": "raids:write", "DELETE": "raids:write"}


def buyer(data: dict[str, Any]) -> dict[str, Any]:
    """`user` and `character_name` from `BuyerFields`."""
    user_id = data.get("user_id")
    return {
        "user": find_person(user_id=user_id) if user_id is not None else None,
        "character_name": data.get("character_name", ""),
    }


class ItemViewSet(viewsets.ModelViewSet[Item]):
    """The catalogue of items. Nothing here has a fixed price; `price-history` tells what an item went for."""

    required_scopes = SCOPES
    serializer_class = ItemSerializer
    queryset = Item.objects.none()
    lookup_value_regex = ID_PATTERN
    filterset_fields = ["category", "rarity", "item_pool", "is_active", "game_id"]
    search_fields = ["name", "category", "game_id"]
    ordering_fields = ["name", "category", "rarity", "created_at", "awards_count", "last_awarded_at"]

    def get_queryset(self) -> Any:
        return selectors.items()

    def perform_create(self, serializer: Any) -> None:
        made = services.create_item(actor=principal(self.request).user, **serializer.validated_data)
        serializer.instance = selectors.items().get(pk=made.pk)  # with its awards counted

    def perform_update(self, serializer: Any) -> None:
        changed = services.update_item(
            item=serializer.instance, actor=principal(self.request).user, **serializer.validated_data
        )
        serializer.instance = selectors.items().get(pk=changed.pk)

    def perform_destroy(self, instance: Item) -> None:
        services.delete_item(item=instance, actor=principal(self.request).user)

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
    def price_history(self, request: Request, pk: str) -> Response:
        """Count, range, median of the last awards, and whether they rise or fall."""
        last = whole_number(request, "last") or selectors.REFERENCE_SIZE
        reference = selectors.price_reference(
            item=selectors.item_by_id(pk), pool_id=whole_number(request, "dkp_pool_id"), last=min(last, 200)
        )
        return Response(PriceReferenceSerializer(reference).data)


class AwardFilter(django_filters.FilterSet):
    """`?user_id=`, `?raid_id=`, `?item_id=`, `?dkp_pool_id=`, `?source=`, `?awarded_after=`, `?awarded_before=`,
    `?standing=true` for those that were not undone."""

    user_id = IdFilter(field_name="user_id")
    raid_id = IdFilter(field_name="raid_id")
    item_id = IdFilter(field_name="item_id")
    dkp_pool_id = IdFilter(field_name="pool_id")
    discord_id = django_filters.CharFilter(field_name="user__discord_id")
    source = django_filters.ChoiceFilter(choices=LootDistribution.Source.choices)
    awarded_after = django_filters.IsoDateTimeFilter(field_name="awarded_at", lookup_expr="gte")
    awarded_before = django_filters.IsoDateTimeFilter(field_name="awarded_at", lookup_expr="lte")
    standing = django_filters.BooleanFilter(field_name="reversed_at", lookup_expr="isnull")


class AwardViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[LootDistribution]):
    """Who got what for how much, with what was undone."""

    required_scopes = {"GET": READ, "POST": ("raids:write", "points:write")}
    serializer_class = AwardSerializer
    queryset = LootDistribution.objects.none()
    lookup_value_regex = ID_PATTERN
    filterset_class = AwardFilter
    search_fields = ["item_name", "character_name", "user__display_name"]
    ordering_fields = ["awarded_at", "points_spent", "item_name", "character_name"]

    def get_queryset(self) -> Any:
        return selectors.awards()

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
        """Put right the buyer or the price: undone and made anew in one transaction. Answers the new award."""
        given = CorrectionInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        made = services.correct_award(
            award=selectors.award_by_id(pk),
            actor=principal(request).user,
            reason=data["reason"],
            points_spent=data.get("points_spent"),
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


class RaidLootView(mixins.ListModelMixin, viewsets.GenericViewSet[LootDistribution]):
    """What dropped in a raid and who got it."""

    required_scopes = {"GET": READ, "POST": "raids:write"}
    serializer_class = AwardSerializer
    queryset = LootDistribution.objects.none()
    ordering_fields = ["awarded_at", "points_spent", "item_name", "character_name"]

    def get_queryset(self) -> Any:
        raid = services.find_raid(self.kwargs["raid_id"])
        return selectors.awards().filter(raid=raid).order_by("awarded_at", "pk")

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
            raid=services.find_raid(raid_id),
            item=selectors.item_by_id(item_id) if item_id else None,
            item_name=data.get("item_name", ""),
            points_spent=data["points_spent"],
            pool=pool_or_default(pool_id) if pool_id is not None else None,
            awarded_at=data.get("awarded_at"),
            note=data.get("note", ""),
            actor=principal(request).user,
            **buyer(data),
        )
        return Response(AwardSerializer(award).data, status=201)
