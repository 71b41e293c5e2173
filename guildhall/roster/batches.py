"""The batches of the roster: ranks given to many characters, and guild dumps that were applied."""

from __future__ import annotations

from typing import Any

from guildhall.accounts.permissions import SYSTEM
from guildhall.core import batches
from guildhall.core.batches import CHANGED, STANDING, UNDONE, BatchKind, BatchRow
from guildhall.core.errors import Conflict
from guildhall.core.models import Batch
from guildhall.roster.models import Character, Rank, RankChange
from guildhall.roster.services import delete_rank, retire_character, set_rank, undo_bulk_rank, update_character
from guildhall.roster.services.guild_dump import DUMP, DUMP_FIELDS, state_of

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
    found = []
    for step in steps:
        character = characters.get(step["character_id"])
        before, after = step["before"], step["after"]
        now = state_of(character) if character else None
        if now == after:
            state, note = STANDING, ""
        elif now == before or (before is None and (now is None or now["status"] == Character.Status.REMOVED)):
            state, note = UNDONE, "is as it was before"
        else:
            state, note = CHANGED, "was changed again since"
        found.append((BatchRow(step["name"], _as_text(before, after, ranks), state, note), step, character))
    return found


def _as_text(before: dict[str, Any] | None, after: dict[str, Any], ranks: dict[int, str]) -> str:
    if before is None:
        return "added"
    parts = []
    for name in DUMP_FIELDS:
        if before[name] != after[name]:
            old, new = before[name], after[name]
            if name == "rank_id":
                old, new = ranks.get(old, "none") if old else "none", ranks.get(new, "none") if new else "none"
            label = {"character_class": "class", "rank_id": "rank"}.get(name, name)
            parts.append(f"{label}: {old or '–'} → {new or '–'}")
    return "; ".join(parts)


def _lock_dump(batch: Batch) -> None:
    ids = [step["character_id"] for step in batch.data.get("steps", [])]
    list(Character.objects.select_for_update().filter(pk__in=ids).order_by("pk").values_list("pk", flat=True))


def _undo_dump(batch: Batch, actor: Any, reason: str) -> None:
    words = f"guild dump undone: {reason}"[:300]
    for row, step, character in _dump_steps(batch):
        if row.state != STANDING or character is None:
            continue
        before, after = step["before"], step["after"]
        if before is None:
            retire_character(character=character, actor=actor, by=SYSTEM, reason=words)
            continue
        plain = {name: before[name] for name in DUMP_FIELDS[:3] if before[name] != after[name]}
        if plain:
            update_character(character=character, actor=actor, by=SYSTEM, **plain)
        if before["rank_id"] != after["rank_id"]:
            former = Rank.objects.filter(pk=before["rank_id"] or 0).first()
            set_rank(character=character, rank=former, actor=actor, reason=words)
    for rank in Rank.objects.filter(pk__in=batch.data.get("ranks", [])):
        try:
            delete_rank(rank=rank, actor=actor)
        except Conflict:  # somebody holds it or held it: it stays on the record
            continue


batches.register(
    BatchKind(RANKS, "Ranks of many characters", _KEEPERS, rows=_rank_changes, lock=_lock_characters, undo=_undo_ranks)
)
batches.register(BatchKind(DUMP, "Guild dump", _KEEPERS, rows=_dump_rows, lock=_lock_dump, undo=_undo_dump))
