"""How the guild writes its auctions in chat: one row that officers edit, begun from a ready-made set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from guildhall.accounts.models import User
from guildhall.core.model_updates import update_model
from guildhall.core.transactions import use_case

from ..chat.conventions import ChatConventions
from ..chat.ready_made import ready_made
from ..models import ChatRules

GUILDS_OWN = "guild"


class ChatRulesValues(TypedDict, total=False):
    """What `save_conventions` sets."""

    base: str
    data: dict[str, object]


def chat_rules() -> ChatRules:
    """Return the guild's row, the one that it begins with where nobody saved one. One query."""
    return ChatRules.objects.filter(pk=1).first() or ChatRules()


def conventions_named(name: str = GUILDS_OWN) -> ChatConventions:
    """Return the guild's own conventions, or a ready-made set. One query for the guild's own.

    Raises:
        BadInput: ``invalid_choice``.
    """
    if name != GUILDS_OWN:
        return ready_made(name)
    return ChatConventions.from_data(chat_rules().data)


@use_case
def save_conventions(
    *, base: str, data: Mapping[str, object], actor: User | None, version: str | None = None
) -> ChatRules:
    """Say how the guild writes its auctions from now on.

    Args:
        base: the ready-made set that it was begun from, for people.
        data: as `ChatConventions.from_data` takes it; what is not named is as delivered.
        version: the `core.versions.row_version` of the row that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: ``bad_conventions`` names the field, ``invalid_choice`` for a set that there is not.
    """
    ready_made(base)
    ChatConventions.from_data(data)
    row, _ = ChatRules.objects.select_for_update().get_or_create(pk=1)
    update_model(
        row, {"base": base, "data": dict(data)}, fields=ChatRulesValues, actor=actor,
        action="auctions.save_conventions", seen=version, summary=lambda changed: f"chat conventions changed: {changed}",
    )  # fmt: skip
    return row
