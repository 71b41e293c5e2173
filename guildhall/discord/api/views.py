"""`/api/discord/`: roles, members, links, the log, and what a bot tells us (PRD 5.2.8)."""

from __future__ import annotations

from typing import Any

import django_filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.models import User
from guildhall.core.api.columns import TEXT, Column, Columns, person_name, shown_page
from guildhall.core.api.filters import IdFilter, Ordering
from guildhall.core.api.kept import kept
from guildhall.core.api.pagination import Pages, paged
from guildhall.core.api.params import flag
from guildhall.core.api.previews import previewed_anew
from guildhall.core.api.views import APIView, GenericViewSet, ListAPIView, ListModelMixin, ModelViewSet
from guildhall.core.errors import NotAllowed
from guildhall.core.ids import DiscordId
from guildhall.discord import selectors
from guildhall.discord.client import DiscordConfig, default_client
from guildhall.discord.connection import check_connection
from guildhall.discord.inbound import MemberUpdate, receive_member_update
from guildhall.discord.linking.services import link_discord, unlink_discord
from guildhall.discord.linking.throttled import exchange_sent_token
from guildhall.discord.models import DiscordMember, DiscordRole, DiscordRoleMapping, DiscordSyncLog
from guildhall.discord.roles import mapping as mappings
from guildhall.discord.roles.drift import drift_report, preview_role_sync
from guildhall.discord.roles.sync import request_sync
from guildhall.roster.models import Character, Rank
from guildhall.roster.selectors import find_person

from .serializers import (
    CheckOutput,
    DriftOutput,
    LinkInput,
    MappingSerializer,
    MemberOutput,
    MemberUpdateInput,
    MemberUpdateOutput,
    PersonOutput,
    RoleOutput,
    RosterMember,
    SyncInput,
    SyncLogOutput,
    SyncOutput,
    TokenInput,
    TokenOutput,
)


def person_json(person: User) -> dict[str, object]:
    """Return a person as `GET /api/users/me/` shows them (docs/api-contract.md, "Accounts")."""
    row = selectors.roster_page([person])[0]
    return {
        "id": person.pk,
        "username": person.username,
        "display_name": str(person),
        "discord_id": person.discord_id,
        "discord_username": person.discord_username,
        "avatar_url": person.avatar_url,
        "role_group": person.role_group,
        "preferences": person.preferences,
        "characters": row["characters"],
    }


def officers_and_bots(request: Request) -> None:
    """Pass officers and bots.

    Raises:
        NotAllowed: for everybody else.
    """
    if not principal(request).acts_for_others:
        raise NotAllowed("Only officers and the guild's bots may see or do this.")


class DiscordTokenView(APIView):
    """Get our token for a Discord access token that was issued to this application."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]
    required_scopes = None

    @extend_schema(request=TokenInput, responses={200: TokenOutput})
    def post(self, request: Request) -> Response:
        data = TokenInput(data=request.data)
        data.is_valid(raise_exception=True)
        person, token = exchange_sent_token(
            request._request, access_token=data.validated_data["access_token"], client=default_client()
        )
        return Response({"token": token, "user": person_json(person)})


class RosterView(ListAPIView[User]):
    """Members with characters, rank and the Discord roles each should hold."""

    required_scopes = ("discord:read",)
    pagination_class = Pages
    serializer_class = RosterMember
    filter_backends = [Columns, Ordering]
    queryset = User.objects.none()

    @extend_schema(parameters=[OpenApiParameter("linked", bool, description="Only people with a Discord account.")])
    @kept(User, Character, Rank, DiscordRole, DiscordRoleMapping, DiscordMember)
    def get(self, request: Request, *args: object, **kwargs: object) -> Any:
        return self.list(request, *args, **kwargs)

    def list(self, request: Request, *args: object, **kwargs: object) -> Response:
        people = selectors.roster_people()
        if flag(request, "linked"):
            people = people.filter(discord_id__isnull=False)
        rows = people.values_list(*selectors.Member._fields)
        return shown_page(self, request, rows, selectors.roster_rows)


class RolesView(APIView):
    """The server's roles, and what each stands for."""

    pagination_class = Pages
    required_scopes = ("discord:read",)
    serializer_class = RoleOutput
    filter_backends = [Columns, Ordering]

    @extend_schema(responses={200: RoleOutput(many=True)})
    def get(self, request: Request) -> Response:
        return paged(request, selectors.roles_with_meaning(), view=self)


class MappingViewSet(ModelViewSet[DiscordRoleMapping]):
    """Which role stands for which rank, role group or status, for being on trial, or for being linked."""

    required_scopes = {
        "GET": "discord:read",
        **dict.fromkeys(("POST", "PUT", "PATCH", "DELETE"), "discord:write"),
    }
    serializer_class = MappingSerializer
    queryset = DiscordRoleMapping.objects.select_related("rank")
    column_paths = {"rank_name": Column("rank__name", TEXT, is_nullable=True)}

    def perform_create(self, serializer: serializers.BaseSerializer[DiscordRoleMapping]) -> None:
        serializer.instance = mappings.create_mapping(actor=principal(self.request).user, **serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        before = serializer.instance
        values = {name: getattr(before, name) for name in ("role_id", "kind", "rank", "value", "is_active")}
        if serializer.validated_data.get("kind", before.kind) != before.kind:
            values |= {"rank": None, "value": ""}  # what the former kind asked for
        serializer.instance = mappings.update_mapping(
            mapping=before, actor=principal(self.request).user, **{**values, **serializer.validated_data}
        )

    def perform_destroy(self, instance: DiscordRoleMapping) -> None:
        mappings.delete_mapping(mapping=instance, actor=principal(self.request).user)


class MemberView(APIView):
    """One Discord account: who it is here, what roles it should hold and holds."""

    required_scopes = ("discord:read",)

    @extend_schema(responses={200: MemberOutput})
    def get(self, request: Request, discord_id: str) -> Response:
        return Response(selectors.member_view(DiscordId(discord_id)))


class SyncRolesView(APIView):
    """Put roles right in Discord: of some people, or of everybody. The worker does it; this answers at once."""

    required_scopes: tuple[str, ...] = ("discord:write",)
    source = "sync"

    @extend_schema(request=SyncInput, responses={200: SyncOutput, 202: SyncOutput})
    def post(self, request: Request) -> Response:
        data = SyncInput(data=request.data)
        data.is_valid(raise_exception=True)
        values = data.validated_data
        user_ids = values.get("user_ids")
        if values["dry_run"]:
            return Response(_role_sync(user_ids))
        for user_id in user_ids or []:
            find_person(user_id=user_id)
        with previewed_anew(lambda: _role_sync(user_ids)):
            queued = request_sync(
                user_ids=user_ids,
                source=self.source,
                actor=principal(request).user,
                reason=values["reason"],
                digest=values.get("digest"),
            )
        answer: dict[str, object] = {"queued": queued}
        if not DiscordConfig.from_settings().has_bot:
            answer["detail"] = "No bot is set up (DISCORD_BOT_TOKEN, DISCORD_GUILD_ID), so nothing was queued."
        return Response(answer, status=202)


def _role_sync(user_ids: list[int] | None) -> dict[str, object]:
    found = preview_role_sync(user_ids=user_ids)
    return {"queued": 0, "changes": found.changes, "digest": found.digest}


class ForceSyncView(SyncRolesView):
    """Read the whole server again and put every mapped role right, whatever was refused before."""

    required_scopes = ("admin", "discord:write")
    source = "force"

    @extend_schema(request=SyncInput, responses={200: SyncOutput, 202: SyncOutput})
    def post(self, request: Request) -> Response:
        officers_and_bots(request)
        return super().post(request)


class DriftView(APIView):
    """Where Discord and this system disagree, as far as is known without asking Discord."""

    required_scopes = ("discord:read",)

    @extend_schema(responses={200: DriftOutput})
    def get(self, request: Request) -> Response:
        officers_and_bots(request)
        return Response(drift_report())


class LinkMemberView(APIView):
    """Link a person to a Discord account."""

    required_scopes = ("discord:write",)

    @extend_schema(request=LinkInput, responses={200: PersonOutput})
    def post(self, request: Request) -> Response:
        data = LinkInput(data=request.data)
        data.is_valid(raise_exception=True)
        values = data.validated_data
        person = link_discord(
            user=find_person(user_id=values["user_id"]),
            discord_id=values["discord_id"],
            actor=principal(request).user,
            by=principal(request),
            reason=values["reason"],
        )
        return Response(person_json(person))


class UnlinkMemberView(APIView):
    """Take a person's Discord account away from them."""

    required_scopes = ("discord:write",)

    @extend_schema(
        request=None, responses={204: None}, parameters=[OpenApiParameter("reason", str, description="for the record")]
    )
    def delete(self, request: Request, user_id: int) -> Response:
        reason = str(request.query_params.get("reason", ""))[:300]
        who = principal(request)
        unlink_discord(user=find_person(user_id=user_id), actor=who.user, by=who, reason=reason)
        return Response(status=204)


class SyncLogFilter(django_filters.FilterSet):
    """Narrow the log down."""

    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte")
    until = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt")
    user_id = IdFilter(field_name="user_id")

    class Meta:
        model = DiscordSyncLog
        fields = ["discord_id", "action", "outcome", "source", "role_id"]


class AuditLogView(ListModelMixin, GenericViewSet[DiscordSyncLog]):
    """Every change made or seen in Discord, with its outcome, newest first."""

    required_scopes = ("discord:read",)
    serializer_class = SyncLogOutput
    queryset = DiscordSyncLog.objects.none()
    filterset_class = SyncLogFilter
    column_paths = {
        "display_name": Column(person_name("user"), TEXT, is_nullable=True),
        "actor": Column(person_name("actor"), TEXT, is_nullable=True),
    }
    search_fields = ["role_name", "detail", "reason", "user__display_name"]

    def get_queryset(self) -> Any:
        return selectors.sync_log()

    def list(self, request: Request, *args: object, **kwargs: object) -> Response:
        officers_and_bots(request)
        return super().list(request, *args, **kwargs)


class MemberUpdateView(APIView):
    """A bot tells that somebody joined, left, was renamed, or was given or lost roles. Repeats are harmless."""

    required_scopes = ("discord:write",)

    @extend_schema(request=MemberUpdateInput, responses={200: MemberUpdateOutput})
    def post(self, request: Request) -> Response:
        data = MemberUpdateInput(data=request.data)
        data.is_valid(raise_exception=True)
        values = dict(data.validated_data)
        for name in ("nickname", "global_name"):
            if name in values and values[name] is None:
                values[name] = ""
        answer = receive_member_update(update=MemberUpdate(**values), actor=principal(request).user)
        return Response(answer)


class ConnectionView(APIView):
    """Test each part of the connection to Discord, now."""

    required_scopes = ("discord:write",)

    @extend_schema(request=None, responses={200: CheckOutput(many=True)})
    def post(self, request: Request) -> Response:
        officers_and_bots(request)
        return Response([check.as_json() for check in check_connection(default_client())])
