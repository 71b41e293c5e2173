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

from django.db.models import Sum

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import Conflict, NotFound
from guildhall.core.money import ZERO, show_points
from guildhall.core.transactions import use_case
from guildhall.points import ledger
from guildhall.points.models import DKPPool, EntryKind, LedgerEntry
from guildhall.raids.models import AttendanceCheck, AttendanceStatus, Raid, RaidAttendance, UnmatchedName
from guildhall.raids.planning import Attendee, Plan, Planned, Verdict, clean_attendees, plan_attendance, pools_of
from guildhall.raids.policy import amounts_for, shares_in_force
from guildhall.roster.names import name_key
from guildhall.roster.selectors import match_names

from .awarding import carry_out, entry_words, store_changed, stored_amounts
from .raids import check_of, lock_raid, refuse_future
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
        """What is posted, by pool id; empty where nothing is."""
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

    def of(self, *what: str) -> list[Change]:
        """The changes of a kind."""
        return [change for change in self.changes if change.what in what]

    @property
    def total(self) -> Amounts:
        """The sum of the differences, by pool id."""
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
    """What `amend_attendance` would do with the same arguments. Nothing is written; at most a dozen queries.

    Raises:
        as `amend_attendance`.
    """
    if raid.reversed_at is not None:
        raise Conflict(f"{raid} was reversed. Make a new raid instead.", code="raid_reversed")
    at = check_of(raid, check)
    refuse_future(raid, at)
    changes, _ = _work_out(at, _wanted(attendees, partial, remove), partial, remove)
    return Amendment(raid, at, changes, is_preview=True)


@use_case
def amend_attendance(
    *,
    raid: Raid,
    attendees: Iterable[Attendee | Mapping[str, Any] | str],
    check: AttendanceCheck | int | None = None,
    actor: User | None,
    reason: str = "",
    partial: bool = False,
    remove: Collection[str] = (),
) -> Amendment:
    """Make the attendance of a check what `attendees` says, and post the difference alone.

    Args:
        attendees: everybody who was there, as they should stand. Who is missing from it is taken off and reversed.
        partial: only these people change; nobody else is taken off.
        remove: names to take off, with `partial`.

    Raises:
        BadInput: those of `clean_attendees`, ``raid_in_future``.
        Conflict: ``raid_reversed``, ``pool_closed``.
        NotFound: ``unknown_check``, ``not_present`` for a name in `remove` that is not down there.
    """
    wanted = _wanted(attendees, partial, remove)
    locked = lock_raid(raid.pk)
    at = check_of(locked, check)
    refuse_future(locked, at)
    changes, plan = _work_out(at, wanted, partial, remove)
    amendment = Amendment(locked, at, changes)
    _take_off([change.row for change in amendment.of("removed") if change.row], actor, reason or "taken off the list")
    _post_differences(amendment.of("changed"), plan.pools, locked, actor)
    plan.rows = [row for row in plan.rows if row.verdict != Verdict.ALREADY_PRESENT]
    done = carry_out(plan, actor=actor, quiet=True)
    amendment.unmatched = done.unmatched
    _tell(amendment, actor, reason)
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
    for planned in plan.rows:
        if planned.user_id is None or planned.verdict not in (
            Verdict.AWARD, Verdict.ALREADY_PRESENT, Verdict.SECOND_CHARACTER,
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
        if planned is not best[planned.user_id]:
            continue
        row.attendance_check = check  # the same object, so that its raid is not read again for each row
        change = _change("changed", planned, row, paid)
        same = (
            row.status == planned.attendee.status
            and row.given_points == planned.attendee.points
            and row.name_key == _key(planned)
        )
        if same:
            change.what, change.after = "unchanged", change.before
        else:
            change.after = amounts_for(
                worth=check.points,
                status=planned.attendee.status,
                character=planned.character,
                pools=plan.pools,
                shares=plan.shares,
                given=planned.attendee.points,
            )
        planned.verdict = Verdict.ALREADY_PRESENT
        planned.row = row
        changes.append(change)
    changes.extend(_removals(standing, kept, paid, partial, remove))
    return changes, plan


def _key(planned: Planned) -> str:
    assert planned.character is not None
    return planned.character.name_key


def _best_of_each(plan: Plan, check: AttendanceCheck) -> dict[int | None, Planned]:
    """For each person the character that should stand for them: the best earner, the main among equals."""

    def merit(planned: Planned) -> tuple[bool, Decimal, bool]:
        assert planned.character is not None
        amounts = amounts_for(
            worth=check.points,
            status=planned.attendee.status,
            character=planned.character,
            pools=plan.pools,
            shares=plan.shares,
            given=planned.attendee.points,
        )
        absent = planned.attendee.status == AttendanceStatus.ABSENT
        return (absent, -sum(amounts.values(), ZERO), not planned.character.is_main)

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
                raise NotFound(f"{name[:40]} is not down at this check.", code="not_present", attr="remove")
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


def amounts_of(rows: Iterable[RaidAttendance]) -> dict[UUID, Amounts]:
    """What the ledger holds for each of these rows, by pool id. One query."""
    found: dict[UUID, Amounts] = defaultdict(dict)
    sums = (
        LedgerEntry.objects.filter(document__in=[row.document for row in rows])
        .order_by()
        .values_list("document", "pool_id")
        .annotate(total=Sum("amount"))
    )
    for document, pool_id, total in sums:
        assert document is not None
        found[document][pool_id] = total
    return found


def _post_differences(changes: Sequence[Change], pools: Sequence[DKPPool], raid: Raid, actor: User | None) -> None:
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
                description=f"{entry_words(raid, change.row)}, amended",
            )
            for change in changes
            if change.row is not None
            for pool_id, amount in change.difference.items()
        ],
        actor=actor,
    )
    store_changed([change.row for change in changes if change.row is not None])


def _take_off(rows: Sequence[RaidAttendance], actor: User | None, reason: str) -> None:
    """Reverse everything of these rows in one go; rows that were paid nothing are marked alike."""
    if not rows:
        return
    entries = ledger.standing_entries(documents=[row.document for row in rows])
    ledger.reverse_entries(entries=entries, actor=actor, reason=reason)
    mark_rows(rows=[row.pk for row in rows], actor=actor, reason=reason)


def mark_rows(*, rows: Collection[int], actor: User | None, reason: str) -> int:
    """Mark attendance rows as reversed, in the caller's transaction; those marked already keep their mark."""
    return RaidAttendance.objects.filter(pk__in=rows, reversed_at=None).update(
        reversed_at=clock.now(), reversed_by=actor, reversal_reason=reason[:300], credited_user=None
    )


def repay_check(*, check: AttendanceCheck, actor: User | None) -> int:
    """Pay everybody at a check by its new worth, the difference alone; who has a worth of their own keeps it.

    Joins the caller's transaction, with the raid locked. Answers how many people it concerned.
    """
    rows = list(
        RaidAttendance.objects.filter(attendance_check=check, given_points=None)
        .exclude(credited_user=None)
        .select_related("character", "attendance_check")
    )
    pools, shares, paid = pools_of(check), shares_in_force(), amounts_of(rows)
    changes = []
    for row in rows:
        row.attendance_check = check
        after = amounts_for(worth=check.points, status=row.status, character=row.character, pools=pools, shares=shares)
        change = Change(
            "changed",
            row.character_name,
            row.user_id,
            row.status,
            row.status,
            dict(paid.get(row.document, {})),
            after,
            row,
        )
        if change.difference:
            changes.append(change)
    _post_differences(changes, pools, check.raid, actor)
    if changes:
        announce(RAID_AMENDED, check.raid, check_id=check.pk, changed=len(changes))
    return len(changes)


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


def _tell(amendment: Amendment, actor: User | None, reason: str) -> None:
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
