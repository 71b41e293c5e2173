"""How far a raid is, over the API: start, close, open again, call off, and its bosses."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.core.api.columns import Columns
from guildhall.core.api.filters import Ordering
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.rows import page_of
from guildhall.core.api.views import APIView, GenericViewSet
from guildhall.core.errors import NotFound
from guildhall.raids import selectors, services
from guildhall.raids.models import Raid, RaidBoss
from guildhall.raids.turnout import turnout_of

from .calendar_serializers import SignupSerializer
from .plan_serializers import CloseInput, ClosingOutput, KilledOutput, KillInput, RaidBossSerializer
from .serializers import RaidSerializer
from .shared import actor_of, valid


def _closing(raid: Raid) -> dict[str, object]:
    found = turnout_of(raid)
    stayed = services.bonus_names(raid)
    if not stayed and raid.full_bonus and raid.closed_at is None:
        stayed = sorted(row.character_name for row in services.who_stayed(raid))
    return {
        "state": raid.state,
        "missing": [{"code": one.code, "count": one.count, "text": one.text} for one in services.what_is_missing(raid)],
        "stayed": stayed,
        "signed_up_missing": SignupSerializer(found.missing, many=True).data,
        "came_without_sign_up": [
            {"character_name": row.character_name, "user_id": row.user_id} for row in found.unannounced
        ],
    }


class RaidStateView(GenericViewSet[Raid]):
    """Start, close, open again and call off a raid."""

    required_scopes: object = {"GET": "raids:write", "POST": "raids:write"}
    serializer_class = RaidSerializer
    queryset = Raid.objects.none()

    @extend_schema(request=None, responses=RaidSerializer)
    @idempotent
    def start(self, request: Request, raid_id: int) -> Response:
        """Start a planned raid; its sign-ups end. One that runs stays as it is."""
        raid = services.start_raid(raid=selectors.raid_with_id(raid_id), actor=actor_of(request))
        return Response(RaidSerializer(selectors.raid_with_id(raid.pk)).data)

    @extend_schema(request=None, responses=RaidSerializer)
    @idempotent
    def cancel(self, request: Request, raid_id: int) -> Response:
        """Call off a raid that holds nothing, with its date. One that holds points is reversed instead."""
        raid = services.cancel_raid(raid=selectors.raid_with_id(raid_id), actor=actor_of(request))
        return Response(RaidSerializer(selectors.raid_with_id(raid.pk)).data)

    @extend_schema(request=None, responses=RaidSerializer)
    @idempotent
    def reopen(self, request: Request, raid_id: int) -> Response:
        """Open a raid again that was closed; what was paid stays."""
        raid = services.reopen_raid(raid=selectors.raid_with_id(raid_id), actor=actor_of(request))
        return Response(RaidSerializer(selectors.raid_with_id(raid.pk)).data)

    @extend_schema(responses=ClosingOutput)
    def closing(self, request: Request, raid_id: int) -> Response:
        """Return what is left to do before the raid is closed, who stayed, and who signed up and did not come."""
        return Response(_closing(selectors.raid_with_id(raid_id)))


class CloseRaidView(APIView):
    """Closing a raid."""

    required_scopes = ("raids:write", "points:write")

    @extend_schema(request=CloseInput, responses=ClosingOutput)
    @idempotent
    def post(self, request: Request, raid_id: int) -> Response:
        """Close the raid: whoever stayed from the first check to the last gets the bonus. 409 says what is left to do."""
        data = valid(CloseInput, request)
        raid = selectors.raid_with_id(raid_id)
        services.close_raid(raid=raid, actor=actor_of(request), anyway=data["anyway"])
        return Response(_closing(selectors.raid_with_id(raid_id)))


class RaidBossView(GenericViewSet[RaidBoss]):
    """The bosses of a raid, as its event had them when it was made."""

    required_scopes: object = "raids"
    serializer_class = RaidBossSerializer
    queryset = RaidBoss.objects.none()
    filter_backends = [Columns, Ordering]
    hidden_columns: object = {"loot": "a list"}

    @extend_schema(responses=RaidBossSerializer(many=True))
    def list(self, request: Request, raid_id: int) -> Response:
        """Return the bosses, in their order."""
        raid = selectors.plain_raid(raid_id)
        return page_of(self, self.filter_queryset(raid.bosses.order_by("position")))

    @extend_schema(request=KillInput, responses=KilledOutput)
    @idempotent
    def kill(self, request: Request, raid_id: int, boss_id: int) -> Response:
        """Write down that a boss is dead: an attendance check worth what it is. Twice is once."""
        data = valid(KillInput, request)
        boss = RaidBoss.objects.filter(pk=boss_id, raid=raid_id).first()
        if boss is None:
            raise NotFound(f"Raid {raid_id} has no boss {boss_id}.", code="unknown_boss")
        check = services.record_kill(boss=boss, at=data.get("taken_at"), actor=actor_of(request))
        boss.refresh_from_db()
        return Response(KilledOutput.of(boss, check))
