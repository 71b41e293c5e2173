"""Applications as their readers may see them: lists, one, its steps and comments."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db.models import Min, Q, QuerySet

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import Principal
from guildhall.accounts.selectors import people_with_group_scope
from guildhall.core import clock
from guildhall.core.errors import NotFound
from guildhall.recruitment.models import (
    STEP_WORDS,
    Application,
    ApplicationComment,
    ApplicationQuestion,
    ApplicationStatusChange,
    ApplicationVote,
)

from .tiers import Tier, tier_of

S = Application.Status
_HIDDEN_STEPS = frozenset({S.VOTING_ACTIVE, S.VOTING_COMPLETE})
_MEMBERS_SEE = (S.TRIAL_ACCEPTED, S.VOTING_ACTIVE, S.VOTING_COMPLETE, S.APPROVED)


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


def next_ends(now: dt.datetime) -> list[dt.datetime | None]:
    """Return when the next vote ends, which changes what is shown of applications by the time alone. One query."""
    running = Application.objects.filter(status=S.VOTING_ACTIVE, voting_ends_at__gt=now)
    return [running.aggregate(at=Min("voting_ends_at"))["at"]]


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
    shown: dict[str, object] = {name: getattr(application, name) for name in _BASIC}
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
        step: dict[str, object] = {
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


def describe_steps(application: Application, tier: Tier) -> list[dict[str, object]]:
    """Return `steps_of` for a page: each step with its `words`."""
    return [{**step, "words": _words(step)} for step in steps_of(application, tier)]


def _words(step: Mapping[str, object]) -> str:
    before, to = str(step["from"]), str(step["to"])
    if to == S.SUBMITTED and before in (S.REJECTED, S.WITHDRAWN):
        return "opened again"
    if to in (S.SUBMITTED, S.TRIAL_ACCEPTED) and before == S.VOTING_ACTIVE:
        return "vote called off"
    return STEP_WORDS.get(to, to)


def comments_for(application: Application, tier: Tier) -> list[dict[str, object]]:
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


def all_questions() -> QuerySet[ApplicationQuestion]:
    """Return every question, also those that are no longer asked: for recruiters."""
    return ApplicationQuestion.objects.all()


def recruiters() -> QuerySet[User]:
    """Return who may be given an application."""
    by_role = Q(role_group__in=[RoleGroup.RECRUITER, RoleGroup.OFFICER])
    return User.objects.filter(by_role | people_with_group_scope("recruitment:review"), is_active=True)
