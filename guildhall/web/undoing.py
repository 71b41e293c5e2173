"""Undo beside a confirmation: what a press did, signed for the person who pressed, and taken back by the service that does so.

Invariant: what is offered names one thing that was done and, where somebody may change it meanwhile, the version that it left;
nobody but the person who pressed can use it, for twelve hours, and only with the rights that the press needed
(`web/tests/test_undo.py`). The rules of taking back are the services'.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TypedDict
from uuid import UUID

from django.core import signing
from django.http import HttpRequest
from django.urls import reverse

from guildhall.accounts.models import User
from guildhall.accounts.permissions import Principal, principal_of
from guildhall.auctions import services as auctions
from guildhall.auctions.services.rules import StoredRule
from guildhall.core import batches
from guildhall.core.errors import BadInput, NotAllowed
from guildhall.core.money import show_points
from guildhall.loot import selectors as loot_selectors
from guildhall.loot import services as loot_services
from guildhall.loot.services.log_loot import offer_again, take_back_finding
from guildhall.raids import log_selectors, selectors, services, versions
from guildhall.raids.models import AttendanceCheck, Raid, RaidAttendance, Standby
from guildhall.raids.services import standby
from guildhall.raids.standby_selectors import standby_with_id
from guildhall.roster.models import Character
from guildhall.roster.selectors import character_page

from .pages import Done, me

SALT = "guildhall.web.undoing"
LONGEST = dt.timedelta(hours=12)
AT_ONCE = "taken back at once"


class Before(TypedDict, total=False):
    """What a check or a raid was made of, JSON-ready."""

    kind: str
    label: str
    taken_at: str
    points: str
    name: str
    started_at: str
    ended_at: str | None
    leader: int | None
    notes: str


class Values(TypedDict, total=False):
    """What an offer says: which kind, by whom, where to go, and what the kind needs."""

    kind: str
    by: int
    back: str
    batch: str
    row: int
    rows: list[int]
    status: str
    points: str | None
    version: str
    name: int
    character: int
    is_new_person: bool
    was_removed: bool
    award: int
    finding: int
    check: int
    raid: int
    session: str
    before: Before
    rule: StoredRule


def offer(request: HttpRequest, kind: str, *, back: str = "", **values: object) -> str:
    """Return what takes back a thing that this person has just done, for `Done.undo`.

    Args:
        kind: one of `_KINDS`.
        back: the path to go to afterwards.
        values: JSON-ready; what the kind needs.
    """
    data = {"kind": kind, "by": me(request).pk, "back": back or request.path, **values}
    return signing.dumps(data, salt=SALT, compress=True)


def take_back(request: HttpRequest, token: str) -> Done:
    """Take back what `token` names.

    Raises:
        BadInput: ``undo_lost`` where it is too old, or somebody else's.
        NotAllowed: the person may not do that (any more).
        whatever the service raises; nothing is changed then.
    """
    try:
        data = signing.loads(token, salt=SALT, max_age=LONGEST)
    except signing.BadSignature as error:
        raise _lost() from error
    if data["by"] != me(request).pk:
        raise _lost()
    words = _KINDS[data["kind"]](data, me(request), principal_of(request))
    return Done(data["back"], words)


def _lost() -> BadInput:
    return BadInput(
        "This can no longer be taken back with one press. Open the raid and put it right there, or use Changes made together.",
        code="undo_lost",
    )


def check_values(check: AttendanceCheck) -> dict[str, object]:
    """Return what a check is made of, as an offer carries it."""
    return {
        "kind": check.kind,
        "label": check.label,
        "taken_at": check.taken_at.isoformat(),
        "points": show_points(check.points),
    }


def raid_values(raid: Raid) -> dict[str, object]:
    """Return what a raid's form changes, as an offer carries it."""
    return {
        "name": raid.name,
        "started_at": raid.started_at.isoformat(),
        "ended_at": raid.ended_at.isoformat() if raid.ended_at else None,
        "leader": raid.leader_id,
        "notes": raid.notes,
        "points": show_points(raid.points),
    }


def standing_of(row: RaidAttendance) -> dict[str, object]:
    """Return how somebody stands at a check, as an offer carries it."""
    return {"status": row.status, "points": None if row.given_points is None else show_points(row.given_points)}


def _moment(text: str | None) -> dt.datetime:
    return dt.datetime.fromisoformat(text or "")


def _check_before(before: Before) -> services.NewCheck:
    return {
        "kind": before["kind"],
        "label": before["label"],
        "taken_at": _moment(before["taken_at"]),
        "points": before["points"],
    }


def _batch(data: Values, actor: User, principal: Principal) -> str:
    found = batches.find(UUID(data["batch"]))
    principal.require(*batches.kind_of(found).scopes)
    done = batches.undo_batch(batch=found, actor=actor, reason=AT_ONCE)
    left = f" {len(done.left)} left as they are: changed since." if done.left else ""
    return f"Undone: {len(done.standing)}.{left}"


def _attendance(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write")
    row = selectors.attendance_row(data["row"])
    points = None if data["points"] is None else Decimal(data["points"])
    services.correct_attendee(
        attendance=row, status=data["status"], points=points, actor=actor, reason=AT_ONCE, version=data["version"]
    )
    return f"{row.character_name} stands as before."


def _taken_off(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write")
    row = selectors.attendance_row(data["row"])
    services.restore_attendee(attendance=row, actor=actor)
    return f"{row.character_name} is on the list again."


def _put_on(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write")
    row = selectors.attendance_row(data["row"])
    services.remove_attendee(attendance=row, actor=actor, reason=AT_ONCE, version=data["version"])
    return f"{row.character_name} is off the list again."


def _name(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write")
    row = services.reopen_unmatched(unmatched=selectors.unmatched_name(data["name"]), actor=actor)
    return f"{row.name} is open again."


def _introduced(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write")
    principal.require("roster:write")
    character = character_page(data["character"])
    opened = services.withdraw_introduction(
        character=character,
        names=data["rows"],
        is_new_person=data["is_new_person"],
        was_removed=data["was_removed"],
        actor=actor,
        by=principal,
    )
    return f"{opened[0].name} is open again; {character} belongs to nobody."


def _award(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write", "loot:write")
    found = loot_selectors.award_by_id(data["award"])
    loot_services.reverse_award(award=found, actor=actor, reason=AT_ONCE)
    return f"The award of {found.item_name} is undone; {found.user} has the points again."


def _log_award(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write", "loot:write")
    finding = log_selectors.finding_with_id(data["raid"], data["finding"])
    found = loot_selectors.award_by_id(data["award"])
    take_back_finding(finding=finding, award=found, actor=actor, reason=AT_ONCE)
    return (
        f"The award of {found.item_name} is undone; {found.user} has the points again, and the line is offered again."
    )


def _log_dismissed(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write", "loot:write")
    finding = log_selectors.finding_with_id(data["raid"], data["finding"])
    offer_again(finding=finding, actor=actor)
    return f"{finding.item} is offered again."


def _check(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write")
    check = selectors.check_with_id(data["check"])
    before = data["before"]
    services.update_check(
        check=check,
        actor=actor,
        version=data["version"],
        kind=before["kind"],
        label=before["label"],
        taken_at=_moment(before["taken_at"]),
        points=before["points"],
    )
    return "The check is as it was."


def _check_added(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write")
    check = selectors.check_with_id(data["check"])
    services.remove_check(check=check, actor=actor)
    return f"The check {check} is gone again."


def _check_removed(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write")
    raid = selectors.raid_with_id(data["raid"])
    check = services.add_check(raid=raid, actor=actor, **_check_before(data["before"]))
    return f"The check {check} is there again."


def _check_cleared(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write")
    check = selectors.check_with_id(data["check"])
    done = services.restore_check(check=check, attendance_ids=data["rows"], actor=actor)
    return f"{len(done.awarded)} people are at {check} again."


def _raid(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write")
    raid = selectors.raid_with_id(data["raid"])
    before = data["before"]
    services.update_raid(
        raid=raid,
        actor=actor,
        version=data["version"],
        name=before["name"],
        started_at=_moment(before["started_at"]),
        ended_at=_moment(before["ended_at"]) if before["ended_at"] else None,
        leader=User.objects.filter(pk=before["leader"] or 0).first(),
        notes=before["notes"],
        points=before["points"],
    )
    return "The raid is as it was."


def _closed(data: Values, actor: User, principal: Principal) -> str:
    principal.require("raids:write")
    raid = services.reopen_raid(raid=selectors.raid_with_id(data["raid"]), actor=actor)
    return f"{raid} is open again. A bonus that was paid stays; closing the raid again puts it right."


def _standby_of(data: Values, principal: Principal) -> tuple[Standby, bool]:
    """Return the entry of a standby list, and whether the person may change anybody's."""
    principal.require("raids:write", "raids:signup")
    return standby_with_id(data["raid"], data["row"]), principal.can("raids:write")


def _standby_on(data: Values, actor: User, principal: Principal) -> str:
    row, for_others = _standby_of(data, principal)
    standby.take_off(standby=row, actor=actor, for_others=for_others, version=data["version"])
    return f"{row.character_name} is off the standby list again."


def _standby_off(data: Values, actor: User, principal: Principal) -> str:
    row, for_others = _standby_of(data, principal)
    standby.put_back(standby=row, actor=actor, for_others=for_others)
    return f"{row.character_name} is on the standby list again, since when they were."


def _standby_as(data: Values, actor: User, principal: Principal) -> str:
    row, for_others = _standby_of(data, principal)
    character = Character.objects.get(pk=data["character"])
    source = Standby.Source.OFFICER if for_others else Standby.Source.SELF
    now = standby.check_in(raid=row.raid, character=character, source=source, actor=actor)
    return f"On standby with {now.character_name} again."


def _roll(data: Values, actor: User, principal: Principal) -> str:
    principal.require("bidding:write")
    if not principal.runs_auctions:
        raise NotAllowed("Rolls are taken out by whoever runs auctions.")
    session = auctions.remove_roll(session_id=data["session"], roll_id=data["row"], actor=actor, reason=AT_ONCE)
    return f"The roll for {session.item_name} is taken out again."


def _auction(data: Values, actor: User, principal: Principal) -> str:
    principal.require("bidding:run")
    session = auctions.cancel_session(session_id=data["session"], actor=actor, reason=AT_ONCE)
    return f"The auction of {session.item_name} is called off; what bids held is free."


def _auction_award(data: Values, actor: User, principal: Principal) -> str:
    principal.require("bidding:run")
    for loot_id in data["rows"]:
        session = auctions.undo_award(session_id=data["session"], loot_id=loot_id, actor=actor, reason=AT_ONCE)
    return f"The award of {session.item_name} is undone; whoever won it is owed it again."


def _bidding_rule(data: Values, actor: User, principal: Principal) -> str:
    principal.require("points:write")
    rule = auctions.restore_rule(stored=data["rule"], actor=actor)
    return f"The rule {rule} is there again."


_KINDS: dict[str, Callable[[Values, User, Principal], str]] = {
    "batch": _batch,
    "attendance": _attendance,
    "taken_off": _taken_off,
    "put_on": _put_on,
    "name": _name,
    "introduced": _introduced,
    "award": _award,
    "log_award": _log_award,
    "log_dismissed": _log_dismissed,
    "check": _check,
    "check_added": _check_added,
    "check_removed": _check_removed,
    "check_cleared": _check_cleared,
    "raid": _raid,
    "closed": _closed,
    "standby_on": _standby_on,
    "standby_off": _standby_off,
    "standby_as": _standby_as,
    "auction": _auction,
    "auction_award": _auction_award,
    "bidding_rule": _bidding_rule,
    "roll": _roll,
}


def after_introduction(request: HttpRequest, done: services.Introduction) -> str:
    """Return the offer for an unmatched name that became somebody's character."""
    return offer(
        request, "introduced", character=done.character.pk, rows=done.names,
        is_new_person=done.is_new_person, was_removed=done.was_removed,
    )  # fmt: skip


def after_raid(request: HttpRequest, raid_id: int, before: Mapping[str, object]) -> str:
    """Return the offer for a raid that was edited."""
    now = selectors.raid_with_id(raid_id)
    back = reverse("web:raid", args=[raid_id])
    return offer(request, "raid", back=back, raid=raid_id, before=before, version=versions.raid_version(now))
