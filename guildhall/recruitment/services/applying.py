"""The applicant's side: draft, apply, claim, withdraw, apply again."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Unpack

from django.db import IntegrityError, transaction

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import SYSTEM
from guildhall.accounts.services import set_role_group
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed, NotFound
from guildhall.core.model_updates import set_fields
from guildhall.core.transactions import use_case
from guildhall.points.services.merging import merge_people
from guildhall.recruitment.models import Application, ApplicationQuestion

from .admission import already_applied, refuse_floods, refuse_members, refuse_repeats, refuse_while_closed
from .answers import TEXTS, ApplicationValues, clean_answers, clean_values, missing_fields, noting, refuse_faults
from .reviewing import take_off_trial
from .transitions import OPEN, lock, move, refuse_unless

S = Application.Status


def hash_token(token: str) -> str:
    """Return the stored form of the secret in an applicant's private link."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_by_token(token: str) -> Application:
    """Return the application whose private link carries `token`.

    Raises:
        NotFound: ``unknown_application``.
    """
    found = Application.objects.filter(token_hash=hash_token(token)).first() if token else None
    if found is None:
        raise NotFound("This link belongs to no application.", code="unknown_application")
    return found


def _address_key(address: str) -> str:
    return hashlib.sha256(f"application:{address}".encode()).hexdigest() if address else ""


@use_case
def apply(*, user: User | None, address: str = "", **values: Unpack[ApplicationValues]) -> tuple[Application, str]:
    """Submit an application; returns it with the secret of its private link, which is shown once.

    Args:
        user: the applicant's account, None for somebody without one.
        address: where it comes from, against floods; only a hash is kept. Empty where a recruiter or a bot brings it in.
        values: the PRD's fields and `answers`.

    Raises:
        BadInput: ``required`` and the fields' own codes.
        Conflict: ``already_applied``, ``cooling_down``, ``too_many_applications``, ``recruitment_closed``, ``already_member``.
    """
    application = Application(user=user, status=S.DRAFT)
    return _submit(application, user, address, values)


@use_case
def save_draft(
    *, user: User, application: Application | None = None, **values: Unpack[ApplicationValues]
) -> Application:
    """Keep an unfinished application of a signed-in person.

    Raises:
        BadInput: a field's own codes; nothing is required yet.
        NotAllowed: ``not_yours``.
        Conflict: ``illegal_transition`` once it is submitted, ``already_member``.
    """
    if application is None:
        refuse_members(user)
        draft = Application.objects.filter(user=user, status=S.DRAFT).first() or Application(user=user, status=S.DRAFT)
    else:
        draft = lock(application.pk)
        if draft.user_id != user.pk:
            raise NotAllowed("This is somebody else's application.", code="not_yours")
        refuse_unless(draft, S.DRAFT, doing="editing it", to_applicant=True)
    faults: list[BadInput] = []
    set_fields(draft, clean_values(values, faults))
    if "answers" in values:
        with noting(faults):
            draft.answers = clean_answers(values["answers"], faults, complete=False)
    refuse_faults(faults)
    draft.save()
    return draft


@use_case
def submit_draft(*, user: User, application: Application, address: str = "") -> tuple[Application, str]:
    """Submit a draft as it is.

    Raises:
        as `apply`; NotAllowed: ``not_yours``.
    """
    draft = lock(application.pk)
    if draft.user_id != user.pk:
        raise NotAllowed("This is somebody else's application.", code="not_yours")
    refuse_unless(draft, S.DRAFT, doing="submitting it", to_applicant=True)
    values = {name: getattr(draft, name) for name in (*TEXTS, "character_name", "level")}
    kept = {item["question_id"]: item for item in draft.answers}
    asked = ApplicationQuestion.objects.filter(is_active=True, pk__in=kept).values_list("pk", flat=True)
    answers = [{"question_id": pk, "answer": kept[pk]["answer"]} for pk in asked]
    done, token = _submit(draft, user, address, {**values, "answers": answers})
    # An answer keeps the wording it was given to, also where the question was put differently since.
    done.answers = [
        {**item, "wording": kept[item["question_id"]]["wording"]} if item["question_id"] in kept else item
        for item in done.answers
    ]
    done.save(update_fields=["answers"])
    return done, token


def _submit(
    application: Application, user: User | None, address: str, values: Mapping[str, object]
) -> tuple[Application, str]:
    refuse_members(user)
    if user is not None:
        User.objects.select_for_update().get(pk=user.pk)  # one person's two windows take turns
    faults = missing_fields(values, user)
    cleaned = clean_values(values, faults)
    with noting(faults):
        application.answers = clean_answers(values.get("answers") or [], faults, complete=True)
    refuse_faults(faults)
    if user is not None:
        cleaned["discord_id"] = user.discord_id or cleaned.get("discord_id", "")
        cleaned["discord_username"] = cleaned.get("discord_username") or user.discord_username
        cleaned["email"] = cleaned.get("email") or user.email
    else:
        cleaned["discord_id"] = ""  # somebody without an account cannot speak for a Discord id
    address_key = _address_key(address)
    refuse_while_closed()
    refuse_floods(address_key, application.pk)
    refuse_repeats(user, cleaned["name_key"], cleaned["discord_id"], application.pk)
    set_fields(application, cleaned)
    token = secrets.token_urlsafe(24)
    application.token_hash, application.source_address = hash_token(token), address_key
    application.submitted_at = clock.now()
    application.save()
    try:
        with transaction.atomic():
            move(application, S.SUBMITTED, actor=user)
    except IntegrityError as error:  # the same character was sent in by somebody else a moment ago
        raise already_applied() from error
    return application, token


@use_case
def claim_application(*, user: User, token: str) -> Application:
    """Tie an application that was made without an account to the account of whoever holds its private link.

    Where a trial has given the applicant an account since, which nobody has ever signed in to, the two become one
    person (`merge_people`): the character, the points and the role of the trial are the claimant's then.

    Raises:
        NotFound: ``unknown_application``.
        NotAllowed: ``is_bot``.
        Conflict: ``already_claimed``, ``already_member``, ``already_applied``.
    """
    application = lock(find_by_token(token).pk)
    if application.user_id == user.pk:
        return application
    refuse_members(user)
    holder = application.user
    if not is_unclaimed(application):
        raise Conflict("This application belongs to another account already.", code="already_claimed")
    if holder is not None:
        role = holder.role_group
        merge_people(source=holder, target=user, actor=user, reason=f"private link of application {application.pk}")
        application = lock(application.pk)
        # The trial's role: `is_unclaimed` has seen to it that it is a member's at most.
        set_role_group(user=user, role_group=role, actor=user, reason=f"application {application.pk}", by=SYSTEM)
    else:
        User.objects.select_for_update().get(pk=user.pk)
        if application.status in OPEN and Application.objects.filter(user=user, status__in=OPEN).exists():
            raise Conflict(
                "You have an open application already. Withdraw it first, then take this one.", code="already_applied"
            )
    application.user, application.account_made = user, False
    application.discord_id = user.discord_id or application.discord_id
    application.save()
    return application


def is_unclaimed(application: Application) -> bool:
    """Return whether its private link is all there is to it: no account holds it, or one that nobody has ever been
    at."""
    holder = application.user
    return holder is None or (application.account_made and _nobodys(holder))


def _nobodys(user: User) -> bool:
    """Return whether nobody has ever been at this account: no Discord account, no password, no sign-in, no more than
    a member."""
    return (
        user.discord_id is None
        and user.last_login is None
        and not user.has_usable_password()
        and not user.is_bot
        and not user.is_superuser
        and user.merged_into_id is None
        and user.role_group in (RoleGroup.GUEST, RoleGroup.APPLICANT, RoleGroup.MEMBER)
    )


@use_case
def withdraw(*, application: Application, actor: User | None, reason: str = "") -> Application:
    """Take an application back; the applicant, or a recruiter for them. What a trial gave is taken away again.

    Raises:
        Conflict: ``illegal_transition`` once it is decided.
    """
    locked = lock(application.pk)
    refuse_unless(
        locked, S.DRAFT, *OPEN, doing="withdrawing it", to_applicant=actor is None or actor.pk == locked.user_id
    )
    take_off_trial(locked, actor=actor)
    move(locked, S.WITHDRAWN, actor=actor, reason=reason)
    return locked


@use_case
def withdraw_by_link(*, token: str, reason: str = "") -> Application:
    """Take an application back by its private link, for somebody without an account.

    Raises:
        NotFound: ``unknown_application``.
        Conflict: ``already_claimed`` where it is an account's by now; ``illegal_transition`` once it is decided.
    """
    application = lock(find_by_token(token).pk)
    if not is_unclaimed(application):
        raise Conflict(
            "This application is tied to an account. Sign in with that account to withdraw it.", code="already_claimed"
        )
    return withdraw(application=application, actor=None, reason=reason)
