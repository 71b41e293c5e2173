"""Reading requests of members (`request_models`)."""

from __future__ import annotations

import datetime as dt

from django.db.models import Q, QuerySet

from guildhall.accounts.models import User
from guildhall.accounts.permissions import Principal
from guildhall.core import clock
from guildhall.core.errors import NotFound

from .models import AttendanceCheck, MemberRequest, Raid, RaidAttendance
from .services.requests import may_decide

ASK_FOR = dt.timedelta(days=30)
MOST_CHECKS = 60


def member_requests() -> QuerySet[MemberRequest]:
    """Return every request with what a list shows of it. One query."""
    return MemberRequest.objects.select_related(
        "user", "character", "to_user", "check_asked__raid__event", "decided_by"
    )


def requests_of(user_id: int) -> QuerySet[MemberRequest]:
    """Return what a person asked for, newest first. One query."""
    return member_requests().filter(user=user_id).order_by("-created_at", "-pk")


def open_requests() -> QuerySet[MemberRequest]:
    """Return what is still to be decided, the oldest first. One query."""
    return member_requests().filter(state=MemberRequest.State.OPEN).order_by("created_at", "pk")


def decided_requests() -> QuerySet[MemberRequest]:
    """Return what was decided, the latest first. One query."""
    return member_requests().exclude(state=MemberRequest.State.OPEN).order_by("-decided_at", "-pk")


def requests_seen_by(who: Principal) -> QuerySet[MemberRequest]:
    """Return the requests of `who` and those of the kinds that they decide, newest first. One query."""
    seen = Q(kind__in=_decided_by(who))
    if who.user is not None:
        seen |= Q(user=who.user)
    return member_requests().filter(seen).order_by("-created_at", "-pk")


def _decided_by(who: Principal) -> list[str]:
    return [kind for kind in MemberRequest.Kind.values if may_decide(who, kind)]


def waiting_for(who: Principal) -> int:
    """Return how many requests wait for `who` to decide. One query, none for whoever decides nothing."""
    kinds = _decided_by(who)
    if not kinds:
        return 0
    return MemberRequest.objects.filter(state=MemberRequest.State.OPEN, kind__in=kinds).count()


def request_with_id(request_id: int) -> MemberRequest:
    """Return one request.

    Raises:
        NotFound: ``unknown_request``.
    """
    found = member_requests().filter(pk=request_id).first()
    if found is None:
        raise NotFound(f"There is no request {request_id}.", code="unknown_request")
    return found


def checks_to_ask_for(person: User, *, raid_id: int | None = None) -> list[AttendanceCheck]:
    """Return the checks of the last month, or of one raid, at which a person is not down, newest first. One query."""
    there = RaidAttendance.objects.filter(credited_user=person.pk).values("attendance_check")
    now = clock.now()
    rows = AttendanceCheck.objects.select_related("raid__event").filter(
        raid__reversed_at=None, raid__started_at__lte=now
    )
    rows = rows.exclude(raid__state=Raid.State.CANCELLED).exclude(pk__in=there)
    rows = rows.filter(raid=raid_id) if raid_id is not None else rows.filter(raid__started_at__gte=now - ASK_FOR)
    return list(rows.order_by("-taken_at", "-pk")[:MOST_CHECKS])
