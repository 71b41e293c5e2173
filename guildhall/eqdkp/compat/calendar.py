"""The calendar's functions: the list of planned raids, one of them in full, and signing up."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed
from guildhall.core.transactions import use_case
from guildhall.eqdkp import game
from guildhall.eqdkp.models import CalendarEvent, CalendarSignup, LegacyComment
from guildhall.roster.models import Character

from .reading import _class_id, _role_rows
from .site import Kind, Site, digits, stamp

Params = Mapping[str, str]
Status = CalendarSignup.Status
_MINUTE = "%Y-%m-%d %H:%M"


def _statuses(site: Site) -> list[tuple[int, str]]:
    return [(status.value, str(status.label).capitalize()) for status in Status if status != Status.NOT_SIGNED]


def _leaders(event: CalendarEvent) -> str:
    return ", ".join(Character.objects.filter(pk__in=event.leaders).order_by("name").values_list("name", flat=True))


def _deadline(event: CalendarEvent) -> dt.datetime:
    return event.starts_at - dt.timedelta(hours=event.deadline_hours)


def calevents_list(site: Site, params: Params, person: User | None) -> dict[str, Any]:
    """The next dates: raids only unless ``raids_only=0``, ten unless ``number`` says otherwise."""
    rows = CalendarEvent.objects.filter(starts_at__gte=clock.now(), is_private=False).prefetch_related(
        "signups__character"
    )
    if not ("raids_only" in params and digits(params["raids_only"]) == 0):
        rows = rows.filter(kind=CalendarEvent.Kind.RAID)
    count = digits(params.get("number", "0"))
    numbers = site.numbers(Kind.CALENDAR_EVENT)
    answer: dict[str, Any] = {}
    for event in rows.order_by("starts_at", "pk")[: count if count > 0 else 10]:
        raid = event.kind == CalendarEvent.Kind.RAID
        counted: dict[int, int] = defaultdict(int)
        mine = -1
        for signup in event.signups.all():
            counted[signup.status] += 1
            if person is not None and signup.character is not None and signup.character.user_id == person.pk:
                mine = signup.status
        states: dict[str, Any] = {
            f"status{key}": {"id": key, "name": name, "count": counted[key]} for key, name in _statuses(site)
        }
        number = numbers.old(event.pk)
        answer[f"event:{number}"] = {
            "type": event.kind,
            "title": event.title,
            "start": site.shown(event.starts_at, _MINUTE),
            "start_timestamp": stamp(event.starts_at),
            "end": site.shown(event.ends_at or event.starts_at, _MINUTE),
            "end_timestamp": stamp(event.ends_at or event.starts_at),
            "allDay": int(event.all_day),
            "closed": int(event.is_closed),
            "eventid": number,
            "url": f"calendar/viewcalraid.php?eventid={number}" if raid else "",
            "icon": site.address if event.event_id else "",
            "note": event.notes,
            "raidleader": _leaders(event),
            "raidstatus": {**states, "required": event.places} if raid else "",
            "user_status": mine if raid else "",
            "color": event.calendar_color,
            "calendar": event.calendar_number,
            "calendar_name": event.calendar_name,
            "icalfeed": "",
        }
    return {"events": answer or None, "status": 1}


def _find(site: Site, wanted: int) -> CalendarEvent | None:
    key = site.numbers(Kind.CALENDAR_EVENT).ours(wanted)
    return CalendarEvent.objects.filter(pk=key or 0).first()


def calevents_details(site: Site, params: Params, person: User | None) -> dict[str, Any]:
    """One date with everybody who signed up.

    Raises:
        BadInput: ``no event_id given``; ``eventid not found``.
    """
    wanted = digits(params.get("eventid", "0"))
    if wanted <= 0:
        raise BadInput("no event_id given", code="required")
    event = _find(site, wanted)
    if event is None or event.is_private:
        raise BadInput("eventid not found", code="unknown_event")
    raid = event.kind == CalendarEvent.Kind.RAID
    answer: dict[str, Any] = {"type": event.kind}
    if raid:
        answer["categories"] = "roles" if event.by_role else "classes"
    answer |= {
        "title": event.title,
        "start": site.shown(event.starts_at, _MINUTE),
        "start_timestamp": stamp(event.starts_at),
        "end": site.shown(event.ends_at or event.starts_at, _MINUTE),
        "end_timestamp": stamp(event.ends_at or event.starts_at),
    }
    if raid:
        answer |= {"deadline": site.shown(_deadline(event), _MINUTE), "deadline_timestamp": stamp(_deadline(event))}
    answer["allDay"] = int(event.all_day)
    if raid:
        answer |= {"closed": int(event.is_closed), "icon": site.address if event.event_id else ""}
    answer["note"] = event.notes
    if raid:
        answer |= {"raidleader": _leaders(event), **_raid_part(site, event, person)}
    answer |= {"calendar": event.calendar_number, "calendar_name": event.calendar_name}
    if raid:
        answer["raidgroups"] = {
            f"raidgroup:{row['id']}": {
                "id": row["id"], "name": row["name"], "default": int(row["default"]), "color": row["color"],
            }
            for row in site.raid_groups
        }  # fmt: skip
    answer["status"] = 1
    return answer


def _raid_part(site: Site, event: CalendarEvent, person: User | None) -> dict[str, Any]:
    members = site.numbers(Kind.MEMBER)
    signups = list(event.signups.select_related("character__rank").order_by("pk"))
    categories = dict(site.roles) if event.by_role else {0: "Unknown", **game.CLASSES}
    by_category: dict[tuple[int, int], list[CalendarSignup]] = defaultdict(list)
    for signup in signups:
        if signup.character is not None:
            category = signup.role if event.by_role else _class_id(signup.character)
            by_category[signup.status, category].append(signup)
    states = {}
    for key, name in _statuses(site):
        classes = {
            f"category{category}": {
                "id": category,
                "name": label,
                "color": "",
                "count": len(by_category[key, category]),
                "maxcount": event.distribution.get(str(category), ""),
                "chars": {
                    f"char:{members.old(s.character.pk)}": _signup_row(site, s)
                    for s in by_category[key, category]
                    if s.character is not None
                },
            }
            for category, label in categories.items()
        }
        states[f"status{key}"] = {
            "id": key,
            "name": name,
            "count": sum(signup.status == key for signup in signups if signup.character is not None),
            "maxcount": event.places,
            "categories": classes,
        }
    guests = {
        f"guest:{s.pk}": {
            "id": s.pk, "name": s.guest_name, "classid": s.guest_class, "class": game.CLASSES.get(s.guest_class, ""),
        }
        for s in signups
        if s.character is None
    }  # fmt: skip
    mine = next((s for s in signups if person and s.character and s.character.user_id == person.pk), None)
    chars: dict[str, Any] = {}
    for character in Character.objects.filter(user=person).order_by("name") if person is not None else ():
        chars[f"char:{members.old(character.pk)}"] = {
            "id": members.old(character.pk),
            "name": character.name,
            "name_export": character.name,
            "signed_in": int(mine is not None and mine.character_id == character.pk),
            "main": int(character.is_main),
            "class": _class_id(character),
            "roles": _role_rows(site, character, "signed_in"),
            "raidgroup": mine.raidgroup if mine is not None and mine.character_id == character.pk else 0,
        }
    status: dict[str, Any] = {
        "status": mine.status if mine is not None else -1,
        "status_name": str(Status(mine.status).label).capitalize() if mine is not None else "",
    }
    if mine is not None and mine.character is not None:
        status |= {
            "char_id": members.old(mine.character.pk),
            "char_class": _class_id(mine.character),
            "char_name": mine.character.name,
            "raidgroup": mine.raidgroup,
        }
        if mine.role:
            status |= {"char_roleid": mine.role, "char_role": dict(site.roles).get(mine.role, "")}
    comments = LegacyComment.objects.filter(calendar_event=event).order_by("written_at", "pk")
    number = site.numbers(Kind.CALENDAR_EVENT).old(event.pk)
    rows = {
        f"comment:{comment.pk}": {
            "username": comment.author_name,
            "user_avatar": f"{site.address}static/web/avatar.svg",
            "date": site.shown(comment.written_at, _MINUTE),
            "date_timestamp": stamp(comment.written_at),
            "message": comment.text,
        }
        for comment in comments
    }
    answer: dict[str, Any] = {"raidstatus": states, "user_status": status, "user_chars": chars or None}
    if guests:
        answer["guests"] = guests
    answer["comments"] = {"count": len(rows), "page": "viewcalraid", "attachid": number, "comments": rows or None}
    return answer


def _signup_row(site: Site, signup: CalendarSignup) -> dict[str, Any]:
    character = signup.character
    assert character is not None
    return {
        "id": site.numbers(Kind.MEMBER).old(character.pk),
        "name": character.name,
        "name_export": character.name,
        "classid": _class_id(character),
        "signedbyadmin": int(signup.signed_by_officer),
        "note": signup.note,
        "rank": character.rank.name if character.rank else "",
    }


@use_case
def raid_signup(*, site: Site, body: Mapping[str, Any], actor: User, for_others: bool) -> dict[str, Any]:
    """Sign a character up for a planned raid, or change its answer.

    Raises:
        BadInput: ``required data missing`` (eventid, memberid, roleid), ``eventid not found``.
        Conflict: ``statuschange not allowed`` once the raid is closed or the deadline is over.
        NotAllowed: the character is somebody else's.
    """
    wanted = digits(body.get("eventid", 0))
    if wanted <= 0:
        raise BadInput("required data missing", code="required", attr="eventid")
    event = _find(site, wanted)
    if event is None or event.kind != CalendarEvent.Kind.RAID:
        raise BadInput("required data missing", code="unknown_event", attr="eventid not found")
    if event.is_closed or _deadline(event) <= clock.now():
        raise Conflict("statuschange not allowed", code="signup_closed")
    key = site.numbers(Kind.MEMBER).ours(digits(body.get("memberid", 0)))
    character = Character.objects.select_for_update(of=("self",)).filter(pk=key or 0).first()
    if character is None:
        raise BadInput("required data missing", code="required", attr="memberid")
    if character.user_id != actor.pk and not for_others:
        raise NotAllowed("access denied", code="permission_denied")
    status = digits(body.get("status", Status.NOT_SIGNED))
    status = status if 0 < status < 5 else Status.NOT_SIGNED
    role = digits(body.get("role", 0))
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
                "raidgroup": digits(body.get("raidgroup", 0)),
                "note": str(body.get("note", ""))[:255],
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
