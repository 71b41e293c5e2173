"""The recruiters' side: assign, comment, start a trial, reject, promote, edit the policy."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.exceptions import ValidationError

from guildhall.accounts.models import RoleGroup, User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput
from guildhall.core.transactions import use_case
from guildhall.recruitment.models import Application, ApplicationComment, ApplicationQuestion, RecruitmentPolicy

from .transitions import announce, lock, move, policy, refuse_unless
from .welcome import ensure_character, ensure_person

S = Application.Status


@use_case
def assign(*, application: Application, recruiter: User | None, actor: User) -> Application:
    """Give an application to a recruiter, or to nobody."""
    locked = lock(application.pk)
    if recruiter is not None and recruiter.role_group not in (RoleGroup.RECRUITER, RoleGroup.OFFICER):
        if not recruiter.is_superuser:
            raise BadInput(f"{recruiter} is no recruiter.", code="not_a_recruiter", attr="assigned_to")
    locked.assigned_to = recruiter
    locked.save()
    audit.record(
        action="recruitment.assign",
        summary=f"{locked.character_name}: given to {recruiter or 'nobody'}",
        actor=actor,
        target=locked,
    )
    return locked


@use_case
def add_comment(
    *,
    application: Application,
    author: User,
    body: str,
    kind: str = ApplicationComment.Kind.NOTE,
    visible_to_applicant: bool = False,
) -> ApplicationComment:
    """Note something on an application; one that the applicant may see is sent to them.

    Raises:
        BadInput: ``required``, ``too_long``, ``invalid_choice``.
    """
    text = body.strip()
    if not text:
        raise BadInput("Write something.", code="required", attr="body")
    if len(text) > 10_000:
        raise BadInput("At most 10,000 characters.", code="too_long", attr="body")
    if kind not in ApplicationComment.Kind.values:
        raise BadInput("kind is note or feedback.", code="invalid_choice", attr="kind")
    comment = ApplicationComment.objects.create(
        application=application, author=author, kind=kind, body=text, visible_to_applicant=visible_to_applicant
    )
    if visible_to_applicant:
        announce(application, "comment", comment_id=comment.pk, comment=text)
    return comment


@use_case
def accept_trial(
    *, application: Application, actor: User | None, days: int | None = None, reason: str = ""
) -> Application:
    """Take an applicant on trial: an account with the applicant's role, a character with the trial rank, an end date.

    Raises:
        BadInput: ``out_of_range`` for `days`.
        Conflict: ``illegal_transition``.
    """
    rules = policy()
    length = rules.trial_days if days is None else days
    if not 1 <= length <= 365:
        raise BadInput("A trial lasts 1 to 365 days.", code="out_of_range", attr="days")
    locked = lock(application.pk)
    refuse_unless(locked, S.SUBMITTED, doing="starting a trial")
    user = ensure_person(locked, role=RoleGroup.APPLICANT, actor=actor)
    ensure_character(locked, user=user, rank=rules.trial_rank, actor=actor)
    locked.trial_started_at = clock.now()
    locked.trial_ends_at = locked.trial_started_at + dt.timedelta(days=length)
    move(locked, S.TRIAL_ACCEPTED, actor=actor, reason=reason)
    return locked


@use_case
def reject(*, application: Application, actor: User | None, reason: str) -> Application:
    """Turn an application down, with a reason that the applicant is told.

    Raises:
        BadInput: ``required`` without a reason.
        Conflict: ``illegal_transition``, while a vote runs too.
    """
    reason = reason.strip()
    if not reason:
        raise BadInput("Give a reason; the applicant is told.", code="required", attr="reason")
    locked = lock(application.pk)
    refuse_unless(locked, S.SUBMITTED, S.TRIAL_ACCEPTED, S.VOTING_COMPLETE, doing="rejecting it")
    take_off_trial(locked, actor=actor)
    locked.rejection_reason = reason
    move(locked, S.REJECTED, actor=actor, reason=reason)
    return locked


@use_case
def promote_trial(*, application: Application, actor: User | None, reason: str = "") -> Application:
    """Make a trial member a full one without a vote, or after one that had no quorum (PRD 3.10.3: an officer's action).

    Raises:
        Conflict: ``illegal_transition``.
    """
    locked = lock(application.pk)
    refuse_unless(locked, S.TRIAL_ACCEPTED, S.VOTING_COMPLETE, doing="promoting")
    welcome(locked, actor=actor)
    move(locked, S.APPROVED, actor=actor, reason=reason)
    return locked


def welcome(application: Application, *, actor: User | None) -> None:
    """Make the applicant of a locked application a member: account, role, character, rank."""
    user = ensure_person(application, role=RoleGroup.MEMBER, actor=actor)
    ensure_character(application, user=user, rank=policy().member_rank, actor=actor)


def take_off_trial(application: Application, *, actor: User | None) -> None:
    """Take away what the trial gave: the trial's character becomes inactive, the account a guest's."""
    from guildhall.accounts.services import set_role_group
    from guildhall.roster.services import set_rank, update_character

    if application.trial_started_at is None:
        return
    character, user = application.character, application.user
    if character is not None and user is not None and character.user_id == user.pk:
        if character.rank is not None and character.rank == policy().trial_rank:
            set_rank(character=character, rank=None, actor=actor, reason="trial ended")
            character.refresh_from_db()
        update_character(character=character, actor=actor, status="inactive")
    if user is not None and user.role_group == RoleGroup.APPLICANT:
        set_role_group(user=user, role_group=RoleGroup.GUEST, actor=actor, reason="trial ended")


@use_case
def edit_policy(*, actor: User | None, **changes: Any) -> RecruitmentPolicy:
    """Change the guild's recruitment policy.

    Raises:
        BadInput: ``invalid`` naming the field.
    """
    current = policy()
    for name, value in changes.items():
        if name in ("id", "pk", "history") or not hasattr(current, name):
            raise BadInput(f"The policy has no {name}.", attr=name)
        setattr(current, name, value)
    try:
        current.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise BadInput(" ".join(messages), attr=field) from error
    current.save()
    audit.record(
        action="recruitment.edit_policy",
        summary=f"recruitment policy changed: {', '.join(changes)}",
        actor=actor,
        target=current,
        data={name: str(value) for name, value in changes.items()},
    )
    return current


@use_case
def save_question(
    *, question: ApplicationQuestion | None = None, actor: User | None, **values: Any
) -> ApplicationQuestion:
    """Add a question to the questionnaire, or change one. Answers given before keep their wording.

    Raises:
        BadInput: ``required`` where a choice has nothing to choose from, ``invalid`` naming the field.
    """
    saved = question or ApplicationQuestion()
    for name, value in values.items():
        setattr(saved, name, value)
    kinds = ApplicationQuestion.Kind
    if saved.kind in (kinds.CHOICE, kinds.MULTIPLE):
        choices = saved.choices
        if not isinstance(choices, list) or not choices or not all(isinstance(item, str) and item for item in choices):
            raise BadInput("Give the choices as a list of texts.", code="required", attr="choices")
    try:
        saved.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise BadInput(" ".join(messages), attr=field) from error
    saved.save()
    audit.record(action="recruitment.save_question", summary=f"question: {saved.wording}", actor=actor, target=saved)
    return saved
