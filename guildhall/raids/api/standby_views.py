"""`/api/raids/{id}/standby/`: who stands by for a raid."""

from __future__ import annotations

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.permissions import Principal
from guildhall.accounts.selectors import people
from guildhall.core.api.fields import AliasesMixin, IdField
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.params import MAX_ID, flag
from guildhall.core.api.rows import narrowed_page
from guildhall.core.api.serializers import Serializer
from guildhall.core.api.views import APIView, GenericViewSet
from guildhall.core.errors import NotAllowed
from guildhall.raids import selectors
from guildhall.raids.models import AttendanceCheck, Standby
from guildhall.raids.services import standby as services
from guildhall.raids.standby_selectors import own_standby, standby_of_raid, standby_with_id

from . import output
from .response_serializers import AttendanceOutput
from .shared import actor_of, character_of, valid

Source = Standby.Source
MAY_CHECK_IN = ("raids:signup", "raids:write")


class StandbySerializer(serializers.ModelSerializer[Standby]):
    """Somebody on a standby list. `source` is who said so: self, officer or chat; `ended_at` when they were taken off."""

    raid_id = serializers.IntegerField()
    user_id = serializers.IntegerField(allow_null=True)
    character_id = serializers.IntegerField(allow_null=True)
    created_by_id = serializers.IntegerField(allow_null=True)
    ended_by_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = Standby
        fields = [
            "id", "raid_id", "user_id", "character_id", "character_name", "source", "since", "created_by_id", "ended_at",
            "ended_by_id",
        ]  # fmt: skip
        read_only_fields = fields


class StandbyInput(AliasesMixin, Serializer):
    """Who stands by: a character, by id or name, or the main of a person; one's own main where nobody is named. Anybody else
    than oneself, another `source` and a time gone by (`since`) need `raids:write`."""

    aliases = {"user_id": "user"}

    character_id = serializers.IntegerField(required=False, allow_null=True, min_value=0)
    character_name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    user = IdField(queryset=people(), required=False, allow_null=True)
    source = serializers.ChoiceField(Source.choices, required=False)  # type: ignore[assignment]  # a name of DRF
    since = serializers.DateTimeField(required=False, allow_null=True, help_text="now unless told")


class MarkStandbyInput(AliasesMixin, Serializer):
    """At which check of the raid those on standby are written down, and which of them; all unless told."""

    aliases = {"check_id": "check"}

    check = IdField(queryset=AttendanceCheck.objects.all())
    standby_ids = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=MAX_ID), required=False, allow_null=True, max_length=500
    )


def _manages(who: Principal) -> bool:
    return who.can("raids:write")


class RaidStandbyView(GenericViewSet[Standby]):
    """The standby list of a raid. With `raids:signup` a person checks themselves in and off, while the raid is planned or
    running; with `raids:write` anybody, also afterwards."""

    required_scopes: object = {"GET": ("raids:read", "raids:signup"), "POST": MAY_CHECK_IN, "DELETE": MAY_CHECK_IN}
    serializer_class = StandbySerializer
    queryset = Standby.objects.none()

    @extend_schema(
        responses=StandbySerializer(many=True),
        parameters=[OpenApiParameter("all", OpenApiTypes.BOOL, description="also those who were taken off")],
    )
    def list(self, request: Request, raid_id: int) -> Response:
        """Return who stands by, who has longest first; without `raids:read` one's own entries alone."""
        raid, who = selectors.plain_raid(raid_id), principal(request)
        rows = standby_of_raid(raid.pk) if who.can("raids:read") else own_standby(raid.pk, who.person.pk)
        return narrowed_page(self, rows if flag(request, "all") else rows.filter(ended_at=None))

    @extend_schema(
        request=StandbyInput,
        responses={201: StandbySerializer},
        examples=[
            OpenApiExample("oneself", {}, request_only=True),
            OpenApiExample(
                "read in chat",
                {"character_name": "Aelric", "source": "chat", "since": "2026-12-04T20:05:00Z"},
                request_only=True,
            ),
        ],
    )
    @idempotent
    def create(self, request: Request, raid_id: int) -> Response:
        """Check in. Who is on the list stays on it since when they were."""
        who, data = principal(request), valid(StandbyInput, request)
        character, person = character_of(data), data.get("user")
        if character is None and person is None:
            person = who.person
        is_own = who.user is not None and who.user.pk in (
            character.user_id if character is not None else None,
            person.pk if character is None and person is not None else None,
        )
        source = data.get("source") or (Source.SELF if is_own else Source.OFFICER)
        if not _manages(who) and (source != Source.SELF or data.get("since") is not None):
            raise NotAllowed(
                "Only who runs raids puts somebody else on standby, or since before now.", code="not_yours"
            )
        row = services.check_in(
            raid=selectors.plain_raid(raid_id), character=character, person=person, source=source, at=data.get("since"),
            actor=actor_of(request),
        )  # fmt: skip
        return Response(StandbySerializer(row).data, status=201)

    @extend_schema(responses={200: StandbySerializer})
    @idempotent
    def destroy(self, request: Request, raid_id: int, standby_id: int) -> Response:
        """Take somebody off the list; the row stays on record."""
        row = services.take_off(
            standby=standby_with_id(raid_id, standby_id),
            actor=actor_of(request),
            for_others=_manages(principal(request)),
        )
        return Response(StandbySerializer(row).data)


class MarkStandbyView(APIView):
    """Attendance for those on standby."""

    required_scopes: object = {"POST": ("raids:write", "points:write")}

    @extend_schema(request=MarkStandbyInput, responses=AttendanceOutput)
    @idempotent
    def post(self, request: Request, raid_id: int) -> Response:
        """Write down those on standby at a check, with that status: they earn its share. Who is there already stays as they are."""
        data = valid(MarkStandbyInput, request)
        result = services.mark_standby(
            raid=selectors.plain_raid(raid_id), check=data["check"], standby_ids=data.get("standby_ids"),
            actor=actor_of(request),
        )  # fmt: skip
        return Response(output.award(result))
