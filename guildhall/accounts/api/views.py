"""`/api/auth/`: tokens, people's own keys, bots' keys (PRD 5.2.1). A key is shown once and can make none stronger."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.fields.json import KT
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts import services
from guildhall.accounts.access_history import access_history
from guildhall.accounts.models import APIKey
from guildhall.accounts.selectors import OWN_KINDS
from guildhall.accounts.services import KeyIssuer
from guildhall.core import clock
from guildhall.core.addresses import client_address
from guildhall.core.api.columns import FLAG, TEXT, Column
from guildhall.core.api.views import APIView, GenericViewSet, ListAPIView, ListModelMixin
from guildhall.core.errors import NotAuthenticated, NotFound
from guildhall.core.models import AuditEvent

from .permissions import principal
from .serializers import (
    AccessEventSerializer,
    BotKeyInput,
    KeyInput,
    KeySerializer,
    NewKeySerializer,
    RotateInput,
    ScopesInput,
    TokenInput,
    TokenSerializer,
)

_NEW_KEY = OpenApiExample(
    "a reading key", {"name": "stats page", "scopes": ["points:read"], "expires_at": None}, request_only=True
)
_NEW_BOT_KEY = OpenApiExample(
    "a bidding bot",
    {"name": "bidbot", "scopes": ["bidding:read", "bidding:write", "points:read"], "expires_at": None},
    request_only=True,
)


ACCOUNT = {"GET": "account:read", "POST": "account:write", "DELETE": "account:write"}


def issuer(request: Request) -> KeyIssuer:
    """Return who hands out a key: what they may do themselves, and until when the key they came with lives."""
    return KeyIssuer.of(principal(request))


class TokenView(APIView):
    """`POST /api/auth/token/`."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []
    required_scopes = None

    def get_authenticate_header(self, request: Request) -> str:
        return "Token"

    @extend_schema(
        auth=[],
        request=TokenInput,
        responses={200: TokenSerializer},
        examples=[
            OpenApiExample("sign in", {"username": "aeli", "password": "correct horse"}, request_only=True),
            OpenApiExample("answer", {"token": "gh_1c0ffee1_kJ3v…"}, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        """Create a key for whoever has this username and password. It does what the person may do, and expires."""
        given = TokenInput(data=request.data)
        given.is_valid(raise_exception=True)
        user = authenticate(request._request, **given.validated_data)
        if user is None:
            raise NotAuthenticated("The username or the password is wrong.", code="invalid_credentials")
        return Response(
            {
                "token": services.make_sign_in_key(
                    user=user, origin=APIKey.Origin.PASSWORD, address=client_address(request)
                )
            }
        )


def is_live() -> Any:
    """Return the condition of `APIKey.is_live` for a query."""
    return ExpressionWrapper(
        Q(revoked_at=None) & (Q(expires_at=None) | Q(expires_at__gt=clock.now())), output_field=BooleanField()
    )


class _Keys(ListModelMixin, GenericViewSet[APIKey]):
    queryset = APIKey.objects.none()
    serializer_class = KeySerializer
    column_paths = {"is_live": Column(is_live, FLAG)}
    search_fields = ["name", "prefix"]

    def find(self, pk: str) -> APIKey:
        """Return the key, if it is one of those that this caller sees.

        Raises:
            NotFound: ``unknown_key``.
        """
        found = self.get_queryset().filter(pk=pk).first()
        if found is None:
            raise NotFound("You have no such key.", code="unknown_key")
        return found

    def answer(self, key: APIKey, plain: str, status: int) -> Response:
        return Response(NewKeySerializer(key, context={"plain": plain}).data, status=status)

    @extend_schema(responses={204: OpenApiResponse(description="It has stopped working.")})
    def destroy(self, request: Request, pk: str) -> Response:
        """Stop a key for good; it stays on the record."""
        services.revoke_api_key(key=self.find(pk), actor=principal(request).user, issuer=issuer(request))
        return Response(status=204)


class APIKeyViewSet(_Keys):
    """A person's own keys, those that programs signed in with too."""

    required_scopes = ACCOUNT

    def get_queryset(self) -> Any:
        mine = APIKey.objects.select_related("user", "created_by")
        return mine.filter(user=self.request.user, kind__in=OWN_KINDS, revoked_at=None)  # type: ignore[misc]

    @extend_schema(request=KeyInput, responses={201: NewKeySerializer}, examples=[_NEW_KEY])
    def create(self, request: Request) -> Response:
        """Make a key for yourself. `key` is shown in this answer alone; it can do no more than who asks for it."""
        given = KeyInput(data=request.data)
        given.is_valid(raise_exception=True)
        user = principal(request).user
        assert user is not None
        key, plain = services.create_own_key(user=user, issuer=issuer(request), **given.validated_data)
        return self.answer(key, plain, 201)

    @extend_schema(
        request=RotateInput,
        responses={200: NewKeySerializer},
        examples=[OpenApiExample("an hour's grace", {"grace_seconds": 3600}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: str) -> Response:
        """Give a key a new text; the old one stops at once, or after `grace_seconds`."""
        given = RotateInput(data=request.data)
        given.is_valid(raise_exception=True)
        key, plain = services.rotate_api_key(
            key=self.find(pk), actor=principal(request).user, issuer=issuer(request), **given.validated_data
        )
        return self.answer(key, plain, 200)


class AccessHistoryView(ListAPIView[AuditEvent]):
    """`GET /api/users/me/access-history/`."""

    required_scopes = "account:read"
    serializer_class = AccessEventSerializer
    queryset = AuditEvent.objects.none()
    column_paths = {"came_with": Column(KT("data__with"), TEXT)}
    search_fields = ["summary", "action"]

    def get_queryset(self) -> Any:
        return access_history(principal(self.request).person)

    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        """Return what was done to your access: links, keys, roles, passwords, merges; by whom and with what; newest
        first."""
        return self.list(request, *args, **kwargs)


class BotKeyViewSet(_Keys):
    """Keys of bots: administrators only."""

    required_scopes = "admin"

    def get_queryset(self) -> Any:
        return APIKey.objects.select_related("user", "created_by").filter(kind=APIKey.Kind.BOT, revoked_at=None)

    @extend_schema(request=BotKeyInput, responses={201: NewKeySerializer}, examples=[_NEW_BOT_KEY])
    def create(self, request: Request) -> Response:
        """Make a key for the bot of this name; the bot is made where there is none yet."""
        given = BotKeyInput(data=request.data)
        given.is_valid(raise_exception=True)
        key, plain = services.create_bot_key(
            actor=principal(request).user, issuer=issuer(request), **given.validated_data
        )
        return self.answer(key, plain, 201)

    @extend_schema(
        request=ScopesInput,
        responses=KeySerializer,
        examples=[OpenApiExample("reading alone", {"scopes": ["points:read"]}, request_only=True)],
    )
    def update_permissions(self, request: Request, pk: str) -> Response:
        """Replace what a bot's key may do."""
        given = ScopesInput(data=request.data)
        given.is_valid(raise_exception=True)
        key = services.set_bot_permissions(
            key=self.find(pk),
            scopes=given.validated_data["scopes"],
            actor=principal(request).user,
            issuer=issuer(request),
        )
        return Response(KeySerializer(key).data)
