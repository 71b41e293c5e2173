"""Requests of members: made, decided once, carried out by the services that officers use (`request_models`).

Invariants: whoever decides locks the request's row first and finds it open, or is refused (``already_decided``); what it asks
for happens in the same transaction, by the rules of today, so that an approval that cannot be carried out decides
nothing. `tests/concurrency/test_requests.py` has two officers press at once.
"""

from __future__ import annotations

from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction

from guildhall.accounts.authority import Change, require_authority_over
from guildhall.accounts.models import User
from guildhall.accounts.permissions import SYSTEM, Principal, principal_for
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed, NotFound
from guildhall.core.model_updates import update_model
from guildhall.core.transactions import use_case
from guildhall.points.hooks import on_merge
from guildhall.raids.attendees import Attendee
from guildhall.raids.models import AttendanceCheck, MemberRequest, RaidAttendance, RequestPolicy
from guildhall.roster.classes import clean_class
from guildhall.roster.models import Character
from guildhall.roster.names import clean_new_name, name_key
from guildhall.roster.services import create_character, reassign_character, set_main

from .awarding import award_attendance
from .locking import lock_raid, refuse_future

Kind = MemberRequest.Kind
State = MemberRequest.State
MOST_OPEN = 20


class Asked(TypedDict, total=False):
    """What a request is about; which of it is needed depends on its kind."""

    character: Character | None
    name: str
    character_class: str
    level: int | None
    to_user: User | None
    check: AttendanceCheck | None


class PolicyChanges(TypedDict, total=False):
    """What `edit_request_policy` takes."""

    alt: bool
    main: bool
    transfer: bool
    attendance: bool


def may_decide(who: Principal, kind: str) -> bool:
    """Return whether `who` may approve and refuse requests of this kind."""
    return who.can("raids:write" if kind == Kind.ATTENDANCE else "roster:write")


def request_policy() -> RequestPolicy:
    """Return which kinds need no officer; none where nobody has said so yet. One query."""
    return RequestPolicy.objects.filter(pk=1).first() or RequestPolicy()


@use_case
def edit_request_policy(
    *, actor: User | None, version: str | None = None, **changes: Unpack[PolicyChanges]
) -> RequestPolicy:
    """Say which kinds of requests are done at once. What is not named stays as it is.

    Args:
        version: the `core.versions.row_version` of the row that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: ``unknown_field``.
    """
    RequestPolicy.objects.get_or_create(pk=1)
    row = RequestPolicy.objects.select_for_update().get(pk=1)
    update_model(
        row, changes, fields=PolicyChanges, actor=actor, action="raids.edit_request_policy", seen=version,
        summary=lambda changed: f"requests that need no officer: {changed}",
    )  # fmt: skip
    return row


@use_case
def make_request(
    *, user: User, kind: str, message: str = "", by: Principal | None = None, **asked: Unpack[Asked]
) -> MemberRequest:
    """Ask for something; done at once where the guild lets this kind through by itself.

    Args:
        by: who asks, where it is a key: for what changes its owner's characters it needs `account:write`.

    Raises:
        BadInput: ``required``, ``invalid_choice``, ``same_owner``, the name's codes, ``raid_in_future``.
        Conflict: ``already_asked``, ``too_many_requests``, ``name_taken``, ``is_the_main``, ``was_there``, ``raid_reversed``.
        NotAllowed: ``not_yours`` for a character of somebody else, ``account_scope_needed``, ``not_for_bots``.
    """
    if user.is_bot:
        raise NotAllowed(
            "A bot has no characters of its own and asks for nothing; use a person's key.", code="not_for_bots"
        )
    if by is not None and kind != Kind.ATTENDANCE:
        require_authority_over(by, user, change=Change.CHARACTERS)
    if kind not in Kind.values:
        raise BadInput(f"“{kind[:40]}” is no kind of request.", code="invalid_choice", attr="kind")
    request = MemberRequest(kind=kind, user=user, message=message.strip()[:300])
    _FILL[kind](request, asked)
    request.open_key = f"{user.pk}:{kind}:{_about(request)}"
    if MemberRequest.objects.filter(user=user, state=State.OPEN).count() >= MOST_OPEN:
        raise Conflict(
            f"You have {MOST_OPEN} open requests. Wait for an officer, or withdraw one.", code="too_many_requests"
        )
    try:
        with transaction.atomic():
            request.save()
    except IntegrityError as error:
        text = "You have asked for this already; an officer has still to decide. It stands below."
        raise Conflict(text, code="already_asked") from error
    audit.record(action="raids.make_request", summary=f"asked: {request}", actor=user, target=request)
    if getattr(request_policy(), kind):
        _carry_out(request, user, SYSTEM)
        request.by_itself = True
        _close(request, State.APPROVED, user, "")
    return request


def _about(request: MemberRequest) -> str:
    if request.kind == Kind.ALT:
        return name_key(request.character_name)[:60]
    if request.kind == Kind.ATTENDANCE:
        return str(request.check_asked_id)
    return str(request.character_id)


def _fill_alt(request: MemberRequest, asked: Asked) -> None:
    request.character_name = clean_new_name(asked.get("name", ""))
    request.character_class = clean_class(asked.get("character_class", ""))
    request.level = asked.get("level")
    if Character.objects.filter(name_key=name_key(request.character_name)).exists():
        raise Conflict(
            f"There is a character called {request.character_name} already. If it is yours, claim it under “My Discord account”.",
            code="name_taken",
            attr="name",
        )


def _fill_main(request: MemberRequest, asked: Asked) -> None:
    _own(request, asked)
    assert request.character is not None
    if request.character.is_main:
        raise Conflict(f"{request.character} is your main already.", code="is_the_main", attr="character")


def _fill_transfer(request: MemberRequest, asked: Asked) -> None:
    _own(request, asked)
    request.to_user = asked.get("to_user")
    if request.to_user is None:
        raise BadInput("Say who is to have it.", code="required", attr="to_user")
    if request.to_user.pk == request.user_id:
        raise BadInput("That is you; name somebody else.", code="same_owner", attr="to_user")


def _fill_attendance(request: MemberRequest, asked: Asked) -> None:
    _own(request, asked)
    check = asked.get("check")
    if check is None:
        raise BadInput("Choose the check that you were at.", code="required", attr="check")
    refuse_future(lock_raid(check.raid_id), check)
    if RaidAttendance.objects.filter(attendance_check=check, credited_user=request.user_id).exists():
        raise Conflict("You are down at this check already, and were paid.", code="was_there", attr="check")
    request.check_asked = check


def _own(request: MemberRequest, asked: Asked) -> None:
    character = asked.get("character")
    if character is None:
        raise BadInput("Choose one of your characters.", code="required", attr="character")
    character = Character.objects.get(pk=character.pk)
    if character.user_id != request.user_id:
        raise NotAllowed(f"{character} is not your character.", code="not_yours")
    request.character, request.character_name = character, character.name


_FILL = {
    Kind.ALT.value: _fill_alt,
    Kind.MAIN.value: _fill_main,
    Kind.TRANSFER.value: _fill_transfer,
    Kind.ATTENDANCE.value: _fill_attendance,
}


def _lock(request: MemberRequest) -> MemberRequest:
    locked = MemberRequest.objects.select_for_update().filter(pk=request.pk).first()
    if locked is None:
        raise NotFound(f"There is no request {request.pk}.", code="unknown_request")
    if locked.state != State.OPEN:
        by = "the guild's setting" if locked.by_itself else locked.decided_by or "somebody"
        raise Conflict(f"This request was {locked.state} already, by {by}.", code="already_decided")
    return locked


def _require_decider(who: Principal, request: MemberRequest) -> None:
    if not may_decide(who, request.kind):
        raise NotAllowed("Requests of this kind are decided by officers.", code="permission_denied")


@use_case
def approve_request(*, request: MemberRequest, actor: User, by: Principal | None = None) -> MemberRequest:
    """Do what was asked for, and say so on the request.

    Raises:
        Conflict: ``already_decided``, and whatever stands in the way of what was asked; it stays open then.
        NotAllowed: to whoever may not do it themselves.
        NotFound: ``unknown_request``.
    """
    locked, who = _lock(request), by or principal_for(actor)
    _require_decider(who, locked)
    _carry_out(locked, actor, who)
    return _close(locked, State.APPROVED, actor, "")


@use_case
def refuse_request(
    *, request: MemberRequest, actor: User, reason: str = "", by: Principal | None = None
) -> MemberRequest:
    """Say no.

    Raises:
        Conflict: ``already_decided``.
        NotAllowed: to whoever may not do it themselves.
        NotFound: ``unknown_request``.
    """
    locked = _lock(request)
    _require_decider(by or principal_for(actor), locked)
    return _close(locked, State.REFUSED, actor, reason)


@use_case
def withdraw_request(*, request: MemberRequest, actor: User) -> MemberRequest:
    """Take one's own request back.

    Raises:
        Conflict: ``already_decided``.
        NotAllowed: ``not_yours``.
        NotFound: ``unknown_request``.
    """
    locked = _lock(request)
    if locked.user_id != actor.pk:
        raise NotAllowed("This is somebody else's request.", code="not_yours")
    return _close(locked, State.WITHDRAWN, actor, "")


def _close(request: MemberRequest, state: str, actor: User, reason: str) -> MemberRequest:
    request.state, request.open_key = state, None
    request.decided_at, request.decided_by, request.decision = clock.now(), actor, reason.strip()[:300]
    request.save()
    words = f"{request} {state}" + (" by itself" if request.by_itself else "") + (f": {reason}" if reason else "")
    audit.record(action=f"raids.request_{state}", summary=words, actor=actor, target=request)
    return request


def _carry_out(request: MemberRequest, actor: User, who: Principal) -> None:
    """Do what was asked for. Raises what the services do."""
    person = User.objects.get(pk=request.user_id)
    if request.kind == Kind.ALT:
        request.character = create_character(
            name=request.character_name, user=person, character_class=request.character_class, level=request.level,
            actor=actor,
        )  # fmt: skip
        return
    character = request.character
    if character is None or character.user_id != person.pk:
        raise Conflict(
            f"{request.character_name} is not {person}'s character any more; refuse the request.", code="not_theirs"
        )
    if request.kind == Kind.MAIN:
        set_main(character=character, actor=actor)
    elif request.kind == Kind.TRANSFER:
        reassign_character(
            character=character, user=request.to_user, actor=actor, by=who, reason=request.message or "asked for it"
        )
    else:
        check = request.check_asked
        assert check is not None
        one = Attendee(character_name=character.name, character_id=character.pk, note="asked for it afterwards")
        result = award_attendance(raid=check.raid, check=check, attendees=[one], actor=actor)
        if not result.awarded and not result.raised:
            raise Conflict(f"{person} is down at this check already; refuse the request.", code="was_there")


@on_merge
def follow_merge(source_id: int, target_id: int) -> dict[str, int]:
    """Return what the one person asked for, the other has asked for. What both ask for stays open once."""
    moved = 0
    for request in MemberRequest.objects.select_for_update().filter(user=source_id).order_by("pk"):
        request.user_id = target_id
        if request.open_key is not None:
            request.open_key = f"{target_id}:{request.open_key.partition(':')[2]}"
            if MemberRequest.objects.filter(open_key=request.open_key).exists():
                request.open_key, request.state = None, State.WITHDRAWN
        request.save()
        moved += 1
    MemberRequest.objects.filter(to_user=source_id).update(to_user=target_id)
    return {"requests": moved}
