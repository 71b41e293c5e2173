"""The lines of an evening in, what they mean out.

A line is tried in this order: our own announcements and NPCs (passed over), openings, statuses and closings, awards,
commands, takes, retractions, bids. The first that fits is what it means.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

from guildhall.core.errors import TooLarge
from guildhall.raids.parsers.names import display_name

from .amounts import read_amount
from .awards import AwardRead, understand_award
from .bids import BidText, cut_out, read_bid, stray_words, take_category, without_comment
from .commands import CANCELS, CLOSES, RETRACTS, STARTS, CommandText, read_command, read_start, star_amount
from .conventions import ChatConventions
from .events import (
    Ambiguous,
    Awarded,
    Bid,
    Cancelled,
    ChatEvent,
    Closed,
    Command,
    Opened,
    OpenedItem,
    Retracted,
    Roll,
    Status,
)
from .lines import Spoken, digest, spoken_lines
from .matching import Found, ItemMatcher, PeopleMatcher
from .openings import OpeningText, StatusText, read_opening, read_status
from .rolls import DiceReader, Rolled
from .state import Auctions

#: More lines than an evening has.
MAX_LINES = 50_000
#: Two PCs' clocks differ by this much: the same words within it, in two logs, were said once.
SAME_TIME = dt.timedelta(seconds=3)


def parse_chat(
    lines: str | Iterable[str],
    *,
    active_items: Iterable[str] = (),
    known_items: Iterable[str] = (),
    known_characters: Iterable[str] = (),
    logger: str | None = None,
    conventions: ChatConventions | None = None,
    speaker: str | None = None,
) -> list[ChatEvent]:
    """Read what log lines or Discord lines say about auctions, in their order; nothing is applied.

    Args:
        lines: a text or its lines, several logs one after the other if need be: what both hold counts once.
        active_items: what is on auction now; openings in the lines add to it.
        known_items: all items, to tell one that is not on auction from a slip.
        known_characters: all characters; where there are none, a speaker's name is taken as it stands.
        logger: who wrote the log (`You`, `Me`).
        conventions: the guild's; all that are known by default.
        speaker: who said a Discord line that names nobody.

    Raises:
        TooLarge: ``too_large`` beyond `MAX_LINES` lines.
    """
    rules = conventions or ChatConventions()
    reader = _Reader(rules, list(active_items), list(known_items), PeopleMatcher(known_characters), logger)
    return reader.read(spoken_lines(lines, logger=logger, speaker=speaker, known_items=reader.items.names))


class _Reader:
    def __init__(
        self, rules: ChatConventions, active: list[str], known: list[str], people: PeopleMatcher, logger: str | None
    ) -> None:
        self.rules = rules
        self.items = ItemMatcher([*active, *known])
        self.people = people
        self.auctions = Auctions(active)
        self._logger = logger
        self._dice = DiceReader()
        self._last_said: dict[str, dt.datetime] = {}
        self._times_said: Counter[str] = Counter()
        self._awards: set[tuple[str, str | None, Decimal | None]] = set()

    def read(self, lines: Iterable[Spoken | tuple[int, str, dt.datetime | None]]) -> list[ChatEvent]:
        """All events of the lines."""
        events: list[ChatEvent] = []
        for line in lines:
            number = line.line_number if isinstance(line, Spoken) else line[0]
            if number > MAX_LINES:
                raise TooLarge(
                    f"These are more than {MAX_LINES:,} lines. Send those of the raid alone.",
                    figures={"max_lines": MAX_LINES},
                )
            found = self._spoken(line) if isinstance(line, Spoken) else self._game(line)
            events.extend(found)
        return events

    # -- the game's own lines: dice --------------------------------------------------------------------------------

    def _game(self, line: tuple[int, str, dt.datetime | None]) -> Iterator[ChatEvent]:
        rolled = self._dice.read(*line) if self.rules.reads("rolls") else None
        if rolled:
            key = digest("roll", rolled.character_name, str(rolled.low), str(rolled.high), str(rolled.result))
            if not self._is_repeated(key, rolled.local_time):
                yield self._roll(rolled, key)

    def _roll(self, rolled: Rolled, key: str) -> Roll:
        auction = next((one for one in self.auctions.rolls() if one.roll_max == rolled.high), None)
        problem = ""
        if rolled.low > 0:
            problem = "lower_bound"
        elif self.auctions.rolls() and auction is None:
            problem = "wrong_range"
        elif auction and rolled.character_name in auction.rolled:
            problem = "second_roll"
        elif auction:
            auction.rolled.add(rolled.character_name)
        at = rolled.local_time.isoformat() if rolled.local_time else str(self._times_said[key])
        return Roll(
            speaker=rolled.character_name,
            channel="random",
            local_time=rolled.local_time,
            line_number=rolled.line_number,
            raw=rolled.raw,
            fingerprint=digest(key, at),
            text_key=key,
            convention="rolls",
            character_name=rolled.character_name,
            low=rolled.low,
            high=rolled.high,
            result=rolled.result,
            item=auction.item if auction else None,
            problem=problem,
            is_doubtful=rolled.is_doubtful,
        )

    def _is_repeated(self, key: str, local: dt.datetime | None) -> bool:
        """Whether the same was said in the same seconds, in another log; counts how often it was said at all."""
        if local is not None:
            last = self._last_said.get(key)
            if last is not None and abs(local - last) <= SAME_TIME:
                return True
            self._last_said[key] = local
        self._times_said[key] += 1
        return False

    # -- what people say -------------------------------------------------------------------------------------------

    def _spoken(self, said: Spoken) -> Iterator[ChatEvent]:
        is_ours = any(said.message.startswith(prefix) for prefix in self.rules.own_prefixes)
        if said.is_npc or not said.message or is_ours:
            return
        if self._is_repeated(said.text_key, said.local_time):
            return
        said = replace(said, occurrence=self._times_said[said.text_key])
        event = self._meaning(said)
        if event is not None:
            yield event

    def _meaning(self, said: Spoken) -> ChatEvent | None:
        rules = self.rules
        if said.is_cut:
            return self._cut(said)
        if said.channel in rules.officer_channels:
            if opening := read_opening(said.message, rules, self.items):
                return self._opened(said, opening)
            if status := read_status(said.message, rules):
                return self._status(said, status)
            if award := understand_award(said.message, said.speaker, rules, self.items, self.people):
                return self._awarded(said, award)
        command = read_command(said.message)
        if command and rules.reads("bang" if command.sign == "!" else "star"):
            return self._command(said, command)
        is_own_tell = said.channel == "tell" and said.is_self and not rules.count_own_tells
        is_echo = said.message.startswith(rules.echo_prefixes)
        if said.channel not in rules.bid_channels or is_own_tell or is_echo:
            return None
        return self._take(said) or self._retraction(said, said.message) or self._bid(said, said.message, "plain")

    def _cut(self, said: Spoken) -> ChatEvent | None:
        """A number at the end of a cut line may be half a number: never a bid."""
        if not self.items.find(said.message) and not said.message.startswith("!"):
            return None
        return self._ambiguous(
            said, "cut_line", "The end of the line is missing; a number in it may be incomplete.", "bid", "plain"
        )

    # -- officers --------------------------------------------------------------------------------------------------

    def _opened(self, said: Spoken, opening: OpeningText) -> ChatEvent:
        opened: list[OpenedItem] = []
        for name, copies in opening.items:
            exact = self.items.exact(name)
            item = exact or name
            opened.append(OpenedItem(item, copies, exact is not None, () if exact else self.items.like(name)))
            self.items.add(item)
            is_take = opening.convention == "suicide_kings"
            self.auctions.open(item, copies, opening.roll_max, is_take=is_take)
        return Opened(
            **self._where(said, opening.convention),
            items=tuple(opened),
            minimum=opening.minimum,
            duration=opening.duration,
            roll_max=opening.roll_max,
            category=opening.category,
            classes=opening.classes,
        )

    def _status(self, said: Spoken, status: StatusText) -> ChatEvent | None:
        item = self.items.exact(status.item) if status.item else self.auctions.only_open
        if status.item and item is None:
            found = self.items.find(status.item)
            item = found[0].name if len(found) == 1 else None
        if status.item and item is None:
            detail = f"“{status.item[:60]}” names no item that is known."
            return self._ambiguous(
                said, "unknown_item", detail, status.state, status.convention, suggestions=self.items.like(status.item)
            )
        where = self._where(said, status.convention)
        if status.state == "open":
            return Status(
                **where,
                item=item,
                leader=self.people.exact(status.who) or display_name(status.who) if status.who else None,
                amount=status.amount,
                closing_in=status.closing_in,
                text=said.message,
            )
        if status.state == "cancelled":
            if item:
                self.auctions.remove(item)
            return Cancelled(**where, what="auction", item=item)
        if item:
            self.auctions.close(item)
        return Closed(**where, item=item)

    def _awarded(self, said: Spoken, award: AwardRead) -> ChatEvent:
        if award.problem:
            return self._ambiguous(
                said,
                award.problem,
                award.detail,
                "award",
                award.convention,
                item=award.item,
                character_name=award.who,
                amount=award.amount,
                suggestions=award.suggestions,
            )
        assert award.item is not None
        where = self._where(said, award.convention)
        if award.is_undo:
            self._awards.discard((award.item, award.who, award.amount))
            return Cancelled(**where, what="award", item=award.item, character_name=award.who, amount=award.amount)
        key = (award.item, award.who, award.amount)
        is_repeated = key in self._awards
        self._awards.add(key)
        if not is_repeated:
            self.auctions.award(award.item, is_rot=award.is_rot)
        return Awarded(
            **where,
            item=award.item,
            character_name=award.who,
            amount=award.amount,
            roll=award.roll,
            is_rot=award.is_rot,
            category=award.category,
            note=award.note,
            is_repeated=is_repeated,
        )

    # -- commands --------------------------------------------------------------------------------------------------

    def _command(self, said: Spoken, command: CommandText) -> ChatEvent | None:
        if command.sign == "*":
            words, amount = star_amount(command.text)
            character = self.people.exact(command.text)
            where = self._where(said, "star")
            return Command(**where, name=command.name, text=words, amount=amount, character_name=character)
        if command.name in STARTS and (opening := read_start(command.text, self.items)):
            return self._opened(said, opening)
        if command.name == "bid":
            return self._bid(said, command.text, "bang")
        if command.name in RETRACTS:
            return self._retracted(said, command.text, "bang")
        if command.name in CLOSES or command.name in CANCELS:
            state = "closed" if command.name in CLOSES else "cancelled"
            return self._status(said, StatusText("bang", state, command.text))
        found = self.items.find(command.text)
        amount = read_amount(cut_out(command.text, found)).amount
        return Command(
            **self._where(said, "bang"),
            name=command.name,
            text=command.text,
            item=found[0].name if len(found) == 1 else None,
            amount=amount,
            character_name=self.people.exact(command.text),
        )

    # -- bidders ---------------------------------------------------------------------------------------------------

    def _take(self, said: Spoken) -> ChatEvent | None:
        """Suicide kings: the bare sign takes what is offered."""
        item = self.auctions.only_take()
        if not self.rules.reads("suicide_kings") or item is None:
            return None
        if said.message.casefold() != self.rules.take_symbol.casefold():
            return None
        return self._placed(said, BidText(item=item), "suicide_kings", is_interest=True)

    def _retraction(self, said: Spoken, message: str) -> ChatEvent | None:
        if not self.rules.reads("plain"):
            return None
        found = self.items.find(message)
        words = " ".join(re.findall(r"[a-z']+", cut_out(message, found).casefold()))
        if words not in self.rules.retractions or read_amount(cut_out(message, found)).problem != "no_amount":
            return None
        if not found and not self.auctions.open_items:
            return None
        return self._retracted(said, message, "plain", found)

    def _retracted(
        self, said: Spoken, message: str, convention: str, found: list[Found] | None = None
    ) -> ChatEvent | None:
        found = self.items.find(message) if found is None else found
        names = {one.name for one in found}
        item = names.pop() if len(names) == 1 else None if names else self.auctions.only_open
        if item is None:
            detail = "It does not say which bid is taken back."
            suggestions = tuple(self.auctions.open_items[:5])
            return self._ambiguous(said, "which_item", detail, "retraction", convention, suggestions=suggestions)
        return self._by(said, "retraction", convention, item) or Retracted(
            **self._where(said, convention), item=item, character_name=self._name(said.speaker)
        )

    def _bid(self, said: Spoken, message: str, convention: str) -> ChatEvent | None:
        if convention == "plain" and not (self.rules.reads("plain") or ":::" in message):
            return None
        message = " ".join(message.replace(":::", " ").split())
        text, _comment = without_comment(message, self.rules)
        found = self.items.find(text)
        names = list(dict.fromkeys(one.name for one in found))
        if not found:
            return self._without_item(said, message, convention)
        bid = read_bid(message, found, self.rules, self.people)
        if bid is None:
            is_bare = convention == "bang" or not stray_words(cut_out(text, found), self.rules)
            bid = BidText(item=names[0], problem="no_amount", detail="It names no amount.") if is_bare else None
        if bid is None or (not self.auctions.open_items and not self.auctions.get(names[0]) and bid.problem):
            return None
        if len(names) > 1:
            detail = f"It names several items: {', '.join(names[:3])}."
            return self._doubtful(said, replace(bid, item=None, problem="two_items", detail=detail), convention, names)
        if bid.problem:
            return self._doubtful(said, bid, convention)
        if self.auctions.get(names[0]) is None:
            detail = f"{names[0]} is not on auction."
            return self._doubtful(said, replace(bid, problem="not_on_auction", detail=detail), convention)
        return self._placed(said, bid, convention)

    def _without_item(self, said: Spoken, message: str, convention: str) -> ChatEvent | None:
        """A bid that names no item exactly: the only one open where a command says `!bid 50`, else for a person."""
        text, comment = without_comment(message, self.rules)
        category, rest = take_category(text, self.rules)
        amount = read_amount(rest)
        open_items = self.auctions.open_items
        if amount.problem == "no_amount" or not open_items:
            return None
        stray = stray_words(amount.rest, self.rules)
        bid = BidText(
            amount=amount.amount,
            increment=amount.increment,
            all_in=amount.all_in,
            category=category,
            comment=comment,
            problem=amount.problem,
            detail=amount.detail,
        )
        if not stray:
            if convention == "bang" and self.auctions.only_open:
                bid = replace(bid, item=self.auctions.only_open)
                return self._doubtful(said, bid, convention) if bid.problem else self._placed(said, bid, convention)
            if bid.problem or re.search(r"[^\w\s.,+!/-]", rest):
                return None
            reason = "which_item" if len(open_items) > 1 else "no_item"
            bid = replace(bid, problem=reason, detail="It does not say which item.", suggestions=tuple(open_items[:5]))
            return self._doubtful(said, bid, convention)
        likely = self.items.like(" ".join(stray), among=open_items)
        if not likely and convention != "bang":
            return None
        detail = f"“{' '.join(stray)[:60]}” names no item on auction."
        return self._doubtful(said, replace(bid, problem="unknown_item", detail=detail, suggestions=likely), convention)

    def _placed(self, said: Spoken, bid: BidText, convention: str, *, is_interest: bool = False) -> ChatEvent:
        assert bid.item is not None
        if refusal := self._by(said, "bid", convention, bid.item, bid):
            return refusal
        auction = self.auctions.get(bid.item)
        speaker = self._name(said.speaker)
        return Bid(
            **self._where(said, convention),
            item=bid.item,
            character_name=bid.on_behalf or speaker,
            amount=bid.amount,
            all_in=bid.all_in,
            increment=bid.increment,
            is_interest=is_interest,
            category=bid.category,
            is_on_behalf=bid.on_behalf is not None and bid.on_behalf.casefold() != speaker.casefold(),
            is_late=auction is not None and auction.is_closed,
            comment=bid.comment,
        )

    # -- shared ----------------------------------------------------------------------------------------------------

    def _by(self, said: Spoken, meant: str, convention: str, item: str, bid: BidText | None = None) -> Ambiguous | None:
        """Why it cannot be told whose bid it is, else None."""
        bid = bid or BidText()
        if bid.on_behalf:
            return None
        if not said.speaker or (said.speaker == "You" and self._logger is None):
            detail = "It does not say who speaks. Give the name of the character who wrote the log."
            return self._ambiguous(said, "no_speaker", detail, meant, convention, item=item, amount=bid.amount)
        if self.people and self.people.exact(said.speaker) is None:
            detail = f"{said.speaker[:40]} is no character that is known."
            return self._ambiguous(
                said,
                "unknown_character",
                detail,
                meant,
                convention,
                item=item,
                character_name=said.speaker,
                amount=bid.amount,
                category=bid.category,
                suggestions=self.people.like(said.speaker),
            )
        return None

    def _name(self, speaker: str) -> str:
        return self.people.exact(speaker) or speaker

    def _doubtful(self, said: Spoken, bid: BidText, convention: str, items: Iterable[str] = ()) -> Ambiguous:
        return self._ambiguous(
            said,
            bid.problem,
            bid.detail,
            "bid",
            convention,
            item=bid.item,
            character_name=bid.on_behalf or self._name(said.speaker) or None,
            amount=bid.amount,
            category=bid.category,
            items=tuple(items),
            suggestions=bid.suggestions,
        )

    def _ambiguous(
        self, said: Spoken, reason: str, detail: str, meant: str, convention: str, **details: Any
    ) -> Ambiguous:
        return Ambiguous(**self._where(said, convention), reason=reason, detail=detail, meant=meant, **details)

    @staticmethod
    def _where(said: Spoken, convention: str) -> dict[str, Any]:
        return {
            "speaker": said.speaker,
            "channel": said.channel,
            "local_time": said.local_time,
            "line_number": said.line_number,
            "raw": said.raw,
            "fingerprint": said.fingerprint,
            "text_key": said.text_key,
            "convention": convention,
        }
