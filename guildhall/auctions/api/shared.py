"""What the views of auctions have in common: the body that was sent, and parameters."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

POOL = OpenApiParameter("dkp_pool_id", OpenApiTypes.INT)


OWN_BID_OF = OpenApiParameter(
    "discord_id",
    OpenApiTypes.STR,
    description="whose standing bid `own_bid` is: the caller's unless a bot with `bidding:write` names somebody",
)


def given(serializer: type[Any], request: Request) -> dict[str, Any]:
    """Return the body, checked."""
    found = serializer(data=request.data)
    found.is_valid(raise_exception=True)
    return dict(found.validated_data)
