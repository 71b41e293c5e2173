"""Putting attendance right afterwards: only the difference is posted (PRD 3.6.2; what the field asks for most).

Invariants:
- Somebody whose status, worth and character stay the same is not touched, whatever has changed about shares or pools
  since. Who changes is worked out anew by today's rules, and the difference to what the ledger holds is posted under
  the same document. Who goes is reversed. The number of statements does not grow with the number of people.
- The preview is the amendment itself without its writes: both are `_work_out`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from uuid import UUID

from guildhall.accounts.models import User
from guildhall.core import audit, clock, previews
from guildhall.core.errors import Conflict, NotFound
from guildhall.core.money import ZERO, show_points
from guildhall.core.transactions import use_case
from guildhall.points import ledger
from guildhall.points.models import DKPPool, EntryKind
from guildhall.raids.models import AttendanceCheck, Raid, RaidAttendance, UnmatchedName
from guildhall.raids.planning import (
    Attendee,
    Plan,
    Planned,
    Verdict,
    amounts_of,
    clean_attendees,
    merit_of,
    plan_attendance,
)
from guildhall.raids.policy import amounts_for
from guildhall.roster.names import name_key
from guildhall.roster.selectors import match_names

from .awarding import carry_out, entry_description, store_changed, stored_amounts
from .locking import check_of, lock_raid, refuse_future
from .standing import RAID_AMENDED, announce

Amounts = dict[int, Decimal]


@dataclass(slots=True)
class Change:
    """One person's part of an amendment. `before` and `after` are amounts by pool id; `what` is added, removed,
    changed, unchanged or unmatched."""

    what: str
    character_name: str
    user_id: int | None
    status_before: str | None
    status_after: str | None
    before: Amounts = field(default_factory=dict)
    after: Amounts = field(default_factory=dict)
    row: RaidAttendance | None = None
    planned: Planned | None = None

    @property
    def difference(self) -> Amounts:
        """Return what is posted, by pool id; empty where nothing is."""
        pools = {**self.before, **self.after}
        found = {pool: self.after.get(pool, ZERO) - self.before.get(pool, ZERO) for pool in pools}
        return {pool: amount for pool, amount in found.items() if amount != ZERO}


@dataclass(slots=True)
class Amendment:
    """What an amendment would do, or did."""

    raid: Raid
    check: AttendanceCheck
    changes: list[Change]
    unmatched: list[UnmatchedName] = field(default_factory=list)
    is_preview: bool = False
    shown: previews.Shown | None = None
    """What the preview showed; None of an amendment that was carried out."""

    @property
    def digest(self) -> str | None:
        return self.shown.digest if self.shown else None

    def of(self, *what: str) -> list[Change]:
        """Return the changes of a kind."""
        return [change for change in self.changes if change.what in what]

    @property
    def points_by_person(self) -> dict[ledger.Key, Decimal]:
        """Return what is posted of each person in each pool."""
        found: dict[ledger.Key, Decimal] = defaultdict(lambda: ZERO)
        for change in self.changes:
            for pool, amount in change.difference.items():
                found[change.user_id or 0, pool] += amount
        return dict(found)

    @property
    def total(self) -> Amounts:
        """Return the sum of the differences, by pool id."""
        found: Amounts = defaultdict(lambda: ZERO)
        for change in self.changes:
            for pool, amount in change.difference.items():
                found[pool] += amount
        return dict(found)


def preview_amendment(
    *,
    raid: Raid,
    attendees: Iterable[Attendee | Mapping[str, Any] | str],
    check: AttendanceCheck | int | None = None,
    partial: bool = False,
    remove: Collection[str] = (),
) -> Amendment:
    """Return what `amend_attendance` would do with the same arguments. Nothing is written; at most a dozen queries.

    Raises:
        as `amend_attendance`.
    """
    if raid.reversed_at is not None:
        raise Conflict(f"{raid} was reversed. Make a new raid instead.", code="raid_reversed")
    at = check_of(raid, check)
    refuse_future(raid, at)
    wanted = _wanted(attendees, partial, remove)
    changes, _ = _work_out(at, wanted, partial, remove)
    return Amendment(raid, at, changes, is_preview=True, shown=_shown(at, wanted, partial, remove, changes))


def _shown(
    check: AttendanceCheck,
    wanted: Sequence[Attendee],
    partial: bool,
    remove: Collection[str],
    changes: Sequence[Change],
) -> previews.Shown:
    people = [[one.character_name, one.status, one.points, one.note, one.character_id] for one in wanted]
    given = [check.raid_id, check.pk, sorted(people, key=str), partial, sorted(remove)]
    rows = previews.by_label(
        (
            change.character_name,
            [change.what, change.user_id, change.status_before, change.status_after, change.before, change.after],
        )
        for change in changes
        if change.what != "unchanged"
    )
    return previews.Shown("raids.amend_attendance", given, rows)


@use_case
@previews.executes_preview(preview_amendment)
def amend_attendance(
    *,
    raid: Raid,
    attendees: Iterable[Attendee | Mapping[str, Any] | str],
    check: AttendanceCheck | int | None = None,
    actor: User | None,
    reason: str = "",
    partial: bool = False,
    remove: Collection[str] = (),
    digest: str | None = None,
) -> Amendment:
    """Make the attendance of a check what `attendees` says, and post the difference alone.

    Args:
        attendees: everybody who was there, as they should stand. Who is missing from it is taken off and reversed.
        partial: only these people change; nobody else is taken off.
        remove: names to take off, with `partial`.
        digest: of the `preview_amendment` that this carries out; the reason is not part of it.

    Raises:
        PreviewChanged: it is not what was previewed.
        BadInput: those of `clean_attendees`, ``raid_in_future``.
        Conflict: ``raid_reversed``, ``pool_closed``.
        NotFound: ``unknown_check``, ``not_present`` for a name in `remove` that is not down there.
    """
    wanted = _wanted(attendees, partial, remove)
    locked = lock_raid(raid.pk)
    at = check_of(locked, check)
    refuse_future(locked, at)
    changes, plan = _work_out(at, wanted, partial, remove)
    previews.require(digest, lambda: _shown(at, wanted, partial, remove, changes))
    amendment = Amendment(locked, at, changes)
    _take_off([change.row for change in amendment.of("removed") if change.row], actor, reason or "taken off the list")
    post_differences(amendment.of("changed"), plan.pools, locked, actor)
    plan.rows = [row for row in plan.rows if row.verdict != Verdict.ALREADY_PRESENT]
    done = carry_out(plan, actor=actor, quiet=True)
    amendment.unmatched = done.unmatched
    _notify(amendment, actor, reason)
    return amendment


def _wanted(attendees: Iterable[Any], partial: bool, remove: Collection[str]) -> list[Attendee]:
    given = list(attendees)
    if not given and partial and remove:
        return []
    return clean_attendees(given)


def _work_out(
    check: AttendanceCheck, wanted: Sequence[Attendee], partial: bool, remove: Collection[str]
) -> tuple[list[Change], Plan]:
    """Compare what stands with what is wanted. The plan that comes back holds the additions and the unmatched names."""
    plan = plan_attendance(check=check, attendees=wanted)
    standing = list(
        RaidAttendance.objects.filter(attendance_check=check, reversed_at=None)
        .select_related("character")
        .order_by("pk")
    )
    credited = {row.user_id: row for row in standing if row.credited_user_id is not None}
    paid = amounts_of(standing)
    best = _best_of_each(plan, check)
    changes: list[Change] = []
    kept: set[int] = set()
    # Whom a partial amendment says something about; everybody else stays as they are.
    listed = {_key(planned) for planned in plan.rows if planned.character} | {name_key(name) for name in remove}
    for planned in plan.rows:
        if planned.user_id is None or planned.verdict not in (
            Verdict.AWARD, Verdict.RAISED, Verdict.ALREADY_PRESENT, Verdict.SECOND_CHARACTER,
        ):  # fmt: skip
            changes.append(_change("unmatched", planned))
            continue
        row = credited.get(planned.user_id)
        if row is None:
            own = [r for r in standing if r.user_id == planned.user_id and r.name_key == _key(planned)]
            if own:  # an imported row that paid without crediting stays as it is
                kept.update(r.pk for r in own)
                changes.append(_change("unchanged", planned, own[0], paid))
            elif planned is best[planned.user_id]:
                changes.append(_change("added", planned))
            continue
        kept.add(row.pk)
        kept.update(r.pk for r in standing if r.name_key == _key(planned))
        if planned.verdict == Verdict.RAISED:  # decided here, not by the plan: an amendment may lower as well
            planned.verdict = Verdict.SECOND_CHARACTER if planned.own is None else Verdict.ALREADY_PRESENT
            planned.amounts, planned.paid = {}, {}
        if planned is not best[planned.user_id]:
            continue
        row.attendance_check = check  # the same object, so that its raid is not read again for each row
        change = _change("changed", planned, row, paid)
        if partial and row.name_key not in listed and not _earns_more(planned, change, check, plan):
            # Of the character that stands for them nothing is said: it goes on standing, this one is put beside it.
            change.what, change.after = "unchanged", change.before
            changes.append(change)
            continue
        same = (
            row.status == planned.attendee.status
            and row.given_points == planned.attendee.points
            and row.name_key == _key(planned)
        )
        if same:
            change.what, change.after = "unchanged", change.before
        else:
            change.after = _amounts(planned, check, plan)
        planned.verdict = Verdict.ALREADY_PRESENT
        planned.row = row
        changes.append(change)
    removals = _removals(standing, kept, paid, partial, remove)
    gone = {change.row.pk for change in removals if change.row is not None}
    for planned in plan.rows:
        if planned.row is not None and planned.row.pk in gone:
            planned.row = None  # an absence that is taken off is not the row that somebody is awarded by
    return [*changes, *removals], plan


def _amounts(planned: Planned, check: AttendanceCheck, plan: Plan) -> Amounts:
    """Return what a name earns at the check, whatever stands there."""
    return amounts_for(
        worth=check.points,
        status=planned.attendee.status,
        character=planned.character,
        pools=plan.pools,
        shares=plan.shares,
        given=planned.attendee.points,
    )


def _earns_more(planned: Planned, change: Change, check: AttendanceCheck, plan: Plan) -> bool:
    """Return whether a character earns more than the one that stands for the person, by the plan's own order
    (`merit_of`)."""
    assert change.row is not None
    amounts = _amounts(planned, check, plan)
    before = {**dict.fromkeys(amounts, ZERO), **change.before}
    mine = merit_of(planned.attendee.status, amounts, planned.character)
    return mine < merit_of(change.row.status, before, change.row.character)


def _key(planned: Planned) -> str:
    assert planned.character is not None
    return planned.character.name_key


def _best_of_each(plan: Plan, check: AttendanceCheck) -> dict[int | None, Planned]:
    """Return for each person the character that should stand for them: the best earner, the main among equals."""

    def merit(planned: Planned) -> tuple[Any, ...]:
        return merit_of(planned.attendee.status, _amounts(planned, check, plan), planned.character)

    mine: dict[int | None, list[Planned]] = defaultdict(list)
    for planned in plan.rows:
        if planned.user_id is not None:
            mine[planned.user_id].append(planned)
    return {user_id: min(rows, key=merit) for user_id, rows in mine.items()}


def _change(
    what: str, planned: Planned, row: RaidAttendance | None = None, paid: Mapping[UUID, Amounts] | None = None
) -> Change:
    return Change(
        what=what,
        character_name=planned.character.name if planned.character else planned.attendee.character_name,
        user_id=planned.user_id,
        status_before=row.status if row else None,
        status_after=planned.attendee.status,
        before=dict((paid or {}).get(row.document, {})) if row else {},
        after=dict(planned.amounts),
        row=row,
        planned=planned,
    )


def _removals(
    standing: Sequence[RaidAttendance],
    kept: set[int],
    paid: Mapping[UUID, Amounts],
    partial: bool,
    remove: Collection[str],
) -> list[Change]:
    if partial:
        matches = match_names(remove, suggest=False) if remove else {}
        keys = {name_key(name) for name in remove} | {m.character.name_key for m in matches.values() if m.character}
        people = {row.user_id for row in standing if row.name_key in keys and row.user_id is not None}
        down = {row.name_key for row in standing}
        for name in remove:
            known = matches[name].character
            if name_key(name) not in down and (known is None or known.name_key not in down):
                raise NotFound(f"{name[:40]} is not recorded at this check.", code="not_present", attr="remove")
        going = [row for row in standing if row.name_key in keys or row.user_id in people]
    else:
        going = [row for row in standing if row.pk not in kept]
    return [
        Change(
            what="removed",
            character_name=row.character_name,
            user_id=row.user_id,
            status_before=row.status,
            status_after=None,
            before=paid.get(row.document, {}),
            row=row,
        )
        for row in going
    ]


def post_differences(
    changes: Sequence[Change], pools: Sequence[DKPPool], raid: Raid, actor: User | None, *, words: str = "amended"
) -> None:
    """Post what each change differs by, under its row's document, and bring the rows up to date."""
    for change in changes:
        row, planned = change.row, change.planned
        assert row is not None
        if planned is not None:
            assert planned.character is not None
            row.character, row.character_name = planned.character, planned.character.name
            row.name_key = planned.character.name_key
            row.status, row.given_points = planned.attendee.status, planned.attendee.points
            row.note = planned.attendee.note or row.note
            row.amended_at = clock.now()
        row.amounts = stored_amounts({**dict.fromkeys(change.before, ZERO), **change.after})
        row.points = change.after.get(pools[0].pk, ZERO)
    ledger.post(
        postings=[
            ledger.Posting(
                user_id=change.user_id or 0,
                pool_id=pool_id,
                kind=EntryKind.RAID,
                amount=amount,
                occurred_at=change.row.attendance_check.taken_at,
                document=change.row.document,
                context=raid.context,
                character_name=change.row.character_name,
                description=f"{entry_description(raid, change.row)}, {words}",
            )
            for change in changes
            if change.row is not None
            for pool_id, amount in change.difference.items()
        ],
        actor=actor,
    )
    ledger.lock_people(change.user_id for change in changes if not change.difference)
    store_changed([change.row for change in changes if change.row is not None])


def _take_off(rows: Sequence[RaidAttendance], actor: User | None, reason: str) -> None:
    """Reverse everything of these rows in one go; rows that were paid nothing are marked alike."""
    if not rows:
        return
    ledger.reverse_entries(documents=[row.document for row in rows], actor=actor, reason=reason)
    mark_rows(rows=[row.pk for row in rows], actor=actor, reason=reason)


def take_off_rows(*, rows: Sequence[RaidAttendance], actor: User | None, reason: str) -> None:
    """Take these rows off and reverse what they were paid, with the second characters beside them.

    Joins the caller's transaction, with the raid locked.
    """
    _take_off(rows, actor, reason)
    if rows:
        raid = Raid.objects.get(checks=rows[0].attendance_check_id)
        announce(RAID_AMENDED, raid, check_id=rows[0].attendance_check_id, removed=len(rows))


def mark_rows(*, rows: Collection[int], actor: User | None, reason: str, import_id: UUID | None = None) -> int:
    """Mark attendance rows as reversed, in the caller's transaction; those marked already keep their mark.

    `import_id` is the import (its `core.Batch`) that reversed them by itself; None where a person decided it.
    """
    return RaidAttendance.objects.filter(pk__in=rows, reversed_at=None).update(
        reversed_at=clock.now(),
        reversed_by=actor,
        reversed_by_import=import_id,
        reversal_reason=reason[:300],
        credited_user=None,
    )


@use_case
def remove_attendee(*, attendance: RaidAttendance, actor: User | None, reason: str = "") -> RaidAttendance:
    """Take a person off a check: what they earned by it is reversed, with everything of theirs there.

    Raises:
        NotFound: ``unknown_attendance``.
        Conflict: ``already_reversed``, ``raid_reversed``.
    """
    row = RaidAttendance.objects.filter(pk=attendance.pk).select_related("attendance_check").first()
    if row is None:
        raise NotFound(f"There is no attendance {attendance.pk}.", code="unknown_attendance")
    raid = lock_raid(row.attendance_check.raid_id)
    row.refresh_from_db()
    if row.reversed_at is not None:
        raise Conflict(f"{row.character_name} was taken off already.", code="already_reversed")
    mine = [row]
    if row.user_id is not None and row.credited_user_id is not None:
        mine += RaidAttendance.objects.filter(
            attendance_check=row.attendance_check_id,
            user=row.user_id,
            reversed_at=None,
            credited_user=None,
            points=ZERO,
        )
    _take_off(mine, actor, reason or "taken off the list")
    row.refresh_from_db()
    audit.record(
        action="raids.remove_attendee",
        summary=f"{raid}: {row.character_name} taken off" + (f" ({reason})" if reason else ""),
        actor=actor,
        target=raid,
        data={"attendance_id": row.pk, "user_id": row.user_id, "points": show_points(row.points), "reason": reason},
    )
    announce(RAID_AMENDED, raid, check_id=row.attendance_check_id, removed=1)
    return row


def _notify(amendment: Amendment, actor: User | None, reason: str) -> None:
    counts = {what: len(amendment.of(what)) for what in ("added", "removed", "changed")}
    words = ", ".join(f"{count} {what}" for what, count in counts.items() if count) or "nothing changed"
    audit.record(
        action="raids.amend_attendance",
        summary=f"{amendment.raid}, {amendment.check}: {words}" + (f" ({reason})" if reason else ""),
        actor=actor,
        target=amendment.raid,
        data={
            "check_id": amendment.check.pk,
            "reason": reason,
            "changes": [
                {
                    "what": change.what,
                    "user_id": change.user_id,
                    "character_name": change.character_name,
                    "status": [change.status_before, change.status_after],
                    "difference": {str(pool): show_points(amount) for pool, amount in change.difference.items()},
                }
                for change in amendment.of("added", "removed", "changed")
            ],
        },
    )
    if any(counts.values()) or amendment.unmatched:
        announce(RAID_AMENDED, amendment.raid, check_id=amendment.check.pk, **counts)
