"""What hangs on a raid: `/api/raids/{id}/attendance/`, `…/unmatched/` and `…/checks/`."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.visitors import VisitorReadable
from guildhall.accounts.models import Section
from guildhall.accounts.visitors import is_visitor
from guildhall.core.api.columns import FLAG, TEXT, Column, Columns
from guildhall.core.api.filters import Ordering
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.kept import kept
from guildhall.core.api.params import flag, whole_number
from guildhall.core.api.previews import previewed_anew
from guildhall.core.api.rows import narrowed_page, page_of
from guildhall.core.api.views import GenericViewSet
from guildhall.core.errors import BadInput, NotFound
from guildhall.raids import selectors, services
from guildhall.raids.attendees import Attendee
from guildhall.raids.models import AttendanceCheck, RaidAttendance, UnmatchedName
from guildhall.raids.parsers import AttendanceParse
from guildhall.raids.services import check_of
from guildhall.raids.uploads import focus_on

from . import output
from .input_serializers import AwardAttendanceInput, RaidReasonInput, ResolveInput
from .reading import read_upload, refuse_large_body
from .response_serializers import AttendanceOutput, ResolvedOutput
from .serializers import AttendanceCheckSerializer, AttendanceRowSerializer, UnmatchedSerializer
from .shared import EXAMPLE_LIST, EXAMPLE_TEXT, actor_of, character_of, decisions_of, valid
from .views import OF_A_RAID

MAY_AWARD = {"GET": "raids:read", "POST": ("raids:write", "points:write"), "DELETE": ("raids:write", "points:write")}


_AWARDED = OpenApiExample(
    "awarded",
    value={
        "raid_id": 7,
        "check": 12,
        "awarded": [{"character_name": "Aelric", "user_id": 3, "points": "10.00", "status": "present"}],
        "raised": [],
        "already_present": [],
        "unmatched": [{"id": 4, "name": "Aelrik", "reason": "unknown", "suggestions": ["Aelric"]}],
        "total": "10.00",
        "is_repeat": False,
        "warnings": [],
    },
    response_only=True,
)


class RaidAttendanceView(VisitorReadable, GenericViewSet[RaidAttendance]):
    """Who was at a raid."""

    required_scopes = MAY_AWARD
    visitor_section = Section.RAIDS
    visitor_params = ("check",)
    visitor_fields = (
        "id", "check_id", "character_name", "character_id", "user_id", "display_name", "status", "points",
        "given_points", "amounts", "is_credited", "created_at",
    )  # fmt: skip
    serializer_class = AttendanceRowSerializer
    queryset = RaidAttendance.objects.none()
    filter_backends = [Columns, Ordering]
    column_paths = {
        "display_name": Column(None, TEXT, is_nullable=True),
        "is_credited": Column(None, FLAG),
    }

    def check_body_size(self, request: Request) -> None:
        refuse_large_body(request)

    @extend_schema(
        responses=AttendanceRowSerializer(many=True),
        parameters=[
            OpenApiParameter("check", int, description="one check alone"),
            OpenApiParameter("include_reversed", bool, description="also those who were taken off"),
        ],
    )
    @kept(*OF_A_RAID)
    def list(self, request: Request, raid_id: int) -> Response:
        """Return who was there, check by check, with what each earned."""
        raid = selectors.plain_raid(raid_id)
        rows = selectors.attendance_of_raid(
            raid_id, include_reversed=flag(request, "include_reversed"), for_visitor=is_visitor(request)
        )
        check = whole_number(request, "check")
        if check is not None:
            rows = rows.filter(attendance_check=check_of(raid, check))
        return narrowed_page(self, rows)

    @extend_schema(
        request=AwardAttendanceInput, responses={200: AttendanceOutput}, examples=[EXAMPLE_LIST, EXAMPLE_TEXT, _AWARDED]
    )
    def create(self, request: Request, raid_id: int) -> Response:
        """Award attendance: from a list, from pasted text, or from a file. A name nobody knows is kept, not dropped."""
        data = valid(AwardAttendanceInput, request)
        listed = data.get("attendees") is not None and not data.get("file") and not data.get("text")
        # A large log is read before the transaction begins, so that nobody waits for it.
        upload = None if listed else read_upload(data, raid_id=raid_id)
        return self._award(request, raid_id, data, upload)

    create.is_idempotent = True  # type: ignore[attr-defined]

    @idempotent
    def _award(
        self, request: Request, raid_id: int, data: dict[str, Any], upload: tuple[AttendanceParse, str] | None
    ) -> Response:
        raid = selectors.plain_raid(raid_id) if upload is None else selectors.raid_with_id(raid_id)
        if upload is None:
            if "digest" in data:
                raise BadInput(
                    "A digest belongs to the preview of a text or a file. Send the list without it, or preview it with "
                    "amend.",
                    code="not_previewed",
                    attr="digest",
                )
            result = services.award_attendance(
                raid=raid,
                attendees=[Attendee(**row) for row in data["attendees"]],
                check=data.get("check"),
                actor=actor_of(request),
            )
            return Response(output.award(result))
        parse, name = upload
        focus_on(parse, check_of(raid, data.get("check")))
        wanted: dict[str, Any] = {
            "raid": raid,
            "parse": parse,
            "check": data.get("check"),
            "decisions": decisions_of(data),
        }
        with previewed_anew(lambda: output.preview(selectors.preview_attendance(**wanted))):
            result = services.commit_parsed_attendance(
                **wanted, file_name=name, digest=data.get("digest"), actor=actor_of(request)
            )
        return Response(output.award(result))

    @extend_schema(request=RaidReasonInput, responses={200: AttendanceRowSerializer})
    @idempotent
    def destroy(self, request: Request, raid_id: int, attendance_id: int) -> Response:
        """Take somebody off; what they earned by this check is reversed."""
        data = valid(RaidReasonInput, request)
        row = RaidAttendance.objects.filter(pk=attendance_id, attendance_check__raid=raid_id).first()
        if row is None:
            raise NotFound(f"Raid {raid_id} has no attendance {attendance_id}.", code="unknown_attendance")
        gone = services.remove_attendee(attendance=row, actor=actor_of(request), reason=data["reason"])
        return Response(AttendanceRowSerializer(gone).data)


class RaidUnmatchedView(GenericViewSet[UnmatchedName]):
    """Names of a raid that nobody knew."""

    required_scopes = MAY_AWARD
    serializer_class = UnmatchedSerializer
    queryset = UnmatchedName.objects.none()
    filter_backends = [Columns, Ordering]
    column_paths = {"reason": Column(None, TEXT)}

    @extend_schema(
        responses=UnmatchedSerializer(many=True),
        parameters=[OpenApiParameter("all", bool, description="also those that were settled")],
    )
    def list(self, request: Request, raid_id: int) -> Response:
        """Return the names that are still open."""
        selectors.plain_raid(raid_id)
        rows = selectors.unmatched_of_raid(raid_id, settled_too=flag(request, "all"))
        return narrowed_page(self, rows)

    @extend_schema(
        request=ResolveInput,
        responses=ResolvedOutput,
        examples=[OpenApiExample("it is Aelric", value={"character_id": 5, "remember_alias": True}, request_only=True)],
    )
    @idempotent
    def resolve(self, request: Request, raid_id: int, unmatched_id: int) -> Response:
        """Say who it is, and they are paid now; or let it pass."""
        data = valid(ResolveInput, request)
        name = UnmatchedName.objects.filter(pk=unmatched_id, raid=raid_id).first()
        if name is None:
            raise NotFound(f"Raid {raid_id} has no unmatched name {unmatched_id}.", code="unknown_name")
        result = services.resolve_unmatched(
            unmatched=name,
            character=character_of(data),
            ignore=data["ignore"],
            remember_alias=data["remember_alias"],
            actor=actor_of(request),
        )
        name.refresh_from_db()
        return Response({**output.award(result), "resolved": UnmatchedSerializer(name).data})


class RaidCheckView(VisitorReadable, GenericViewSet[AttendanceCheck]):
    """The attendance checks of a raid."""

    required_scopes = "raids"
    visitor_section = Section.RAIDS
    visitor_fields = AttendanceCheckSerializer.Meta.fields
    serializer_class = AttendanceCheckSerializer
    queryset = AttendanceCheck.objects.none()
    filter_backends = [Columns, Ordering]

    @extend_schema(responses=AttendanceCheckSerializer(many=True))
    @kept(*OF_A_RAID)
    def list(self, request: Request, raid_id: int) -> Response:
        """Return the raid's checks, the first one first."""
        raid = selectors.plain_raid(raid_id)
        return page_of(self, self.filter_queryset(raid.checks.order_by("position")))

    @extend_schema(
        request=AttendanceCheckSerializer,
        responses={201: AttendanceCheckSerializer},
        examples=[
            OpenApiExample("a kill", value={"kind": "kill", "label": "Vulak`Aerr", "points": "5.00"}, request_only=True)
        ],
    )
    @idempotent
    def create(self, request: Request, raid_id: int) -> Response:
        """Add a check with its own worth."""
        raid = selectors.raid_with_id(raid_id)
        check = services.add_check(raid=raid, actor=actor_of(request), **valid(AttendanceCheckSerializer, request))
        return Response(AttendanceCheckSerializer(check).data, status=201)

    @extend_schema(responses=AttendanceCheckSerializer)
    def retrieve(self, request: Request, raid_id: int, check_id: int) -> Response:
        """Return one check."""
        return Response(AttendanceCheckSerializer(self._check(raid_id, check_id)).data)

    @extend_schema(request=AttendanceCheckSerializer, responses=AttendanceCheckSerializer)
    def partial_update(self, request: Request, raid_id: int, check_id: int) -> Response:
        """Change a check; a new worth pays or takes the difference."""
        check = self._check(raid_id, check_id)
        serializer = AttendanceCheckSerializer(data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        changed = services.update_check(check=check, actor=actor_of(request), **serializer.validated_data)
        return Response(AttendanceCheckSerializer(changed).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, raid_id: int, check_id: int) -> Response:
        """Take away a check that nobody is down for."""
        services.remove_check(check=self._check(raid_id, check_id), actor=actor_of(request))
        return Response(status=204)

    def _check(self, raid_id: int, check_id: int) -> AttendanceCheck:
        return check_of(selectors.raid_with_id(raid_id), check_id)
