"""A name that nobody knew settled where it stands: it becomes a character of somebody, and is paid (`unmatched`); and that
taken back, where nothing was built on it since.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import Principal
from guildhall.accounts.services import create_person, deactivate_person
from guildhall.core.errors import Conflict, NotFound
from guildhall.core.ids import CharacterId
from guildhall.core.transactions import use_case
from guildhall.points.models import UserPointsSummary
from guildhall.raids.models import UnmatchedName
from guildhall.roster.classes import known_class
from guildhall.roster.models import Character
from guildhall.roster.names import clean_new_name
from guildhall.roster.selectors import find_character
from guildhall.roster.services import create_character, reassign_character, retire_character, update_character
from guildhall.roster.services.characters import lock_with_owner

from .awarding import AwardResult
from .corrections import reopen_unmatched
from .locking import lock_raid
from .unmatched import resolve_unmatched


@dataclass(frozen=True, slots=True)
class Introduction:
    """What became of a name: its character and what was paid. The rest is what `withdraw_introduction` needs.

    Attributes:
        names: the unmatched names that were settled by it, by id.
        is_new_person: whether the person was made for it.
        was_removed: whether the character was made for it, or was off the roster.
    """

    character: Character
    results: list[AwardResult]
    names: list[int]
    is_new_person: bool
    was_removed: bool


@use_case
def introduce_unmatched(
    *, unmatched: UnmatchedName, person: User | None, actor: User | None, by: Principal | None = None
) -> Introduction:
    """Make an unmatched name a character of `person`, or of a new person of that name, and pay it at every check of its
    raid where it was unmatched.

    A character of that name who belongs to nobody is given to the person instead of being made; one that was taken off the
    roster is on it again.

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
    is_new_person = person is None
    if person is None:
        person = create_person(display_name=name, role_group=RoleGroup.MEMBER, actor=actor, by=by)
    reason = f"named at the raid {row.raid}"
    if known is not None:
        character = reassign_character(character=known, user=person, actor=actor, by=by, reason=reason)
        if character.status == Character.Status.REMOVED:
            character = update_character(character=character, actor=actor, by=by, status=Character.Status.ACTIVE)
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
    return Introduction(
        character=character,
        results=[resolve_unmatched(unmatched=one, character=character, actor=actor) for one in rows],
        names=[one.pk for one in rows],
        is_new_person=is_new_person,
        was_removed=known is None or known.status == Character.Status.REMOVED,
    )


@use_case
def withdraw_introduction(
    *,
    character: Character,
    names: Sequence[int],
    is_new_person: bool,
    was_removed: bool,
    actor: User | None,
    by: Principal | None = None,
) -> list[UnmatchedName]:
    """Take back what `introduce_unmatched` did: the names are open again and what they were paid is reversed, the character
    is nobody's, and a person who was made for it is closed.

    Args:
        names, is_new_person, was_removed: what the `Introduction` says.

    Raises:
        NotAllowed: ``role_beyond_yours``.
        Conflict: ``built_on`` where the character has been at another raid, got an item or changed hands, or the person has
            points or an account of their own; the codes of `reopen_unmatched`.
    """
    rows = list(UnmatchedName.objects.filter(pk__in=names).order_by("attendance_check", "pk"))
    for raid_id in sorted({row.raid_id for row in rows}):
        lock_raid(raid_id)
    rows = list(UnmatchedName.objects.filter(pk__in=names, character=character).order_by("attendance_check", "pk"))
    if len(rows) < len(set(names)):
        raise _built_on(f"{character} is not what these names were settled as any more")
    locked, _ = lock_with_owner(CharacterId(character.pk))  # before the summaries, as `introduce_unmatched` does
    person = locked.user
    if person is None:
        raise _built_on(f"{character} belongs to nobody by now")
    opened = [reopen_unmatched(unmatched=row, actor=actor) for row in rows]
    _refuse_built_on(character, person, is_new_person=is_new_person)
    reason = f"not the {character} of the raid {rows[0].raid}"
    loose = reassign_character(character=character, user=None, actor=actor, by=by, reason=reason)
    if was_removed:
        retire_character(character=loose, actor=actor, by=by, reason=reason)
    if is_new_person and not Character.objects.filter(user=person).exists():
        deactivate_person(user=person, actor=actor, by=by, reason=reason)
    return opened


def _refuse_built_on(character: Character, person: User, *, is_new_person: bool) -> None:
    """Refuse where more hangs on the character or the person than the names that were opened again.

    Raises:
        Conflict: ``built_on``.
    """
    for relation in Character._meta.related_objects:
        rows = relation.related_model._base_manager.filter(**{relation.field.name: character})
        columns = {column.name for column in relation.related_model._meta.concrete_fields}
        if "reversed_at" in columns and rows.filter(reversed_at=None).exists():  # attendance, awards
            raise _built_on(f"{character} has been at another raid or got an item since")
    if is_new_person:
        has_points = UserPointsSummary.objects.filter(user=person).exclude(balance=0).exists()
        if has_points or person.has_usable_password() or person.discord_id or person.merged_into_id:
            raise _built_on(f"{person} has points or an account of their own by now")


def _built_on(why: str) -> Conflict:
    return Conflict(
        f"{why}, so this cannot be taken back with one press. Put it right on the character's page.", code="built_on"
    )
