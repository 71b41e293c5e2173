"""The questionnaire, the policy, the statistics."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import ScopePermission, principal
from guildhall.accounts.models import Section
from guildhall.accounts.visitors import is_visitor, visitor_may_use
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.params import whole_number
from guildhall.core.api.views import APIView, ModelViewSet
from guildhall.core.errors import BadInput
from guildhall.recruitment import selectors, services
from guildhall.recruitment.models import ApplicationQuestion
from guildhall.recruitment.selectors import Tier
from guildhall.recruitment.services.transitions import policy

from . import serializers as shapes


class ReadByAnybody(ScopePermission):
    """The questionnaire is there for people without an account while they may apply; changing it goes by scope and tier."""

    @classmethod
    def admits_strangers(cls, view: object, method: str) -> bool:
        return method in SAFE_METHODS

    def has_permission(self, request: Request, view: object) -> bool:
        if self.admits_strangers(view, request.method or "GET"):
            return not is_visitor(request) or visitor_may_use(request, Section.RECRUITMENT)
        if not super().has_permission(request, view):
            return False
        return selectors.tier_of(principal(request)) == Tier.RECRUITER


class QuestionViewSet(ModelViewSet[ApplicationQuestion]):
    """The questionnaire. Deleting a question retires it: answers keep the wording they were given to."""

    permission_classes = [ReadByAnybody]
    required_scopes = "recruitment"
    serializer_class = shapes.QuestionSerializer
    queryset = ApplicationQuestion.objects.none()
    lookup_value_regex = ID_PATTERN
    search_fields = ["wording"]

    def get_queryset(self) -> Any:
        if selectors.tier_of(principal(self.request)) == Tier.RECRUITER:
            return ApplicationQuestion.objects.all()
        return selectors.questions()

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = services.save_question(actor=principal(self.request).user, **serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = services.save_question(
            question=serializer.instance, actor=principal(self.request).user, **serializer.validated_data
        )

    def perform_destroy(self, instance: ApplicationQuestion) -> None:
        services.save_question(question=instance, actor=principal(self.request).user, is_active=False)


class PolicyView(APIView):
    """How the guild recruits: quorum, threshold, ties, trials. Members may read it; it is shown with each result.

    Officers and bots change it: it names the ranks that a trial and a vote give.
    """

    required_scopes = "recruitment"

    @extend_schema(responses=shapes.PolicySerializer)
    def get(self, request: Request) -> Response:
        selectors.require(principal(request), Tier.MEMBER)
        return Response(shapes.PolicySerializer(policy()).data)

    @extend_schema(request=shapes.PolicySerializer, responses=shapes.PolicySerializer)
    def patch(self, request: Request) -> Response:
        who = principal(request)
        selectors.require_policy_maker(who)
        serializer = shapes.PolicySerializer(policy(), data=request.data, partial=True)
        serializer.is_valid(raise_exception=True)
        changed = services.edit_policy(actor=who.user, **serializer.validated_data)
        return Response(shapes.PolicySerializer(changed).data)

    @extend_schema(request=shapes.PolicySerializer, responses=shapes.PolicySerializer)
    def put(self, request: Request) -> Response:
        return self.patch(request)


class ApplicationStatisticsView(APIView):
    """Figures on recruitment (PRD 5.2.10)."""

    required_scopes = {"GET": ("admin", "recruitment:read")}

    @extend_schema(
        parameters=[OpenApiParameter("days", int, description="only applications of the last so many days")],
        responses=shapes.StatisticsOutput,
    )
    def get(self, request: Request) -> Response:
        who = principal(request)
        selectors.require(who, Tier.RECRUITER)
        days = whole_number(request, "days")
        if days is not None and not 0 < days < 100_000:
            raise BadInput("days is a whole number of days, 1 to 99999.", code="invalid", attr="days")
        return Response(selectors.statistics(days=days, who=who))
