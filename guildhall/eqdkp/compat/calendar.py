"""The calendar's functions that read: the list of planned raids, and one of them in full."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from django.db.models import Prefetch

from guildhall.core import clock
from guildhall.core.errors import BadInput
from guildhall.eqdkp import game
from guildhall.eqdkp.models import LegacyComment
from guildhall.raids.calendar.selectors import leaders_of
from guildhall.raids.calendar.services import deadline
from guildhall.raids.models import CalendarEvent, CalendarSignup
from guildhall.roster.hidden import hidden_ids
from guildhall.roster.models import Character

from .caller import Caller, feed_token
from .people import class_id, profile_data, role_rows
from .site import Kind, Site, digits, stamp

Params = Mapping[str, str]
Status = CalendarSignup.Status
_MINUTE = "%Y-%m-%d %H:%M"


def statuses() -> list[tuple[int, str]]:
    """Return the answers that a planned raid counts, by their old numbers."""
    return [(status.value, str(status.label).capitalize()) for status in Status if status != Status.NOT_SIGNED]


def upcoming(*, raids_only: bool, most: int | None = None) -> list[CalendarEvent]:
    """Return the dates to come, with all of their sign-ups. Two queries."""
    signups = Prefetch("signups", CalendarSignup.objects.select_related("character").order_by("pk"))
    rows = CalendarEvent.objects.filter(starts_at__gte=clock.now(), is_private=False, cancelled_at=None)
    rows = rows.prefetch_related(signups)
    if raids_only:
        rows = rows.filter(kind=CalendarEvent.Kind.RAID)
    return list(rows.order_by("starts_at", "pk")[:most])


def _leaders(events: Iterable[CalendarEvent], caller: Caller) -> dict[int, str]:
    """Return who leads each event, in words. One query."""
    return {pk: ", ".join(names) for pk, names in leaders_of(events, for_visitor=not caller.known).items()}


def calevents_list(site: Site, params: Params, caller: Caller) -> dict[str, object]:
    """Return the next dates: raids only unless ``raids_only=0``, ten unless ``number`` says otherwise."""
    raids_only = not ("raids_only" in params and digits(params["raids_only"]) == 0)
    count = digits(params.get("number", "0"))
    rows = upcoming(raids_only=raids_only, most=count if count > 0 else 10)
    numbers, leaders, person = site.numbers(Kind.CALENDAR_EVENT), _leaders(rows, caller), caller.person
    feed = f"{site.address}exchange.php?out=icalfeed&module=calendar&key={feed_token(caller.key)}" if caller.key else ""
    answer: dict[str, object] = {}
    for event in rows:
        raid = event.kind == CalendarEvent.Kind.RAID
        counted: dict[int, int] = defaultdict(int)
        mine = -1
        for signup in event.signups.all():
            counted[signup.status] += 1
            if person is not None and signup.character is not None and signup.character.user_id == person.pk:
                mine = signup.status
        states: dict[str, object] = {
            f"status{key}": {"id": key, "name": name, "count": counted[key]} for key, name in statuses()
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
            "note": event.notes if caller.known else "",
            "raidleader": leaders[event.pk],
            "raidstatus": {**states, "required": event.places} if raid else "",
            "user_status": mine if raid else "",
            "color": event.calendar_color,
            "calendar": event.calendar_number,
            "calendar_name": event.calendar_name,
            "icalfeed": feed,
        }
    return {"events": answer or None, "status": 1}


def find_event(site: Site, wanted: int) -> CalendarEvent | None:
    """Return the event of an old number."""
    key = site.numbers(Kind.CALENDAR_EVENT).ours(wanted)
    return CalendarEvent.objects.filter(pk=key or 0).first()


def calevents_details(site: Site, params: Params, caller: Caller) -> dict[str, object]:
    """Return one date with everybody who signed up.

    Raises:
        BadInput: ``no event_id given``; ``eventid not found``.
    """
    wanted = digits(params.get("eventid", "0"))
    if wanted <= 0:
        raise BadInput("no event_id given", code="required")
    event = find_event(site, wanted)
    if event is None or event.is_private:
        raise BadInput("eventid not found", code="unknown_event")
    raid = event.kind == CalendarEvent.Kind.RAID
    answer: dict[str, object] = {"type": event.kind}
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
        answer |= {"deadline": site.shown(deadline(event), _MINUTE), "deadline_timestamp": stamp(deadline(event))}
    answer["allDay"] = int(event.all_day)
    if raid:
        answer |= {"closed": int(event.is_closed), "icon": site.address if event.event_id else ""}
    answer["note"] = event.notes if caller.known else ""
    if raid:
        answer |= {"raidleader": _leaders([event], caller)[event.pk], **_raid_part(site, event, caller)}
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


def _raid_part(site: Site, event: CalendarEvent, caller: Caller) -> dict[str, object]:
    person = caller.person
    signups = list(event.signups.select_related("character__rank").order_by("pk"))
    mine = next((s for s in signups if person and s.character and s.character.user_id == person.pk), None)
    answer: dict[str, object] = {
        "raidstatus": _states(site, event, signups, caller),
        "user_status": _own_status(site, mine),
        "user_chars": _own_characters(site, mine, caller) or None,
    }
    guests = {
        f"guest:{s.pk}": {
            "id": s.pk, "name": s.guest_name, "classid": s.guest_class, "class": game.CLASSES.get(s.guest_class, ""),
        }
        for s in signups
        if s.character is None
    }  # fmt: skip
    if guests:
        answer["guests"] = guests
    answer["comments"] = _comments(site, event, caller)
    return answer


def _states(
    site: Site, event: CalendarEvent, signups: Iterable[CalendarSignup], caller: Caller
) -> dict[str, dict[str, object]]:
    """Return who signed up, by their answer and by class or role."""
    members = site.numbers(Kind.MEMBER)
    hidden = set() if caller.known else hidden_ids({s.character_id for s in signups if s.character_id is not None})
    categories = dict(site.roles) if event.by_role else {0: "Unknown", **game.CLASSES}
    by_category: dict[tuple[int, int], list[CalendarSignup]] = defaultdict(list)
    for signup in signups:
        if signup.character is not None:
            category = signup.role if event.by_role else class_id(signup.character)
            by_category[signup.status, category].append(signup)
    states = {}
    for key, name in statuses():
        classes = {
            f"category{category}": {
                "id": category,
                "name": label,
                "color": "",
                "count": len(by_category[key, category]),
                "maxcount": event.distribution.get(str(category), ""),
                "chars": {
                    f"char:{members.old(s.character.pk)}": _signup_row(site, s, caller)
                    for s in by_category[key, category]
                    if s.character is not None and s.character_id not in hidden
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
    return states


def _own_characters(site: Site, mine: CalendarSignup | None, caller: Caller) -> dict[str, dict[str, object]]:
    """Return the caller's own characters, with whether each is signed up; none for a visitor."""
    members = site.numbers(Kind.MEMBER)
    chars: dict[str, dict[str, object]] = {}
    for character in Character.objects.filter(user=caller.person).order_by("name") if caller.person else ():
        chars[f"char:{members.old(character.pk)}"] = {
            "id": members.old(character.pk),
            "name": character.name,
            "name_export": character.name,
            "signed_in": int(mine is not None and mine.character_id == character.pk),
            "main": int(character.is_main),
            "class": class_id(character),
            "roles": role_rows(site, character, "signed_in"),
            "raidgroup": mine.raidgroup if mine is not None and mine.character_id == character.pk else 0,
            "profiledata": profile_data(character),
        }
    return chars


def _own_status(site: Site, mine: CalendarSignup | None) -> dict[str, object]:
    """Return how the caller answered."""
    status: dict[str, object] = {
        "status": mine.status if mine is not None else -1,
        "status_name": str(Status(mine.status).label).capitalize() if mine is not None else "",
    }
    if mine is not None and mine.character is not None:
        status |= {
            "char_id": site.numbers(Kind.MEMBER).old(mine.character.pk),
            "char_class": class_id(mine.character),
            "char_name": mine.character.name,
            "raidgroup": mine.raidgroup,
        }
        if mine.role:
            status |= {"char_roleid": mine.role, "char_role": dict(site.roles).get(mine.role, "")}
    return status


def _comments(site: Site, event: CalendarEvent, caller: Caller) -> dict[str, object]:
    """Return the comments of a date; none for a visitor."""
    comments = LegacyComment.objects.filter(calendar_event=event).order_by("written_at", "pk") if caller.known else ()
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
    return {"count": len(rows), "page": "viewcalraid", "attachid": number, "comments": rows or None}


def _signup_row(site: Site, signup: CalendarSignup, caller: Caller) -> dict[str, object]:
    character = signup.character
    assert character is not None
    return {
        "id": site.numbers(Kind.MEMBER).old(character.pk),
        "name": character.name,
        "name_export": character.name,
        "classid": class_id(character),
        "signedbyadmin": int(signup.signed_by_officer),
        "note": signup.note if caller.known else "",  # what somebody wrote to the raid's leader is not a stranger's
        "rank": character.rank.name if character.rank else "",
        "profiledata": profile_data(character),
    }
