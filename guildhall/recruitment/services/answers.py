"""What an applicant says: brought into form, and everything that is wrong with it said at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypedDict

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput, MultipleErrors
from guildhall.core.model_updates import refuse_unknown_fields
from guildhall.core.time_zones import parse_time_zone
from guildhall.core.validators import parse_whole
from guildhall.recruitment.models import ApplicationQuestion
from guildhall.roster.names import clean_new_name, name_key

TEXTS = {
    "server": 60, "character_class": 40, "previous_guilds": 10_000, "availability": 5_000, "timezone": 60,
    "references": 5_000, "discord_username": 80, "discord_id": 20, "email": 254,
}  # fmt: skip


LARGEST_NUMBER = 10**12


class ApplicationValues(TypedDict, total=False):
    """What an applicant says: as typed, `clean_values` brings it into form."""

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


def _plain(value: object) -> str:
    """Return text as every database takes it: no NUL, no half of a surrogate pair, no space around it."""
    return str(value or "").replace("\x00", "").encode("utf-8", "replace").decode("utf-8").strip()


@contextmanager
def noting(faults: list[BadInput]) -> Iterator[None]:
    """Collect a refusal raised inside in `faults`, so that the next fields are checked too."""
    try:
        yield
    except BadInput as fault:
        faults.append(fault)


def refuse_faults(faults: list[BadInput]) -> None:
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


def missing_fields(values: Mapping[str, object], user: User | None) -> list[BadInput]:
    """Return a refusal for each field that a sent application needs and this one lacks."""
    found = []
    for name in REQUIRED:
        given = values.get(name)
        is_known = name == "discord_username" and user is not None and user.discord_username
        if (given is None or not _plain(str(given))) and not is_known:
            found.append(BadInput(f"Please fill in: {name.replace('_', ' ')}.", code="required", attr=name))
    return found


def clean_values(values: Mapping[str, object], faults: list[BadInput]) -> dict[str, Any]:
    """Return the fields as they are stored; what cannot be is put down among `faults`."""
    refuse_unknown_fields(values, ApplicationValues)
    cleaned: dict[str, Any] = {}
    if values.get("character_name"):
        with noting(faults):
            cleaned["character_name"] = clean_new_name(str(values["character_name"]), attr="character_name")
            cleaned["name_key"] = name_key(cleaned["character_name"])
    if values.get("level") not in (None, ""):
        with noting(faults):
            cleaned["level"] = _level(values["level"])
    for name, most in TEXTS.items():
        if name in values:
            with noting(faults):
                cleaned[name] = _text(name, values[name], most)
    return cleaned


def _text(name: str, value: object, most: int) -> str:
    text = _plain(value)
    if len(text) > most:
        said = name.replace("_", " ").capitalize()
        raise BadInput(f"{said}: at most {most:,} characters; this has {len(text):,}.", code="too_long", attr=name)
    if name == "email" and text:
        try:
            validate_email(text)
        except ValidationError as error:
            raise BadInput("That is not an e-mail address.", code="invalid_email", attr="email") from error
    return parse_time_zone(text) if name == "timezone" else text


def _level(value: object) -> int:
    level = parse_whole(value)
    if level is None:
        raise BadInput("A level is a whole number.", code="invalid_level", attr="level")
    if not 1 <= level <= 200:
        raise BadInput("A level lies between 1 and 200.", code="invalid_level", attr="level")
    return level


def clean_answers(given: object, faults: list[BadInput], *, complete: bool) -> list[dict[str, object]]:
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
    by_id: dict[int, object] = {}
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
        with noting(faults):
            answer = read_answer(question, by_id.get(question.pk))
            if answer not in (None, "", []):
                answers.append(
                    {"question_id": question.pk, "wording": question.wording, "kind": question.kind, "answer": answer}
                )
            elif question.required and complete:
                raise BadInput(f"Please answer: {question.wording}", code="required", attr="answers")
    return answers


def read_answer(question: ApplicationQuestion, value: object) -> object:
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
        number = parse_whole(value)
        if number is None:
            raise BadInput(f"{question.wording}: a whole number.", code="not_a_number", attr="answers")
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
