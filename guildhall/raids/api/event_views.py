"""`/api/events/` and `/api/item-pools/`."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.visitors import VisitorReadable
from guildhall.accounts.models import Section
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.filters import IdFilter
from guildhall.core.api.kept import kept
from guildhall.core.api.views import APIView, ListModelMixin, ModelViewSet
from guildhall.points.models import DKPPool
from guildhall.raids import selectors, services
from guildhall.raids.models import Event, EventPool, ItemPool

from .plan_serializers import PlanSerializer
from .serializers import EventSerializer, ItemPoolSerializer
from .shared import actor_of, pool_paths, valid


class EventFilter(django_filters.FilterSet):
    """Filters of `/api/events/`."""

    dkp_pool_id = IdFilter(field_name="event_pools__pool", distinct=True)
    dkp_pool = IdFilter(field_name="event_pools__pool", distinct=True, label="as `dkp_pool_id`")
    item_pool_id = IdFilter(field_name="item_pools", distinct=True)


class EventViewSet(VisitorReadable, ModelViewSet[Event]):
    """Kinds of raids: what they are worth and into which pools they pay. An event with raids is closed, not deleted."""

    required_scopes = "raids"
    visitor_section = Section.RAIDS
    visitor_params = ("dkp_pool", "is_active", "counts_for_attendance")
    visitor_fields = [*EventSerializer.Meta.fields, "no_attendance"]
    serializer_class = EventSerializer
    queryset = Event.objects.none()
    lookup_value_regex = ID_PATTERN
    filterset_class = EventFilter
    column_paths = pool_paths("pk")
    hidden_columns: object = {"usual_time": "a time of day; nobody looks for an event by it"}
    search_fields = ["name", "description"]

    list = kept(Event, EventPool, DKPPool, ItemPool)(ListModelMixin.list)

    def get_queryset(self) -> Any:
        return selectors.events()

    def perform_create(self, serializer: Any) -> None:
        event = services.create_event(actor=actor_of(self.request), **serializer.for_service(partial=False))
        serializer.instance = selectors.events().get(pk=event.pk)

    def perform_update(self, serializer: Any) -> None:
        event = services.update_event(
            event=serializer.instance,
            actor=actor_of(self.request),
            **serializer.for_service(partial=serializer.partial),
        )
        serializer.instance = selectors.events().get(pk=event.pk)

    def perform_destroy(self, instance: Event) -> None:
        services.delete_event(event=instance, actor=actor_of(self.request))


class EventPlanView(APIView):
    """The plan of an event: its checks and its bosses, which each new raid copies."""

    required_scopes = "raids"

    @extend_schema(responses=PlanSerializer)
    def get(self, request: Request, event_id: int) -> Response:
        """Return the plan."""
        return Response(PlanSerializer.of(selectors.event_with_id(event_id)))

    @extend_schema(request=PlanSerializer, responses=PlanSerializer)
    def patch(self, request: Request, event_id: int) -> Response:
        """Set the checks, the bosses, or both; what is not sent stays. Raids that are there keep theirs."""
        data = valid(PlanSerializer, request)
        event = services.update_event(event=selectors.event_with_id(event_id), actor=actor_of(request), **data)
        return Response(PlanSerializer.of(event))


class ItemPoolFilter(django_filters.FilterSet):
    """Filters of `/api/item-pools/`."""

    dkp_pool_id = IdFilter(field_name="pools", distinct=True)


class ItemPoolViewSet(VisitorReadable, ModelViewSet[ItemPool]):
    """Groups of items whose awards are charged together."""

    required_scopes = "raids"
    visitor_section = Section.RAIDS
    visitor_fields = ItemPoolSerializer.Meta.fields
    serializer_class = ItemPoolSerializer
    queryset = ItemPool.objects.prefetch_related("pools")
    lookup_value_regex = ID_PATTERN
    filterset_class = ItemPoolFilter
    search_fields = ["name"]

    def perform_create(self, serializer: serializers.BaseSerializer[ItemPool]) -> None:
        serializer.instance = services.save_item_pool(actor=actor_of(self.request), **serializer.validated_data)

    def perform_update(self, serializer: serializers.BaseSerializer[ItemPool]) -> None:
        serializer.instance = services.save_item_pool(
            item_pool=serializer.instance, actor=actor_of(self.request), **serializer.validated_data
        )

    def perform_destroy(self, instance: ItemPool) -> None:
        services.delete_item_pool(item_pool=instance, actor=actor_of(self.request))
