"""`/api/permission-groups/`: permission groups, for officers and for keys with all of an officer's permissions."""

from __future__ import annotations

from collections.abc import Mapping

from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts import services
from guildhall.accounts.models import GroupMembership, PermissionGroup, User
from guildhall.core.api.rows import Made, OfPage, children
from guildhall.core.api.serializers import Serializer
from guildhall.core.api.views import GenericViewSet, ListModelMixin
from guildhall.core.errors import NotFound

from .permissions import principal
from .serializers import SCOPES_HELP


class GroupMemberSerializer(serializers.ModelSerializer[GroupMembership]):
    """Somebody who has a group, and what gave it to them."""

    comes_from = serializers.CharField(
        source="source", read_only=True, help_text="person: an officer gave it; discord: a Discord role does"
    )
    via = serializers.CharField(read_only=True, help_text="the id of the Discord role; empty where a person gave it")

    class Meta:
        model = GroupMembership
        fields = ["user_id", "comes_from", "via"]
        read_only_fields = fields


class GroupSerializer(serializers.ModelSerializer[PermissionGroup]):
    """A permission group, and who was given it."""

    scopes = serializers.ListField(child=serializers.CharField(), read_only=True)
    for_role = serializers.CharField(read_only=True, help_text="everybody with this role has it; empty for the others")
    memberships = GroupMemberSerializer(many=True, read_only=True)

    class Meta:
        model = PermissionGroup
        fields = ["id", "name", "description", "scopes", "for_role", "created_at", "memberships"]
        read_only_fields = fields

    row_fields: Mapping[str, Made | OfPage] = {
        "memberships": children(GroupMemberSerializer, lambda: GroupMembership.objects.order_by("pk"), "group_id")
    }


class NewGroupInput(Serializer):
    """A new group: its name, what it is for, and what it lets people do."""

    name = serializers.CharField(max_length=60)
    description = serializers.CharField(required=False, allow_blank=True, max_length=200)
    scopes = serializers.ListField(child=serializers.CharField(max_length=40), max_length=50, help_text=SCOPES_HELP)


class GroupInput(Serializer):
    """What is to be changed; what is left out stays."""

    name = serializers.CharField(required=False, max_length=60)
    description = serializers.CharField(required=False, allow_blank=True, max_length=200)
    scopes = serializers.ListField(
        child=serializers.CharField(max_length=40), required=False, max_length=50, help_text=SCOPES_HELP
    )


class GiveInput(Serializer):
    """Who is to have the group, and why."""

    user_id = serializers.IntegerField(min_value=1)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300)


_NEW = OpenApiExample("who keeps the bank", {"name": "Banker", "scopes": ["points:write"]}, request_only=True)


class PermissionGroupViewSet(ListModelMixin, GenericViewSet[PermissionGroup]):
    """Permission groups. A change needs an officer in person, or a key with all that an officer may do."""

    required_scopes = "roster:write"
    serializer_class = GroupSerializer
    queryset = PermissionGroup.objects.none()
    search_fields = ["name", "description"]
    ordering = ["name"]

    def get_queryset(self) -> QuerySet[PermissionGroup]:
        given = GroupMembership.objects.order_by("pk")
        return PermissionGroup.objects.prefetch_related(Prefetch("memberships", queryset=given))

    def find(self, pk: int) -> PermissionGroup:
        """Return the group.

        Raises:
            NotFound: ``unknown_group``.
        """
        found = self.get_queryset().filter(pk=pk).first()
        if found is None:
            raise NotFound(f"There is no permission group {pk}.", code="unknown_group")
        return found

    def find_user(self, user_id: int) -> User:
        """Return the person.

        Raises:
            NotFound: ``unknown_user``.
        """
        found = User.objects.filter(pk=user_id).first()
        if found is None:
            raise NotFound(f"There is no person {user_id}.", code="unknown_user")
        return found

    @extend_schema(responses=GroupSerializer)
    def retrieve(self, request: Request, pk: int) -> Response:
        """Return one group and who was given it."""
        return Response(GroupSerializer(self.find(pk)).data)

    @extend_schema(request=NewGroupInput, responses={201: GroupSerializer}, examples=[_NEW])
    def create(self, request: Request) -> Response:
        """Make a group; nobody has it yet."""
        given = NewGroupInput(data=request.data)
        given.is_valid(raise_exception=True)
        who = principal(request)
        made = services.create_group(actor=who.user, by=who, **given.validated_data)
        return Response(GroupSerializer(self.find(made.pk)).data, status=201)

    @extend_schema(request=GroupInput, responses=GroupSerializer)
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change a group; it counts at once for everybody who has it."""
        given = GroupInput(data=request.data)
        given.is_valid(raise_exception=True)
        who = principal(request)
        services.edit_group(group=self.find(pk), actor=who.user, by=who, **given.validated_data)
        return Response(GroupSerializer(self.find(pk)).data)

    @extend_schema(responses={204: OpenApiResponse(description="It is gone, and what it gave.")})
    def destroy(self, request: Request, pk: int) -> Response:
        """Remove a group; whoever had it loses what it gave."""
        who = principal(request)
        services.remove_group(group=self.find(pk), actor=who.user, by=who)
        return Response(status=204)

    @extend_schema(request=GiveInput, responses=GroupSerializer)
    def give(self, request: Request, pk: int) -> Response:
        """Give somebody the group. Giving it again changes nothing."""
        given = GiveInput(data=request.data)
        given.is_valid(raise_exception=True)
        who, data = principal(request), given.validated_data
        user = self.find_user(data["user_id"])
        services.give_group(user=user, group=self.find(pk), actor=who.user, by=who, reason=data.get("reason", ""))
        return Response(GroupSerializer(self.find(pk)).data)

    @extend_schema(responses={204: OpenApiResponse(description="They no longer have it.")})
    def take(self, request: Request, pk: int, user_id: int) -> Response:
        """Take the group from somebody. One that a Discord role gives goes with that role."""
        who = principal(request)
        services.take_group(user=self.find_user(user_id), group=self.find(pk), actor=who.user, by=who)
        return Response(status=204)
