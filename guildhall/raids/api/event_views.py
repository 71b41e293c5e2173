"""`/api/events/` and `/api/item-pools/`."""

from __future__ import annotations

from typing import Any

import django_filters
from rest_framework import serializers

from guildhall.accounts.api.visitors import VisitorReadable
from guildhall.accounts.models import Section
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.filters import IdFilter
from guildhall.core.api.views import ModelViewSet
from guildhall.raids import selectors, services
from guildhall.raids.models import Event, ItemPool

from .serializers import EventSerializer, ItemPoolSerializer
from .shared import actor_of, pool_paths


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
    search_fields = ["name", "description"]

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
