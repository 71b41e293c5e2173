"""How a guild bids: its bidding rules, and the policy of each pool."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.auctions import selectors, services
from guildhall.auctions.models import BiddingPolicy, BiddingRule
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.views import APIView, ModelViewSet
from guildhall.points.selectors import pool_or_default

from .serializers import PolicySerializer, RuleSerializer


class RuleViewSet(ModelViewSet[BiddingRule]):
    """Who may bid and how far: everybody reads the rules, officers edit them."""

    required_scopes = {
        "GET": "bidding:read",
        "POST": "points:write",
        "PUT": "points:write",
        "PATCH": "points:write",
        "DELETE": "points:write",
    }
    serializer_class = RuleSerializer
    queryset = BiddingRule.objects.select_related("pool").prefetch_related("ranks")
    lookup_value_regex = ID_PATTERN
    column_aliases = {"pool": "dkp_pool_id"}
    search_fields = ["name"]

    def perform_create(self, serializer: serializers.BaseSerializer[BiddingRule]) -> None:
        serializer.instance = services.save_rule(actor=principal(self.request).user, **serializer.validated_data)

    def perform_update(self, serializer: serializers.BaseSerializer[BiddingRule]) -> None:
        serializer.instance = services.save_rule(
            actor=principal(self.request).user, rule=serializer.instance, **serializer.validated_data
        )

    def perform_destroy(self, instance: BiddingRule) -> None:
        services.delete_rule(rule=instance, actor=principal(self.request).user)


class PolicyView(APIView):
    """What sessions of a pool start with."""

    required_scopes = {"GET": "bidding:read", "PUT": "points:write", "PATCH": "points:write"}

    @extend_schema(responses=PolicySerializer)
    def get(self, request: Request, dkp_pool_id: int) -> Response:
        return Response(PolicySerializer(selectors.policy_of(pool_or_default(dkp_pool_id))).data)

    @extend_schema(request=PolicySerializer, responses=PolicySerializer)
    def put(self, request: Request, dkp_pool_id: int) -> Response:
        pool = pool_or_default(dkp_pool_id)
        given_values = PolicySerializer(BiddingPolicy(pool=pool), data=request.data, partial=True)
        given_values.is_valid(raise_exception=True)
        policy = services.save_policy(pool=pool, actor=principal(request).user, **given_values.validated_data)
        return Response(PolicySerializer(policy).data)

    @extend_schema(request=PolicySerializer, responses=PolicySerializer)
    def patch(self, request: Request, dkp_pool_id: int) -> Response:
        return self.put(request, dkp_pool_id)
