"""Who signed up for a raid, and who came."""

from __future__ import annotations

from dataclasses import dataclass, field

from .models import CalendarSignup, Raid, RaidAttendance
from .policy import ATTENDED

Status = CalendarSignup.Status
COMING = (Status.CONFIRMED, Status.SIGNED_IN)


@dataclass(slots=True)
class Turnout:
    """Sign-ups beside attendance, by person: a main that signed up came also where an alt stood there.

    Attributes:
        missing: answers of those who said that they come, and did not.
        unannounced: names of the characters of those who came without having said so.
        is_known: whether there is anything to compare: a date, and attendance.
    """

    missing: list[CalendarSignup] = field(default_factory=list)
    unannounced: list[RaidAttendance] = field(default_factory=list)
    is_known: bool = False


def turnout_of(raid: Raid) -> Turnout:
    """Return who signed up and did not come, and who came without. Two queries.

    A guest of the old calendar is known by name alone. Somebody on the reserve who came has said so; one who did not come is
    not missed.
    """
    if raid.date_id is None:
        return Turnout()
    rows = RaidAttendance.objects.filter(
        attendance_check__raid=raid.pk, reversed_at=None, status__in=ATTENDED, user__isnull=False
    ).order_by("character_name", "pk")
    came: dict[int | None, RaidAttendance] = {}
    for row in rows:
        came.setdefault(row.user_id, row)
    if not came:
        return Turnout()
    names = {row.character_name.casefold() for row in came.values()}
    found = Turnout(is_known=True)
    announced = set()
    answers = CalendarSignup.objects.filter(event=raid.date_id).select_related("character__user")
    for answer in answers.order_by("pk"):
        owner = answer.character.user_id if answer.character else None
        if answer.status in (*COMING, Status.BACKUP):
            announced.add(owner)
        is_there = owner in came if answer.character else answer.guest_name.casefold() in names
        if answer.status in COMING and not is_there:
            found.missing.append(answer)
    found.missing.sort(key=lambda answer: str(answer.character or answer.guest_name).casefold())
    found.unannounced = [row for user_id, row in came.items() if user_id not in announced]
    return found
