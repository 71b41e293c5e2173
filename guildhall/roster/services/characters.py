"""Characters: made, changed, renamed, given to somebody else, retired."""

from __future__ import annotations

import datetime as dt
from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction

from guildhall.accounts.authority import Change, asker, require_authority_over
from guildhall.accounts.models import User
from guildhall.accounts.permissions import Principal
from guildhall.accounts.services import announce_member_change
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotFound, Stale
from guildhall.core.ids import CharacterId, UserId
from guildhall.core.model_updates import refuse_unknown_fields, update_model
from guildhall.core.transactions import use_case
from guildhall.core.validators import parse_whole
from guildhall.roster.classes import clean_class
from guildhall.roster.hooks import membership_changed
from guildhall.roster.models import Character, CharacterAlias, CharacterOwnership, Rank, RankChange
from guildhall.roster.names import clean_new_name, name_key


class CharacterDetails(TypedDict, total=False):
    """What `create_character` takes besides the name and the person."""

    character_class: str
    level: int | None
    race: str
    rank: Rank | None
    status: str
    joined_at: dt.datetime | None
    note: str


class CharacterChanges(TypedDict, total=False):
    """What `update_character` takes: name, rank, owner and main have functions of their own."""

    character_class: str
    race: str
    level: int | None
    status: str
    joined_at: dt.datetime
    note: str
    is_active: bool


EDITABLE = tuple(CharacterChanges.__annotations__)


def lock_character(character_id: CharacterId) -> Character:
    """Return the character, locked for the rest of the transaction.

    Raises:
        NotFound: ``unknown_character``.
    """
    try:
        return Character.objects.select_for_update().get(pk=character_id)
    except Character.DoesNotExist as error:
        raise NotFound(f"There is no character {character_id}.", code="unknown_character") from error


def lock_people(*user_ids: UserId | None) -> dict[int, User]:
    """Lock these people in one order, before any character of theirs is locked, and return them by id.

    Raises:
        Stale: ``person_merged`` if one of them was merged into another: characters go to whom they are now.
    """
    people = User.objects.select_for_update().filter(pk__in={pk for pk in user_ids if pk}).order_by("pk")
    found = {person.pk: person for person in people}
    for person in found.values():
        if person.merged_into_id:
            raise Stale(
                f"{person} was merged into {person.merged_into}. Nothing was stored; name that person.",
                code="person_merged",
                attr="user_id",
                figures={"user_id": person.pk, "merged_into": person.merged_into_id},
            )
    return found


def lock_with_owner(character_id: CharacterId, *others: UserId | None) -> tuple[Character, dict[int, User]]:
    """Return the character, with its owner and `others` (user ids): people first, then the character, all as they
    are now.

    Raises:
        NotFound: ``unknown_character``.
        Stale: ``character_moved`` if it changed hands while its owner was being locked; ``person_merged``.
    """
    owner_id = Character.objects.filter(pk=character_id).values_list("user_id", flat=True).first()
    people = lock_people(None if owner_id is None else UserId(owner_id), *others)
    locked = lock_character(character_id)
    if locked.user_id != owner_id:
        raise Stale(f"{locked} changed hands a moment ago. Nothing was stored; send it again.", code="character_moved")
    return locked, people


def _require_authority(by: Principal | None, actor: User | None, people: dict[int, User]) -> None:
    """Pass if whoever asks may change who has a character of these people, its name, or that it is there at all."""
    who = asker(by=by, actor=actor)
    for person in people.values():
        require_authority_over(who, person, change=Change.CHARACTERS)


def _name_taken(name: str) -> Conflict:
    return Conflict(
        f"There is a character called {name} already.",
        code="name_taken",
        attr="name",
    )


def _clean_level(level: object) -> int | None:
    if level in (None, ""):
        return None
    number = parse_whole(level)
    if number is None:
        raise BadInput("A level is a whole number, such as 60.", code="invalid_level", attr="level")
    if not 0 <= number <= 200:
        raise BadInput("A level lies between 0 and 200.", code="invalid_level", attr="level")
    return number


@use_case
def create_character(
    *,
    name: str,
    user: User | None = None,
    is_main: bool | None = None,
    main_character: Character | None = None,
    actor: User | None = None,
    imported: bool = False,
    **details: Unpack[CharacterDetails],
) -> Character:
    """Add a character. A person's first character becomes their main unless `is_main` says otherwise.

    Args:
        imported: keep the name as it is instead of holding it to EverQuest's rules.
        details: as they are left out: an active character of the default rank that joins now.

    Raises:
        BadInput: the name's codes (`names.clean_new_name`), ``invalid_level``, ``main_of_another``, ``unknown_field``.
        Conflict: ``name_taken``, ``has_main`` where the person has a main already and `is_main` is asked for.
    """
    refuse_unknown_fields(details, CharacterDetails)
    name = name.strip()[:120] if imported else clean_new_name(name)
    if user is not None:
        is_main, main_character = _main_of(user, name, is_main, main_character)
    elif is_main:
        raise BadInput("A main belongs to somebody; name the person (user).", code="main_without_owner", attr="is_main")
    character_class, status = details.get("character_class", ""), details.get("status", Character.Status.ACTIVE)
    character = Character(
        name=name,
        name_key=name_key(name),
        user=user,
        character_class=character_class.strip()[:40] if imported else clean_class(character_class),
        race=details.get("race", ""),
        level=_clean_level(details.get("level")),
        rank=details.get("rank") or Rank.objects.filter(is_default=True).first(),
        is_main=bool(is_main),
        main_character=main_character,
        status=status,
        is_active=status == Character.Status.ACTIVE,
        joined_at=details.get("joined_at") or clock.now(),
        note=details.get("note", ""),
    )
    try:
        with transaction.atomic():
            character.save()
    except IntegrityError as error:
        raise _name_taken(name) from error
    CharacterOwnership.objects.create(
        character=character, user=user, started_at=character.joined_at, reason="created", changed_by=actor
    )
    if character.rank_id:
        RankChange.objects.create(character=character, to_rank=character.rank, changed_by=actor, reason="created")
    audit.record(
        action="roster.create_character",
        summary=f"{character} added" + (f" for {user}" if user else ""),
        actor=actor,
        target=character,
    )
    if user is not None:
        announce_member_change(user_id=user.pk, change="character_added", after=character.name)
        membership_changed()
    return character


def _main_of(
    user: User, name: str, is_main: bool | None, main_character: Character | None
) -> tuple[bool, Character | None]:
    """Return whether a new character of a person is their main, and else whose alt it is. Locks the person.

    Raises:
        BadInput: ``main_of_another``.
        Conflict: ``has_main``.
    """
    lock_people(UserId(user.pk))  # two first characters at once must not both be mains
    current = Character.objects.filter(user=user, is_main=True).first()
    if is_main and current is not None:
        raise Conflict(
            f"{user} has {current} as main. Make {name} the main afterwards, or send is_main=false.",
            code="has_main",
            attr="is_main",
        )
    if main_character is not None and main_character.user_id != user.pk:
        raise BadInput(f"{main_character} belongs to somebody else.", code="main_of_another", attr="main_character")
    is_main = (current is None and main_character is None) if is_main is None else is_main
    return is_main, None if is_main else (main_character or current)


@use_case
def update_character(
    *, character: Character, actor: User | None, by: Principal | None = None, **changes: Unpack[CharacterChanges]
) -> Character:
    """Change a character's plain attributes (`EDITABLE`); name, rank, owner and main have verbs of their own.

    Raises:
        BadInput: ``unknown_field``, ``invalid_level``, ``invalid_choice`` for a status.
        NotAllowed: ``role_beyond_yours`` where the character of somebody who may do more would be removed.
    """
    if changes.get("status") == Character.Status.REMOVED:
        locked, people = lock_with_owner(CharacterId(character.pk))
        if locked.status != Character.Status.REMOVED:
            _require_authority(by, actor, people)
    else:
        locked = lock_character(CharacterId(character.pk))
    if "character_class" in changes and changes["character_class"] != locked.character_class:
        changes["character_class"] = clean_class(changes["character_class"])
    if "level" in changes:
        changes["level"] = _clean_level(changes["level"])
    if "status" in changes:
        if changes["status"] not in Character.Status.values:
            raise BadInput(f"“{changes['status']}” is not a status.", code="invalid_choice", attr="status")
        changes.setdefault("is_active", changes["status"] == Character.Status.ACTIVE)
    status_before = locked.status
    changed = update_model(
        locked, changes, fields=CharacterChanges, actor=actor, action="roster.update_character",
        summary=lambda difference: f"{locked}: {difference} changed",
    )  # fmt: skip
    if not changed:
        return locked
    if locked.user_id and "joined_at" in changed:
        membership_changed()
    if locked.user_id and ("status" in changed or "is_active" in changed):
        before = status_before if "status" in changes else ""
        announce_member_change(user_id=locked.user_id, change="status", before=before, after=locked.status)
    return locked


@use_case
def rename_character(*, character: Character, name: str, actor: User | None, by: Principal | None = None) -> Character:
    """Give a character a new name; the former one stays as an alias, so that old logs still find it.

    Raises:
        BadInput: the name's codes.
        NotAllowed: ``role_beyond_yours``, ``account_scope_needed`` (`accounts.authority`).
        Conflict: ``name_taken``.
    """
    name = clean_new_name(name)
    locked, people = lock_with_owner(CharacterId(character.pk))
    _require_authority(by, actor, people)
    former, key = locked.name, name_key(name)
    if Character.objects.filter(name_key=key).exclude(pk=locked.pk).exists():
        raise _name_taken(name)
    locked.name, locked.name_key = name, key
    try:
        with transaction.atomic():
            locked.save()
    except IntegrityError as error:
        raise _name_taken(name) from error
    CharacterAlias.objects.filter(name_key=key, character=locked).delete()
    if name_key(former) != key:
        _keep_alias(locked, former, CharacterAlias.Kind.FORMER, actor)
    audit.record(action="roster.rename_character", summary=f"{former} is now called {name}", actor=actor, target=locked)
    return locked


def _keep_alias(character: Character, name: str, kind: str, actor: User | None) -> CharacterAlias:
    alias, _ = CharacterAlias.objects.update_or_create(
        name_key=name_key(name),
        defaults={"name": name.strip()[:120], "character": character, "kind": kind, "created_by": actor},
    )
    return alias


@use_case
def add_alias(
    *, character: Character, name: str, kind: str = CharacterAlias.Kind.TYPO, actor: User | None = None
) -> CharacterAlias:
    """Remember that `name` means `character`.

    Raises:
        BadInput: ``required``, ``name_too_long``.
        Conflict: ``name_taken`` by a character, ``alias_taken`` by another character's alias.
    """
    text = name.strip()
    if not text:
        raise BadInput("Give the other name.", code="required", attr="name")
    if len(text) > 60:
        raise BadInput("That is too long for a name.", code="name_too_long", attr="name")
    if Character.objects.filter(name_key=name_key(text)).exists():
        raise Conflict(f"{text} is a character's own name; an alias cannot stand in for it.", code="name_taken")
    other = CharacterAlias.objects.filter(name_key=name_key(text)).exclude(character=character).first()
    if other is not None:
        raise Conflict(f"{text} is an alias of {other.character} already.", code="alias_taken", attr="name")
    alias = _keep_alias(character, text, kind, actor)
    audit.record(action="roster.add_alias", summary=f"{text} means {character}", actor=actor, target=character)
    return alias


@use_case
def remove_alias(*, alias: CharacterAlias, actor: User | None) -> None:
    """Forget an alias."""
    audit.record(
        action="roster.remove_alias", summary=f"{alias.name} no longer means {alias.character}", actor=actor,
        target=alias.character,
    )  # fmt: skip
    alias.delete()


@use_case
def set_main(*, character: Character, actor: User | None) -> Character:
    """Make a character its owner's main; the owner's other characters become its alts.

    Raises:
        BadInput: ``main_without_owner``.
    """
    locked, _ = lock_with_owner(CharacterId(character.pk))
    if locked.user_id is None:
        raise BadInput(f"{locked} belongs to nobody; give it an owner first.", code="main_without_owner")
    _make_main(locked)
    audit.record(action="roster.set_main", summary=f"{locked} is now {locked.user}'s main", actor=actor, target=locked)
    announce_member_change(user_id=locked.user_id or 0, change="main", after=locked.name)
    return locked


def _make_main(character: Character) -> None:
    others = Character.objects.filter(user_id=character.user_id or 0).exclude(pk=character.pk)
    others.filter(is_main=True).update(is_main=False)
    character.is_main, character.main_character = True, None
    character.save()
    others.update(main_character=character)


@use_case
def reassign_character(
    *,
    character: Character,
    user: User | None,
    actor: User | None,
    by: Principal | None = None,
    reason: str = "",
    at: dt.datetime | None = None,
) -> Character:
    """Give a character to another person, or to nobody. Points stay with whoever earned them (PRD 3.4.3).

    If it was the former owner's main, their longest-standing other character becomes the main.

    Raises:
        NotAllowed: ``role_beyond_yours`` for the former or the new owner, ``account_scope_needed``.
        Conflict: ``same_owner``, ``person_merged``.
    """
    locked, people = lock_with_owner(CharacterId(character.pk), UserId(user.pk) if user else None)
    _require_authority(by, actor, people)
    ids = sorted(people)
    former_id = locked.user_id
    if former_id == (user.pk if user else None):
        raise Conflict(f"{locked} belongs to {user or 'nobody'} already.", code="same_owner", attr="user_id")
    now = at or clock.now()
    was_main = locked.is_main
    Character.objects.filter(main_character=locked).update(main_character=None)
    locked.is_main, locked.main_character, locked.user = False, None, user
    locked.save()
    if was_main and former_id:
        heir = Character.objects.filter(user_id=former_id).order_by("-is_active", "joined_at", "pk").first()
        if heir is not None:
            _make_main(heir)
    if user is not None:
        main = Character.objects.filter(user=user, is_main=True).first()
        if main is None:
            _make_main(locked)
        else:
            locked.main_character = main
            locked.save()
    locked.ownerships.filter(ended_at=None).update(ended_at=now)
    CharacterOwnership.objects.create(
        character=locked, user=user, started_at=now, reason=reason[:300], changed_by=actor
    )
    former = User.objects.filter(pk=former_id).first() if former_id else None
    audit.record(
        action="roster.reassign_character",
        summary=f"{locked}: {former or 'nobody'} → {user or 'nobody'}" + (f" ({reason})" if reason else ""),
        actor=actor,
        target=locked,
        data={"from_user_id": former_id, "to_user_id": user.pk if user else None, "reason": reason},
    )
    for person_id in ids:
        announce_member_change(user_id=person_id, change="characters", after=locked.name)
    membership_changed()
    return locked


@use_case
def retire_character(
    *, character: Character, actor: User | None, by: Principal | None = None, reason: str = ""
) -> Character:
    """Take a character off the roster without losing what it did: DELETE in the API means this.

    Raises:
        NotAllowed: ``role_beyond_yours``, ``account_scope_needed`` (`accounts.authority`).
    """
    locked = update_character(character=character, actor=actor, by=by, status=Character.Status.REMOVED, is_active=False)
    audit.record(action="roster.retire_character", summary=f"{locked} removed: {reason}", actor=actor, target=locked)
    return locked
