"""The recruiters' side: assign, comment, start a trial, reject, promote, edit the policy."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import TypedDict, Unpack

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import SYSTEM, principal_for
from guildhall.accounts.services import set_role_group
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput
from guildhall.core.model_updates import update_model
from guildhall.core.transactions import use_case
from guildhall.recruitment.models import Application, ApplicationComment, ApplicationQuestion, RecruitmentPolicy
from guildhall.roster.models import Rank
from guildhall.roster.services import set_rank, update_character

from .transitions import announce, lock, move, policy, refuse_unless
from .welcome import ensure_character, ensure_person, is_member, is_trial_rank, member_rank, trial_rank

S = Application.Status


@use_case
def assign(*, application: Application, recruiter: User | None, actor: User) -> Application:
    """Give an application to a recruiter, or to nobody."""
    locked = lock(application.pk)
    if recruiter is not None and not principal_for(recruiter).is_recruiter:
        raise BadInput(f"{recruiter} is not a recruiter.", code="not_a_recruiter", attr="assigned_to")
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
    begin_trial(locked, days=length, actor=actor)
    move(locked, S.TRIAL_ACCEPTED, actor=actor, reason=reason)
    return locked


def begin_trial(application: Application, *, days: int, actor: User | None) -> None:
    """Give the applicant of a locked application what a trial brings: account, role, character, rank, and its dates."""
    user = ensure_person(application, role=RoleGroup.APPLICANT, actor=actor)
    ensure_character(application, user=user, rank=None if is_member(user) else trial_rank(), actor=actor)
    application.trial_started_at = clock.now()
    application.trial_ends_at = application.trial_started_at + dt.timedelta(days=days)


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
    """Make the applicant of a locked application a member: account, role, character, rank.

    Whoever has become a member or an officer meanwhile keeps the rank they were given, unless it says "on trial".
    """
    ranked = application.user is not None and is_member(application.user)
    user = ensure_person(application, role=RoleGroup.MEMBER, actor=actor)
    rank = None if ranked else policy().member_rank
    character = ensure_character(application, user=user, rank=rank, actor=actor)
    if character is not None and rank is None and (character.rank is None or is_trial_rank(character.rank)):
        set_rank(character=character, rank=member_rank(), actor=actor, reason=f"application {application.pk}")
        character.refresh_from_db()


def take_off_trial(application: Application, *, actor: User | None) -> None:
    """Take away what the trial gave: the trial's character becomes inactive, the account a guest's.

    From whoever has become a member or an officer meanwhile nothing is taken: they have it from elsewhere.
    """
    character, user = application.character, application.user
    if application.trial_started_at is None or (user is not None and is_member(user)):
        return
    if character is not None and user is not None and character.user_id == user.pk:
        if character.rank is not None and is_trial_rank(character.rank):
            set_rank(character=character, rank=None, actor=actor, reason="trial ended")
            character.refresh_from_db()
        update_character(character=character, actor=actor, status="inactive")
    if user is not None and user.role_group == RoleGroup.APPLICANT:
        set_role_group(user=user, role_group=RoleGroup.GUEST, actor=actor, reason="trial ended", by=SYSTEM, tell=False)


class PolicyChanges(TypedDict, total=False):
    """What `edit_policy` takes."""

    is_open: bool
    intro: str
    trial_days: int
    trial_reminder_days: int
    trial_end: str
    trial_rank: Rank | None
    member_rank: Rank | None
    voting_hours: int
    minimum_attendance: Decimal | int | str
    quorum: int
    threshold_percent: Decimal | int | str
    tie: str
    recycle_days: int
    cooldown_days: int
    most_a_day: int
    most_a_day_from_one: int


class QuestionValues(TypedDict, total=False):
    """What `save_question` takes."""

    wording: str
    help_text: str
    kind: str
    choices: list[str]
    required: bool
    order: int
    is_active: bool


MOST_CHOICES, LONGEST_CHOICE = 50, 200


@use_case
def edit_policy(
    *, actor: User | None, version: str | None = None, **changes: Unpack[PolicyChanges]
) -> RecruitmentPolicy:
    """Change the guild's recruitment policy. A vote that is open goes on by the rules it was opened under.

    Args:
        version: the `core.versions.row_version` of the policy that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: ``unknown_field``; ``invalid`` naming the field.
    """
    if not RecruitmentPolicy.objects.exists():
        RecruitmentPolicy.objects.get_or_create(pk=1)  # one row, also where two officers edit the first time at once
    current = RecruitmentPolicy.objects.select_for_update().order_by("pk")[0]
    update_model(
        current, changes, fields=PolicyChanges, actor=actor, action="recruitment.edit_policy",
        summary=lambda changed: f"recruitment policy changed: {changed}", full_clean=True, seen=version,
    )  # fmt: skip
    return current


@use_case
def save_question(
    *,
    question: ApplicationQuestion | None = None,
    actor: User | None,
    version: str | None = None,
    **values: Unpack[QuestionValues],
) -> ApplicationQuestion:
    """Add a question to the questionnaire, or change one. Answers given before keep their wording.

    Args:
        version: the `core.versions.row_version` of the question that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: ``required`` where a choice has nothing to choose from, ``too_long``, ``unknown_field``, ``invalid`` naming
            the field.
    """
    saved = ApplicationQuestion.objects.select_for_update().get(pk=question.pk) if question else ApplicationQuestion()

    def check() -> None:
        saved.choices = _choices(saved.choices)
        kinds = ApplicationQuestion.Kind
        if saved.kind in (kinds.CHOICE, kinds.MULTIPLE) and not saved.choices:
            raise BadInput("A question of this kind needs something to choose from.", code="required", attr="choices")

    update_model(
        saved, values, fields=QuestionValues, actor=actor, action="recruitment.save_question",
        summary=lambda changed: f"question: {saved.wording}", check=check, full_clean=True, seen=version,
    )  # fmt: skip
    return saved


def _choices(given: object) -> list[str]:
    """Return the choices of a question, each once."""
    if not isinstance(given, list) or not all(isinstance(item, str) for item in given):
        raise BadInput("Give the choices as a list of texts.", code="required", attr="choices")
    choices = list(dict.fromkeys(item.strip() for item in given if item.strip()))
    if len(choices) > MOST_CHOICES or any(len(choice) > LONGEST_CHOICE for choice in choices):
        raise BadInput(
            f"At most {MOST_CHOICES} choices of at most {LONGEST_CHOICE} characters.", code="too_long", attr="choices"
        )
    return choices
