"""The only way an application changes its status.

Invariant: `TRANSITIONS` lists every legal step; `move` takes it under the row's lock (the caller's), writes the step
down, the audit row and the message to the outside, all in the caller's transaction.
"""

from __future__ import annotations

from guildhall.accounts.models import User
from guildhall.core import audit, clock, outbox
from guildhall.core.errors import Conflict, NotFound
from guildhall.recruitment.mail import write_to_applicant
from guildhall.recruitment.models import Application, ApplicationStatusChange, RecruitmentPolicy
from guildhall.recruitment.tally import Rules
from guildhall.recruitment.trail import ANNOUNCED, order_key

S = Application.Status
TRANSITIONS: dict[str, frozenset[str]] = {
    S.DRAFT: frozenset({S.SUBMITTED, S.WITHDRAWN}),
    S.SUBMITTED: frozenset({S.TRIAL_ACCEPTED, S.REJECTED, S.VOTING_ACTIVE, S.WITHDRAWN}),
    S.TRIAL_ACCEPTED: frozenset({S.VOTING_ACTIVE, S.APPROVED, S.REJECTED, S.WITHDRAWN}),
    S.VOTING_ACTIVE: frozenset({S.VOTING_COMPLETE, S.SUBMITTED, S.TRIAL_ACCEPTED, S.WITHDRAWN}),
    S.VOTING_COMPLETE: frozenset({S.APPROVED, S.REJECTED, S.TRIAL_ACCEPTED, S.WITHDRAWN}),
    S.REJECTED: frozenset({S.SUBMITTED}),
    S.APPROVED: frozenset(),
    S.WITHDRAWN: frozenset({S.SUBMITTED}),
}
CLOSED = frozenset({S.APPROVED, S.REJECTED, S.WITHDRAWN})
OPEN = frozenset({S.SUBMITTED, S.TRIAL_ACCEPTED, S.VOTING_ACTIVE, S.VOTING_COMPLETE})
_WORDS = {
    S.DRAFT: "is a draft",
    S.SUBMITTED: "waits for review",
    S.TRIAL_ACCEPTED: "is on trial",
    S.VOTING_ACTIVE: "is being voted on",
    S.VOTING_COMPLETE: "has been voted on",
    S.REJECTED: "has been rejected",
    S.APPROVED: "has been approved",
    S.WITHDRAWN: "has been withdrawn",
}


def policy() -> RecruitmentPolicy:
    """Return the guild's policy; the defaults where nobody has edited it yet."""
    return RecruitmentPolicy.objects.select_related("trial_rank", "member_rank").first() or RecruitmentPolicy()


def rules_of(application: Application) -> Rules:
    """Return the rules that this application's vote goes by: those it was opened under, else the policy's of today."""
    return Rules.from_json(application.voting_rules) if application.voting_rules else Rules.of(policy())


def lock(application_id: int) -> Application:
    """Return the application, locked in the caller's transaction.

    Raises:
        NotFound: ``unknown_application``.
    """
    found = Application.objects.select_for_update().filter(pk=application_id).first()
    if found is None:
        raise NotFound(f"There is no application {application_id}.", code="unknown_application")
    return found


def refuse_unless(application: Application, *allowed: str, doing: str, to_applicant: bool = False) -> None:
    """Refuse what does not fit the status.

    Args:
        to_applicant: the applicant reads the refusal, so it speaks of the status they may know (PRD 3.10.5).

    Raises:
        Conflict: ``illegal_transition``.
    """
    if application.status not in allowed:
        said = application.public_status if to_applicant else application.status
        raise Conflict(
            f"{application.character_name}'s application {_WORDS[S(said)]}; {doing} is not possible now.",
            code="illegal_transition",
            figures={"status": said},
        )


def move(application: Application, to: str, *, actor: User | None, reason: str = "", topic: str = "") -> None:
    """Take a locked application to status `to` and save it.

    Args:
        topic: what to announce (``application.<topic>``); the status itself unless given.

    Raises:
        Conflict: ``illegal_transition``.
    """
    before = application.status
    if to not in TRANSITIONS[S(before)]:
        raise Conflict(
            f"{application.character_name}'s application {_WORDS[S(before)]}; it cannot become “{S(to).label}”.",
            code="illegal_transition",
            figures={"status": before, "wanted": to},
        )
    application.status = to
    application.open_key = application.name_key if to in OPEN else None
    application.closed_at = clock.now() if to in CLOSED else None
    application.save()
    ApplicationStatusChange.objects.create(
        application=application, from_status=before, to_status=to, at=clock.now(), changed_by=actor, reason=reason
    )
    audit.record(
        action=f"recruitment.{to}",
        summary=f"{application.character_name}: {before} → {to}",
        actor=actor,
        target=application,
        data={"reason": reason},
    )
    if before != S.DRAFT or to == S.SUBMITTED:  # a draft that is thrown away is nobody's business
        announce(application, topic or to)


def announce(application: Application, topic: str, **more: object) -> None:
    """Tell the outside, after commit. Handlers read the application at their own moment, by its id."""
    outbox.put(
        topic=f"application.{topic}",
        payload={"application_id": application.pk, **more},
        order_key=order_key(ANNOUNCED, application.pk),
        target=application,
    )
    write_to_applicant(application, topic, comment=str(more.get("comment", "")))
