"""The batches of the roster: ranks given to many characters, and guild dumps that were applied."""

from __future__ import annotations

from typing import Any

from django.db.models import PROTECT

from guildhall.accounts.models import User
from guildhall.accounts.permissions import SYSTEM
from guildhall.accounts.services import deactivate_person
from guildhall.core import batches
from guildhall.core.batches import CHANGED, STANDING, UNDONE, BatchKind, BatchRow
from guildhall.core.errors import Conflict
from guildhall.core.models import Batch
from guildhall.roster.models import Character, Rank, RankChange
from guildhall.roster.services import (
    delete_rank,
    reassign_character,
    retire_character,
    set_rank,
    undo_bulk_rank,
    update_character,
)
from guildhall.roster.services.guild_dump import DUMP, DUMP_FIELDS, PEOPLE, state_of

RANKS = "rank_change"
_KEEPERS = ("roster:write",)


def _rank_changes(batch: Batch) -> list[BatchRow]:
    changes = (
        RankChange.objects.filter(batch=batch.pk)
        .select_related("character__rank", "from_rank", "to_rank")
        .order_by("character__name", "pk")
    )
    rows = []
    for change in changes:
        what = f"{change.from_rank or 'no rank'} → {change.to_rank or 'no rank'}"
        now = change.character.rank_id
        state = STANDING if now == change.to_rank_id else UNDONE if now == change.from_rank_id else CHANGED
        here = change.character.rank or "no rank"
        note = {CHANGED: f"is {here} by now", UNDONE: f"is {here} again"}.get(state, "")
        rows.append(BatchRow(change.character.name, what, state, note))
    return rows


def _lock_characters(batch: Batch) -> None:
    ids = RankChange.objects.filter(batch=batch.pk).values_list("character_id", flat=True)
    list(Character.objects.select_for_update().filter(pk__in=list(ids)).order_by("pk").values_list("pk", flat=True))


def _undo_ranks(batch: Batch, actor: Any, reason: str) -> None:
    undo_bulk_rank(batch=batch.pk, actor=actor, reason=reason)


def _dump_rows(batch: Batch) -> list[BatchRow]:
    return [row for row, _, _ in _dump_steps(batch)]


def _dump_steps(batch: Batch) -> list[tuple[BatchRow, dict[str, Any], Character | None]]:
    """Return each step of an applied dump as it stands now, with what was written down of it and its character."""
    steps = batch.data.get("steps", [])
    characters = Character.objects.in_bulk([step["character_id"] for step in steps])
    ranks = {rank.pk: rank.name for rank in Rank.objects.all()}
    made = User.objects.in_bulk(batch.data.get("people", []))
    built_on = _built_on(made)
    found = []
    for step in steps:
        character = characters.get(step["character_id"])
        before, after = step["before"], step["after"]
        now = state_of(character) if character else None
        now = now and {name: now[name] for name in after}  # what an older dump did not write down is not compared
        if now == after and after.get("user_id") in built_on:
            state, note = CHANGED, f"{made[after['user_id']]} has points, raids or an account of their own by now"
        elif now == after:
            state, note = STANDING, ""
        elif now == before or (before is None and (now is None or now["status"] == Character.Status.REMOVED)):
            state, note = UNDONE, "is as it was before"
        else:
            state, note = CHANGED, "was changed again since"
        found.append((BatchRow(step["name"], _as_text(before, after, ranks), state, note), step, character))
    return found


def _built_on(people: dict[int, User]) -> set[int]:
    """Return who of these people has anything on the record but characters, or has an account that opens."""
    found = {pk for pk, one in people.items() if one.has_usable_password() or one.discord_id or one.merged_into_id}
    for relation in User._meta.related_objects if people else ():
        model, name = relation.related_model, relation.field.name
        if relation.on_delete is PROTECT and model._meta.app_label != "roster":
            found |= set(
                model._base_manager.filter(**{f"{name}__in": list(people)}).values_list(f"{name}_id", flat=True)
            )
    return found


def _as_text(before: dict[str, Any] | None, after: dict[str, Any], ranks: dict[int, str]) -> str:
    if before is None:
        return "added"
    parts = []
    for name in DUMP_FIELDS:
        if before.get(name) != after.get(name):
            old, new = before[name], after[name]
            if name == "user_id":
                parts.append("given to its person")
                continue
            if name == "rank_id":
                old, new = ranks.get(old, "none") if old else "none", ranks.get(new, "none") if new else "none"
            label = {"character_class": "class", "rank_id": "rank"}.get(name, name)
            parts.append(f"{label}: {old or '–'} → {new or '–'}")
    return "; ".join(parts)


def _lock_dump(batch: Batch) -> None:
    list(User.objects.select_for_update().filter(pk__in=batch.data.get("people", [])).order_by("pk").values_list("pk"))
    ids = [step["character_id"] for step in batch.data.get("steps", [])]
    list(Character.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk", flat=True))


def _undo_dump(batch: Batch, actor: Any, reason: str) -> None:
    words = f"{'guild dump' if batch.kind == DUMP else 'people made'} undone: {reason}"[:300]
    people = set(batch.data.get("people", []))
    given = people | set(batch.data.get("joined", []))
    for row, step, character in _dump_steps(batch):
        if row.state != STANDING or character is None:
            continue
        before, after = step["before"], step["after"]
        if after.get("user_id") in given or (before or after).get("user_id") != after.get("user_id"):
            character = reassign_character(character=character, user=None, actor=actor, by=SYSTEM, reason=words)
        if before is None:
            retire_character(character=character, actor=actor, by=SYSTEM, reason=words)
            continue
        plain = {name: before[name] for name in DUMP_FIELDS[:3] if before[name] != after[name]}
        if plain:
            update_character(character=character, actor=actor, by=SYSTEM, **plain)
        if before["rank_id"] != after["rank_id"]:
            former = Rank.objects.filter(pk=before["rank_id"] or 0).first()
            set_rank(character=character, rank=former, actor=actor, reason=words)
    for person in User.objects.filter(pk__in=people, is_active=True, characters=None).order_by("pk"):
        deactivate_person(user=person, actor=actor, reason=words, by=SYSTEM)
    for rank in Rank.objects.filter(pk__in=batch.data.get("ranks", [])):
        try:
            delete_rank(rank=rank, actor=actor)
        except Conflict:  # somebody holds it or held it: it stays on the record
            continue


batches.register(
    BatchKind(RANKS, "Ranks of many characters", _KEEPERS, rows=_rank_changes, lock=_lock_characters, undo=_undo_ranks)
)
batches.register(BatchKind(DUMP, "Guild dump", _KEEPERS, rows=_dump_rows, lock=_lock_dump, undo=_undo_dump))
batches.register(BatchKind(PEOPLE, "People made", _KEEPERS, rows=_dump_rows, lock=_lock_dump, undo=_undo_dump))
