"""Taking back what was decided by mistake: a vote is called off, a rejected application is opened again.

Invariants: nothing of what was done is deleted: votes, their changes and the steps stay on the record, and every step has its audit
row. The applicant learns nothing of a vote by it: after a vote that was called off the application stands, for them, where it
stood all along, and nothing is sent to them (PRD 3.10.5). `recruitment/tests/test_reopening.py` fails without either.
"""

from __future__ import annotations

from django.db import IntegrityError, transaction

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.transactions import use_case
from guildhall.recruitment.models import Application, ApplicationStatusChange

from .admission import refuse_members
from .transitions import OPEN, lock, move, refuse_unless

S = Application.Status
LONGEST_REASON = 1000


def _why(reason: str, words: str) -> str:
    text = reason.strip()
    if not text:
        raise BadInput(words, code="required", attr="reason")
    if len(text) > LONGEST_REASON:
        raise BadInput(
            f"At most {LONGEST_REASON:,} characters; this has {len(text):,}.", code="too_long", attr="reason"
        )
    return text


@use_case
def cancel_voting(*, application: Application, actor: User | None, reason: str) -> Application:
    """Call an open vote off: it decides nothing, and the application stands where it stood before the vote.

    The votes that were cast stay on the record and count for nothing; a vote that is opened later begins anew. A trial whose
    time ran out meanwhile waits for a recruiter, so that the clock does not open the vote again at once.

    Raises:
        BadInput: ``required`` without a reason, ``too_long``.
        Conflict: ``voting_closed`` where its time is over; ``illegal_transition`` where there is none.
    """
    words = _why(reason, "Say why the vote is called off; it stays on the record.")
    locked = lock(application.pk)
    refuse_unless(locked, S.VOTING_ACTIVE, doing="calling a vote off")
    if not locked.voting_open:
        raise Conflict("This vote is over; its result is being worked out.", code="voting_closed")
    now = clock.now()
    locked.voting_ends_at = now
    if locked.trial_ends_at is not None and locked.trial_ends_at <= now:
        locked.trial_ended_at = locked.trial_ended_at or now
    back = S.SUBMITTED if locked.trial_started_at is None else S.TRIAL_ACCEPTED
    move(locked, back, actor=actor, reason=words, topic="voting_cancelled")
    return locked


@use_case
def reopen(*, application: Application, actor: User | None, reason: str) -> Application:
    """Open a rejected application again, or one that a recruiter withdrew: it waits for review, and the applicant is told so.

    What the trial gave stays taken away; a new trial gives it again. The cool-down ends with the rejection.

    Raises:
        BadInput: ``required`` without a reason, ``too_long``.
        Conflict: ``illegal_transition``; ``withdrawn_by_applicant``; ``already_applied`` where there is another open
            application of the person or the character by now; ``already_member``.
    """
    words = _why(reason, "Say why it is opened again; it stays on the record.")
    locked = lock(application.pk)
    refuse_unless(locked, S.REJECTED, S.WITHDRAWN, doing="opening it again")
    if locked.status == S.WITHDRAWN and not _withdrawn_by_recruiter(locked):
        raise Conflict(
            f"{locked.character_name}'s application was withdrawn by the applicant, who may apply again at any time.",
            code="withdrawn_by_applicant",
        )
    user = locked.user
    if user is not None:
        user = User.objects.select_for_update().get(pk=user.pk)  # one person's two applications take turns
        refuse_members(user)
        if Application.objects.filter(user=user, status__in=OPEN).exists():
            raise _another(locked)
    locked.rejection_reason = ""
    locked.trial_started_at = locked.trial_ends_at = locked.trial_reminded_at = locked.trial_ended_at = None
    try:
        with transaction.atomic():
            move(locked, S.SUBMITTED, actor=actor, reason=words, topic="reopened")
    except IntegrityError as error:  # another one of the same character is open
        raise _another(locked) from error
    return locked


def _another(application: Application) -> Conflict:
    return Conflict(
        f"There is a newer application of {application.character_name} or the same person that is open. Go on with that one.",
        code="already_applied",
    )


def _withdrawn_by_recruiter(application: Application) -> bool:
    """Return whether somebody else than the applicant withdrew it; whoever has its private link alone is nobody's account."""
    last = ApplicationStatusChange.objects.filter(application=application, to_status=S.WITHDRAWN).last()
    return last is not None and last.changed_by_id not in (None, application.user_id)
