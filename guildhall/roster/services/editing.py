"""Changing several things of a character at once, each by its own verb, all or none (PUT and PATCH mean this)."""

from __future__ import annotations

from typing import Any

from guildhall.accounts.models import User
from guildhall.accounts.permissions import Principal
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.ids import CharacterId, UserId
from guildhall.core.transactions import use_case
from guildhall.core.versions import StaleEdit
from guildhall.roster.models import Character

from .characters import (
    EDITABLE,
    lock_with_owner,
    reassign_character,
    rename_character,
    set_main,
    update_character,
)
from .ranks import set_rank


def version_of(character: Character) -> str:
    """Return what tells one state of a character from the next: for `edit_character`."""
    return character.updated_at.isoformat()


def _in_words(character: Character) -> str:
    rank = character.rank or "no rank"
    facts = [
        f"“{character}”",
        character.character_class,
        f"level {character.level}" if character.level else "",
        str(rank),
    ]
    note = f", note “{character.note[:200]}”" if character.note else ""
    return ", ".join(fact for fact in (*facts, character.get_status_display().lower()) if fact) + note


@use_case
def edit_character(
    *,
    character: Character,
    actor: User | None,
    by: Principal | None = None,
    changes: dict[str, Any],
    reason: str = "",
    seen: str = "",
) -> Character:
    """Apply `changes`: the plain attributes, and `name`, `user`, `rank`, `is_main`, `main_character`.

    What is as it was is left alone, so sending a character back unchanged changes nothing.

    Args:
        seen: the `version_of` the character that was being looked at; anything else is refused. Empty: not asked.

    Raises:
        BadInput: ``main_of_another``, and those of the verbs.
        NotAllowed: ``role_beyond_yours``, ``account_scope_needed`` (`accounts.authority`).
        Conflict: ``is_the_main`` where a main would be left without being replaced; ``changed_meanwhile``; those of the
            verbs.
    """
    if seen:
        locked, _ = lock_with_owner(CharacterId(character.pk), UserId(getattr(changes.get("user"), "pk", 0)) or None)
        if version_of(locked) != seen:
            raise StaleEdit(
                f"Nothing was stored: somebody else changed {locked} since you opened it. It stands now as: {_in_words(locked)}. "
                "What you entered is still in the fields; send it again to put it in its place, or leave the page.",
                code="changed_meanwhile",
                figures={"version": version_of(locked)},
            )
    current = Character.objects.select_related("user", "rank").get(pk=character.pk)
    if "name" in changes and changes["name"].strip() != current.name:
        current = rename_character(character=current, name=changes["name"], actor=actor, by=by)
    if "user" in changes and getattr(changes["user"], "pk", None) != current.user_id:
        current = reassign_character(character=current, user=changes["user"], actor=actor, by=by, reason=reason)
    if "rank" in changes:
        set_rank(character=current, rank=changes["rank"], actor=actor, reason=reason)
    plain = {name: changes[name] for name in EDITABLE if name in changes}
    if plain:
        update_character(character=current, actor=actor, by=by, **plain)
    _place(Character.objects.get(pk=current.pk), actor, changes)
    return Character.objects.select_related("user", "rank", "main_character").get(pk=current.pk)


def _place(character: Character, actor: User | None, changes: dict[str, Any]) -> None:
    """Main or alt. A person's main is left only by making another one the main."""
    wish, main = changes.get("is_main"), changes.get("main_character")
    if wish is True and main is not None:
        raise BadInput("A main has no main of its own; leave main_character out.", attr="main_character")
    if wish is True and not character.is_main:
        set_main(character=character, actor=actor)
    elif character.is_main and (wish is False or main is not None):
        raise Conflict(
            f"{character} is {character.user}'s main. Make another of their characters the main instead.",
            code="is_the_main",
            attr="is_main",
        )
    elif main is not None and (main.user_id != character.user_id or not main.is_main):
        raise BadInput(
            f"{main} is not the main of whoever owns {character}.", code="main_of_another", attr="main_character"
        )
