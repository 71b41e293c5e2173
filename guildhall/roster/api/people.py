"""`/api/users/` (PRD 5.2.2): people with their characters."""

from __future__ import annotations

from collections.abc import Mapping

import django_filters
from django.db.models import Prefetch, QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts import services
from guildhall.accounts.api.permissions import principal
from guildhall.accounts.models import RoleGroup, User
from guildhall.core.api.contract import Contract
from guildhall.core.api.fields import JSONObjectField
from guildhall.core.api.rows import Made, OfPage, children
from guildhall.core.api.serializers import Serializer
from guildhall.core.api.views import APIView, GenericViewSet, ListModelMixin
from guildhall.roster.models import Character
from guildhall.roster.selectors import find_person

from .serializers import MyCharacterSerializer

READ_WRITE = {"GET": "roster:read", "POST": "roster:write", "PUT": "roster:write", "PATCH": "roster:write"}


def _with_characters(people: QuerySet[User]) -> QuerySet[User]:
    mine = Character.objects.select_related("rank").order_by("-is_main", "name")
    return people.prefetch_related(Prefetch("characters", queryset=mine))


class UserSerializer(serializers.ModelSerializer[User]):
    """A person with their characters, the main first."""

    avatar_url = serializers.CharField(read_only=True, help_text="empty where there is none")
    characters = MyCharacterSerializer(many=True, read_only=True)

    class Meta:
        model = User
        fields = [
            "id", "username", "display_name", "discord_id", "discord_username", "avatar_url", "role_group",
            "is_active", "is_bot", "is_placeholder", "date_joined", "characters",
        ]  # fmt: skip
        read_only_fields = fields

    row_fields: Mapping[str, Made | OfPage] = {
        "characters": children(MyCharacterSerializer, lambda: Character.objects.order_by("-is_main", "name"), "user_id")
    }


class MeSerializer(UserSerializer):
    """Oneself: with preferences, and with what this sign-in or key may do."""

    email = serializers.CharField(read_only=True, help_text="empty where there is none")
    preferences = serializers.DictField(read_only=True)
    scopes = serializers.SerializerMethodField(help_text="what this session or key may do")

    class Meta(UserSerializer.Meta):
        fields = [*UserSerializer.Meta.fields, "email", "preferences", "scopes"]
        read_only_fields = fields

    def get_scopes(self, user: User) -> list[str]:
        return sorted(self.context["scopes"])


class MeInput(Serializer):
    """What people may change of themselves."""

    display_name = serializers.CharField(required=False, max_length=80)
    preferences = JSONObjectField(required=False)


class NewUserInput(Serializer):
    """Somebody who has not signed in yet."""

    display_name = serializers.CharField(max_length=80)
    discord_id = serializers.CharField(required=False, allow_null=True, allow_blank=True, max_length=40)
    discord_username = serializers.CharField(required=False, allow_blank=True, max_length=80)
    role_group = serializers.ChoiceField(choices=RoleGroup.choices, required=False)


class UserInput(Serializer):
    """What an officer may change of a person."""

    display_name = serializers.CharField(required=False, max_length=80)
    role_group = serializers.ChoiceField(choices=RoleGroup.choices, required=False)
    is_active = serializers.BooleanField(required=False)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=300)


class MeView(APIView):
    """`/api/users/me/`: any key reads whose it is; changing the account needs `account:write`."""

    required_scopes = {"GET": None, "PUT": "account:write", "PATCH": "account:write"}

    def check_body(self, request: Request, contract: Contract) -> None:
        """Refuse a change of one's own role with 403; an unchanged value may be sent back."""
        user, given = principal(request).user, request.data
        if isinstance(given, Mapping):
            services.refuse_own_role({name: one for name, one in given.items() if one != getattr(user, name, None)})
        super().check_body(request, contract)

    @extend_schema(responses=MeSerializer, operation_id="users_me_retrieve")
    def get(self, request: Request) -> Response:
        """Return who you are, what you may do, and your characters."""
        return self._answer(request)

    @extend_schema(
        request=MeInput,
        responses=MeSerializer,
        operation_id="users_me_partial_update",
        examples=[OpenApiExample("a preference", {"preferences": {"theme": "dark"}}, request_only=True)],
    )
    def patch(self, request: Request) -> Response:
        """Change your display name or your preferences. Your role is an officer's to change."""
        given = MeInput(data=request.data)
        given.is_valid(raise_exception=True)
        user = principal(request).user
        assert user is not None
        if given.validated_data:
            services.update_person(user=user, actor=user, by=principal(request), **given.validated_data)
        return self._answer(request)

    @extend_schema(request=MeInput, responses=MeSerializer, operation_id="users_me_update")
    def put(self, request: Request) -> Response:
        """Change the fields that are sent, as PATCH does: what is left out stays."""
        return self.patch(request)

    def _answer(self, request: Request) -> Response:
        me = _with_characters(User.objects.filter(pk=request.user.pk or 0)).get()
        return Response(MeSerializer(me, context={"scopes": principal(request).scopes}).data)


class UserFilter(django_filters.FilterSet):
    """`?role_group=`, `?is_active=`, `?is_bot=`, `?discord_id=`, `?linked=true`."""

    discord_id = django_filters.CharFilter()
    linked = django_filters.BooleanFilter(field_name="discord_id", lookup_expr="isnull", exclude=True)

    class Meta:
        model = User
        fields = ["role_group", "is_active", "is_bot", "is_placeholder"]


class UserViewSet(ListModelMixin, GenericViewSet[User]):
    """People, for officers and bots; anybody reads themselves."""

    serializer_class = UserSerializer
    queryset = User.objects.none()
    filterset_class = UserFilter
    column_aliases = {"user_id": "id"}
    hidden_columns = {"avatar_url": "made of the Discord id and Discord's own name of the picture"}
    search_fields = ["display_name", "username", "discord_username", "discord_id", "characters__name"]
    ordering = ["display_name", "pk"]

    @property
    def required_scopes(self) -> object:
        return (
            "roster:write" if self.action in ("list", None) else {**READ_WRITE, "GET": ("roster:read", "roster:write")}
        )

    def get_queryset(self) -> QuerySet[User]:
        return _with_characters(User.objects.filter(merged_into=None))

    @extend_schema(
        request=NewUserInput,
        responses={201: UserSerializer},
        examples=[
            OpenApiExample(
                "from Discord",
                {"display_name": "Aeli", "discord_id": "80351110224678912", "discord_username": "aeli",
                 "role_group": "member"},
                request_only=True,
            )
        ],
    )  # fmt: skip
    def create(self, request: Request) -> Response:
        """Bring in a person who has not signed in yet; signing in with that Discord id later finds them."""
        given = NewUserInput(data=request.data)
        given.is_valid(raise_exception=True)
        who = principal(request)
        made = services.create_person(actor=who.user, by=who, **given.validated_data)
        return Response(UserSerializer(made).data, status=201)

    @extend_schema(responses=UserSerializer)
    def retrieve(self, request: Request, pk: int) -> Response:
        """Return a person and their characters. Whoever was merged into somebody is that somebody. Others than
        oneself: as the list, for whoever keeps the roster."""
        who = principal(request)
        if who.user is None or who.user.pk != pk:
            who.require("roster:write")
        return self._answer(find_person(user_id=pk).pk)

    @extend_schema(
        request=UserInput,
        responses=UserSerializer,
        examples=[OpenApiExample("a promotion", {"role_group": "officer", "reason": "voted"}, request_only=True)],
    )
    def partial_update(self, request: Request, pk: int) -> Response:
        """Change a person's display name or role, or close their account: for officers."""
        given = UserInput(data=request.data)
        given.is_valid(raise_exception=True)
        changed = services.manage_person(user=find_person(user_id=pk), by=principal(request), **given.validated_data)
        return self._answer(changed.pk)

    @extend_schema(request=UserInput, responses=UserSerializer)
    def update(self, request: Request, pk: int) -> Response:
        """Change the fields that are sent, as PATCH does: what is left out stays."""
        return self.partial_update(request, pk)

    def _answer(self, pk: int) -> Response:
        return Response(UserSerializer(_with_characters(User.objects.filter(pk=pk)).get()).data)
