"""Undoing what one call of an award did, and no more.

Rules, which keep the sum of what batches say they gave equal to what was posted, in whatever order they are undone:
- A call that raised a row of an earlier one is undone by posting back the difference that it posted; the row is again what
  the earlier call made it (character, status, amounts). Where the check is worth something else since, it is what the
  earlier call's character earns now.
- While a raise stands, undoing the earlier call leaves the row and names it; the person keeps what the later call gave. If
  the later one is undone after that, nothing stands under it any more, and the row is taken off with all that it was paid.
- Of several raises the last one counts: those that were undone in between are passed over on the way back.
- A raise that an officer amended since is left, unless nothing stands under it.

Everything is decided with the raid locked (`raids.batches`); one function, `parts_of`, for the page and for the undoing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.utils import timezone

from guildhall.accounts.models import User
from guildhall.core.batches import CHANGED, STANDING, UNDONE
from guildhall.core.ids import PoolId, UserId
from guildhall.core.models import Batch
from guildhall.core.money import ZERO, show_points
from guildhall.points.ledger import Key
from guildhall.points.uncovered import changes_of_undoing
from guildhall.raids.check_state import amounts_of, pools_of
from guildhall.raids.models import AttendanceStatus, AttendanceUpload, RaidAttendance
from guildhall.raids.policy import Amounts, amounts_for, shares_in_force
from guildhall.roster.models import Character

from .amending import mark_rows, post_differences, take_off_rows
from .differences import Change
from .rows import read_amounts
from .standing import RAID_AMENDED, announce

Kept = Mapping[str, Any]
History = list[tuple[Batch, Kept]]


@dataclass(slots=True)
class Part:
    """One row of a batch. `goes_back_to` is what undoing makes of it; None where it is taken off."""

    row: RaidAttendance
    label: str
    what: str
    state: str = STANDING
    note: str = ""
    goes_back_to: Kept | None = None
    raises: list[Kept] = field(default_factory=list)
    """The raises that are undone by it, the last first."""
    is_exact: bool = True
    """Whether the kept amounts of `goes_back_to` are those that the row would have now."""


def parts_of(batch: Batch) -> list[Part]:
    """Return the attendance of a batch as it stands, with what undoing it would do. Three queries."""
    documents, raised = batch.data.get("documents", []), batch.data.get("raised", [])
    rows = {
        str(row.document): row
        for row in RaidAttendance.objects.filter(
            document__in=[*documents, *(one["document"] for one in raised)]
        ).select_related("character", "attendance_check__raid")
    }
    history, givers = _history(batch)
    parts = [_given(rows[document], history[document]) for document in documents if document in rows]
    for one in raised:
        if one["document"] in rows:
            document = one["document"]
            parts.append(_raised(batch, rows[document], one, history[document], givers.get(document)))
    return sorted(parts, key=lambda part: (part.label, part.row.pk))


def _history(batch: Batch) -> tuple[dict[str, History], dict[str, Batch]]:
    """Return the raises of each document at the batch's check, the first first, and the batch that made it."""
    history: dict[str, History] = defaultdict(list)
    givers: dict[str, Batch] = {}
    check_id = batch.data.get("check_id")
    for other in Batch.objects.filter(kind=batch.kind, data__check_id=check_id).order_by("at", "pk"):
        other = batch if other.pk == batch.pk else other
        givers.update(dict.fromkeys(other.data.get("documents", []), other))
        for one in other.data.get("raised", []):
            history[one["document"]].append((other, one))
    for raises in history.values():  # of one moment, the one that earns more came later
        raises.sort(key=lambda pair: (pair[0].at, pair[1]["after"]["status"] != AttendanceStatus.ABSENT, _sum(pair[1])))
    return history, givers


def _sum(raised: Kept) -> Decimal:
    return sum((Decimal(amount) for amount in raised["after"]["amounts"].values()), ZERO)


def _given(row: RaidAttendance, raises: History) -> Part:
    """Return a row that the batch itself made."""
    part = Part(row, row.character_name, f"{row.get_status_display()}, {show_points(row.points)}")
    if row.reversed_at is not None:
        return _gone(part)
    if any(other.undone_at is None for other, _ in raises):
        before = raises[0][1]["before"]
        part.label, part.what = before["character_name"], _words(before)
        return _raised_since(part)
    return part


def _raised(batch: Batch, row: RaidAttendance, one: Kept, raises: History, giver: Batch | None) -> Part:
    """Return a row that the batch raised."""
    before, after = one["before"], one["after"]
    part = Part(
        row, after["character_name"], f"{_words(after)}, raised from {before['character_name']}, {_words(before)}"
    )
    if row.reversed_at is not None:
        return _gone(part)
    place = next(number for number, (other, _) in enumerate(raises) if other.pk == batch.pk)
    if any(other.undone_at is None for other, _ in raises[place + 1 :]):
        return _raised_since(part)
    part.goes_back_to, part.raises = before, [one]
    while place > 0 and raises[place - 1][0].undone_at is not None:
        place -= 1
        earlier = raises[place][1]
        part.is_exact = part.is_exact and _amounts(earlier["after"]) == _amounts(part.raises[-1]["before"])
        part.raises.append(earlier)
        part.goes_back_to = earlier["before"]
    if batch.undone_at is not None:
        is_back = _stands_as(row, part.goes_back_to)
        part.state, part.note = (
            (UNDONE, f"is {row.character_name} again") if is_back else (CHANGED, "was changed since")
        )
    elif place == 0 and giver is not None and giver.undone_at is not None:
        part.goes_back_to = None
        part.what += ", with what the earlier call gave, which was undone"
    elif not _stands_as(row, after):
        part.state, part.note = CHANGED, "was changed since"
    return part


def _gone(part: Part) -> Part:
    assert part.row.reversed_at is not None
    part.state, part.note = UNDONE, f"taken off on {timezone.localtime(part.row.reversed_at):%Y-%m-%d}"
    return part


def _raised_since(part: Part) -> Part:
    row = part.row
    part.state, part.note = CHANGED, f"raised to {row.character_name}, {show_points(row.points)}, by a later call"
    return part


def _words(kept: Kept) -> str:
    return f"{AttendanceStatus(kept['status']).label}, {kept['points']}"


def _amounts(kept: Kept) -> Amounts:
    return _paid(read_amounts(kept["amounts"]))


def _paid(amounts: Mapping[PoolId, Decimal]) -> Amounts:
    return {pool_id: amount for pool_id, amount in amounts.items() if amount != ZERO}


def _stands_as(row: RaidAttendance, kept: Kept) -> bool:
    return (row.name_key, row.status, row.given_points) == (kept["name_key"], kept["status"], _given_points(kept))


def _given_points(kept: Kept) -> Decimal | None:
    return None if kept["given_points"] is None else Decimal(kept["given_points"])


def _lowered(parts: Sequence[Part]) -> list[Change]:
    """Return what each raise that is undone posts back. The rows are as they were."""
    going = [part for part in parts if part.state == STANDING and part.goes_back_to is not None]
    if not going:
        return []
    check = going[0].row.attendance_check
    pools, shares, paid = pools_of(check), shares_in_force(), amounts_of([part.row for part in going])
    characters = Character.objects.in_bulk({part.goes_back_to["character_id"] for part in going if part.goes_back_to})
    changes = []
    for part in going:
        row, kept = part.row, part.goes_back_to
        assert kept is not None
        row.attendance_check = check
        now = paid.get(row.document, {})
        after = _amounts(kept)
        if not part.is_exact or _paid(now) != _amounts(part.raises[0]["after"]):
            after = amounts_for(
                worth=check.points, status=kept["status"], character=characters.get(kept["character_id"]),
                pools=pools, shares=shares, given=_given_points(kept),
            )  # fmt: skip
        changes.append(
            Change(
                "changed", row.character_name, row.person_id, row.status, kept["status"],
                dict(now), {**dict.fromkeys(read_amounts(kept["amounts"]), ZERO), **after}, row,
            )
        )  # fmt: skip
    return changes


def changes_of_undoing_attendance(batch: Batch) -> dict[Key, Decimal]:
    """Return what undoing a batch would change of points, by person and pool."""
    parts = parts_of(batch)
    whole = [part.row.document for part in parts if part.state == STANDING and part.goes_back_to is None]
    found = defaultdict(lambda: ZERO, changes_of_undoing(documents=whole))
    for change in _lowered(parts):
        for pool_id, amount in change.difference.items():
            found[change.user_id or UserId(0), pool_id] += amount
    return dict(found)


def undo_attendance(*, batch: Batch, actor: User | None, reason: str) -> None:
    """Take back what a batch gave, in the caller's transaction, with the raid locked; see the module for the rules."""
    parts = parts_of(batch)
    going = [part for part in parts if part.state == STANDING]
    whole = [part.row for part in going if part.goes_back_to is None]
    changes = _lowered(parts)
    targets = [part.goes_back_to for part in going if part.goes_back_to is not None]
    seconds = _seconds([one for part in going for one in part.raises if one["beside"]])
    take_off_rows(rows=whole, actor=actor, reason=reason)
    mark_rows(rows=[pk for pk, (_, kept) in seconds.items() if kept is None], actor=actor, reason=reason)
    _put_back(
        [(change.row, kept) for change, kept in zip(changes, targets, strict=True) if change.row is not None]
        + [(row, kept) for row, kept in seconds.values() if kept is not None]
    )
    if changes:
        check = changes[0].row.attendance_check if changes[0].row else None
        assert check is not None
        post_differences(changes, pools_of(check), check.raid, actor, words="undone")
        announce(RAID_AMENDED, check.raid, check_id=check.pk, changed=len(changes))
    again = [row for row, kept in seconds.values() if kept is not None]
    if again:
        RaidAttendance.objects.bulk_update(
            again, ["character", "character_name", "name_key", "status", "note", "upload", "amended_at"]
        )


def _seconds(raises: Sequence[Kept]) -> dict[int, tuple[RaidAttendance, Kept | None]]:
    """Return the rows that raises put beside those that they raised, by id, and what each was before (None: it was not there).

    Those that were made something else since are not among them.
    """
    by_document = {one["beside"]["document"]: one for one in raises}
    found: dict[int, tuple[RaidAttendance, Kept | None]] = {}
    for row in RaidAttendance.objects.filter(document__in=list(by_document), reversed_at=None, credited_user=None):
        one = by_document[str(row.document)]
        if row.name_key == one["before"]["name_key"]:
            found[row.pk] = (row, one["beside"]["before"])
    return found


def _put_back(rows: Sequence[tuple[RaidAttendance, Kept]]) -> None:
    """Make rows what was kept of them, in memory; a character or an upload that was deleted since is left out."""
    characters = Character.objects.in_bulk({kept["character_id"] for _, kept in rows})
    uploads = AttendanceUpload.objects.in_bulk({kept["upload_id"] for _, kept in rows if kept["upload_id"]})
    for row, kept in rows:
        row.character = characters.get(kept["character_id"])
        row.upload = uploads.get(kept["upload_id"])
        row.character_name, row.name_key = kept["character_name"], kept["name_key"]
        row.status, row.note, row.given_points = kept["status"], kept["note"], _given_points(kept)
        if not kept["is_credited"]:
            row.credited_user = None
