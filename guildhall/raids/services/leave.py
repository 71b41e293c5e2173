"""Leaves: from which day to which somebody is away, so that the raids of that time are no part of their attendance.

Days are those of the guild's time zone (`GUILD_TIME_ZONE`, UTC unless set). A leave keeps the moments that its days meant
when it was written (`Leave.counts_from`, `Leave.counts_until`), so a later change of the setting moves nobody's attendance.

Invariants (docs/invariants.md):
- Nobody changes by themselves what was: a person takes a leave from today on, and it counts from the moment they take it; the
  part of a leave that has passed stays. Otherwise somebody could raise their own attendance before a vote. Whoever acts for
  others (`for_others`: officers, and bots with `raids:write`) may also write down days gone by.
- Leaves of one person do not overlap. The person's row is locked before that is judged. (A merge of two people may bring
  leaves together that do; attendance leaves a raid out once.)
- The status of a character is not part of this: it is a label that officers set. A leave must not change it, because statuses
  decide about Discord roles and about whom point rules apply to, and a person takes a leave themselves.
"""

from __future__ import annotations

import datetime as dt
from typing import TypedDict, Unpack
from zoneinfo import ZoneInfo

from django.db.models import F, Q

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed, NotFound
from guildhall.core.guild import guild_zone
from guildhall.core.ids import UserId
from guildhall.core.model_updates import update_model
from guildhall.core.text import CONTROL_CHARACTER, has_control_characters
from guildhall.core.transactions import use_case
from guildhall.points import ledger
from guildhall.raids.models import Leave, span_of_days

from .cleaning import EARLIEST
from .standing import attendance_changed

MOST_DAYS_AHEAD = 3660
"""How many days from today a leave may begin or end: ten years."""


class LeaveChanges(TypedDict, total=False):
    """What `change_leave` takes."""

    starts_on: dt.date
    ends_on: dt.date | None
    reason: str


def today() -> dt.date:
    """Return the present day in the guild's time zone."""
    return clock.now().astimezone(_zone()).date()


def _zone() -> ZoneInfo:
    return guild_zone()


def _start_of(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), _zone()).astimezone(dt.UTC)


@use_case
def take_leave(
    *,
    user: User,
    starts_on: dt.date | None = None,
    ends_on: dt.date | None = None,
    reason: str = "",
    actor: User | None,
    for_others: bool = False,
) -> Leave:
    """Write down that `user` is away from the day `starts_on` (today where none is given) to the day `ends_on`, inclusive.

    Args:
        ends_on: None for an open end.
        for_others: the actor may do it for anybody and for days gone by (an officer, a bot).

    Raises:
        BadInput: ``ends_before_start``, ``in_past`` (for oneself), ``out_of_range``, ``reason_too_long``, ``control_character``,
            ``not_a_person`` for a bot.
        Conflict: ``leave_overlaps`` with another leave of the person; ``person_merged``.
        NotAllowed: for somebody else without `for_others`.
    """
    _require_own(user.pk, actor, for_others)
    ledger.lock_people([UserId(user.pk)])
    if user.is_bot:
        raise BadInput(f"{user} is a bot and has no attendance; name a person.", code="not_a_person", attr="user_id")
    first = starts_on or today()
    _check_days(first, ends_on)
    if not for_others:
        _require_from_today(first, attr="starts_on")
    leave = Leave(
        user=user,
        starts_on=first,
        ends_on=ends_on,
        counts_from=_counts_from(first, for_others=for_others),
        counts_until=_counts_until(ends_on),
        reason=_clean_reason(reason),
        created_by=actor,
    )
    _refuse_overlap(leave)
    leave.save()
    _record("take_leave", f"{user} is on leave {span_of_days(leave.starts_on, leave.ends_on)}", leave, actor)
    return leave


@use_case
def change_leave(
    *,
    leave: Leave,
    actor: User | None,
    for_others: bool = False,
    version: str | None = None,
    **changes: Unpack[LeaveChanges],
) -> Leave:
    """Change the days or the reason (`starts_on`, `ends_on`, `reason`) of a leave.

    By themselves a person changes what is to come: not when a leave began that has begun, and no end before today. New days
    of a leave that was ended early or called off make it count as its days say again.

    Args:
        version: the `core.versions.row_version` of the leave that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: as `take_leave`; ``unknown_field``; ``required`` for `starts_on` without a day.
        Conflict: ``leave_over`` and ``leave_began`` (for oneself), ``leave_overlaps``, ``person_merged``.
        NotAllowed: somebody else's without `for_others`.
        NotFound: ``unknown_leave``.
    """
    locked = _lock(leave)
    _require_own(locked.user_id, actor, for_others)
    if not for_others and locked.state in ("over", "called_off"):
        raise Conflict("This leave is over and stays as it was; take a new one.", code="leave_over")
    if "reason" in changes:
        changes["reason"] = _clean_reason(changes["reason"])
    first, last = changes.get("starts_on", locked.starts_on), changes.get("ends_on", locked.ends_on)
    if first is None:
        raise BadInput("Say from which day on.", code="required", attr="starts_on")
    new_start, new_end = first != locked.starts_on, last != locked.ends_on
    if new_start or new_end:
        _check_days(first, last)
        if not for_others and new_start:
            if locked.state == "current":
                raise Conflict(
                    "This leave has begun, so its first day stays. An officer can change it.",
                    code="leave_began",
                    attr="starts_on",
                )
            _require_from_today(first, attr="starts_on")
        if not for_others and new_end and last is not None:
            _require_from_today(last, attr="ends_on")

    def count_anew() -> None:
        if new_start:
            locked.counts_from = _counts_from(first, for_others=for_others)
        if new_start or new_end:
            locked.counts_until, locked.ended_at, locked.ended_by = _counts_until(last), None, None
            if locked.counts_until is not None:  # the time zone may have been another one when it was written
                locked.counts_from = min(locked.counts_from, locked.counts_until)
            _refuse_overlap(locked)

    changed = update_model(
        locked, changes, fields=LeaveChanges, actor=actor, action=None, check=count_anew, seen=version
    )
    if changed:
        days = span_of_days(locked.starts_on, locked.ends_on)
        _record("change_leave", f"{locked.user}'s leave is {days} now", locked, actor, **changed.data)
    return locked


@use_case
def end_leave(*, leave: Leave, actor: User | None, for_others: bool = False) -> Leave:
    """End a leave that runs, at this moment; or call off one that has not begun, which then counts for nothing.

    Raises:
        Conflict: ``leave_over``; ``person_merged``.
        NotAllowed: somebody else's without `for_others`.
        NotFound: ``unknown_leave``.
    """
    locked = _lock(leave)
    _require_own(locked.user_id, actor, for_others)
    state, now = locked.state, clock.now()
    if state == "called_off":
        raise Conflict("This leave was called off already.", code="leave_over")
    if state == "over":
        raise Conflict("This leave is over already.", code="leave_over")
    if state == "coming":
        locked.counts_until = locked.counts_from
    else:
        locked.counts_until, locked.ends_on = now, max(today(), locked.starts_on)
    locked.ended_at, locked.ended_by = now, actor
    locked.save()
    done = "called off" if state == "coming" else "ended"
    _record(
        "end_leave", f"{locked.user}'s leave {span_of_days(locked.starts_on, locked.ends_on)} {done}", locked, actor
    )
    return locked


def _require_own(user_id: int, actor: User | None, for_others: bool) -> None:
    if not for_others and (actor is None or actor.pk != user_id):
        raise NotAllowed("You can set your own leave alone. Ask an officer to set somebody else's.")


def _lock(leave: Leave) -> Leave:
    """Return the leave and its person, locked, the person first.

    Raises:
        NotFound: ``unknown_leave``.
        Stale: ``person_merged`` where its person is being merged.
    """
    ledger.lock_people(map(UserId, Leave.objects.filter(pk=leave.pk).values_list("user_id", flat=True)))
    locked = Leave.objects.select_for_update().filter(pk=leave.pk).first()
    if locked is None:
        raise NotFound(f"There is no leave {leave.pk}.", code="unknown_leave")
    return locked


def _check_days(first: dt.date, last: dt.date | None) -> None:
    if last is not None and last < first:
        raise BadInput("It ends before it begins; correct one of the two.", code="ends_before_start", attr="ends_on")
    latest = today() + dt.timedelta(days=MOST_DAYS_AHEAD)
    for name, day in (("starts_on", first), ("ends_on", last)):
        if day is not None and not EARLIEST.date() <= day <= latest:
            raise BadInput(
                f"A leave lies between {EARLIEST:%Y-%m-%d} and {latest:%Y-%m-%d}; leave the end open if you do not know it.",
                code="out_of_range",
                attr=name,
            )


def _require_from_today(day: dt.date, *, attr: str) -> None:
    if day < today():
        raise BadInput(
            "You can set your own leave from today on. Ask an officer to write down days that have passed.",
            code="in_past",
            attr=attr,
        )


def _counts_from(first: dt.date, *, for_others: bool) -> dt.datetime:
    return _start_of(first) if for_others else max(_start_of(first), clock.now())


def _counts_until(last: dt.date | None) -> dt.datetime | None:
    return None if last is None else _start_of(last + dt.timedelta(days=1))


def _clean_reason(reason: str) -> str:
    text = " ".join(str(reason).split())
    if len(text) > 300:
        raise BadInput("The reason may have 300 characters.", code="reason_too_long", attr="reason")
    if has_control_characters(text):
        raise BadInput(CONTROL_CHARACTER, code="control_character", attr="reason")
    return text


def _refuse_overlap(leave: Leave) -> None:
    others = Leave.objects.filter(user=leave.user_id).exclude(pk=leave.pk).exclude(counts_until=F("counts_from"))
    others = others.filter(Q(counts_until=None) | Q(counts_until__gt=leave.counts_from))
    if leave.counts_until is not None:
        others = others.filter(counts_from__lt=leave.counts_until)
    other = others.order_by("counts_from").first()
    if other is not None:
        raise Conflict(
            f"There is a leave {span_of_days(other.starts_on, other.ends_on)} already. Change that one, or choose other days.",
            code="leave_overlaps",
            attr="starts_on",
            figures={"leave_id": other.pk},
        )


def _record(action: str, summary: str, leave: Leave, actor: User | None, **data: object) -> None:
    audit.record(
        action=f"raids.{action}",
        summary=summary,
        actor=actor,
        target=leave,
        data={
            "user_id": leave.user_id,
            "starts_on": str(leave.starts_on),
            "ends_on": str(leave.ends_on) if leave.ends_on else None,
            **data,
        },
    )
    attendance_changed()
