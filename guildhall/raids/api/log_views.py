"""`/api/raids/{id}/log/` and `/api/raids/{id}/presence/`: what logs said of a raid beside who was there."""

from __future__ import annotations

from django.conf import settings
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.core.api.columns import Columns
from guildhall.core.api.fields import LogText, UUIDTextField
from guildhall.core.api.filters import Ordering
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.rows import page_of
from guildhall.core.api.serializers import Serializer
from guildhall.core.api.views import APIView, GenericViewSet
from guildhall.core.guild import guild_time_zone
from guildhall.raids import log_selectors, selectors
from guildhall.raids.models import LogFinding
from guildhall.raids.parsers import log_character, read_night
from guildhall.raids.services import log_findings as services
from guildhall.raids.services.standby_offers import take_up_check_in

from .reading import given_log, refuse_large_body
from .shared import actor_of, valid

READS_LOGS = ("raids:write", "loot:write")


class LogFindingSerializer(serializers.ModelSerializer[LogFinding]):
    """One line of a log that matters. `state` is what became of loot or a check-in that is offered; `document` the award's."""

    class Meta:
        model = LogFinding
        fields = [
            "id", "kind", "at", "logger", "character_name", "item", "quantity", "how", "source", "text", "state", "document",
            "created_at", "decided_at",
        ]  # fmt: skip
        read_only_fields = fields


class LogInput(Serializer):
    """A log, as text or as a file. `character` is who wrote it, where its file name does not say so."""

    text = LogText(required=False)
    file = serializers.FileField(required=False, allow_empty_file=True)
    file_name = serializers.CharField(required=False, allow_blank=True, max_length=300)
    time_zone = serializers.CharField(
        required=False, max_length=60, help_text="of the computer that wrote the log; the guild's where it is not given"
    )
    character = serializers.CharField(required=False, allow_blank=True, max_length=64)


class LogRead(Serializer):
    """What reading a log did: lines that are new, that were known, that are of another time, and that were too many."""

    new = serializers.IntegerField()
    known = serializers.IntegerField()
    outside = serializers.IntegerField()
    left_out = serializers.IntegerField()


class SettleInput(Serializer):
    """`document` is the award that was made of a loot line, where there is one."""

    document = UUIDTextField(required=False, allow_null=True)


class AwaySerializer(Serializer):
    """Somebody who was not quite there. `why` is linkdead, afk, crashed or gone; nothing follows from it by itself."""

    character_name = serializers.CharField()
    why = serializers.ChoiceField(choices=["linkdead", "afk", "crashed", "gone"])
    words = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)


class CheckPresenceSerializer(Serializer):
    """Who was away at one check."""

    check_id = serializers.IntegerField()
    away = AwaySerializer(many=True)


class PresenceSerializer(Serializer):
    """Who was away at which check, and who joined and left, with the kills and calls, in the order of time."""

    checks = CheckPresenceSerializer(many=True)
    movements = LogFindingSerializer(many=True)


class RaidLogView(GenericViewSet[LogFinding]):
    """What logs said of a raid. It moves no point and no status: officers settle what is offered."""

    required_scopes: object = {"GET": READS_LOGS, "POST": READS_LOGS}
    serializer_class = LogFindingSerializer
    queryset = LogFinding.objects.none()
    filter_backends = [Columns, Ordering]

    def check_body_size(self, request: Request) -> None:
        refuse_large_body(request)

    @extend_schema(responses=LogFindingSerializer(many=True))
    def list(self, request: Request, raid_id: int) -> Response:
        """Return the lines that are kept of this raid, the earliest first: joins, leaves, loot, check-ins, kills and calls."""
        selectors.plain_raid(raid_id)
        return page_of(self, self.filter_queryset(log_selectors.findings_of_raid(raid_id)))

    @extend_schema(
        request=LogInput,
        responses={200: LogRead},
        examples=[
            OpenApiExample(
                "loot",
                {
                    "text": "[Sun Nov 22 21:04:10 2026] --Aelric has looted a Cloak of Flames.--",
                    "file_name": "eqlog_Borin_server.txt",
                },
                request_only=True,
            )
        ],
    )
    def create(self, request: Request, raid_id: int) -> Response:
        """Read a log, or a part of one, and keep what it says of this raid. Sent again, or by somebody else, a line is kept once."""
        data = valid(LogInput, request)
        raid = selectors.plain_raid(raid_id)
        source, name = given_log(data)
        since, until = services.time_of(raid)
        character = data.get("character") or log_character(name)
        events = read_night(
            source,
            since=since,
            until=until,
            filename=name,
            time_zone=data.get("time_zone") or guild_time_zone(),
            character=character,
            max_bytes=settings.MAX_LOG_BYTES,
        )
        done = services.record_log(raid=raid, events=events, logger=character or "", actor=actor_of(request))
        return Response(LogRead(done).data)

    @extend_schema(request=SettleInput, responses=LogFindingSerializer)
    @idempotent
    def settle(self, request: Request, raid_id: int, finding_id: int) -> Response:
        """Do what a check-in offers: whoever checked in goes on the standby list since then. Of loot it notes that it is awarded."""
        data, finding = valid(SettleInput, request), log_selectors.finding_with_id(raid_id, finding_id)
        if finding.kind == LogFinding.Kind.STANDBY:
            take_up_check_in(finding=finding, actor=actor_of(request), document=data.get("document"))
            return Response(LogFindingSerializer(log_selectors.finding_with_id(raid_id, finding_id)).data)
        done = services.settle_finding(finding=finding, actor=actor_of(request), document=data.get("document"))
        return Response(LogFindingSerializer(done).data)

    @extend_schema(request=None, responses=LogFindingSerializer)
    @idempotent
    def dismiss(self, request: Request, raid_id: int, finding_id: int) -> Response:
        """Note that nothing follows from the line; it is offered no more."""
        finding = log_selectors.finding_with_id(raid_id, finding_id)
        return Response(LogFindingSerializer(services.dismiss_finding(finding=finding, actor=actor_of(request))).data)

    @extend_schema(request=None, responses=LogFindingSerializer)
    @idempotent
    def reopen(self, request: Request, raid_id: int, finding_id: int) -> Response:
        """Offer the line again."""
        finding = log_selectors.finding_with_id(raid_id, finding_id)
        return Response(LogFindingSerializer(services.reopen_finding(finding=finding, actor=actor_of(request))).data)


class RaidPresenceView(APIView):
    """Who was there, away or gone, as the logs have it."""

    required_scopes = ("raids:write",)

    @extend_schema(responses=PresenceSerializer)
    def get(self, request: Request, raid_id: int) -> Response:
        """Return who was linkdead, away or gone at which check, and who came and went. It is for an officer to judge."""
        raid = selectors.plain_raid(raid_id)
        found = log_selectors.presence_of(raid)
        checks = [{"check_id": check_id, "away": away} for check_id, away in found.away.items()]
        return Response(PresenceSerializer({"checks": checks, "movements": found.movements}).data)
