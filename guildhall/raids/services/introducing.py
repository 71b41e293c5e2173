"""A name that nobody knew settled where it stands: it becomes a character of somebody, and is paid (`unmatched`)."""

from __future__ import annotations

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import Principal
from guildhall.accounts.services import create_person
from guildhall.core.errors import Conflict, NotFound
from guildhall.core.transactions import use_case
from guildhall.raids.models import UnmatchedName
from guildhall.roster.classes import known_class
from guildhall.roster.models import Character
from guildhall.roster.names import clean_new_name
from guildhall.roster.selectors import find_character
from guildhall.roster.services import create_character, reassign_character

from .awarding import AwardResult
from .locking import lock_raid
from .unmatched import resolve_unmatched


@use_case
def introduce_unmatched(
    *, unmatched: UnmatchedName, person: User | None, actor: User | None, by: Principal | None = None
) -> tuple[Character, list[AwardResult]]:
    """Make an unmatched name a character of `person`, or of a new person of that name, and pay it at every check of its
    raid where it was unmatched.

    A character of that name who belongs to nobody is given to the person instead of being made.

    Args:
        by: what `actor` came with; without it they are taken to be here in person.

    Raises:
        BadInput: the name's codes (`roster.names.clean_new_name`), the codes of `resolve_unmatched`.
        NotAllowed: ``role_beyond_yours``.
        NotFound: ``unknown_name``.
        Conflict: ``already_resolved``; ``already_owned`` where somebody has that character meanwhile.
    """
    lock_raid(unmatched.raid_id)  # two who press at once: the second finds it settled
    row = UnmatchedName.objects.filter(pk=unmatched.pk).first()
    if row is None:
        raise NotFound(f"There is no unmatched name {unmatched.pk}.", code="unknown_name")
    if row.resolution in (UnmatchedName.Resolution.AWARDED, UnmatchedName.Resolution.ALREADY_PRESENT):
        raise Conflict(f"{row.name} was settled already.", code="already_resolved")
    known = find_character(row.name)
    if known is not None and known.user_id is not None:
        raise Conflict(
            f"{row.name} is a character of {known.user} by now. Say who it is and press Pay.", code="already_owned"
        )
    name = known.name if known is not None else clean_new_name(row.name)
    if person is None:
        person = create_person(display_name=name, role_group=RoleGroup.MEMBER, actor=actor, by=by)
    reason = f"named at the raid {row.raid}"
    if known is not None:
        character = reassign_character(character=known, user=person, actor=actor, by=by, reason=reason)
    else:
        level = str(row.raw.get("level") or "")
        character = create_character(
            name=name,
            user=person,
            character_class=known_class(str(row.raw.get("character_class") or "")),
            level=int(level) if level.isascii() and level.isdigit() and int(level) <= 200 else None,
            note=reason,
            actor=actor,
        )
    open_rows = UnmatchedName.objects.filter(
        raid=row.raid_id, name_key=row.name_key, resolution=UnmatchedName.Resolution.OPEN
    )
    rows = list(open_rows.order_by("attendance_check", "pk")) or [row]
    return character, [resolve_unmatched(unmatched=one, character=character, actor=actor) for one in rows]
