"""Reading points: balances, statements, standings, attribution (PRD 5.2.6)."""

from __future__ import annotations

from typing import Any

from django.db.models import F, QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.accounts.api.permissions import principal
from guildhall.accounts.api.visitors import VisitorReadable
from guildhall.accounts.models import Section, User
from guildhall.accounts.visitors import is_visitor
from guildhall.core import revisions
from guildhall.core.api import params
from guildhall.core.api.columns import Columns, given_filters, narrowed
from guildhall.core.api.etag import conditional, etag_of, supports_etag
from guildhall.core.api.export import ExportMixin
from guildhall.core.api.filters import Ordering
from guildhall.core.api.kept import kept, kept_for_caller
from guildhall.core.api.rows import page_of
from guildhall.core.api.views import APIView, GenericViewSet
from guildhall.core.errors import NotFound
from guildhall.core.ids import PoolId, UserId
from guildhall.points import selectors
from guildhall.points.hooks import attendance_models, attendance_period
from guildhall.points.models import DKPPool, LedgerEntry, UserPointsSummary
from guildhall.points.visibility import sees_sealed
from guildhall.roster.models import Character, Rank
from guildhall.roster.selectors import find_person

from .serializers import (
    AttributionSerializer,
    BalanceSerializer,
    StandingSerializer,
    StatementSerializer,
    UserPointsSerializer,
)

AT = [
    OpenApiParameter(
        "at",
        OpenApiTypes.DATETIME,
        description="the balance as it stood then, by when things happened; what bids held then is not kept, so `held` is 0 "
        "and `available` is the balance",
    ),
    OpenApiParameter("recorded", OpenApiTypes.BOOL, description="with `at`: by when they were written down instead"),
]
_PEOPLE_AND_POOLS = revisions.tables_of(User, DKPPool, Character)
ENTRY_VALUES = {
    "dkp_pool_id": F("pool_id"),
    "dkp_pool": F("pool__name"),
    "reverses_entry": F("reverses_id"),
    "reversed_by_entry": F("reversed_by__id"),
}
_PLAIN = (
    "id", "occurred_at", "created_at", "user_id", "kind", "bucket", "amount", "character_name", "description",
    "document", "context", "created_by_id",
)  # fmt: skip


def entry_rows(entries: QuerySet[LedgerEntry], *more: str) -> Any:
    """Return entries as plain rows, to be finished by `entry_row`."""
    return entries.select_related(None).values(*_PLAIN, *more, **ENTRY_VALUES)


def entry_row(row: dict[str, object]) -> dict[str, object]:
    """Return one of `entry_rows` as `EntrySerializer` writes it."""
    row["reverses"], row["reversed_by"] = row.pop("reverses_entry"), row.pop("reversed_by_entry")
    return row


def find_pool(pool_id: int) -> DKPPool:
    """Return the pool with this id.

    Raises:
        NotFound: ``unknown_pool``.
    """
    return selectors.pool_or_default(pool_id)


#: Anybody's with `points:read`, one's own with `own:read`.
OWN = ("points:read", "own:read")


class UserPointsView(APIView):
    """`/api/points/user/{id}/`."""

    required_scopes = OWN

    @extend_schema(responses=UserPointsSerializer, parameters=AT)
    @kept_for_caller(*selectors.OF_BALANCES)
    @supports_etag
    def get(self, request: Request, user_id: int) -> object:
        """Return what a person has in each pool."""
        principal(request).require_of(user_id, "points:read")
        at, recorded = params.moment(request, "at"), params.flag(request, "recorded")
        person = find_person(user_id=user_id)
        sealed = at is None and sees_sealed(principal(request), person.pk)
        tag = etag_of(
            request,
            selectors.ledger_version(user_id=UserId(person.pk), with_sealed=sealed),
            revisions.version(revisions.of_request(request), _PEOPLE_AND_POOLS),
            person.pk,
        )

        def build() -> Response:
            pools = (
                selectors.balances_of(user_id=person.pk, with_sealed=sealed)
                if at is None
                else selectors.balances_at(user_id=person.pk, at=at, recorded=recorded)
            )
            return Response(
                {
                    "user_id": person.pk,
                    "discord_id": person.discord_id,
                    "display_name": str(person),
                    "pools": [pool.as_dict() for pool in pools],
                }
            )

        return conditional(request, tag, build)


class UserPoolPointsView(APIView):
    """`/api/points/user/{id}/pool/{id}/`."""

    required_scopes = OWN

    @extend_schema(responses=BalanceSerializer, parameters=AT)
    @kept_for_caller(*selectors.OF_BALANCES)
    @supports_etag
    def get(self, request: Request, user_id: int, dkp_pool_id: int) -> object:
        """Return what a person has in one pool."""
        principal(request).require_of(user_id, "points:read")
        at, recorded = params.moment(request, "at"), params.flag(request, "recorded")
        person, pool = find_person(user_id=user_id), find_pool(dkp_pool_id)
        sealed = at is None and sees_sealed(principal(request), person.pk)
        tag = etag_of(
            request,
            selectors.ledger_version(user_id=UserId(person.pk), pool_id=PoolId(pool.pk), with_sealed=sealed),
            pool.name,
            person.pk,
        )

        def build() -> Response:
            if at is None:
                return Response(selectors.balance_of(user_id=person.pk, pool=pool, with_sealed=sealed).as_dict())
            found = selectors.balance_at(user_id=person.pk, pool=pool, at=at, recorded=recorded)
            return Response(found.as_dict())

        return conditional(request, tag, build)


class UserPointHistoryView(ExportMixin, GenericViewSet[LedgerEntry]):
    """`/api/points/history/user/{id}/`."""

    required_scopes = OWN
    serializer_class = StatementSerializer
    queryset = LedgerEntry.objects.none()
    filter_backends = [Columns, Ordering]
    column_aliases = {"dkp_pool": "dkp_pool_id"}
    export_name = "statement"
    export_columns = (
        "id", "occurred_at", "dkp_pool", "kind", "amount", "balance_after", "character_name", "description", "reverses",
    )  # fmt: skip

    def export_rows(self, queryset: QuerySet[Any]) -> Any:
        return (entry_row(row) for row in entry_rows(queryset, "balance_after").iterator(chunk_size=1000))

    @extend_schema(
        responses=StatementSerializer(many=True),
        parameters=[
            OpenApiParameter("since", OpenApiTypes.DATETIME, description="from then on"),
            OpenApiParameter("until", OpenApiTypes.DATETIME, description="up to then"),
            OpenApiParameter("search", OpenApiTypes.STR, description="in descriptions and character names"),
        ],
    )
    @kept_for_caller(*selectors.OF_BALANCES)
    @supports_etag
    def list(self, request: Request, user_id: int) -> object:
        """Return a person's movements, newest first, each with the balance that it left in its pool."""
        principal(request).require_of(user_id, "points:read")
        person = find_person(user_id=user_id)
        tag = etag_of(
            request,
            selectors.ledger_version(user_id=UserId(person.pk)),
            revisions.version(revisions.of_request(request), _PEOPLE_AND_POOLS),
            person.pk,
        )
        return conditional(request, tag, lambda: self._list(request, person.pk))

    def _list(self, request: Request, user_id: int) -> Response:
        entries = selectors.statement(
            user_id=UserId(user_id),
            since=params.moment(request, "since"),
            until=params.moment(request, "until"),
        )
        search = request.query_params.get("search", "").strip()[:100]
        if search:
            entries = selectors.search_entries(entries, search)
        entries = self.filter_queryset(entries)
        if self.is_export(request):
            return self.export(entries)
        return page_of(self, entries)


_ORDERS = [*(selectors.STANDING_ORDERS), *(f"-{name}" for name in selectors.STANDING_ORDERS)]


class LeaderboardView(VisitorReadable, ExportMixin, GenericViewSet[UserPointsSummary]):
    """`/api/points/leaderboard/{id}/`: read from the summaries alone, so it costs the same in any guild."""

    required_scopes = "points"
    serializer_class = StandingSerializer
    queryset = UserPointsSummary.objects.none()
    visitor_section = Section.STANDINGS
    visitor_params = ("character_class", "rank")
    visitor_fields = (
        "rank", "user_id", "display_name", "main_character", "character_class", "earned", "spent", "adjusted", "balance",
        "attendance_30d",
    )  # fmt: skip
    filter_backends = [Columns, Ordering]
    own_parameters = frozenset({"rank", "character_class"})  # of the main, as they were before the columns
    column_aliases = {"name": "display_name"}
    export_name = "standings"
    export_columns = (
        "rank", "user_id", "discord_id", "display_name", "main_character", "character_class", "earned", "spent",
        "adjusted", "balance", "attendance_30d",
    )  # fmt: skip

    @extend_schema(
        responses=StandingSerializer(many=True),
        parameters=[
            OpenApiParameter("search", OpenApiTypes.STR, description="in names of people and of their characters"),
            OpenApiParameter("character_class", OpenApiTypes.STR, description="of the main"),
            OpenApiParameter("rank_id", OpenApiTypes.INT, description="the main's rank"),
            OpenApiParameter(
                "rank", OpenApiTypes.INT, description="as `rank_id`; the place is `rank__gte`, `rank__lte`"
            ),
        ],
    )
    @kept(UserPointsSummary, User, Character, Rank, DKPPool, also=attendance_models, moment=attendance_period)
    def list(self, request: Request, dkp_pool_id: int) -> object:
        """Return the standings, highest balance first; equal balances share a rank."""
        pool = find_pool(dkp_pool_id)
        order = request.query_params.get("ordering", "").strip()
        rank_id = params.whole_number(request, "rank_id")
        wanted: dict[str, Any] = {
            "search": request.query_params.get("search", "").strip()[:100],
            "character_class": request.query_params.get("character_class", "").strip()[:40],
            "rank_id": params.whole_number(request, "rank") if rank_id is None else rank_id,
        }
        visitor = is_visitor(request)
        whole = order in ("", "-balance") and not any(wanted.values()) and not visitor
        is_stored = order in _ORDERS
        rows = selectors.standings_list(
            pool=pool, order=order if is_stored else "-balance", for_visitor=visitor, **wanted
        )
        if given_filters(self, request) or (order and not is_stored):  # by what is computed for each row
            found = selectors.standings(rows=rows, consecutive=False)
            shown = narrowed(self, request, [standing_row(standing) for standing in found])
            if self.is_export(request):
                return self.export_table(shown)
            return self.get_paginated_response(self.paginate_queryset(shown))
        if self.is_export(request):
            return self.export(rows)
        listed = selectors.standings_rows.listed(pool.pk) if whole else rows.values(*selectors.STANDING_VALUES)
        page = self.paginate_queryset(listed)  # type: ignore[arg-type] # or a part of a statement
        is_first = request.query_params.get("page", "") in ("", "1")
        found = selectors.standings(rows=page or [], consecutive=whole, is_first=is_first)
        return self.get_paginated_response([standing_row(standing) for standing in found])

    def export_rows(self, queryset: QuerySet[Any]) -> Any:
        return [standing_row(standing) for standing in selectors.standings(rows=queryset, consecutive=False)]


def standing_row(standing: selectors.Standing) -> dict[str, object]:
    """Return a standing as `StandingSerializer` writes it."""
    return {name: getattr(standing, name) for name in selectors.Standing.__dataclass_fields__}


class CharacterAttributionView(APIView):
    """`/api/points/character-attribution/{name}/`."""

    required_scopes = "points"

    @extend_schema(responses=AttributionSerializer)
    def get(self, request: Request, character_name: str) -> Response:
        """Return who owned that name when, and what it earned for whom."""
        name = character_name.strip()
        if not name:
            raise NotFound("Give a character's name.", code="unknown_character")
        return Response(AttributionSerializer(selectors.attribution(name=name[:120])).data)
