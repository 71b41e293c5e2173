"""Reading votes: totals, voters, and whose vote would count."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, Q, QuerySet

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.recruitment import tally
from guildhall.recruitment.attendance import WINDOW_DAYS, snapshots
from guildhall.recruitment.models import Application, ApplicationVote, VoteChange
from guildhall.recruitment.services.transitions import rules_of
from guildhall.recruitment.services.voting import VOTERS, may_vote, standing_votes


def vote_summary(application: Application) -> dict[str, object]:
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


def own_vote(application: Application, user: User) -> dict[str, object] | None:
    """Return what a member sees of their own vote, None without one. One query."""
    cast = ApplicationVote.objects.filter(
        application=application, round=application.voting_round, voter=user, withdrawn_at=None
    ).first()
    return None if cast is None else _own(cast)


def _own(cast: ApplicationVote) -> dict[str, object]:
    return {
        "vote": cast.vote,
        "comment": cast.comment,
        "attendance_percentage": cast.attendance_percentage,
        "is_counted": cast.is_counted,
        "vote_changes": cast.vote_changes,
        "cast_at": cast.cast_at,
        "changed_at": cast.changed_at,
    }


def voters(application: Application) -> list[dict[str, object]]:
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


def officer_view(application: Application) -> dict[str, object]:
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


def vote_changes(application: Application) -> list[dict[str, object]]:
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
    people = list(voters_of_the_guild().exclude(pk=application.user_id or 0).order_by("display_name", "pk"))
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


def voters_of_the_guild() -> QuerySet[User]:
    """Return everybody for whom `may_vote` says yes."""
    voters = User.objects.filter(is_active=True, is_bot=False)
    return voters.filter(Q(role_group__in=[*VOTERS]) | Q(is_superuser=True))


def may_vote_on(application: Application, user: User) -> bool:
    """Return whether `user` may vote on this application right now."""
    return application.voting_open and may_vote(user) and application.user_id != user.pk
