"""The vote: opened for 48 hours, cast and changed at will, closed by the clock, decided once.

Invariants (PRD 3.10.5):
- A vote is taken while ``now < voting_ends_at``, judged under the application's lock: at 47:59:59.9 it is, at 48:00:00 it is
  not, with or without a worker.
- Every member's vote is accepted; it is counted if their attendance at that moment reached the policy's minimum. The
  snapshot never changes afterwards.
- A vote goes by the policy as it was when it was opened: `Application.voting_rules`. What is changed meanwhile counts from
  the next vote on.
- A vote stands as it was cast: who was a member when they voted is counted (or not) by that moment, also if they are
  demoted or gone when it is decided, so that nobody can shape a result by moving voters about.
- The decision is made once: `voting_decided_at` and the status change under the lock, so late, repeated and parallel
  workers find nothing left to do.
"""

from __future__ import annotations

import datetime as dt

from django.db.models import QuerySet

from guildhall.accounts.models import RoleGroup, User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed
from guildhall.core.transactions import use_case
from guildhall.recruitment import tally
from guildhall.recruitment.attendance import snapshot
from guildhall.recruitment.models import MOST_HOURS, Application, ApplicationVote, VoteChange

from .due import each
from .reviewing import begin_trial, take_off_trial, welcome
from .transitions import lock, move, policy, refuse_unless, rules_of

S = Application.Status
VOTERS = frozenset({RoleGroup.MEMBER, RoleGroup.DEVELOPER, RoleGroup.RECRUITER, RoleGroup.OFFICER})


def may_vote(user: User) -> bool:
    """Return whether a person is a voter at all: a member of any kind, not a guest, an applicant or a bot."""
    return user.is_active and not user.is_bot and (user.role_group in VOTERS or user.is_superuser)


@use_case
def start_voting(*, application: Application, actor: User | None, hours: int | None = None) -> Application:
    """Open the vote (48 hours unless the policy says otherwise).

    Raises:
        BadInput: ``out_of_range`` for `hours`.
        Conflict: ``illegal_transition``.
    """
    length = policy().voting_hours if hours is None else hours
    if not 1 <= length <= MOST_HOURS:
        raise BadInput("A vote lasts 1 hour to 30 days.", code="out_of_range", attr="hours")
    locked = lock(application.pk)
    refuse_unless(locked, S.SUBMITTED, S.TRIAL_ACCEPTED, doing="opening a vote")
    locked.voting_round += 1
    locked.voting_started_at = clock.now()
    locked.voting_ends_at = locked.voting_started_at + dt.timedelta(hours=length)
    locked.voting_decided_at, locked.decision, locked.decision_trace = None, "", {}
    locked.voting_rules = tally.Rules.of(policy()).as_json()
    move(locked, S.VOTING_ACTIVE, actor=actor, topic="voting_started")
    return locked


def _open_for(application: Application, voter: User) -> Application:
    """Return the application, locked, if `voter` may vote on it right now."""
    # As they are now, and first: a merge of this person waits for the vote or the vote for the merge.
    if not may_vote(User.objects.select_for_update().get(pk=voter.pk)):
        raise NotAllowed("Only members vote.", code="not_a_voter")
    locked = lock(application.pk)
    if locked.user_id == voter.pk:
        raise NotAllowed("Nobody votes on their own application.", code="own_application")
    if not locked.voting_open:
        if locked.status in (S.VOTING_ACTIVE, S.VOTING_COMPLETE) or locked.voting_decided_at:
            raise Conflict("This vote is over.", code="voting_closed")
        raise Conflict("There is no vote on this application now.", code="voting_not_open")
    return locked


@use_case
def cast_vote(*, application: Application, voter: User, vote: str, comment: str | None = None) -> ApplicationVote:
    """Vote, or change one's vote, as often as one likes while the vote is open.

    Sending the same vote again changes nothing but the comment, and is no change.

    Raises:
        BadInput: ``invalid_choice``, ``too_long``.
        NotAllowed: ``not_a_voter``, ``own_application``.
        Conflict: ``voting_closed``, ``voting_not_open``.
    """
    if vote not in ApplicationVote.Choice.values:
        raise BadInput("Vote pass, fail or recycle.", code="invalid_choice", attr="vote")
    if comment is not None and len(comment) > 5_000:
        raise BadInput("A comment may have 5,000 characters.", code="too_long", attr="comment")
    locked = _open_for(application, voter)
    existing = ApplicationVote.objects.filter(application=locked, round=locked.voting_round, voter=voter).first()
    if existing is not None and existing.withdrawn_at is None and existing.vote == vote:
        if comment is not None and comment != existing.comment:
            existing.comment = comment
            existing.save(update_fields=["comment"])
        return existing
    now = clock.now()
    seen = snapshot(voter, now)
    before = "" if existing is None or existing.withdrawn_at else existing.vote
    cast = existing or ApplicationVote(application=locked, round=locked.voting_round, voter=voter, cast_at=now)
    cast.vote_changes += 1 if existing is not None else 0
    cast.vote, cast.changed_at, cast.withdrawn_at = vote, now, None
    cast.comment = cast.comment if comment is None else comment
    cast.attendance_percentage, cast.raids_attended, cast.raids_held = seen.percentage, seen.attended, seen.held
    cast.is_counted = seen.reaches(rules_of(locked).minimum_attendance)
    cast.save()
    VoteChange.objects.create(vote=cast, from_vote=before, to_vote=vote, attendance_percentage=seen.percentage, at=now)
    return cast


@use_case
def withdraw_vote(*, application: Application, voter: User) -> None:
    """Take one's vote back while the vote is open; that it was there stays on the record for officers.

    Raises:
        as `cast_vote`; Conflict: ``no_vote``.
    """
    locked = _open_for(application, voter)
    cast = ApplicationVote.objects.filter(
        application=locked, round=locked.voting_round, voter=voter, withdrawn_at=None
    ).first()
    if cast is None:
        raise Conflict("You have not voted.", code="no_vote")
    cast.withdrawn_at = clock.now()
    cast.vote_changes += 1
    cast.save()
    VoteChange.objects.create(
        vote=cast, from_vote=cast.vote, to_vote="", attendance_percentage=cast.attendance_percentage, at=clock.now()
    )


def standing_votes(application: Application) -> list[ApplicationVote]:
    """Return the votes of the present round that stand."""
    return list(
        ApplicationVote.objects.filter(application=application, round=application.voting_round, withdrawn_at=None)
    )


@use_case
def close_vote(*, application: Application, actor: User | None = None) -> Application:
    """Decide a vote whose time is over, and do what follows, once. Whoever asks, however often: safe.

    Raises:
        Conflict: ``voting_still_open``.
    """
    locked = lock(application.pk)
    if locked.status != S.VOTING_ACTIVE:
        return locked
    if locked.voting_open:
        raise Conflict(f"The vote is open until {locked.voting_ends_at:%d %B %Y %H:%M} UTC.", code="voting_still_open")
    rules = rules_of(locked)
    result = tally.count(standing_votes(locked), rules)
    locked.voting_decided_at = clock.now()
    locked.decision = result.decision
    locked.decision_trace = result.as_trace(rules)
    move(locked, S.VOTING_COMPLETE, actor=actor, reason=result.reason, topic="voting_ended")
    audit.record(
        action="recruitment.decide",
        summary=f"{locked.character_name}: {result.decision} ({result.reason})",
        actor=actor,
        target=locked,
        data=locked.decision_trace,
    )
    _execute(locked, actor)
    return locked


def _execute(application: Application, actor: User | None) -> None:
    """Do what the decision says; without a quorum the recruiters decide."""
    if application.decision == Application.Decision.PASS:
        welcome(application, actor=actor)
        move(application, S.APPROVED, actor=actor, reason="voted in")
    elif application.decision == Application.Decision.FAIL:
        take_off_trial(application, actor=actor)
        # The applicant reads this; that there was a vote is not theirs to know.
        application.rejection_reason = "We have decided not to take you on. Thank you for your interest."
        move(application, S.REJECTED, actor=actor, reason="voted out")
    elif application.decision == Application.Decision.RECYCLE:
        _go_on_with_the_trial(application, actor)


def _go_on_with_the_trial(application: Application, actor: User | None) -> None:
    """Extend the trial; begin it where the vote was opened without one."""
    days, topic = policy().recycle_days, "recycled"
    if application.trial_started_at is None:
        begin_trial(application, days=days, actor=actor)
        topic = ""  # for the applicant it begins, and nothing goes on
    else:
        now = clock.now()
        application.trial_ends_at = max(now, application.trial_ends_at or now) + dt.timedelta(days=days)
    application.trial_reminded_at = application.trial_ended_at = None
    move(application, S.TRIAL_ACCEPTED, actor=actor, reason="recycled", topic=topic)


def _due_votes() -> QuerySet[Application]:
    due = Application.objects.filter(status=S.VOTING_ACTIVE, voting_ends_at__lte=clock.now())
    return due.order_by("voting_ends_at")


def has_due_votes() -> bool:
    """Return whether a vote's time is over that is not decided. One query, nothing is written."""
    return _due_votes().exists()


def close_due_votes() -> list[Application]:
    """Decide every vote whose time is over, each in its own transaction. Called by the worker.

    Raises:
        SomeFailed: after all of them were tried.
    """
    return each(_due_votes(), lambda application: close_vote(application=application))
