"""Reading applications and votes: who sees what is decided here, once, for the API, the pages and the exports.

Invariant (PRD 3.10.5, "Access Control and Visibility Tiers"): guests and applicants learn nothing of a vote, not even
that there is one; members and developers see totals and their own vote; recruiters and officers see every voter. What
each tier gets is built from `tier_of`; `tests/test_visibility.py` goes through every endpoint and field for every role.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import IntEnum
from typing import Any

from django.db.models import Avg, Count, F, Q, QuerySet
from django.db.models.functions import TruncMonth

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import Principal
from guildhall.core import clock
from guildhall.core.errors import NotAllowed, NotFound
from guildhall.loot.models import LootDistribution

from . import tally
from .attendance import WINDOW_DAYS, since, snapshots
from .models import (
    STEP_WORDS,
    Application,
    ApplicationComment,
    ApplicationQuestion,
    ApplicationStatusChange,
    ApplicationVote,
    VoteChange,
)
from .services.transitions import OPEN, rules_of
from .services.voting import VOTERS, may_vote, standing_votes

S = Application.Status
_HIDDEN_STEPS = frozenset({S.VOTING_ACTIVE, S.VOTING_COMPLETE})
_MEMBERS_SEE = (S.TRIAL_ACCEPTED, S.VOTING_ACTIVE, S.VOTING_COMPLETE, S.APPROVED)


class Tier(IntEnum):
    """How much somebody may know of an application."""

    NOTHING = 0
    OWN = 1
    MEMBER = 2
    RECRUITER = 3


def tier_of(who: Principal, application: Application | None = None) -> Tier:
    """Return the tier of `who`, for one application or (None) at large. One's own application is never seen as a
    member."""
    user = who.user
    if user is None:
        return Tier.NOTHING
    own = application is not None and application.user_id is not None and application.user_id == user.pk
    if own:
        return Tier.OWN
    if who.is_recruiter or who.is_bot:
        return Tier.RECRUITER
    if user.role_group in VOTERS:
        return Tier.MEMBER
    return Tier.NOTHING


def require(who: Principal, least: Tier, application: Application | None = None) -> None:
    """Refuse whoever is below `least`, in words that tell nothing.

    Raises:
        NotAllowed: ``permission_denied``.
    """
    if tier_of(who, application) < least:
        raise NotAllowed("You do not have permission to see this.")


def may_edit_policy(who: Principal) -> bool:
    """Officers (and bots that act for them): the policy names the ranks that people get, so recruiters do not change
    it."""
    return who.acts_for_others


def require_policy_maker(who: Principal) -> None:
    """Refuse whoever may not change the policy.

    Raises:
        NotAllowed: ``permission_denied``.
    """
    if not may_edit_policy(who):
        raise NotAllowed("Only officers change how the guild recruits.")


def visible_applications(who: Principal) -> QuerySet[Application]:
    """Return the applications `who` may know of, with what a list shows joined in."""
    found = Application.objects.select_related("user", "assigned_to", "character")
    user = who.user
    if user is None:
        return found.none()
    mine = Q(user=user)
    tier = tier_of(who)
    if tier == Tier.RECRUITER:
        return found.filter(mine | Q(submitted_at__isnull=False))  # a draft is nobody's business, thrown away or not
    if tier == Tier.MEMBER:
        return found.filter(mine | Q(status__in=_MEMBERS_SEE))
    return found.filter(mine)


def get_application(who: Principal, application_id: int) -> Application:
    """Return one application that `who` may know of.

    Raises:
        NotFound: ``unknown_application``, also where it is not theirs to know.
    """
    found = visible_applications(who).filter(pk=application_id).first()
    if found is None:
        raise NotFound(f"There is no application {application_id}.", code="unknown_application")
    return found


def with_status(who: Principal, found: QuerySet[Application], wanted: str) -> QuerySet[Application]:
    """Return those of `found` whose status, as `who` sees it, is `wanted`. Nothing for a status that there is not.

    By the clock, as `Application.current_status`; and by `public_status` for one's own applications and for whoever
    may know of no vote, who must not learn from the number of answers that there is one.
    """
    over = Q(status=S.VOTING_ACTIVE) & (Q(voting_ends_at=None) | Q(voting_ends_at__lte=clock.now()))
    known = {S.VOTING_ACTIVE: Q(status=S.VOTING_ACTIVE) & ~over, S.VOTING_COMPLETE: Q(status=S.VOTING_COMPLETE) | over}
    voted = Q(status__in=_HIDDEN_STEPS)
    public = {
        S.VOTING_ACTIVE: Q(pk__in=[]),
        S.VOTING_COMPLETE: Q(pk__in=[]),
        S.TRIAL_ACCEPTED: Q(status=S.TRIAL_ACCEPTED) | (voted & Q(trial_started_at__isnull=False)),
        S.SUBMITTED: Q(status=S.SUBMITTED) | (voted & Q(trial_started_at__isnull=True)),
    }
    if wanted not in S.values:
        return found.none()
    status = S(wanted)
    as_public, as_known = public.get(status, Q(status=status)), known.get(status, Q(status=status))
    if tier_of(who) < Tier.MEMBER:
        return found.filter(as_public)
    own = Q(user=who.user)
    return found.filter((own & as_public) | (~own & as_known))


def pending(who: Principal) -> QuerySet[Application]:
    """Return what waits for review, longest first; one's own left out: it would leave the list when a vote on it is
    opened."""
    return of_others(who).filter(status=S.SUBMITTED).order_by("submitted_at")


def of_others(who: Principal) -> QuerySet[Application]:
    """Return the applications that `who` may know of, but for their own: what a list of statuses as they are may
    show."""
    return visible_applications(who).exclude(user=who.user)


def votes_running(who: Principal) -> QuerySet[Application]:
    """Return what is being voted on at this moment, by the clock; one's own application left out."""
    found = visible_applications(who).filter(status=S.VOTING_ACTIVE, voting_ends_at__gt=clock.now())
    return found.exclude(user=who.user).order_by("voting_ends_at")


def on_trial(who: Principal) -> QuerySet[Application]:
    """Return who is on trial, the one that ends first first; one's own application left out."""
    found = visible_applications(who).filter(trial_started_at__isnull=False)
    on = found.filter(status__in=[S.TRIAL_ACCEPTED, S.VOTING_ACTIVE, S.VOTING_COMPLETE])
    return on.exclude(user=who.user).order_by("trial_ends_at")


def own_applications(user: User) -> QuerySet[Application]:
    """Return a person's own applications, newest first."""
    return Application.objects.filter(user=user).select_related("user", "assigned_to", "character").order_by("-pk")


def draft_of(user: User) -> Application | None:
    """Return a person's unfinished application."""
    return Application.objects.filter(user=user, status=S.DRAFT).first()


def votes_of(user: User) -> dict[tuple[int, int], str]:
    """Return a person's own standing votes, by application and round. One query."""
    rows = ApplicationVote.objects.filter(voter=user, withdrawn_at=None, application__status=S.VOTING_ACTIVE)
    return {(row.application_id, row.round): row.vote for row in rows}


_BASIC = (
    "id", "character_name", "server", "character_class", "level", "previous_guilds", "availability", "timezone",
    "references", "discord_username", "answers", "submitted_at",
)  # fmt: skip


def view_of(application: Application, who: Principal, *, tier: Tier | None = None) -> dict[str, Any]:
    """Return an application as `who` may see it (docs/api-contract.md, "Recruitment"). No query beyond the joined rows.

    Args:
        tier: where the caller knows better, e.g. the holder of a private link (`Tier.OWN`).
    """
    tier = tier_of(who, application) if tier is None else tier
    shown: dict[str, Any] = {name: getattr(application, name) for name in _BASIC}
    shown["status"] = application.current_status if tier >= Tier.MEMBER else application.public_status
    shown["trial_started_at"] = application.trial_started_at
    shown["trial_ends_at"] = application.trial_ends_at
    if tier in (Tier.OWN, Tier.RECRUITER):
        shown["email"] = application.email
        shown["rejection_reason"] = application.rejection_reason
    if tier >= Tier.MEMBER:
        shown["user_id"] = application.user_id
        shown["character_id"] = application.character_id
        shown["voting_started_at"] = application.voting_started_at
        shown["voting_ends_at"] = application.voting_ends_at
        shown["decision"] = application.decision or None
    if tier == Tier.RECRUITER:
        shown["discord_id"] = application.discord_id or (application.user.discord_id if application.user else None)
        shown["assigned_to"] = application.assigned_to_id
        shown["assigned_to_name"] = str(application.assigned_to) if application.assigned_to else None
        shown["voting_round"] = application.voting_round
        shown["decision_trace"] = application.decision_trace or None
    return shown


def steps_of(application: Application, tier: Tier) -> list[dict[str, Any]]:
    """Return the application's way so far; without the steps of a vote, and without names, for the applicant. One
    query."""
    rows = ApplicationStatusChange.objects.filter(application=application).select_related("changed_by")
    steps = []
    before = ""
    for row in rows:
        if tier < Tier.MEMBER and row.to_status in _HIDDEN_STEPS:
            continue
        step: dict[str, Any] = {
            "from": before if tier < Tier.MEMBER else row.from_status,
            "to": row.to_status,
            "at": row.at,
        }
        if tier == Tier.RECRUITER:
            step["changed_by"] = str(row.changed_by) if row.changed_by else None
            step["reason"] = row.reason
        # A trial that goes on after a vote looks to the applicant like the trial it was.
        if tier < Tier.MEMBER and row.to_status == before:
            continue
        before = row.to_status
        steps.append(step)
    return steps


def describe_steps(application: Application, tier: Tier) -> list[dict[str, Any]]:
    """Return `steps_of` for a page: each step with its `words`."""
    return [{**step, "words": STEP_WORDS.get(step["to"], step["to"])} for step in steps_of(application, tier)]


def comments_for(application: Application, tier: Tier) -> list[dict[str, Any]]:
    """Return the comments a tier may read: all for recruiters, those meant for the applicant for the applicant. One
    query."""
    if tier in (Tier.NOTHING, Tier.MEMBER):
        return []
    rows = ApplicationComment.objects.filter(application=application).select_related("author")
    if tier != Tier.RECRUITER:
        rows = rows.filter(visible_to_applicant=True)
    return [
        {
            "id": row.pk,
            "author": str(row.author) if row.author and tier == Tier.RECRUITER else None,
            "kind": row.kind,
            "body": row.body,
            "visible_to_applicant": row.visible_to_applicant,
            "created_at": row.created_at,
        }
        for row in rows
    ]


def earlier_applications(application: Application, who: Principal) -> list[Application]:
    """Return former applications of the same person or character, newest first, for recruiters. One query.

    Not `who`'s own: a character's name may have been another person's, and their status tells of a vote.
    """
    same = Q(name_key=application.name_key)
    if application.user_id:
        same |= Q(user_id=application.user_id)
    if application.discord_id:
        same |= Q(discord_id=application.discord_id)
    found = of_others(who).filter(same).exclude(pk=application.pk).filter(submitted_at__isnull=False)
    return list(found.order_by("-submitted_at", "-pk"))


def questions() -> QuerySet[ApplicationQuestion]:
    """Return the questionnaire as applicants see it."""
    return ApplicationQuestion.objects.filter(is_active=True)


# Votes


def vote_summary(application: Application) -> dict[str, Any]:
    """Return totals alone (docs/api-contract.md): what every member may see. One query.

    `pass`, `fail` and `recycle` are all votes by choice; `counted` is how many count.
    """
    rows = ApplicationVote.objects.filter(
        application=application, round=application.voting_round, withdrawn_at=None
    ).aggregate(
        passes=Count("pk", filter=Q(vote="pass")),
        fails=Count("pk", filter=Q(vote="fail")),
        recycles=Count("pk", filter=Q(vote="recycle")),
        total=Count("pk"),
        counted=Count("pk", filter=Q(is_counted=True)),
    )
    return {
        "pass": rows["passes"],
        "fail": rows["fails"],
        "recycle": rows["recycles"],
        "total": rows["total"],
        "counted": rows["counted"],
        "started_at": application.voting_started_at,
        "ends_at": application.voting_ends_at,
        "status": vote_state(application),
        "decision": application.decision or None,
    }


def vote_state(application: Application) -> str:
    """Return ``not_started``, ``open`` or ``closed``, by the clock."""
    if application.voting_ends_at is None:
        return "not_started"
    return "open" if application.voting_open else "closed"


def own_vote(application: Application, user: User) -> dict[str, Any] | None:
    """Return what a member sees of their own vote, None without one. One query."""
    cast = ApplicationVote.objects.filter(
        application=application, round=application.voting_round, voter=user, withdrawn_at=None
    ).first()
    return None if cast is None else _own(cast)


def _own(cast: ApplicationVote) -> dict[str, Any]:
    return {
        "vote": cast.vote,
        "comment": cast.comment,
        "attendance_percentage": cast.attendance_percentage,
        "is_counted": cast.is_counted,
        "vote_changes": cast.vote_changes,
        "cast_at": cast.cast_at,
        "changed_at": cast.changed_at,
    }


def voters(application: Application) -> list[dict[str, Any]]:
    """Return every voter with their snapshot, for recruiters and officers. One query."""
    rows = (
        ApplicationVote.objects.filter(application=application, round=application.voting_round)
        .select_related("voter")
        .order_by("cast_at", "pk")
    )
    return [
        {
            "user_id": row.voter_id,
            "display_name": str(row.voter),
            "discord_id": row.voter.discord_id,
            "raids_attended": row.raids_attended,
            "raids_held": row.raids_held,
            "withdrawn_at": row.withdrawn_at,
            **_own(row),
        }
        for row in rows
    ]


def officer_view(application: Application) -> dict[str, Any]:
    """Return the totals, each voter, and the result so far by the rules in force (or the one that was decided). Four
    queries."""
    rules = rules_of(application)
    standing = tally.count(standing_votes(application), rules).as_trace(rules)
    return {
        **vote_summary(application),
        "voters": voters(application),
        "result": application.decision_trace or standing,
        "decided_at": application.voting_decided_at,
    }


def vote_changes(application: Application) -> list[dict[str, Any]]:
    """Return every casting, change and withdrawal in every round, oldest first. One query."""
    rows = VoteChange.objects.filter(vote__application=application).select_related("vote__voter").order_by("at", "pk")
    return [
        {
            "user_id": row.vote.voter_id,
            "display_name": str(row.vote.voter),
            "round": row.vote.round,
            "from_vote": row.from_vote or None,
            "to_vote": row.to_vote or None,
            "attendance_percentage": row.attendance_percentage,
            "at": row.at,
        }
        for row in rows
    ]


def eligibility(application: Application) -> list[dict[str, Any]]:
    """Return each voter with the attendance they have now, and whether a vote of theirs would count now. Six queries
    at most.

    By the rules of this application's vote, or by the policy where none has been opened; the applicant is not a voter.
    """
    minimum, now = rules_of(application).minimum_attendance, clock.now()
    rows = []
    people = list(_voters_of_the_guild().exclude(pk=application.user_id or 0).order_by("display_name", "pk"))
    figures = snapshots([person.pk for person in people], now)
    for person in people:
        seen = figures[person.pk]
        rows.append(
            {
                "user_id": person.pk,
                "display_name": str(person),
                "role_group": person.role_group,
                "attendance_percentage": seen.percentage,
                "raids_attended": seen.attended,
                "raids_held": seen.held,
                "is_eligible": seen.reaches(minimum),
                "minimum": minimum,
                "days": WINDOW_DAYS,
            }
        )
    return rows


def _voters_of_the_guild() -> QuerySet[User]:
    """Return everybody for whom `may_vote` says yes."""
    voters = User.objects.filter(is_active=True, is_bot=False)
    return voters.filter(Q(role_group__in=[*VOTERS]) | Q(is_superuser=True))


def may_vote_on(application: Application, user: User) -> bool:
    """Return whether `user` may vote on this application right now."""
    return application.voting_open and may_vote(user) and application.user_id != user.pk


# Trials and statistics


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
    members = _voters_of_the_guild().exclude(pk=application.user.pk).values_list("pk", flat=True)
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


def statistics(*, days: int | None = None, who: Principal | None = None) -> dict[str, Any]:
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


def recruiters() -> QuerySet[User]:
    """Return who may be given an application."""
    return User.objects.filter(is_active=True, role_group__in=[RoleGroup.RECRUITER, RoleGroup.OFFICER])
