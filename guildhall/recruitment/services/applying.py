"""The applicant's side: draft, apply, claim, withdraw, apply again."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypedDict, Unpack

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import SYSTEM
from guildhall.accounts.services import set_role_group
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict, MultipleErrors, NotAllowed, NotFound
from guildhall.core.model_updates import refuse_unknown_fields, set_fields
from guildhall.core.transactions import use_case
from guildhall.points.services.merging import merge_people
from guildhall.recruitment.models import Application, ApplicationQuestion
from guildhall.roster.names import clean_new_name, name_key

from .reviewing import take_off_trial
from .transitions import OPEN, lock, move, policy, refuse_unless

S = Application.Status
_TEXTS = {
    "server": 60, "character_class": 40, "previous_guilds": 10_000, "availability": 5_000, "timezone": 60,
    "references": 5_000, "discord_username": 80, "discord_id": 20, "email": 254,
}  # fmt: skip
LARGEST_NUMBER = 10**12


class ApplicationValues(TypedDict, total=False):
    """What an applicant says: as typed, `_clean` brings it into form."""

    character_name: object
    character_class: object
    level: object
    server: object
    previous_guilds: object
    availability: object
    timezone: object
    references: object
    discord_username: object
    discord_id: object
    email: object
    answers: object


REQUIRED = ("character_name", "character_class", "level", "availability", "timezone", "discord_username")


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


def _plain(value: Any) -> str:
    """Return text as every database takes it: no NUL, no half of a surrogate pair, no space around it."""
    return str(value or "").replace("\x00", "").encode("utf-8", "replace").decode("utf-8").strip()


@contextmanager
def _noting(faults: list[BadInput]) -> Iterator[None]:
    """Collect a refusal raised inside in `faults`, so that the next fields are checked too."""
    try:
        yield
    except BadInput as fault:
        faults.append(fault)


def _refuse(faults: list[BadInput]) -> None:
    """Say everything that is wrong at once: what is missing in one sentence, the rest each in its own.

    Raises:
        BadInput: where there is a fault.
    """
    if not faults:
        return
    missing = [fault.attr or "" for fault in faults if fault.code == "required" and fault.attr in REQUIRED]
    words = [f"Please fill in: {', '.join(name.replace('_', ' ') for name in missing)}."] if missing else []
    words += [fault.detail for fault in faults if fault.attr not in missing]
    raise MultipleErrors(faults, detail=" ".join(words))


def missing_fields(values: Mapping[str, Any], user: User | None) -> list[BadInput]:
    """Return a refusal for each field that a sent application needs and this one lacks."""
    found = []
    for name in REQUIRED:
        given = values.get(name)
        is_known = name == "discord_username" and user is not None and user.discord_username
        if (given is None or not _plain(str(given))) and not is_known:
            found.append(BadInput(f"Please fill in: {name.replace('_', ' ')}.", code="required", attr=name))
    return found


def _clean(values: Mapping[str, Any], faults: list[BadInput]) -> dict[str, Any]:
    """Return the fields as they are stored; what cannot be is put down among `faults`."""
    refuse_unknown_fields(values, ApplicationValues)
    cleaned: dict[str, Any] = {}
    if values.get("character_name"):
        with _noting(faults):
            cleaned["character_name"] = clean_new_name(str(values["character_name"]), attr="character_name")
            cleaned["name_key"] = name_key(cleaned["character_name"])
    if values.get("level") not in (None, ""):
        with _noting(faults):
            cleaned["level"] = _level(values["level"])
    for name, most in _TEXTS.items():
        if name in values:
            with _noting(faults):
                cleaned[name] = _text(name, values[name], most)
    return cleaned


def _text(name: str, value: Any, most: int) -> str:
    text = _plain(value)
    if len(text) > most:
        said = name.replace("_", " ").capitalize()
        raise BadInput(f"{said}: at most {most:,} characters; this has {len(text):,}.", code="too_long", attr=name)
    if name == "email" and text:
        try:
            validate_email(text)
        except ValidationError as error:
            raise BadInput("That is not an e-mail address.", code="invalid_email", attr="email") from error
    return text


def _level(value: Any) -> int:
    try:
        level = int(str(value))
    except ValueError as error:
        raise BadInput("A level is a whole number.", code="invalid_level", attr="level") from error
    if not 1 <= level <= 200:
        raise BadInput("A level lies between 1 and 200.", code="invalid_level", attr="level")
    return level


def _answers(given: Any, faults: list[BadInput], *, complete: bool) -> list[dict[str, Any]]:
    """Return answers to the active questions, each with the wording it was given to; an answer that cannot be taken,
    or lacks where it is required, is put down among `faults`.

    Raises:
        BadInput: ``invalid`` where it is not a list of answers, ``unknown_question``.
    """
    questions = {question.pk: question for question in ApplicationQuestion.objects.filter(is_active=True)}
    if isinstance(given, Mapping):
        given = [{"question_id": key, "answer": value} for key, value in given.items()]
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise BadInput("answers is a list of {question_id, answer}.", attr="answers")
    by_id: dict[int, Any] = {}
    for item in given:
        try:
            by_id[int(item["question_id"])] = item.get("answer")
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise BadInput("Each answer is {question_id, answer}.", attr="answers") from error
    unknown = set(by_id) - questions.keys()
    if unknown:
        raise BadInput(
            f"There is no question {min(unknown)} any more; load the form again.",
            code="unknown_question",
            attr="answers",
        )
    answers = []
    for question in questions.values():
        with _noting(faults):
            answer = read_answer(question, by_id.get(question.pk))
            if answer not in (None, "", []):
                answers.append(
                    {"question_id": question.pk, "wording": question.wording, "kind": question.kind, "answer": answer}
                )
            elif question.required and complete:
                raise BadInput(f"Please answer: {question.wording}", code="required", attr="answers")
    return answers


def read_answer(question: ApplicationQuestion, value: Any) -> Any:
    """Return the answer to a question as it is stored; None for nothing.

    Raises:
        BadInput: ``invalid_choice``, ``not_a_number``, ``too_long``, ``invalid``.
    """
    kinds = ApplicationQuestion.Kind
    if value in (None, "", []):
        return None
    if question.kind == kinds.YES_NO:
        text = str(value).strip().lower()
        if text not in ("yes", "no", "true", "false", "on", "1", "0"):
            raise BadInput(f"{question.wording}: yes or no.", code="invalid_choice", attr="answers")
        return text in ("yes", "true", "on", "1")
    if question.kind == kinds.NUMBER:
        try:
            number = int(str(value))
        except ValueError as error:
            raise BadInput(f"{question.wording}: a whole number.", code="not_a_number", attr="answers") from error
        if abs(number) > LARGEST_NUMBER:
            raise BadInput(f"{question.wording}: that number is too large.", code="not_a_number", attr="answers")
        return number
    if question.kind in (kinds.CHOICE, kinds.MULTIPLE):
        chosen = [value] if isinstance(value, str) else value
        several = question.kind == kinds.MULTIPLE
        if (
            not isinstance(chosen, list)
            or any(item not in question.choices for item in chosen)
            or (len(chosen) > 1 and not several)
        ):
            raise BadInput(
                f"{question.wording}: choose from {', '.join(map(str, question.choices))}.",
                code="invalid_choice",
                attr="answers",
            )
        return [choice for choice in question.choices if choice in chosen] if several else chosen[0]
    if not isinstance(value, str | int | float):
        raise BadInput(f"{question.wording}: answer with a text.", code="invalid", attr="answers")
    text = _plain(value)
    if len(text) > 10_000:
        raise BadInput(f"{question.wording}: at most 10,000 characters.", code="too_long", attr="answers")
    return text


def _refuse_repeats(user: User | None, key: str, discord_id: str, but: int | None) -> None:
    """Refuse a second open application of a person or a character, and one within the cool-down after a rejection.

    Whoever only shares the character's name with an application is told the same in every case, and no date: that it
    was rejected, and when, is between the guild and its applicant.
    """
    others = Application.objects.exclude(pk=but or 0)
    if user is not None:
        _refuse_own_repeats(user, discord_id, others)
    named = others.filter(name_key=key)
    if named.filter(status__in=OPEN).exists() or _cools_until(named) is not None:
        raise _already_applied()


def _refuse_own_repeats(user: User, discord_id: str, others: QuerySet[Application]) -> None:
    own = others.filter(user=user)
    if discord_id:
        own = own | others.filter(discord_id=discord_id)
    if own.filter(status__in=OPEN).exists():
        raise Conflict(
            "You have an open application already. Follow that one, or withdraw it first.", code="already_applied"
        )
    if (again := _cools_until(own)) is not None:
        raise Conflict(
            f"You may apply again from {again:%d %B %Y} on.",
            code="cooling_down",
            figures={"may_apply_at": again.isoformat()},
        )


def _cools_until(applications: Any) -> dt.datetime | None:
    """Return when the cool-down after the latest rejection of these applications ends; None if none runs."""
    rejected = applications.filter(status=S.REJECTED, closed_at__isnull=False).order_by("-closed_at").first()
    again = None if rejected is None else may_apply_again_at(rejected)
    return again if again is not None and clock.now() < again else None


def may_apply_again_at(application: Application) -> dt.datetime | None:
    """Return when the applicant of a rejected application may apply again; None for any other."""
    if application.status != S.REJECTED or application.closed_at is None:
        return None
    return application.closed_at + dt.timedelta(days=policy().cooldown_days)


def _refuse_floods(address: str, but: int | None) -> None:
    """Refuse more applications a day than `RecruitmentPolicy` allows."""
    rules = policy()
    today = Application.objects.exclude(pk=but or 0).filter(submitted_at__gt=clock.now() - dt.timedelta(days=1))
    if today.count() >= rules.most_a_day or (
        address and today.filter(source_address=address).count() >= rules.most_a_day_from_one
    ):
        raise Conflict("Too many applications today; please come back tomorrow.", code="too_many_applications")


def _already_applied() -> Conflict:
    return Conflict(
        "There has been an application for this character already. If it was yours, follow it by its private link or "
        "sign in with the account you made it with; otherwise ask a recruiter.",
        code="already_applied",
    )


def _address_key(address: str) -> str:
    return hashlib.sha256(f"application:{address}".encode()).hexdigest() if address else ""


def _refuse_while_closed() -> None:
    if not policy().is_open:
        raise Conflict("The guild takes no applications at the moment.", code="recruitment_closed")


def refuse_to_apply(user: User | None) -> None:
    """Say before anything is written what would be said after it: why `user` (None: a stranger) cannot apply now.

    Raises:
        NotAllowed: ``is_bot``.
        Conflict: ``already_member``, ``recruitment_closed``, ``already_applied``, ``cooling_down``.
    """
    _refuse_members(user)
    if user is not None:
        _refuse_own_repeats(user, user.discord_id or "", Application.objects.all())
    _refuse_while_closed()


def _refuse_members(user: User | None) -> None:
    if user is not None and user.is_bot:
        raise NotAllowed("A bot does not apply for itself; leave the account out.", code="is_bot")
    if user is not None and user.role_group not in (RoleGroup.GUEST, RoleGroup.APPLICANT):
        raise Conflict("You are a member already.", code="already_member")


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
        _refuse_members(user)
        draft = Application.objects.filter(user=user, status=S.DRAFT).first() or Application(user=user, status=S.DRAFT)
    else:
        draft = lock(application.pk)
        if draft.user_id != user.pk:
            raise NotAllowed("This is somebody else's application.", code="not_yours")
        refuse_unless(draft, S.DRAFT, doing="editing it", to_applicant=True)
    faults: list[BadInput] = []
    set_fields(draft, _clean(values, faults))
    if "answers" in values:
        with _noting(faults):
            draft.answers = _answers(values["answers"], faults, complete=False)
    _refuse(faults)
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
    values = {name: getattr(draft, name) for name in (*_TEXTS, "character_name", "level")}
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
    application: Application, user: User | None, address: str, values: Mapping[str, Any]
) -> tuple[Application, str]:
    _refuse_members(user)
    if user is not None:
        User.objects.select_for_update().get(pk=user.pk)  # one person's two windows take turns
    faults = missing_fields(values, user)
    cleaned = _clean(values, faults)
    with _noting(faults):
        application.answers = _answers(values.get("answers") or [], faults, complete=True)
    _refuse(faults)
    if user is not None:
        cleaned["discord_id"] = user.discord_id or cleaned.get("discord_id", "")
        cleaned["discord_username"] = cleaned.get("discord_username") or user.discord_username
        cleaned["email"] = cleaned.get("email") or user.email
    else:
        cleaned["discord_id"] = ""  # somebody without an account cannot speak for a Discord id
    address_key = _address_key(address)
    _refuse_while_closed()
    _refuse_floods(address_key, application.pk)
    _refuse_repeats(user, cleaned["name_key"], cleaned["discord_id"], application.pk)
    set_fields(application, cleaned)
    token = secrets.token_urlsafe(24)
    application.token_hash, application.source_address = hash_token(token), address_key
    application.submitted_at = clock.now()
    application.save()
    try:
        with transaction.atomic():
            move(application, S.SUBMITTED, actor=user)
    except IntegrityError as error:  # the same character was sent in by somebody else a moment ago
        raise _already_applied() from error
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
    _refuse_members(user)
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
