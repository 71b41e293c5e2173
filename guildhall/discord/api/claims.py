"""`/api/discord/claims/`: saying "that is me", proving it, deciding it (PRD 3.9.4)."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.core.api.columns import TEXT, Column, person_name
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.views import GenericViewSet, ListModelMixin, RetrieveModelMixin
from guildhall.core.errors import BadInput, contradiction
from guildhall.discord.linking import claims
from guildhall.discord.linking.throttled import verify_claims_from_sent_log
from guildhall.discord.models import Claim
from guildhall.roster.selectors import character_by_name, find_person

from .serializers import ClaimInput, ClaimOutput, ClaimReasonInput, VerifyLogInput, VerifyLogOutput

MAX_LOG_CHARACTERS = 16 * 1024 * 1024


class ClaimViewSet(ListModelMixin, RetrieveModelMixin, GenericViewSet[Claim]):
    """One's own claims; for officers and bots, everybody's."""

    @property
    def required_scopes(self) -> object:
        """Return the scopes: one's own claims need one's own account's, deciding on claims needs linking's."""
        decides = {"approve": "discord:write", "refuse": "discord:write", "verify_log": "raids:write"}
        reads = ("account:read", "discord:read")
        return {"GET": reads, "POST": decides.get(self.action or "", "account:write")}

    serializer_class = ClaimOutput
    queryset = Claim.objects.none()
    column_paths = {"person_name": Column(person_name("person"), TEXT, is_nullable=True)}
    hidden_columns = {"code": "shown to the claimant alone"}
    lookup_value_regex = ID_PATTERN

    def get_queryset(self) -> Any:
        found = Claim.objects.select_related("user", "character", "person")
        who = principal(self.request)
        if who.acts_for_others and who.can("discord:read"):
            return found
        return found.filter(user=who.user) if who.user else found.none()

    def get_serializer_context(self) -> dict[str, Any]:
        viewer = principal(self.request).user
        return {**super().get_serializer_context(), "viewer_id": viewer.pk if viewer else None}

    def _answer(self, claim: Claim, status: int = 200) -> Response:
        return Response(self.get_serializer(claim).data, status=status)

    @extend_schema(request=ClaimInput, responses={201: ClaimOutput})
    def create(self, request: Request) -> Response:
        data = ClaimInput(data=request.data)
        data.is_valid(raise_exception=True)
        values = data.validated_data
        user = principal(request).user
        assert user is not None
        if "character_name" in values and "user_id" in values:
            why = "a claim is on one character or on one imported person."
            raise contradiction("character_name", "user_id", why, code="both_given")
        if "character_name" not in values and "user_id" not in values:
            raise BadInput("Name either the character (character_name) or the imported person (user_id).",
                           code="required", attr="character_name")  # fmt: skip
        if "character_name" in values:
            claim = claims.claim_character(
                user=user, character=character_by_name(values["character_name"]), message=values["message"]
            )
        else:
            claim = claims.claim_person(
                user=user, person=find_person(user_id=values["user_id"]), message=values["message"]
            )
        return self._answer(claim, 201)

    def _reason(self, request: Request) -> str:
        data = ClaimReasonInput(data=request.data)
        data.is_valid(raise_exception=True)
        return str(data.validated_data["reason"])

    @extend_schema(request=ClaimReasonInput, responses={200: ClaimOutput})
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, pk: str) -> Response:
        return self._answer(
            claims.approve_claim(claim=self.get_object(), principal=principal(request), reason=self._reason(request))
        )

    @extend_schema(request=ClaimReasonInput, responses={200: ClaimOutput})
    @action(detail=True, methods=["post"])
    def refuse(self, request: Request, pk: str) -> Response:
        return self._answer(
            claims.refuse_claim(claim=self.get_object(), principal=principal(request), reason=self._reason(request))
        )

    @extend_schema(request=None, responses={200: ClaimOutput})
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        return self._answer(claims.withdraw_claim(claim=self.get_object(), principal=principal(request)))

    @extend_schema(request=VerifyLogInput, responses=VerifyLogOutput)
    @action(detail=False, methods=["post"], url_path="verify-log")
    def verify_log(self, request: Request) -> Response:
        """Look for claim codes that were spoken in the game in a log."""
        data = VerifyLogInput(data=request.data)
        data.is_valid(raise_exception=True)
        text = data.validated_data.get("text") or ""
        upload = data.validated_data.get("file")
        if upload is not None:
            if upload.size > MAX_LOG_CHARACTERS:
                raise BadInput("Send the part of the log that has the code in it (at most 16 MB).", code="too_large",
                               attr="file")  # fmt: skip
            text = upload.read().decode("utf-8", "replace")
        if not text.strip():
            raise BadInput("Send the log as text or as a file.", code="required", attr="text")
        settled = verify_claims_from_sent_log(request._request, text=text, principal=principal(request))
        return Response({"verified": settled})
