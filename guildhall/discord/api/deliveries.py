"""`/api/discord/deliveries/`: what waits, what was undeliverable, and sending it again."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.core.api.columns import Columns
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.filters import Ordering
from guildhall.core.api.views import GenericViewSet, ListModelMixin
from guildhall.core.errors import BadInput
from guildhall.core.models import OutboxMessage
from guildhall.discord import deliveries

from .views import officers_and_bots


class DeliveryOutput(serializers.ModelSerializer[OutboxMessage]):
    """A message on its way out."""

    class Meta:
        model = OutboxMessage
        fields = [
            "id", "topic", "order_key", "state", "attempts", "created_at", "due_at", "delivered_at", "last_error",
            "outcome",
        ]  # fmt: skip


class DeliveryViewSet(ListModelMixin, GenericViewSet[OutboxMessage]):
    """Messages to Discord by state: those that failed unless ``?state=pending`` or ``delivered`` is asked for."""

    required_scopes = ("discord:write",)
    serializer_class = DeliveryOutput
    queryset = OutboxMessage.objects.none()
    filter_backends = [Columns, Ordering]
    lookup_value_regex = ID_PATTERN

    def get_queryset(self) -> Any:
        state = self.request.query_params.get("state", OutboxMessage.State.DEAD)
        if state not in OutboxMessage.State.values:
            raise BadInput(f"A state is one of {', '.join(OutboxMessage.State.values)}.", code="invalid_choice",
                           attr="state")  # fmt: skip
        return deliveries.deliveries(reader=principal(self.request).user, state=state)

    @extend_schema(parameters=[OpenApiParameter("state", str, enum=OutboxMessage.State.values)])
    def list(self, request: Request, *args: object, **kwargs: object) -> Response:
        officers_and_bots(request)
        return super().list(request, *args, **kwargs)

    @extend_schema(request=None, responses={200: DeliveryOutput})
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str) -> Response:
        """Put a message that was undeliverable back in the queue."""
        officers_and_bots(request)
        message = deliveries.resend(message_id=int(pk[:15]), actor=principal(request).user)
        return Response(DeliveryOutput(message).data)
