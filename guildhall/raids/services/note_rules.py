"""How the guild's notes mark alts: which of the ready-made ways are read, chosen by officers."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypedDict

from guildhall.accounts.models import User
from guildhall.core.model_updates import update_model
from guildhall.core.transactions import use_case
from guildhall.raids.models import NoteRules
from guildhall.raids.parsers.notes import PATTERNS, known_patterns


class NoteRulesChanges(TypedDict, total=False):
    """What `save_note_rules` changes."""

    patterns: list[str]


def note_rules() -> NoteRules:
    """Return how notes are read; the usual ways where nobody has said so yet. One query."""
    return NoteRules.objects.filter(pk=1).first() or NoteRules()


def note_patterns() -> list[str]:
    """Return the keys of the ways in which the guild's notes mark alts. One query."""
    return [key for key in PATTERNS if key in note_rules().patterns]


@use_case
def save_note_rules(*, patterns: Collection[object], actor: User | None, version: str | None = None) -> NoteRules:
    """Say how notes mark alts from now on. Nothing that was read before changes.

    Args:
        version: the `core.versions.row_version` of the row that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: ``unknown_note_pattern``.
    """
    changes: NoteRulesChanges = {"patterns": known_patterns(patterns)}
    NoteRules.objects.get_or_create(pk=1)
    row = NoteRules.objects.select_for_update().get(pk=1)
    update_model(
        row, changes, fields=NoteRulesChanges, actor=actor, action="raids.save_note_rules", seen=version,
        summary=lambda changed: f"how notes mark alts: {', '.join(row.patterns) or 'not at all'}",
    )  # fmt: skip
    return row
