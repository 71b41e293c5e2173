"""The applicant's side: draft, apply, claim, withdraw, apply again."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction

from guildhall.accounts.models import RoleGroup, User
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed, NotFound
from guildhall.core.transactions import use_case
from guildhall.recruitment.models import Application, ApplicationQuestion
from guildhall.roster.names import clean_new_name, name_key

from .transitions import OPEN, lock, move, policy, refuse_unless

S = Application.Status
_TEXTS = {
    "server": 60, "character_class": 40, "previous_guilds": 10_000, "availability": 5_000, "timezone": 60,
    "references": 5_000, "discord_username": 80, "discord_id": 20, "email": 254,
}  # fmt: skip
REQUIRED = ("character_name", "character_class", "level", "availability", "timezone", "discord_username")


def hash_token(token: str) -> str:
    """The stored form of the secret in an applicant's private link."""
    return hashlib.sha256(token.encode()).hexdigest()


def find_by_token(token: str) -> Application:
    """The application whose private link carries `token`.

    Raises:
        NotFound: ``unknown_application``.
    """
    found = Application.objects.filter(token_hash=hash_token(token)).first() if token else None
    if found is None:
        raise NotFound("This link belongs to no application.", code="unknown_application")
    return found


def _clean(values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(values) - set(_TEXTS) - {"character_name", "level", "answers"}
    if unknown:
        raise BadInput(f"An application has no {', '.join(sorted(unknown))}.", attr=sorted(unknown)[0])
    cleaned: dict[str, Any] = {}
    for name, most in _TEXTS.items():
        if name in values:
            text = str(values[name] or "").strip().replace("\x00", "")
            if len(text) > most:
                raise BadInput(f"{name} may have {most} characters.", code="too_long", attr=name)
            cleaned[name] = text
    if cleaned.get("email"):
        try:
            validate_email(cleaned["email"])
        except ValidationError as error:
            raise BadInput("That is no e-mail address.", code="invalid_email", attr="email") from error
    if values.get("character_name"):
        cleaned["character_name"] = clean_new_name(str(values["character_name"]), attr="character_name")
        cleaned["name_key"] = name_key(cleaned["character_name"])
    if values.get("level") not in (None, ""):
        try:
            level = int(str(values["level"]))
        except ValueError as error:
            raise BadInput("A level is a whole number.", code="invalid_level", attr="level") from error
        if not 1 <= level <= 200:
            raise BadInput("A level lies between 1 and 200.", code="invalid_level", attr="level")
        cleaned["level"] = level
    return cleaned


def _answers(given: Any, *, complete: bool) -> list[dict[str, Any]]:
    """Answers to the active questions, each with the wording it was given to.

    Raises:
        BadInput: ``required``, ``invalid_choice``, ``not_a_number``, ``unknown_question``.
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
        answer = _answer(question, by_id.get(question.pk))
        if answer in (None, "", []):
            if question.required and complete:
                raise BadInput(f"Please answer: {question.wording}", code="required", attr="answers")
            continue
        answers.append(
            {"question_id": question.pk, "wording": question.wording, "kind": question.kind, "answer": answer}
        )
    return answers


def _answer(question: ApplicationQuestion, value: Any) -> Any:
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
            return int(str(value))
        except ValueError as error:
            raise BadInput(f"{question.wording}: a whole number.", code="not_a_number", attr="answers") from error
    if question.kind in (kinds.CHOICE, kinds.MULTIPLE):
        chosen = [value] if isinstance(value, str) else value
        if not isinstance(chosen, list) or any(item not in question.choices for item in chosen):
            raise BadInput(
                f"{question.wording}: choose from {', '.join(map(str, question.choices))}.",
                code="invalid_choice",
                attr="answers",
            )
        return chosen if question.kind == kinds.MULTIPLE else chosen[0]
    text = str(value).strip().replace("\x00", "")
    if len(text) > 10_000:
        raise BadInput(f"{question.wording}: at most 10,000 characters.", code="too_long", attr="answers")
    return text


def _refuse_floods(user: User | None, key: str, discord_id: str, address: str, but: int | None) -> None:
    """Duplicates, cool-down and floods (issue: "protection against floods and duplicates")."""
    rules, now = policy(), clock.now()
    if not rules.is_open:
        raise Conflict("The guild takes no applications at the moment.", code="recruitment_closed")
    others = Application.objects.exclude(pk=but or 0)
    same = others.filter(name_key=key)
    if user is not None:
        same = same | others.filter(user=user)
    if discord_id:
        same = same | others.filter(discord_id=discord_id)
    if same.filter(status__in=OPEN).exists():
        raise _already_applied()
    rejected = same.filter(status=S.REJECTED).order_by("-updated_at").first()
    if rejected is not None:
        step = rejected.status_changes.filter(to_status=S.REJECTED).order_by("-at").first()
        again = (step.at if step else rejected.updated_at) + dt.timedelta(days=rules.cooldown_days)
        if now < again:
            raise Conflict(
                f"You may apply again from {again:%d %B %Y} on.",
                code="cooling_down",
                figures={"may_apply_at": again.isoformat()},
            )
    today = others.filter(submitted_at__gt=now - dt.timedelta(days=1))
    if today.count() >= rules.most_a_day or (
        address and today.filter(source_address=address).count() >= rules.most_a_day_from_one
    ):
        raise Conflict("Too many applications today; please come back tomorrow.", code="too_many_applications")


def _already_applied() -> Conflict:
    return Conflict(
        "There is an open application of this person or character already. Follow that one, or withdraw it first.",
        code="already_applied",
    )


def _address_key(address: str) -> str:
    return hashlib.sha256(f"application:{address}".encode()).hexdigest() if address else ""


def _refuse_members(user: User | None) -> None:
    if user is not None and user.role_group not in (RoleGroup.GUEST, RoleGroup.APPLICANT):
        raise Conflict("You are a member already.", code="already_member")


@use_case
def apply(*, user: User | None, address: str = "", **values: Any) -> tuple[Application, str]:
    """Submit an application; answers it with the secret of its private link, which is shown once.

    Args:
        user: the applicant's account, None for somebody without one.
        address: where it comes from, against floods; only a hash is kept.
        values: the PRD's fields and `answers`.

    Raises:
        BadInput: ``required`` and the fields' own codes.
        Conflict: ``already_applied``, ``cooling_down``, ``too_many_applications``, ``recruitment_closed``, ``already_member``.
    """
    application = Application(user=user, status=S.DRAFT)
    return _submit(application, user, address, values)


@use_case
def save_draft(*, user: User, application: Application | None = None, **values: Any) -> Application:
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
    for name, value in _clean(values).items():
        setattr(draft, name, value)
    if "answers" in values:
        draft.answers = _answers(values["answers"], complete=False)
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
    answers = [{"question_id": item["question_id"], "answer": item["answer"]} for item in draft.answers]
    return _submit(draft, user, address, {**values, "answers": answers})


def _submit(
    application: Application, user: User | None, address: str, values: Mapping[str, Any]
) -> tuple[Application, str]:
    _refuse_members(user)
    if user is not None:
        User.objects.select_for_update().get(pk=user.pk)  # one person's two windows take turns
    for name in REQUIRED:
        if values.get(name) in (None, "") and not (name == "discord_username" and user and user.discord_username):
            raise BadInput(f"Please fill in: {name.replace('_', ' ')}.", code="required", attr=name)
    cleaned = _clean(values)
    if user is not None:
        cleaned["discord_id"] = user.discord_id or cleaned.get("discord_id", "")
        cleaned["discord_username"] = cleaned.get("discord_username") or user.discord_username
        cleaned["email"] = cleaned.get("email") or user.email
    else:
        cleaned["discord_id"] = ""  # somebody without an account cannot speak for a Discord id
    address_key = _address_key(address)
    _refuse_floods(user, cleaned["name_key"], cleaned["discord_id"], address_key, application.pk)
    for name, value in cleaned.items():
        setattr(application, name, value)
    application.answers = _answers(values.get("answers") or [], complete=True)
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

    Raises:
        NotFound: ``unknown_application``.
        Conflict: ``already_claimed``.
    """
    application = lock(find_by_token(token).pk)
    if application.user_id not in (None, user.pk):
        raise Conflict("This application belongs to another account already.", code="already_claimed")
    application.user = user
    application.discord_id = user.discord_id or application.discord_id
    application.save()
    return application


@use_case
def withdraw(*, application: Application, actor: User | None, reason: str = "") -> Application:
    """Take an application back; the applicant, or a recruiter for them.

    Raises:
        Conflict: ``illegal_transition`` once it is decided.
    """
    locked = lock(application.pk)
    move(locked, S.WITHDRAWN, actor=actor, reason=reason)
    return locked
