"""Every change to the roster: one verb each, one transaction, on the record. No change here moves points."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import ProtectedError

from guildhall.accounts.models import User
from guildhall.accounts.services import announce_member_change
from guildhall.core import audit, clock, revisions
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.transactions import use_case

from .classes import clean_class
from .models import Character, CharacterAlias, CharacterOwnership, Rank, RankChange
from .names import clean_new_name, name_key

EDITABLE = ("character_class", "race", "level", "status", "joined_at", "note", "is_active")


def _lock(character_id: int) -> Character:
    try:
        return Character.objects.select_for_update().get(pk=character_id)
    except Character.DoesNotExist as error:
        raise NotFound(f"There is no character {character_id}.", code="unknown_character") from error


def _name_taken(name: str) -> Conflict:
    return Conflict(
        f"There is a character called {name} already.",
        code="name_taken",
        attr="name",
    )


def _clean_level(level: Any) -> int | None:
    if level in (None, ""):
        return None
    try:
        number = int(str(level))
    except ValueError as error:
        raise BadInput("A level is a whole number, such as 60.", code="invalid_level", attr="level") from error
    if not 0 <= number <= 200:
        raise BadInput("A level lies between 0 and 200.", code="invalid_level", attr="level")
    return number


@use_case
def create_character(
    *,
    name: str,
    user: User | None = None,
    character_class: str = "",
    level: int | None = None,
    race: str = "",
    rank: Rank | None = None,
    is_main: bool | None = None,
    main_character: Character | None = None,
    status: str = Character.Status.ACTIVE,
    joined_at: dt.datetime | None = None,
    note: str = "",
    actor: User | None = None,
    imported: bool = False,
) -> Character:
    """Add a character. A person's first character becomes their main unless `is_main` says otherwise.

    Args:
        imported: keep the name as it is instead of holding it to EverQuest's rules.

    Raises:
        BadInput: the name's codes (`names.clean_new_name`), ``invalid_level``, ``main_of_another``.
        Conflict: ``name_taken``, ``has_main`` where the person has a main already and `is_main` is asked for.
    """
    name = name.strip()[:120] if imported else clean_new_name(name)
    if user is not None:
        User.objects.select_for_update().get(pk=user.pk)  # two first characters at once must not both be mains
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
        main_character = None if is_main else (main_character or current)
    elif is_main:
        raise BadInput("A main belongs to somebody; name the person (user).", code="main_without_owner", attr="is_main")
    character = Character(
        name=name,
        name_key=name_key(name),
        user=user,
        character_class=character_class.strip()[:40] if imported else clean_class(character_class),
        race=race,
        level=_clean_level(level),
        rank=rank or Rank.objects.filter(is_default=True).first(),
        is_main=bool(is_main),
        main_character=main_character,
        status=status,
        is_active=status == Character.Status.ACTIVE,
        joined_at=joined_at or clock.now(),
        note=note,
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
    revisions.bump("roster")
    return character


@use_case
def update_character(*, character: Character, actor: User | None, **changes: Any) -> Character:
    """Change a character's plain attributes (`EDITABLE`); name, rank, owner and main have verbs of their own.

    Raises:
        BadInput: ``invalid`` for an unknown field, ``invalid_level``, ``invalid_choice`` for a status.
    """
    unknown = set(changes) - set(EDITABLE)
    if unknown:
        raise BadInput(f"{', '.join(sorted(unknown))} cannot be changed here.", attr=sorted(unknown)[0])
    locked = _lock(character.pk)
    before = {field: getattr(locked, field) for field in changes}
    if "character_class" in changes and changes["character_class"] != locked.character_class:
        changes["character_class"] = clean_class(changes["character_class"])
    if "level" in changes:
        changes["level"] = _clean_level(changes["level"])
    if "status" in changes:
        if changes["status"] not in Character.Status.values:
            raise BadInput(f"“{changes['status']}” is no status.", code="invalid_choice", attr="status")
        changes.setdefault("is_active", changes["status"] == Character.Status.ACTIVE)
    for field, value in changes.items():
        setattr(locked, field, value)
    changed = [field for field, value in before.items() if getattr(locked, field) != value]
    if not changed and "is_active" not in changes:
        return locked
    locked.save()
    audit.record(
        action="roster.update_character",
        summary=f"{locked}: {', '.join(changed)} changed",
        actor=actor,
        target=locked,
        data={"before": {f: str(before[f]) for f in changed}, "after": {f: str(getattr(locked, f)) for f in changed}},
    )
    if locked.user_id and {"status", "is_active"} & set(changed):
        announce_member_change(
            user_id=locked.user_id, change="status", before=str(before.get("status", "")), after=locked.status
        )
    revisions.bump("roster")
    return locked


@use_case
def rename_character(*, character: Character, name: str, actor: User | None) -> Character:
    """Give a character a new name; the former one stays as an alias, so that old logs still find it.

    Raises:
        BadInput: the name's codes.
        Conflict: ``name_taken``.
    """
    name = clean_new_name(name)
    locked = _lock(character.pk)
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
    revisions.bump("roster")
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
    if character.user_id is None:
        raise BadInput(f"{character} belongs to nobody; give it an owner first.", code="main_without_owner")
    User.objects.select_for_update().get(pk=character.user_id)
    locked = _lock(character.pk)
    _make_main(locked)
    audit.record(action="roster.set_main", summary=f"{locked} is now {locked.user}'s main", actor=actor, target=locked)
    announce_member_change(user_id=locked.user_id or 0, change="main", after=locked.name)
    revisions.bump("roster")
    return locked


def _make_main(character: Character) -> None:
    others = Character.objects.filter(user_id=character.user_id or 0).exclude(pk=character.pk)
    others.filter(is_main=True).update(is_main=False)
    character.is_main, character.main_character = True, None
    character.save()
    others.update(main_character=character)


@use_case
def reassign_character(
    *, character: Character, user: User | None, actor: User | None, reason: str = "", at: dt.datetime | None = None
) -> Character:
    """Give a character to another person, or to nobody. Points stay with whoever earned them (PRD 3.4.3).

    If it was the former owner's main, their longest-standing other character becomes the main.

    Raises:
        Conflict: ``same_owner``.
    """
    ids = sorted({pk for pk in (character.user_id, user.pk if user else None) if pk})
    list(User.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
    locked = _lock(character.pk)
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
    revisions.bump("roster")
    return locked


@use_case
def set_rank(
    *,
    character: Character,
    rank: Rank | None,
    actor: User | None,
    reason: str = "",
    batch: uuid.UUID | None = None,
) -> RankChange | None:
    """Give a character a rank; None if it has that rank already."""
    locked = _lock(character.pk)
    before = locked.rank
    if before == rank:
        return None
    locked.rank = rank
    locked.save()
    change = RankChange.objects.create(
        character=locked, from_rank=before, to_rank=rank, changed_by=actor, reason=reason[:300], batch=batch
    )
    audit.record(
        action="roster.set_rank",
        summary=f"{locked}: {before or 'no rank'} → {rank or 'no rank'}",
        actor=actor,
        target=locked,
        data={"reason": reason, "batch": str(batch) if batch else None},
    )
    if locked.user_id:
        announce_member_change(user_id=locked.user_id, change="rank", before=str(before or ""), after=str(rank or ""))
    revisions.bump("roster")
    return change


@dataclass(frozen=True, slots=True)
class RankStep:
    """One character's part of a bulk rank update."""

    character_id: int
    name: str
    before: str | None
    after: str | None
    changes: bool


@dataclass(frozen=True, slots=True)
class BulkRankResult:
    """What a bulk rank update would do or did; `batch` undoes it."""

    batch: uuid.UUID | None
    steps: list[RankStep]


def preview_bulk_rank(*, character_ids: Sequence[int], rank: Rank | None) -> BulkRankResult:
    """What giving `rank` to these characters would change. Two queries.

    Raises:
        NotFound: ``unknown_character`` naming those that are not there.
    """
    found = {c.pk: c for c in Character.objects.select_related("rank").filter(pk__in=character_ids)}
    missing = [pk for pk in character_ids if pk not in found]
    if missing:
        raise NotFound(
            f"There is no character {', '.join(map(str, missing[:10]))}.",
            code="unknown_character",
            attr="character_ids",
        )
    steps = [
        RankStep(
            c.pk,
            c.name,
            str(c.rank) if c.rank else None,
            str(rank) if rank else None,
            c.rank_id != getattr(rank, "pk", None),
        )
        for c in sorted(found.values(), key=lambda c: c.name)
    ]
    return BulkRankResult(batch=None, steps=steps)


@use_case
def bulk_set_rank(
    *, character_ids: Sequence[int], rank: Rank | None, actor: User | None, reason: str = ""
) -> BulkRankResult:
    """Give many characters a rank in one transaction; `undo_bulk_rank` takes the batch back.

    Raises:
        NotFound: ``unknown_character``; nothing is changed then.
    """
    locked = list(Character.objects.select_for_update().filter(pk__in=character_ids).order_by("pk"))
    result = preview_bulk_rank(character_ids=character_ids, rank=rank)
    batch = uuid.uuid4()
    for character in locked:
        set_rank(character=character, rank=rank, actor=actor, reason=reason, batch=batch)
    return BulkRankResult(batch=batch, steps=result.steps)


@use_case
def undo_bulk_rank(*, batch: uuid.UUID, actor: User | None) -> list[Character]:
    """Give every character of a bulk update its former rank, unless its rank has been changed again since.

    Raises:
        NotFound: ``unknown_batch``.
    """
    changes = list(RankChange.objects.filter(batch=batch).select_related("character", "from_rank", "to_rank"))
    if not changes:
        raise NotFound("There is no bulk rank update with this batch id.", code="unknown_batch", attr="batch")
    undone = []
    for change in sorted(changes, key=lambda change: change.character_id):
        character = _lock(change.character_id)
        if character.rank_id == change.to_rank_id:
            set_rank(character=character, rank=change.from_rank, actor=actor, reason=f"bulk update {batch} undone")
            undone.append(character)
    return undone


@use_case
def retire_character(*, character: Character, actor: User | None, reason: str = "") -> Character:
    """Take a character off the roster without losing what it did: DELETE in the API means this."""
    locked = update_character(character=character, actor=actor, status=Character.Status.REMOVED, is_active=False)
    audit.record(action="roster.retire_character", summary=f"{locked} removed: {reason}", actor=actor, target=locked)
    return locked


RANK_FIELDS = ("name", "order", "is_hidden", "is_trial", "is_default")


@use_case
def create_rank(*, name: str, actor: User | None, **values: Any) -> Rank:
    """Make a rank.

    Args:
        values: order (1 is the highest), is_hidden, is_trial, is_default; a new default takes over from the old one.

    Raises:
        BadInput: ``required``, ``name_too_long``, ``out_of_range``, ``unknown_field``.
        Conflict: ``name_taken``.
    """
    rank = Rank()
    _set_rank_fields(rank, {"name": name, **values})
    audit.record(action="roster.create_rank", summary=f"rank {rank} made", actor=actor, target=rank)
    return rank


@use_case
def update_rank(*, rank: Rank, actor: User | None, **changes: Any) -> Rank:
    """Change a rank.

    Raises:
        as `create_rank`.
    """
    locked = Rank.objects.select_for_update().filter(pk=rank.pk).first()
    if locked is None:
        raise NotFound(f"There is no rank {rank.pk}.", code="unknown_rank")
    before = {name: getattr(locked, name, None) for name in changes}
    _set_rank_fields(locked, changes)
    audit.record(
        action="roster.update_rank",
        summary=f"rank {locked} changed: {', '.join(changes)}",
        actor=actor,
        target=locked,
        data={"before": before, "after": dict(changes)},
    )
    return locked


def _set_rank_fields(rank: Rank, values: dict[str, Any]) -> None:
    unknown = sorted(set(values) - set(RANK_FIELDS))
    if unknown:
        raise BadInput(f"A rank has no {', '.join(unknown)}.", code="unknown_field", attr=unknown[0])
    for field, value in values.items():
        setattr(rank, field, value)
    rank.name = str(rank.name).strip()
    if not rank.name:
        raise BadInput("Give the rank a name.", code="required", attr="name")
    if len(rank.name) > 60:
        raise BadInput("A rank's name has at most 60 characters.", code="name_too_long", attr="name")
    if not isinstance(rank.order, int) or not 0 <= rank.order <= 32_767:
        raise BadInput("The order of a rank is a whole number from 0 to 32767; 1 is the highest.",
                       code="out_of_range", attr="order")  # fmt: skip
    if rank.is_default:
        Rank.objects.filter(is_default=True).exclude(pk=rank.pk).update(is_default=False)
    try:
        with transaction.atomic():
            rank.save()
    except IntegrityError as error:
        raise Conflict(f"There is a rank called {rank.name} already.", code="name_taken", attr="name") from error
    revisions.bump("roster")


@use_case
def delete_rank(*, rank: Rank, actor: User | None) -> None:
    """Delete a rank that nobody holds or ever held.

    Raises:
        NotFound: ``unknown_rank``.
        Conflict: ``rank_in_use``; hide it instead.
    """
    locked = Rank.objects.select_for_update().filter(pk=rank.pk).first()
    if locked is None:
        raise NotFound(f"There is no rank {rank.pk}.", code="unknown_rank")
    audit.record(action="roster.delete_rank", summary=f"rank {locked} deleted", actor=actor, target=locked)
    try:
        with transaction.atomic():
            locked.delete()
    except ProtectedError as error:
        raise Conflict(
            f"{locked} is or was somebody's rank, and history is kept. Hide it instead: set is_hidden.",
            code="rank_in_use",
        ) from error
    revisions.bump("roster")
