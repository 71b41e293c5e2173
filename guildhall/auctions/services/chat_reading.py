"""What the guild knows that lines of chat are read by: its items, people, officers and running auctions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from guildhall.accounts.models import User
from guildhall.accounts.permissions import principal_for
from guildhall.loot.selectors import known_names
from guildhall.roster.models import Character, CharacterAlias

from ..chat.rollcalls import RollTier
from ..chat.state import ActiveAuction
from ..models import ItemBid
from ..selectors import running


@dataclass(frozen=True, slots=True)
class ChatKnowledge:
    """The lists that `chat.parse_chat` takes. `officers` are the characters of those who run auctions."""

    active_items: Sequence[ActiveAuction]
    known_items: Sequence[str]
    known_characters: Sequence[str]
    officers: Collection[str]


def chat_knowledge(trusted: Collection[str] = ()) -> ChatKnowledge:
    """Return what the guild knows. Six queries.

    Args:
        trusted: characters who run auctions though their owner is not an officer here.
    """
    characters = list(Character.objects.exclude(status=Character.Status.REMOVED).values_list("pk", "name", "user_id"))
    names: dict[int, list[str]] = defaultdict(list)
    owners = {}
    for pk, name, user_id in characters:
        if user_id is not None:
            names[user_id].append(name)
            owners[pk] = user_id
    aliases = list(CharacterAlias.objects.values_list("name", "character_id"))
    for name, character_id in aliases:
        if character_id in owners:
            names[owners[character_id]].append(name)
    people = User.objects.filter(pk__in=list(names), is_active=True)
    officers = [name for user in people if principal_for(user).runs_auctions for name in names[user.pk]]
    return ChatKnowledge(
        active_items=_active(names),
        known_items=list(known_names()),
        known_characters=[*(name for _pk, name, _user in characters), *(name for name, _character in aliases)],
        officers=[*officers, *trusted],
    )


def _active(names: dict[int, list[str]]) -> list[ActiveAuction]:
    """Return the running auctions, the oldest first: of two that name one range the later is rolled for."""
    sessions = list(running().order_by("started_at"))
    bidders: dict[object, list[str]] = defaultdict(list)
    rows = ItemBid.objects.filter(session__in=[session.pk for session in sessions])
    for session_id, user_id in rows.values_list("session_id", "user_id"):
        bidders[session_id] += names.get(user_id, [])
    return [
        ActiveAuction(
            session.item_name,
            bidders[session.pk],
            tuple(RollTier(tier["high"], tier["name"]) for tier in session.roll_tiers),
        )
        for session in sessions
    ]
