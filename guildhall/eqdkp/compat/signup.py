"""Signing a character up for a planned raid."""

from __future__ import annotations

from collections.abc import Mapping

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.transactions import use_case
from guildhall.raids.calendar.services import answer_date
from guildhall.raids.models import CalendarEvent, CalendarSignup
from guildhall.roster.models import Character

from .calendar import find_event
from .fields import text
from .site import Kind, Site, digits

Status = CalendarSignup.Status
_MOST = 2**31 - 1


def _number(body: Mapping[str, object], field: str) -> int:
    """Return the number of a role or group; 0 for none.

    Raises:
        BadInput: ``out_of_range``.
    """
    number = digits(body.get(field) or 0)
    if not 0 <= number <= _MOST:
        raise BadInput(f"There is no {field} {number}.", code="out_of_range", attr=field)
    return number


@use_case
def raid_signup(*, site: Site, body: Mapping[str, object], actor: User, for_others: bool) -> dict[str, object]:
    """Sign a character up for a planned raid, or change its answer.

    Raises:
        BadInput: ``required data missing`` (eventid, memberid, roleid), ``eventid not found``; a character of somebody
            else is none of the caller's, so it is missing as well.
        Conflict: ``statuschange not allowed`` once the raid is closed or the deadline is over.
    """
    wanted = digits(body.get("eventid", 0))
    if wanted <= 0:
        raise BadInput("required data missing", code="required", attr="eventid")
    event = find_event(site, wanted)
    if event is None or event.kind != CalendarEvent.Kind.RAID:
        raise BadInput("required data missing", code="unknown_event", attr="eventid not found")
    key = site.numbers(Kind.MEMBER).ours(digits(body.get("memberid", 0)))
    character = Character.objects.filter(pk=key or 0).first()
    if character is None or (character.user_id != actor.pk and not for_others):
        raise BadInput("required data missing", code="required", attr="memberid")
    status = digits(body.get("status", Status.NOT_SIGNED))
    status = status if 0 < status < 5 else Status.NOT_SIGNED
    role, group = _number(body, "role"), _number(body, "raidgroup")
    if not role and isinstance(character.profile, dict):
        role = digits(character.profile.get("eqdkp", {}).get("role", 0))
    if event.by_role and not role:
        raise BadInput("required data missing", code="required", attr="roleid")
    try:
        answer_date(
            date=event, character=character, status=status, note=text(body, "note"), role=role, raidgroup=group,
            actor=actor, for_others=for_others,
        )  # fmt: skip
    except Conflict as refusal:
        raise Conflict("statuschange not allowed", code=refusal.code) from refusal
    return {"status": 1}
