"""`/api/bidding/…`: sessions and bids as lists and one by one."""

from __future__ import annotations

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.auctions import selectors, services
from guildhall.auctions.models import BidHistory, BidSession, Mode, Status
from guildhall.core import clock
from guildhall.core.api.columns import Columns, shown_page
from guildhall.core.api.filters import Filters, IdFilter, Ordering, Search
from guildhall.core.api.params import whole_number
from guildhall.core.api.views import APIView, ListAPIView
from guildhall.loot.api.views import ItemIdFilter
from guildhall.loot.selectors import item_by_id

from . import people
from .serializers import BidOutput, SessionDetail, SessionOutput
from .shared import OWN_BID_OF, POOL


class ActiveBidsView(ListAPIView[BidSession]):
    """Every running session, those that end first at the head."""

    required_scopes = ("bidding:read", "discord:read")
    serializer_class = SessionOutput
    queryset = BidSession.objects.none()
    filter_backends = [Columns, Ordering]
    own_parameters = frozenset({"dkp_pool_id"})  # any pool that the session charges

    @extend_schema(parameters=[POOL, OWN_BID_OF])
    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        rows = selectors.running()
        viewer_id = people.own_bid_of(request)
        pool_id = whole_number(request, "dkp_pool_id")
        if pool_id is not None:
            rows = rows.filter(selectors.charging(pool_id))
        return shown_page(self, request, rows, lambda page: selectors.present_many(page, viewer_id=viewer_id))


class SessionFilter(django_filters.FilterSet):
    """Filters of all auctions. `status` is as it stands in the answer: one whose time is up is closed."""

    status = django_filters.ChoiceFilter(choices=Status.choices, method="filter_status")
    mode = django_filters.ChoiceFilter(choices=Mode.choices)
    item_id = ItemIdFilter(field_name="item")
    item_name = django_filters.CharFilter(lookup_expr="icontains")
    raid_id = IdFilter(field_name="raid")
    dkp_pool_id = IdFilter(method="filter_pool")
    rot = django_filters.BooleanFilter(field_name="is_rot")
    started_from = django_filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="gte")
    started_to = django_filters.IsoDateTimeFilter(field_name="started_at", lookup_expr="lte")

    class Meta:
        model = BidSession
        fields: list[str] = []

    def filter_status(self, rows: QuerySet[BidSession], name: str, value: str) -> object:
        """Return sessions that have this status now, by the clock."""
        return rows.filter(selectors.having_status(value))

    def filter_pool(self, rows: QuerySet[BidSession], name: str, value: int) -> object:
        """Return sessions that charge this pool, as the main one or beside it."""
        return rows.filter(selectors.charging(value))


class SessionsView(ListAPIView[BidSession]):
    """Every auction, the past ones too, the latest first."""

    required_scopes = ("bidding:read", "discord:read")
    serializer_class = SessionOutput
    filterset_class = SessionFilter
    queryset = BidSession.objects.all()
    search_fields = ["item_name"]

    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        rows = self.get_queryset().order_by("-started_at", "-pk")
        for narrow in (Filters(), Search()):
            rows = narrow.filter_queryset(request, rows, self)
        viewer_id = people.caller_id(request)
        return shown_page(self, request, rows, lambda page: selectors.present_many(page, viewer_id=viewer_id))


class SessionView(APIView):
    """One session: its bids, and once it is over how it was decided, step by step."""

    required_scopes = "bidding"

    @extend_schema(responses=SessionDetail, parameters=[OWN_BID_OF])
    def get(self, request: Request, bid_session_id: str) -> Response:
        viewer_id = people.own_bid_of(request)
        session = selectors.session_by_id(bid_session_id)
        if session.is_over(clock.now()):
            # Whoever asks first writes down what the clock has decided.
            session = services.close_session(session_id=session.pk, actor=None, only_if_over=True)
        return Response(selectors.present_detail(session, viewer_id=viewer_id))


def shown_bids(bids: list[BidHistory]) -> list[dict[str, object]]:
    """Return bids as the lists show them: what is filtered and ordered by is what is shown, so nothing hidden can be told."""
    return [selectors.shown_history(bid) for bid in bids]


class SessionBidsView(ListAPIView[BidHistory]):
    """Every bid of a session, newest first, the refused ones too. Of a sealed one the caller's own while it runs or once
    it is cancelled; once it is decided, what the policy's `disclosure` says: `user_id` is null where names are not told."""

    required_scopes = "bidding"
    serializer_class = BidOutput
    queryset = BidHistory.objects.none()
    filter_backends = [Columns, Ordering]

    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        session = selectors.session_by_id(kwargs["bid_session_id"])
        bids = selectors.history(session, viewer_id=people.caller_id(request))
        return shown_page(self, request, bids, shown_bids)


class ItemBidHistoryView(ListAPIView[BidHistory]):
    """Every bid that was ever accepted on an item, newest first (PRD 3.7.1); of sealed sessions what their policy tells."""

    required_scopes = ("bidding:read", "raids:read")
    serializer_class = BidOutput
    queryset = BidHistory.objects.none()
    filter_backends = [Columns, Ordering]

    def get(self, request: Request, *args: object, **kwargs: object) -> Response:
        item = item_by_id(kwargs["item_id"])
        bids = selectors.item_bid_history(item, viewer_id=people.caller_id(request))
        return shown_page(self, request, bids, shown_bids)
