"""`/api/dkp-pools/`, `/api/points/rules/`, start points, and merging two people who are one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiExample, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.api.visitors import VisitorReadable
from guildhall.accounts.models import Section
from guildhall.core import clock
from guildhall.core.api.columns import Columns
from guildhall.core.api.converters import ID_PATTERN
from guildhall.core.api.filters import Ordering
from guildhall.core.api.idempotency import idempotent
from guildhall.core.api.kept import kept
from guildhall.core.api.previews import previewed_anew
from guildhall.core.api.rows import Query, page_of
from guildhall.core.api.views import APIView, GenericViewSet, ListModelMixin, ModelViewSet
from guildhall.core.money import ZERO
from guildhall.points import selectors, services
from guildhall.points.models import DKPPool, PointRule, PointRuleRun
from guildhall.points.uncovered import BidsAtRisk, bids_at_risk
from guildhall.roster.selectors import find_person

from .serializers import (
    DigestInput,
    MergeInput,
    MergeSerializer,
    PoolSerializer,
    ReasonInput,
    RulePreviewSerializer,
    RuleRunSerializer,
    RuleSerializer,
    StartPointsSerializer,
)
from .writing import reason_of

RUN_ALIASES = {"rule": "rule_id", "period_key": "period"}


class DKPPoolViewSet(VisitorReadable, ModelViewSet[DKPPool]):
    """Pools of points."""

    required_scopes = "points"
    visitor_section = Section.STANDINGS
    visitor_params = ("is_active", "is_default")
    visitor_fields = PoolSerializer.Meta.fields
    serializer_class = PoolSerializer
    queryset = DKPPool.objects.none()
    lookup_value_regex = ID_PATTERN
    search_fields = ["name", "description"]

    def get_queryset(self) -> QuerySet[DKPPool]:
        return DKPPool.objects.all()

    @kept(DKPPool)
    def list(self, request: Request, *args: object, **kwargs: object) -> Any:
        """Return the pools."""
        return super().list(request, *args, **kwargs)

    def perform_create(self, serializer: serializers.BaseSerializer[DKPPool]) -> None:
        serializer.instance = services.create_pool(actor=principal(self.request).user, **serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = services.update_pool(
            pool=serializer.instance, actor=principal(self.request).user, **serializer.validated_data
        )

    def perform_destroy(self, instance: DKPPool) -> None:
        """Delete the pool. One with a history stays (409 `pool_in_use`): close it with `is_active` false."""
        services.delete_pool(pool=instance, actor=principal(self.request).user)

    @extend_schema(methods=["GET"], responses=StartPointsSerializer, filters=False)
    @extend_schema(methods=["POST"], request=DigestInput, responses=StartPointsSerializer)
    @action(detail=True, methods=["get", "post"], url_path="start-points", pagination_class=None)
    def start_points(self, request: Request, pk: str) -> Response:
        """GET: who would get this pool's start points now. POST: give them; safe to repeat, nobody gets them twice."""
        return self._grant(request, pk) if request.method == "POST" else self._start_points(pk)

    def _start_points(self, pk: str) -> Response:
        return Response(self._due(selectors.pool_or_default(int(pk))))

    def _due(self, pool: DKPPool) -> object:
        people = services.preview_start_points(pool=pool)
        digest = services.start_points_shown(pool, people).digest
        return self._answer(pool, [person.pk for person in people], digest)

    @idempotent
    def _grant(self, request: Request, pk: str) -> Response:
        pool = selectors.pool_or_default(int(pk))
        digest = digest_of(request)
        with previewed_anew(lambda: self._due(pool)):
            given = services.grant_start_points(pool=pool, actor=principal(request).user, digest=digest)
        left = services.start_points_shown(pool, services.preview_start_points(pool=pool)).digest
        return Response(self._answer(pool, [one.user_id for one in given], left))

    def _answer(self, pool: DKPPool, user_ids: Sequence[int], digest: str) -> object:
        figures = {"dkp_pool_id": pool.pk, "start_points": pool.start_points, "people": len(user_ids)}
        return StartPointsSerializer({**figures, "user_ids": list(user_ids), "digest": digest}).data


class RuleViewSet(ModelViewSet[PointRule]):
    """Decay, caps, bonuses and penalties. A rule does nothing until it is run: by hand, or by the worker where it is
    `automatic`."""

    required_scopes = "points"
    serializer_class = RuleSerializer
    queryset = PointRule.objects.none()
    lookup_value_regex = ID_PATTERN
    column_aliases = {"pool": "dkp_pool_id", "dkp_pool": "dkp_pool_id"}
    hidden_columns = {"in_words": "a sentence made of the others"}
    search_fields = ["name"]

    def get_queryset(self) -> QuerySet[PointRule]:
        return PointRule.objects.select_related("pool")

    def perform_create(self, serializer: serializers.BaseSerializer[PointRule]) -> None:
        serializer.instance = services.create_rule(actor=principal(self.request).user, **serializer.validated_data)

    def perform_update(self, serializer: Any) -> None:
        serializer.instance = services.update_rule(
            rule=serializer.instance, actor=principal(self.request).user, **serializer.validated_data
        )

    def perform_destroy(self, instance: PointRule) -> None:
        services.delete_rule(rule=instance, actor=principal(self.request).user)

    @extend_schema(responses=RulePreviewSerializer, filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def preview(self, request: Request, pk: str) -> Response:
        """Return what running it now would do, person by person; nothing is stored."""
        return Response(_rule_preview(selectors.rule(int(pk))))

    @extend_schema(request=DigestInput, responses={201: RuleRunSerializer})
    @action(detail=True, methods=["post"])
    @idempotent
    def run(self, request: Request, pk: str) -> Response:
        """Run it for the present period: at most once each, 409 `already_run` after that.

        With the `digest` of the preview exactly what it showed is done, or nothing (409 `preview_changed`).
        """
        digest = digest_of(request)
        with previewed_anew(lambda: _rule_preview(selectors.rule(int(pk)))):
            run = services.run_rule(rule=selectors.rule(int(pk)), actor=principal(request).user, digest=digest)
        return Response(RuleRunSerializer(selectors.rule_runs().get(document=run.document)).data, status=201)

    @extend_schema(responses=RuleRunSerializer(many=True))
    @action(
        detail=True,
        methods=["get"],
        filter_backends=[Columns, Ordering],
        serializer_class=RuleRunSerializer,
        column_aliases=RUN_ALIASES,
        hidden_columns={},
    )
    def runs(self, request: Request, pk: str) -> Response:
        """Return its runs, newest first."""
        runs: Query = selectors.rule_runs().filter(rule=selectors.rule(int(pk)))
        return page_of(self, self.filter_queryset(runs))


class RuleRunViewSet(ListModelMixin, GenericViewSet[PointRuleRun]):
    """Runs of rules. A run is undone as a whole; its period may then be run again."""

    required_scopes = "points"
    serializer_class = RuleRunSerializer
    queryset = PointRuleRun.objects.none()
    lookup_value_regex = ID_PATTERN
    column_aliases = RUN_ALIASES

    def get_queryset(self) -> QuerySet[PointRuleRun]:
        return selectors.rule_runs()

    @extend_schema(
        request=ReasonInput,
        responses=RuleRunSerializer,
        examples=[OpenApiExample("why", {"reason": "wrong percentage"}, request_only=True)],
    )
    @action(detail=True, methods=["post"])
    @idempotent
    def reverse(self, request: Request, pk: str) -> Response:
        """Undo a whole run."""
        run = selectors.rule_run(int(pk))
        services.reverse_rule_run(run=run, actor=principal(request).user, reason=reason_of(request))
        return Response(RuleRunSerializer(self.get_queryset().get(pk=run.pk)).data)


def digest_of(request: Request) -> str | None:
    """Return the `digest` of a request's body, None where it has none."""
    given = DigestInput(data=request.data)
    given.is_valid(raise_exception=True)
    digest: str | None = given.validated_data.get("digest")
    return digest


def _rule_preview(rule: PointRule) -> object:
    steps = services.preview_rule(rule=rule)
    found = {
        "digest": services.shown_now(rule, steps).digest,
        "period": services.period_key(rule.period, clock.now()),
        "people": len(steps),
        "total": sum((step.change for step in steps), ZERO),
        "steps": steps,
        "bids_at_risk": services.bids_at_risk_of(rule, steps),
    }
    return RulePreviewSerializer(found).data


class MergeView(APIView):
    """`/api/users/{id}/merge/`."""

    required_scopes = "points:write"

    @extend_schema(
        request=MergeInput,
        responses=MergeSerializer,
        examples=[
            OpenApiExample("look first", {"source_user_id": 31, "preview": True}, request_only=True),
            OpenApiExample(
                "two accounts", {"source_user_id": 31, "reason": "Aeli signed up again by mistake"}, request_only=True
            ),
        ],
    )
    @idempotent
    def post(self, request: Request, user_id: int) -> Response:
        """Return two people turn out to be one: the source's characters, points and history become this person's."""
        principal(request).require("roster:write")
        given = MergeInput(data=request.data)
        given.is_valid(raise_exception=True)
        data = given.validated_data
        target = find_person(user_id=user_id)
        source = services.merge_source(user_id=data["source_user_id"])
        who = principal(request)
        plan = services.preview_merge(source=source, target=target, actor=who.user, by=who)
        if not data["preview"]:
            with previewed_anew(
                lambda: _merge(
                    services.preview_merge(source=source, target=target, actor=who.user, by=who), merged=False
                )
            ):
                services.merge_people(
                    source=source,
                    target=target,
                    actor=who.user,
                    by=who,
                    reason=data.get("reason", ""),
                    digest=data.get("digest"),
                )
        return Response(_merge(plan, merged=not data["preview"]))


def _merge(plan: services.MergePreview, *, merged: bool) -> object:
    return MergeSerializer(
        {
            "digest": plan.digest,
            "source_user_id": plan.source.pk,
            "target_user_id": plan.target.pk,
            "merged": merged,
            "characters": plan.characters,
            "entries": plan.entries,
            "balances": [
                {"dkp_pool": pool, "source_balance": mine, "target_balance": theirs}
                for pool, mine, theirs in plan.balances
            ],
            "bids_at_risk": bids_at_risk(plan.changes) if not merged else BidsAtRisk(),
        }
    ).data
