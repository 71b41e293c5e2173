"""`/api/auth/`: tokens, people's own keys, bots' keys (PRD 5.2.1). A key is shown once and can make none stronger."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import authenticate
from drf_spectacular.utils import OpenApiExample, OpenApiResponse, extend_schema
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from guildhall.accounts import services
from guildhall.accounts.models import APIKey
from guildhall.accounts.services import Granter
from guildhall.core.errors import NotAuthenticated, NotFound

from .permissions import principal
from .serializers import (
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


def granter(request: Request) -> Granter:
    """Who hands out a key: what they may do themselves, and until when the key they came with lives."""
    key = request.auth if isinstance(request.auth, APIKey) else None
    return Granter(scopes=principal(request).scopes, expires_at=key.expires_at if key else None)


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
            OpenApiExample("answer", {"token": "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"}, response_only=True),
        ],
    )
    def post(self, request: Request) -> Response:
        """The token of whoever has this username and password. It does what the person may do."""
        given = TokenInput(data=request.data)
        given.is_valid(raise_exception=True)
        user = authenticate(request._request, **given.validated_data)
        if user is None:
            raise NotAuthenticated("This username and password do not belong together.", code="invalid_credentials")
        return Response({"token": services.personal_token(user)})


class _Keys(mixins.ListModelMixin, viewsets.GenericViewSet[APIKey]):
    queryset = APIKey.objects.none()
    serializer_class = KeySerializer
    search_fields = ["name", "prefix"]
    ordering_fields = ["name", "created_at", "expires_at", "last_used_at", "usage_count"]

    def find(self, pk: Any) -> APIKey:
        """The key, if it is one of those that this caller sees.

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
    def destroy(self, request: Request, pk: Any) -> Response:
        """Stop a key for good; it stays on the record."""
        services.revoke_api_key(key=self.find(pk), actor=principal(request).user)
        return Response(status=204)


class APIKeyViewSet(_Keys):
    """A person's own keys."""

    required_scopes = None

    def get_queryset(self) -> Any:
        mine = APIKey.objects.select_related("user", "created_by")
        return mine.filter(user=self.request.user, kind=APIKey.Kind.PERSONAL, revoked_at=None)  # type: ignore[misc]

    @extend_schema(request=KeyInput, responses={201: NewKeySerializer}, examples=[_NEW_KEY])
    def create(self, request: Request) -> Response:
        """Make a key for yourself. `key` is shown in this answer alone; it can do no more than who asks for it."""
        given = KeyInput(data=request.data)
        given.is_valid(raise_exception=True)
        user = principal(request).user
        assert user is not None
        key, plain = services.create_own_key(user=user, granter=granter(request), **given.validated_data)
        return self.answer(key, plain, 201)

    @extend_schema(
        request=RotateInput,
        responses={200: NewKeySerializer},
        examples=[OpenApiExample("an hour's grace", {"grace_seconds": 3600}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    def rotate(self, request: Request, pk: Any) -> Response:
        """Give a key a new text; the old one stops at once, or after `grace_seconds`."""
        given = RotateInput(data=request.data)
        given.is_valid(raise_exception=True)
        key, plain = services.rotate_api_key(
            key=self.find(pk), actor=principal(request).user, granter=granter(request), **given.validated_data
        )
        return self.answer(key, plain, 200)


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
            actor=principal(request).user, granter=granter(request), **given.validated_data
        )
        return self.answer(key, plain, 201)

    @extend_schema(
        request=ScopesInput,
        responses=KeySerializer,
        examples=[OpenApiExample("reading alone", {"scopes": ["points:read"]}, request_only=True)],
    )
    def update_permissions(self, request: Request, pk: Any) -> Response:
        """Replace what a bot's key may do."""
        given = ScopesInput(data=request.data)
        given.is_valid(raise_exception=True)
        key = services.set_bot_permissions(
            key=self.find(pk),
            scopes=given.validated_data["scopes"],
            actor=principal(request).user,
            granter_scopes=granter(request).scopes,
        )
        return Response(KeySerializer(key).data)
