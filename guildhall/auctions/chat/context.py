"""What is known while the lines of one call are read, and how an event is made of a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from .bids import BidText
from .conventions import ChatConventions
from .events import Ambiguous
from .lines import Spoken
from .matching import ItemMatcher, PeopleMatcher
from .state import Auctions


@dataclass(slots=True)
class ChatContext:
    """The guild's conventions, its items and people, and the auctions as the lines tell them.

    `officers` are the characters of those who run auctions, as `casefold` has them; None where that is not known.
    `logger` wrote the log, where that is known. `awards` are those given so far, to mark one that is given again;
    `times_said` counts how often the same words came at the same time.
    """

    rules: ChatConventions
    items: ItemMatcher
    people: PeopleMatcher
    auctions: Auctions
    logger: str | None = None
    officers: frozenset[str] | None = None
    awards: set[tuple[str, str | None, Decimal | None]] = field(default_factory=set)
    times_said: Counter[Hashable] = field(default_factory=Counter)

    def may_run(self, speaker: str) -> bool:
        """Return whether what somebody says can open, close or cancel an auction, as far as that is known here."""
        return self.officers is None or speaker.casefold() in self.officers

    def where(self, said: Spoken, convention: str, part: int = 1) -> dict[str, Any]:
        """Return what every event says of its line; `part` counts the events of one line."""
        return {
            "speaker": said.speaker,
            "channel": said.channel,
            "local_time": said.local_time,
            "line_number": said.line_number,
            "raw": said.raw,
            **said.keys(self.times_said[said.words, said.local_time], part),
            "log_part": said.log_part,
            "is_numbered": bool(said.message_id),
            "convention": convention,
        }

    def ambiguous(
        self, said: Spoken, reason: str, detail: str, meant: str, convention: str, **details: Any
    ) -> Ambiguous:
        """Return a doubt for a person, with what was understood, and the words that were not (`left_over`), in
        `details`."""
        return Ambiguous(**self.where(said, convention), reason=reason, detail=detail, meant=meant, **details)

    def doubtful_bid(self, said: Spoken, bid: BidText, convention: str, items: tuple[str, ...] = ()) -> Ambiguous:
        """Return a bid whose `problem` a person has to solve."""
        return self.ambiguous(
            said,
            bid.problem,
            bid.detail,
            "bid",
            convention,
            item=bid.item,
            character_name=bid.on_behalf or self.name_of(said.speaker) or None,
            amount=bid.amount,
            category=bid.category,
            items=items,
            suggestions=bid.suggestions,
            left_over=tuple(bid.stray),
        )

    def nobody_known(self, said: Spoken, meant: str, convention: str, bid: BidText) -> Ambiguous | None:
        """Return why it cannot be told whose bid it is, None where it can."""
        if bid.on_behalf:
            return None
        if not said.speaker or (said.speaker == "You" and self.logger is None):
            detail = "It does not say who speaks. Give the name of the character who wrote the log."
            return self.ambiguous(said, "no_speaker", detail, meant, convention, item=bid.item, amount=bid.amount)
        if self.people and self.people.exact(said.speaker) is None:
            return self.ambiguous(
                said,
                "unknown_character",
                f"{said.speaker[:40]} is not a character that is known.",
                meant,
                convention,
                item=bid.item,
                character_name=said.speaker,
                amount=bid.amount,
                category=bid.category,
                suggestions=self.people.like(said.speaker),
            )
        return None

    def open_like(self, text: str) -> tuple[str, ...]:
        """Return items on auction that are like `text`, best first."""
        return self.items.like(text, among=self.auctions.open_items)

    def name_of(self, speaker: str) -> str:
        """Return a speaker as the guild writes the name."""
        return self.people.exact(speaker) or speaker
