"""`/api/requests/`: what members ask officers for, and the officers' answers."""

from __future__ import annotations

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.selectors import people
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.fields import AliasesMixin, IdField
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.serializers import Serializer
from guildhall.core.api.views import APIView, GenericViewSet, ListModelMixin, RetrieveModelMixin
from guildhall.raids import request_selectors as selectors
from guildhall.raids.models import AttendanceCheck, MemberRequest, RequestPolicy
from guildhall.raids.services import requests as services
from guildhall.roster.models import Character

from .shared import actor_of, valid

READERS = ("own:read", "raids:signup", "raids:write", "roster:write")
DECIDERS = ("raids:write", "roster:write")


class MemberRequestSerializer(serializers.ModelSerializer[MemberRequest]):
    """A request. `by_itself`: the guild lets this kind through without an officer; `decision` is the reason of a refusal."""

    user_id = serializers.IntegerField()
    display_name = serializers.CharField(source="user.__str__")
    character_id = serializers.IntegerField(allow_null=True)
    to_user_id = serializers.IntegerField(allow_null=True)
    check_id = serializers.IntegerField(source="check_asked_id", allow_null=True)
    raid_id = serializers.IntegerField(source="check_asked.raid_id", allow_null=True)
    decided_by_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = MemberRequest
        fields = [
            "id", "kind", "state", "user_id", "display_name", "character_id", "character_name", "character_class", "level",
            "to_user_id", "check_id", "raid_id", "message", "created_at", "decided_at", "decided_by_id", "by_itself",
            "decision",
        ]  # fmt: skip
        read_only_fields = fields


class MemberRequestInput(AliasesMixin, Serializer):
    """What is asked for. `alt` takes `name`, class and level; `main` one's own `character_id`; `transfer` also `to_user_id`, who
    is to have it; `attendance` the character and `check_id`, at which one was.
    """

    aliases = {"character_id": "character", "to_user_id": "to_user", "check_id": "check"}

    kind = serializers.ChoiceField(MemberRequest.Kind.choices)
    character = IdField(queryset=Character.objects.all(), required=False, allow_null=True)
    name = serializers.CharField(required=False, allow_blank=True, max_length=120)
    character_class = serializers.CharField(required=False, allow_blank=True, max_length=40)
    level = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=200)
    to_user = IdField(queryset=people(), required=False, allow_null=True)
    check = IdField(queryset=AttendanceCheck.objects.select_related("raid"), required=False, allow_null=True)
    message = serializers.CharField(required=False, allow_blank=True, max_length=300)


class RefusalInput(Serializer):
    """Why not; the member reads it."""

    reason = serializers.CharField(required=False, allow_blank=True, max_length=300)


class RequestPolicySerializer(serializers.ModelSerializer[RequestPolicy]):
    """Which kinds of requests are done at once, without an officer."""

    class Meta:
        model = RequestPolicy
        fields = ["alt", "main", "transfer", "attendance"]


class MemberRequestViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[MemberRequest]):
    """One's own requests, and those that one may decide: attendance with `raids:write`, the others with `roster:write`.

    A request changes nothing until it is approved, or at once where the guild lets its kind through by itself
    (`/api/requests/policy/`). It is decided once.
    """

    required_scopes: object = {"GET": READERS, "POST": "raids:signup"}
    serializer_class = MemberRequestSerializer
    queryset = MemberRequest.objects.none()
    lookup_value_regex = ID_PATTERN
    search_fields = ["character_name", "user__display_name", "message"]

    def get_queryset(self) -> QuerySet[MemberRequest]:
        if getattr(self, "swagger_fake_view", False):
            return MemberRequest.objects.none()
        return selectors.requests_seen_by(principal(self.request))

    def _shown(self, made: MemberRequest, *, status: int = 200) -> Response:
        return Response(self.get_serializer(selectors.request_with_id(made.pk)).data, status=status)

    @extend_schema(
        request=MemberRequestInput,
        responses={201: MemberRequestSerializer},
        examples=[
            OpenApiExample("an alt", {"kind": "alt", "name": "Dawn", "character_class": "Bard"}, request_only=True),
            OpenApiExample("I was there", {"kind": "attendance", "character_id": 12, "check_id": 7}, request_only=True),
        ],
    )
    @idempotent
    def create(self, request: Request) -> Response:
        """Ask for something for oneself. A key needs `account:write` too for what changes one's characters."""
        who = principal(request)
        made = services.make_request(user=who.person, by=who, **valid(MemberRequestInput, request))
        return self._shown(made, status=201)

    @extend_schema(request=None, responses=MemberRequestSerializer)
    @action(detail=True, methods=["post"], required_scopes={"POST": DECIDERS})
    @idempotent
    def approve(self, request: Request, pk: str) -> Response:
        """Do what was asked for. 409 says what stands in the way; the request stays open then."""
        who = principal(request)
        return self._shown(services.approve_request(request=self.get_object(), actor=who.person, by=who))

    @extend_schema(request=RefusalInput, responses=MemberRequestSerializer)
    @action(detail=True, methods=["post"], required_scopes={"POST": DECIDERS})
    @idempotent
    def refuse(self, request: Request, pk: str) -> Response:
        """Say no, with a reason."""
        who, asked = principal(request), valid(RefusalInput, request)
        return self._shown(services.refuse_request(request=self.get_object(), actor=who.person, by=who, **asked))

    @extend_schema(request=None, responses=MemberRequestSerializer)
    @action(detail=True, methods=["post"])
    @idempotent
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take one's own request back."""
        return self._shown(services.withdraw_request(request=self.get_object(), actor=principal(request).person))


class RequestPolicyView(APIView):
    """Which kinds of requests need no officer. Whoever may ask reads it; `roster:write` changes it."""

    required_scopes: object = {"GET": READERS, "PUT": "roster:write", "PATCH": "roster:write"}

    @extend_schema(responses=RequestPolicySerializer)
    def get(self, request: Request) -> Response:
        return Response(RequestPolicySerializer(services.request_policy()).data)

    @extend_schema(request=RequestPolicySerializer, responses=RequestPolicySerializer)
    def patch(self, request: Request) -> Response:
        """Change what is named; the rest stays as it is."""
        given = RequestPolicySerializer(services.request_policy(), data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        changed = services.edit_request_policy(actor=actor_of(request), **given.validated_data)
        return Response(RequestPolicySerializer(changed).data)

    @extend_schema(request=RequestPolicySerializer, responses=RequestPolicySerializer)
    def put(self, request: Request) -> Response:
        """Change what is named, as PATCH does."""
        return self.patch(request)
