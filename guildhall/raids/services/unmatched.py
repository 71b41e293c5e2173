"""Names that nobody knew: settled later, and paid then (docs/architecture.md, "The ledger", 6)."""

from __future__ import annotations

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.money import show_points
from guildhall.core.transactions import use_case
from guildhall.raids.attendees import Attendee
from guildhall.raids.check_state import plan_attendance
from guildhall.raids.models import AttendanceCheck, Raid, UnmatchedName
from guildhall.roster.models import Character

from .awarding import AwardResult, Credit, carry_out
from .locking import check_of, lock_raid
from .standing import RAID_AMENDED, announce


@use_case
def resolve_unmatched(
    *,
    unmatched: UnmatchedName,
    character: Character | None = None,
    ignore: bool = False,
    remember_alias: bool = False,
    actor: User | None,
) -> AwardResult:
    """Say who an unmatched name is, and pay them now as they would have been paid; or let it pass (`ignore`).

    Args:
        remember_alias: keep the name as an alias of the character for the next time.

    Raises:
        BadInput: ``required`` where neither a character nor ignore is given, ``no_owner`` for a character of nobody.
        NotFound: ``unknown_name``.
        Conflict: ``already_resolved``, ``raid_reversed``, ``pool_closed``; ``name_taken``, ``alias_taken``.
    """
    raid = lock_raid(unmatched.raid_id)
    row = UnmatchedName.objects.select_for_update().filter(pk=unmatched.pk).first()
    if row is None:
        raise NotFound(f"There is no unmatched name {unmatched.pk}.", code="unknown_name")
    if row.resolution in (UnmatchedName.Resolution.AWARDED, UnmatchedName.Resolution.ALREADY_PRESENT):
        raise Conflict(f"{row.name} was settled already.", code="already_resolved")
    check = check_of(raid, row.attendance_check_id)
    if ignore:
        _settle(row, UnmatchedName.Resolution.IGNORED, actor)
        audit.record(
            action="raids.ignore_unmatched", summary=f"{raid}: {row.name} ignored", actor=actor, target=raid,
            data={"unmatched_id": row.pk},
        )  # fmt: skip
        announce(RAID_AMENDED, raid, check_id=check.pk, ignored=1)
        return AwardResult(raid=raid, check=check)
    if character is None:
        raise BadInput(
            "Say which character this is (character_id), or ignore it.", code="required", attr="character_id"
        )
    if character.user_id is None:
        raise BadInput(
            f"{character} belongs to nobody, so nobody can be paid. Give the character an owner first.",
            code="no_owner",
            attr="character_id",
        )
    result = _award_resolved(raid, check, row, character, actor)
    if remember_alias and row.name_key != character.name_key:
        from guildhall.roster.services import add_alias

        add_alias(character=character, name=row.name, actor=actor)
    audit.record(
        action="raids.resolve_unmatched",
        summary=f"{raid}: {row.name} is {character}, {show_points(result.total)} points",
        actor=actor,
        target=raid,
        data={"unmatched_id": row.pk, "character_id": character.pk, "user_id": character.user_id},
    )
    announce(RAID_AMENDED, raid, check_id=check.pk, added=len(result.awarded) + len(result.raised))
    return result


def _award_resolved(
    raid: Raid, check: AttendanceCheck, row: UnmatchedName, character: Character, actor: User | None
) -> AwardResult:
    attendee = Attendee(character_name=row.name, status=row.status, points=row.given_points, character_id=character.pk)
    plan = plan_attendance(check=check, attendees=[attendee], force_all=True)
    result = carry_out(plan, actor=actor, quiet=True)
    credit: Credit | None = next(iter([*result.awarded, *result.raised]), None)
    row.character = character
    row.attendance_id = credit.attendance_id if credit else None
    outcome = UnmatchedName.Resolution.AWARDED if credit else UnmatchedName.Resolution.ALREADY_PRESENT
    _settle(row, outcome, actor)
    return result


def _settle(row: UnmatchedName, outcome: str, actor: User | None) -> None:
    row.resolution, row.resolved_at, row.resolved_by = outcome, clock.now(), actor
    row.save(update_fields=["resolution", "resolved_at", "resolved_by", "character", "attendance"])
