"""A trial's reminder and its end, as the policy says, by the clock and once each (PRD 3.10.4)."""

from __future__ import annotations

import datetime as dt

from guildhall.core import clock
from guildhall.core.transactions import use_case
from guildhall.recruitment.models import Application, RecruitmentPolicy

from .due import each
from .reviewing import promote_trial, reject
from .transitions import announce, lock, policy
from .voting import start_voting

S = Application.Status
# A trial goes on while it is voted on: an applicant who was not reminded would know from that that there is a vote.
_ON_TRIAL = (S.TRIAL_ACCEPTED, S.VOTING_ACTIVE, S.VOTING_COMPLETE)


@use_case
def _remind(application_id: int) -> bool:
    locked = lock(application_id)
    if locked.status not in _ON_TRIAL or locked.trial_reminded_at is not None:
        return False
    locked.trial_reminded_at = clock.now()
    locked.save()
    announce(locked, "trial_reminder")
    return True


def remind_due_trials() -> int:
    """Remind recruiters and applicants of trials that end soon; returns how many.

    Raises:
        SomeFailed: after all of them were tried.
    """
    now = clock.now()
    soon = now + dt.timedelta(days=policy().trial_reminder_days)
    due = Application.objects.filter(status__in=_ON_TRIAL, trial_reminded_at=None)
    due = due.filter(trial_ends_at__lte=soon, trial_ends_at__gt=now)
    return sum(each(due.values_list("pk", flat=True), _remind))


@use_case
def _end(application_id: int) -> bool:
    locked = lock(application_id)
    if locked.status != S.TRIAL_ACCEPTED or locked.trial_ended_at is not None:
        return False
    if locked.trial_ends_at is None or clock.now() < locked.trial_ends_at:
        return False
    locked.trial_ended_at = clock.now()
    locked.save()
    wish = policy().trial_end
    ends = RecruitmentPolicy.TrialEnd
    if wish == ends.PROMOTE:
        promote_trial(application=locked, actor=None, reason="the trial ended")
    elif wish == ends.REMOVE:
        reject(application=locked, actor=None, reason="The trial ended without a decision to take you on.")
    elif wish == ends.VOTE:
        start_voting(application=locked, actor=None)
    else:
        announce(locked, "trial_over")
    return True


def end_due_trials() -> int:
    """Apply the policy to trials that are over, each in its own transaction; returns how many.

    Raises:
        SomeFailed: after all of them were tried.
    """
    due = Application.objects.filter(status=S.TRIAL_ACCEPTED, trial_ends_at__lte=clock.now(), trial_ended_at=None)
    return sum(each(due.values_list("pk", flat=True), _end))
