"""Signing a character up for a planned raid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.transactions import use_case
from guildhall.eqdkp.models import CalendarEvent, CalendarSignup
from guildhall.roster.models import Character

from .calendar import deadline, find_event
from .fields import text
from .site import Kind, Site, digits

Status = CalendarSignup.Status
_MOST = 2**31 - 1


def _number(body: Mapping[str, Any], field: str) -> int:
    """The number of a role or group; 0 for none.

    Raises:
        BadInput: ``out_of_range``.
    """
    number = digits(body.get(field) or 0)
    if not 0 <= number <= _MOST:
        raise BadInput(f"There is no {field} {number}.", code="out_of_range", attr=field)
    return number


@use_case
def raid_signup(*, site: Site, body: Mapping[str, Any], actor: User, for_others: bool) -> dict[str, Any]:
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
    if event.is_closed or deadline(event) <= clock.now():
        raise Conflict("statuschange not allowed", code="signup_closed")
    key = site.numbers(Kind.MEMBER).ours(digits(body.get("memberid", 0)))
    character = Character.objects.select_for_update().filter(pk=key or 0).first()
    if character is None or (character.user_id != actor.pk and not for_others):
        raise BadInput("required data missing", code="required", attr="memberid")
    status = digits(body.get("status", Status.NOT_SIGNED))
    status = status if 0 < status < 5 else Status.NOT_SIGNED
    role, group = _number(body, "role"), _number(body, "raidgroup")
    if not role and isinstance(character.profile, dict):
        role = digits(character.profile.get("eqdkp", {}).get("role", 0))
    if event.by_role and not role:
        raise BadInput("required data missing", code="required", attr="roleid")
    now = clock.now()
    with transaction.atomic():
        # One answer a person: signing up with another character replaces the first one's.
        if character.user_id is not None:
            event.signups.filter(character__user_id=character.user_id).exclude(character=character).delete()
        signup, created = CalendarSignup.objects.update_or_create(
            event=event,
            character=character,
            defaults={
                "status": status,
                "role": role,
                "raidgroup": group,
                "note": text(body, "note")[:255],
                "signed_by_officer": character.user_id != actor.pk,
                "changed_at": now,
            },
        )
    audit.record(
        action="eqdkp.raid_signup",
        summary=f"{character} {'signed up' if created else 'changed the answer'} for {event}: {Status(status).label}",
        actor=actor,
        target=signup,
    )
    return {"status": 1}
