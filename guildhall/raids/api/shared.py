"""What the views of this app have in common: who asks, what was sent."""

from __future__ import annotations

from typing import Any

from django.db.models import OuterRef, Subquery
from drf_spectacular.utils import OpenApiExample
from rest_framework.request import Request

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.models import User
from guildhall.core.api.columns import NUMBER, TEXT, Column
from guildhall.core.errors import BadInput
from guildhall.raids.models import EventPool
from guildhall.raids.uploads import Decisions
from guildhall.roster.models import Character
from guildhall.roster.selectors import character_by_name


def pool_paths(event: str) -> dict[str, object]:
    """Return where a list finds the first pool of each row's event; `event` leads to the event."""
    first = EventPool.objects.filter(event=OuterRef(event)).order_by("position", "pk")
    return {
        "dkp_pool": Column(Subquery(first.values("pool_id")[:1]), NUMBER, is_nullable=True),
        "dkp_pool_id": Column(Subquery(first.values("pool_id")[:1]), NUMBER, is_nullable=True),
        "dkp_pool_name": Column(Subquery(first.values("pool__name")[:1]), TEXT, is_nullable=True),
    }


def actor_of(request: Request) -> User | None:
    """Return who is asking, for the record."""
    return principal(request).user


def valid(serializer_class: Any, request: Request) -> dict[str, Any]:
    """Return the body, checked by a serializer."""
    serializer = serializer_class(data=request.data)
    serializer.is_valid(raise_exception=True)
    found: dict[str, object] = serializer.validated_data
    return found


def decisions_of(data: dict[str, Any]) -> Decisions:
    """Return what the leader decided about the names of an upload."""
    given = dict(data.get("decisions") or {})
    for name in ("exclude", "force"):
        given[name] = frozenset(given.get(name) or ())
    return Decisions(**given)


def character_of(data: dict[str, Any]) -> Character | None:
    """Return the character that was named by id or by name; None where none was.

    Raises:
        BadInput: ``unknown_character``.
    """
    if data.get("character_id") is not None:
        found = Character.objects.filter(pk=data["character_id"]).first()
        if found is None:
            raise BadInput(
                f"There is no character {data['character_id']}.", code="unknown_character", attr="character_id"
            )
        return found
    return character_by_name(data["character_name"]) if data.get("character_name") else None


EXAMPLE_LIST = OpenApiExample(
    "a list",
    value={
        "attendees": [{"character_name": "Aelric", "status": "present"}, {"character_name": "Borin", "status": "late"}]
    },
    request_only=True,
)


EXAMPLE_TEXT = OpenApiExample(
    "what the game wrote",
    value={"text": "[Sun Nov 22 20:01:13 2026] [60 Warder] Aelric (Wood Elf) <Ours> ZONE: veeshan", "format": "auto"},
    request_only=True,
)
