"""Figures: how a trial goes, and how the guild recruits."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from django.db.models import Avg, Count, F
from django.db.models.functions import TruncMonth

from guildhall.accounts.permissions import Principal
from guildhall.core import clock
from guildhall.loot.models import LootDistribution
from guildhall.recruitment.attendance import since
from guildhall.recruitment.models import Application
from guildhall.recruitment.services.transitions import OPEN

from .votes import voters_of_the_guild

S = Application.Status


@dataclass(frozen=True, slots=True)
class TrialPerformance:
    """How a trial goes: attendance since it began, beside the average of the members' over the same days, and loot won.

    The average is of those for whom a raid was held in that time.
    """

    days: int
    days_left: int
    attendance_percentage: Decimal
    raids_attended: int
    raids_held: int
    guild_attendance_percentage: Decimal | None
    items_won: int


def trial_performance(application: Application) -> TrialPerformance | None:
    """Return the performance of somebody on trial; None where no trial has begun. Ten queries, whatever the guild's
    size."""
    if application.trial_started_at is None or application.user is None:
        return None
    now = clock.now()
    seen = since([application.user.pk], application.trial_started_at, now)[application.user.pk]
    members = voters_of_the_guild().exclude(pk=application.user.pk).values_list("pk", flat=True)
    figures = [figure for figure in since(members, application.trial_started_at, now).values() if figure.held]
    average = sum((figure.percentage for figure in figures), Decimal(0)) / len(figures) if figures else None
    ends = application.trial_ends_at or now
    return TrialPerformance(
        days=(now - application.trial_started_at).days,
        days_left=max(0, int(-(-(ends - now).total_seconds() // 86_400))),
        attendance_percentage=seen.percentage,
        raids_attended=seen.attended,
        raids_held=seen.held,
        guild_attendance_percentage=None if average is None else average.quantize(Decimal("0.01"), ROUND_HALF_UP),
        items_won=LootDistribution.objects.filter(
            user=application.user, reversed_at=None, awarded_at__gte=application.trial_started_at
        ).count(),
    )


def statistics(*, days: int | None = None, who: Principal | None = None) -> dict[str, object]:
    """Return figures on recruitment (PRD 5.2.10): by status, class and month, decisions, times. Five queries, six
    for a person.

    By the clock: a vote whose time is over is complete. Times are from the sending of an application to its end.

    Args:
        days: only what was sent in so many last days.
        who: the reader. Their own applications are counted as they may know them, and never in `decisions`: a figure
            that moves when the vote on oneself is opened or decided tells of it.
    """
    now = clock.now()
    found = Application.objects.filter(submitted_at__isnull=False).order_by()
    if days is not None:
        found = found.filter(submitted_at__gte=now - dt.timedelta(days=days))
    by_status = {status: 0 for status in S.values if status != S.DRAFT}
    reader = None if who is None else who.user
    others = found if reader is None else found.exclude(user=reader)
    by_status |= dict(others.values_list("status").annotate(number=Count("pk")))
    for own in [] if reader is None else found.filter(user=reader):
        by_status[own.public_status] += 1
    over = others.filter(status=S.VOTING_ACTIVE, voting_ends_at__lte=now).count()
    by_status[S.VOTING_ACTIVE] -= over
    by_status[S.VOTING_COMPLETE] += over
    decided = found.filter(status__in=[S.APPROVED, S.REJECTED])
    waiting = decided.aggregate(time=Avg(F("closed_at") - F("submitted_at")))["time"]
    ended = by_status[S.APPROVED] + by_status[S.REJECTED]
    by_class: dict[str, int] = {}
    by_month: dict[str, int] = {}
    with_account = 0
    for row in found.annotate(month=TruncMonth("submitted_at", tzinfo=dt.UTC)).values_list(
        "character_class", "month", Count("user"), Count("pk")
    ):
        kind, month, accounts, number = row
        by_class[kind] = by_class.get(kind, 0) + number
        by_month[f"{month:%Y-%m}"] = by_month.get(f"{month:%Y-%m}", 0) + number
        with_account += accounts
    return {
        "total": sum(by_status.values()),
        "by_status": by_status,
        "by_class": by_class,
        "by_month": dict(sorted(by_month.items())),
        "decisions": dict(others.exclude(decision="").values_list("decision").annotate(number=Count("pk"))),
        "approval_rate": round(100 * by_status[S.APPROVED] / ended, 2) if ended else None,
        "average_days_to_decision": round(waiting.total_seconds() / 86_400, 2) if waiting else None,
        "open": sum(by_status[status] for status in OPEN),
        "applicants_with_accounts": with_account,
    }
