"""The ranks themselves, and who holds which: one by one, or many in one go that can be undone."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict, Unpack, cast

from django.db import transaction
from django.db.models import ProtectedError
from simple_history.utils import bulk_update_with_history

from guildhall.accounts.models import User
from guildhall.accounts.services import announce_member_change
from guildhall.core import audit, batches, clock, previews
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.ids import CharacterId
from guildhall.core.model_updates import update_model
from guildhall.core.transactions import use_case
from guildhall.roster.models import Character, Rank, RankChange

from .characters import lock_character

LOWEST_ORDER = 1_000_000


class RankDetails(TypedDict, total=False):
    """What is set of a rank besides its name."""

    order: int
    is_hidden: bool
    is_trial: bool
    is_default: bool


class RankChanges(RankDetails, total=False):
    """What `update_rank` takes."""

    name: str


def _clean(values: RankChanges) -> RankChanges:
    if "name" in values:
        values["name"] = str(values["name"]).strip()[:60]
        if not values["name"]:
            raise BadInput("Give the rank a name.", code="required", attr="name")
    if not 0 <= values.get("order", 0) <= LOWEST_ORDER:
        raise BadInput(f"order lies between 0 (the highest) and {LOWEST_ORDER}.", code="out_of_range", attr="order")
    return values


def _check(rank: Rank) -> None:
    if rank.is_default:
        Rank.objects.filter(is_default=True).exclude(pk=rank.pk).update(is_default=False)
    # Every database must agree which names are the same, whatever its collation.
    if Rank.objects.filter(name__iexact=rank.name).exclude(pk=rank.pk).exists():
        raise _taken(rank)


def _taken(rank: Rank) -> Conflict:
    return Conflict(f"There is a rank called {rank.name} already.", code="name_taken", attr="name")


@use_case
def create_rank(*, name: str, actor: User | None, **details: Unpack[RankDetails]) -> Rank:
    """Make a rank. `order` 1 is the highest; a default rank is given to characters that come without one.

    Raises:
        BadInput: ``required``, ``out_of_range``, ``unknown_field``.
        Conflict: ``name_taken``.
    """
    rank = Rank()
    _save(rank, {"name": name, **details}, actor, "create_rank")
    return rank


@use_case
def update_rank(*, rank: Rank, actor: User | None, version: str | None = None, **changes: Unpack[RankChanges]) -> Rank:
    """Change a rank; whoever holds it holds it still.

    Args:
        version: the `core.versions.row_version` of the rank that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: ``required``, ``out_of_range``, ``unknown_field``.
        Conflict: ``name_taken``.
    """
    locked = Rank.objects.select_for_update().get(pk=rank.pk)
    _save(locked, changes, actor, "update_rank", version)
    return locked


def _save(rank: Rank, values: RankChanges, actor: User | None, verb: str, seen: str | None = None) -> None:
    update_model(
        rank,
        _clean(values),
        fields=RankChanges,
        actor=actor,
        action=f"roster.{verb}",
        summary=lambda changed: f"rank {rank} made" if verb == "create_rank" else f"rank {rank} changed: {changed}",
        check=lambda: _check(rank),
        conflict=lambda: _taken(rank),
        seen=seen,
    )


@use_case
def delete_rank(*, rank: Rank, actor: User | None) -> None:
    """Delete a rank that nobody holds or ever held.

    Raises:
        Conflict: ``rank_in_use``; give its characters another rank, or hide it.
        NotFound: ``unknown_rank``.
    """
    locked = Rank.objects.select_for_update().filter(pk=rank.pk).first()
    if locked is None:
        raise NotFound(f"There is no rank {rank.pk}.", code="unknown_rank")
    name, held = locked.name, locked.characters.count()
    audit.record(action="roster.delete_rank", summary=f"rank {name} deleted", actor=actor, target=locked)
    try:
        with transaction.atomic():
            locked.delete()
    except ProtectedError as error:
        who = f"{held} characters hold" if held else "characters once held"
        raise Conflict(
            f"{who} {name}, so it stays on the record. Rename it or hide it instead (is_hidden).", code="rank_in_use"
        ) from error


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
    locked = lock_character(CharacterId(character.pk))
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
    """What a bulk rank update would do or did; `batch` undoes it. `shown` is what the preview of it shows."""

    batch: uuid.UUID | None
    steps: list[RankStep]
    shown: previews.Shown | None = None

    @property
    def digest(self) -> str | None:
        return self.shown.digest if self.shown else None


def preview_bulk_rank(*, character_ids: Sequence[int], rank: Rank | None) -> BulkRankResult:
    """Return what giving `rank` to these characters would change. Two queries.

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
    given = [sorted(found), rank.pk if rank else None]
    rows = previews.by_label((step.name, [step.character_id, step.before, step.after]) for step in steps)
    return BulkRankResult(batch=None, steps=steps, shown=previews.Shown("roster.bulk_set_rank", given, rows))


@use_case
@previews.executes_preview(preview_bulk_rank)
def bulk_set_rank(
    *,
    character_ids: Sequence[int],
    rank: Rank | None,
    actor: User | None,
    reason: str = "",
    digest: str | None = None,
) -> BulkRankResult:
    """Give many characters a rank in one transaction; `undo_bulk_rank` takes the batch back.

    Args:
        digest: of the `preview_bulk_rank` that this carries out; the reason is not part of it.

    Raises:
        PreviewChanged: it is not what was previewed.
        NotFound: ``unknown_character``; nothing is changed then.
    """
    locked = list(Character.objects.select_for_update().filter(pk__in=character_ids).order_by("pk"))
    result = preview_bulk_rank(character_ids=character_ids, rank=rank)
    previews.require(digest, lambda: cast(previews.Shown, result.shown))
    return _change({character.pk: rank for character in locked}, actor, reason, result.steps)


@use_case
def undo_bulk_rank(*, batch: uuid.UUID, actor: User | None, reason: str = "") -> BulkRankResult:
    """Give every character of a bulk update its former rank, unless its rank has been changed again since.

    Args:
        reason: why; it stands with the batch that is undone, and with each change of rank that undoes it.

    Returns:
        The steps of the undoing, with a batch of its own.

    Raises:
        NotFound: ``unknown_batch``.
        Conflict: ``nothing_to_undo``, every rank has been changed again since.
    """
    changes = RankChange.objects.filter(batch=batch).select_related("character", "from_rank", "to_rank")
    by_character = {change.character_id: change for change in changes}
    if not by_character:
        raise NotFound("There is no bulk rank update with this batch id.", code="unknown_batch", attr="undo")
    locked = Character.objects.select_for_update().filter(pk__in=by_character).order_by("pk")
    standing = [c for c in locked if c.rank_id == by_character[c.pk].to_rank_id]
    if not standing:
        raise Conflict("Every one of these ranks has been changed again since.", code="nothing_to_undo")
    steps = [
        RankStep(
            character.pk,
            character.name,
            str(change.to_rank) if change.to_rank else None,
            str(change.from_rank) if change.from_rank else None,
            True,
        )
        for character in standing
        for change in [by_character[character.pk]]
    ]
    former = {character.pk: by_character[character.pk].from_rank for character in standing}
    reason = reason.strip()
    batches.mark_undone(batch_id=batch, actor=actor, reason=reason or "undone")
    return _change(former, actor, f"undone: {reason}" if reason else f"bulk update {batch} undone", steps)


def _change(ranks: Mapping[int, Rank | None], actor: User | None, reason: str, steps: list[RankStep]) -> BulkRankResult:
    """Give each (locked) character its rank. But for what Discord is told, the statements do not grow with their number."""
    batch, now = uuid.uuid4(), clock.now()
    characters = list(Character.objects.select_related("rank").filter(pk__in=ranks).order_by("pk"))
    changing = [c for c in characters if c.rank_id != getattr(ranks[c.pk], "pk", None)]
    changes = [
        RankChange(
            character=character, from_rank=character.rank, to_rank=ranks[character.pk], at=now, reason=reason[:300],
            changed_by=actor, batch=batch,
        )
        for character in changing
    ]  # fmt: skip
    for character in changing:
        character.rank = ranks[character.pk]
        character.updated_at = now
    if changing:
        bulk_update_with_history(
            changing, Character, ["rank", "updated_at"], batch_size=500, default_user=actor, default_date=now
        )
    RankChange.objects.bulk_create(changes, batch_size=500)
    if changing:
        batches.record(
            kind="rank_change",
            batch_id=batch,
            title=f"Rank of {len(changing)} character{'' if len(changing) == 1 else 's'}",
            reason=reason,
            size=len(changing),
            actor=actor,
            at=now,
        )
    audit.record(
        action="roster.bulk_set_rank",
        summary=f"{len(changing)} ranks changed" + (f" ({reason})" if reason else ""),
        actor=actor,
        data={
            "batch": str(batch),
            "changes": [
                {"character_id": c.character_id, "from_rank_id": c.from_rank_id, "to_rank_id": c.to_rank_id}
                for c in changes
            ],
        },
    )
    for change in changes:
        user_id = change.character.user_id
        if user_id:
            before, after = str(change.from_rank or ""), str(change.to_rank or "")
            announce_member_change(user_id=user_id, change="rank", before=before, after=after)
    return BulkRankResult(batch=batch, steps=steps)
