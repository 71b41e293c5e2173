"""The lines of an evening in, what they mean out.

A line is tried in this order: our own announcements and NPCs (passed over), openings, statuses and closings, awards,
commands, takes, retractions, bids. The first that fits is what it means.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterable

from guildhall.core.budget import Budget
from guildhall.core.errors import TooLarge

from . import bidders, endings, officers
from .amounts import read_amount
from .awards import understand_awards
from .bids import cut_out
from .commands import CANCELS, CLOSES, RETRACTS, STARTS, CommandText, read_command, read_start, star_amount
from .context import ChatContext
from .conventions import ChatConventions
from .events import ChatEvent, Command, Roll
from .lines import GameLine, Spoken, digest, lines_of, message_lines, spoken_lines
from .matching import ItemMatcher, PeopleMatcher, budget_of_a_call
from .openings import StatusText, read_opening, read_status
from .rolls import DiceReader, Rolled
from .same_line import SAME_TIME, SaidLines
from .state import ActiveAuction, Auctions

#: More lines than an evening has.
MAX_LINES = 50_000
#: More characters than that has, and as many as are read in two seconds.
MAX_CHARACTERS = 5_000_000
#: What it costs, in steps of the budget, to work out what one line of chat means, beside its length; and what it costs
#: where it means something. Nearly all that is said on an evening means nothing here, and 50,000 lines of it are read.
_MEANING = 140
_EVENT = 600


def parse_chat(
    lines: str | Iterable[str],
    *,
    active_items: Iterable[str | ActiveAuction] = (),
    known_items: Iterable[str] = (),
    known_characters: Iterable[str] = (),
    logger: str | None = None,
    conventions: ChatConventions | None = None,
    speaker: str | None = None,
    author: str | None = None,
    message_id: str = "",
    officers: Iterable[str] | None = None,
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
        author: where given, the lines are one Discord message of this character ("" for nobody known), and a name
            in the text is only text.
        message_id: Discord's id of that message.
        officers: the characters of those who run auctions; None where that is not known: then what anybody says may be an
            officer's word, and whoever applies it asks.

    Raises:
        TooLarge: ``too_large`` beyond `MAX_LINES` lines or `MAX_CHARACTERS`, ``too_much_work`` where the lines name
            so much that nobody knows that comparing it would take too long.
    """
    if not isinstance(lines, str):
        lines = list(lines)
    if (len(lines) if isinstance(lines, str) else sum(map(len, lines))) > MAX_CHARACTERS:
        raise TooLarge(
            f"This is longer than the {MAX_CHARACTERS:,} characters that are read in one go. Send the lines of the "
            "raid alone, or a part of them at a time.",
            figures={"max_characters": MAX_CHARACTERS},
        )
    if isinstance(lines, str):
        lines = lines_of(lines)
    if len(lines) > MAX_LINES:
        raise TooLarge(
            f"These are more than {MAX_LINES:,} lines. Send those of the raid alone.", figures={"max_lines": MAX_LINES}
        )
    active = list(active_items)
    named = [one if isinstance(one, str) else one.item for one in active]
    budget = budget_of_a_call()
    context = ChatContext(
        rules=conventions or ChatConventions(),
        items=ItemMatcher([*named, *known_items], budget),
        people=PeopleMatcher(known_characters, budget),
        auctions=Auctions(active),
        logger=logger,
        officers=None if officers is None else frozenset(name.casefold() for name in officers),
    )
    reader = _Reader(context, budget)
    if author is not None:
        return reader.read(
            message_lines(lines, author=author, message_id=message_id, folded_items=context.items.folded)
        )
    return reader.read(spoken_lines(lines, logger=logger, speaker=speaker, folded_items=context.items.folded))


class _Reader:
    """Reads the lines of one call, in their order."""

    def __init__(self, context: ChatContext, budget: Budget) -> None:
        self._scene = context
        self._budget = budget
        self._dice = DiceReader()
        self._said = SaidLines()
        self._log_part = 0
        self._clock: dt.datetime | None = None

    def read(self, lines: Iterable[Spoken | GameLine]) -> list[ChatEvent]:
        """Return all events of the lines."""
        events: list[ChatEvent] = []
        for line in lines:
            event = self._spoken(line) if isinstance(line, Spoken) else self._game(line)
            if isinstance(event, list):
                events.extend(event)
            elif event is not None:
                events.append(event)
        return events

    def _hear(self, words: Hashable, local: dt.datetime | None, channel: Hashable) -> tuple[bool, bool]:
        """Return whether another log of the lines, or another channel, had this; and whether the same words come within
        seconds. Counts how often they were said at all."""
        is_known, is_soon = (
            (False, False) if local is None else self._said.hear(words, local, (self._log_part, channel))
        )
        if not is_known:
            self._scene.times_said[words, local] += 1
        return is_known, is_soon

    def _follow_clock(self, local: dt.datetime | None) -> None:
        """Begin another log where the clock goes back: within one it goes forward."""
        if local is None:
            return
        if self._clock is not None and self._clock - local > SAME_TIME:
            self._log_part += 1
        self._clock = local

    def _spoken(self, said: Spoken) -> ChatEvent | list[ChatEvent] | None:
        self._follow_clock(said.local_time)
        said.log_part = self._log_part
        is_ours = said.message.startswith(self._scene.rules.own_prefixes)
        if said.is_npc or not said.message or is_ours:
            return None
        is_known, is_soon = self._hear(said.words, said.local_time, said.channel)
        if is_known:
            return None
        self._budget.charge(_MEANING + len(said.message))
        event = self._meaning(said) if not is_soon else self._awards(said)
        if event:
            self._budget.charge(_EVENT)
        return event

    def _awards(self, said: Spoken) -> list[ChatEvent]:
        """Return the awards of what was said twice within seconds in one log: a bid, an opening or a closing counts once
        then, two copies to one person are two awards."""
        context, rules = self._scene, self._scene.rules
        if said.is_cut or said.channel not in rules.officer_channels:
            return []
        if read_opening(said.message, rules, context.items) or read_status(said.message, rules):
            return []
        awards = understand_awards(said.message, said.speaker, rules, context.items, context.people)
        return [officers.awarded(context, said, award, part) for part, award in enumerate(awards, 1)]

    def _meaning(self, said: Spoken) -> ChatEvent | list[ChatEvent] | None:
        """Return what a line means: one thing, or all that it does where it awards several items."""
        context, rules = self._scene, self._scene.rules
        if said.is_cut:
            return self._cut(said)
        is_bid_channel = rules.counts(said.channel, said.channel_name, rules.bid_channels)
        is_officers = rules.counts(said.channel, said.channel_name, rules.officer_channels)
        if is_officers:
            opening = read_opening(said.message, rules, context.items, said.links)
            if opening and (event := officers.opened(context, said, opening)):
                return event
            if (status := read_status(said.message, rules)) and (event := officers.stated(context, said, status)):
                return event
            if awards := understand_awards(said.message, said.speaker, rules, context.items, context.people):
                return [officers.awarded(context, said, award, part) for part, award in enumerate(awards, 1)]
            if event := endings.closing(context, said):
                return event
        is_own_tell = said.channel == "tell" and said.is_self and not rules.count_own_tells
        if is_own_tell or said.message.startswith(rules.echo_prefixes):
            return None
        command = read_command(said.message)
        if command and rules.reads("bang" if command.sign == "!" else "star"):
            return self._command(said, command) if is_bid_channel or is_officers else None
        if not is_bid_channel:
            return None
        return (
            bidders.take(context, said) or self._retraction(said) or bidders.bid(context, said, said.message, "plain")
        )

    def _retraction(self, said: Spoken) -> ChatEvent | None:
        event = bidders.retraction(self._scene, said)
        if event is not None and said.message.casefold().startswith("cancel") and "my" not in said.message.casefold():
            return endings.cancel(self._scene, said, said.message, "plain")
        return event

    def _cut(self, said: Spoken) -> ChatEvent | None:
        """Return a number at the end of a cut line may be half a number: never a bid."""
        found = self._scene.items.find(said.message)
        if not found and not said.message.startswith("!"):
            return None
        names = tuple(dict.fromkeys(one.name for one in found))
        detail = "The end of the line is missing; a number in it may be incomplete."
        return self._scene.ambiguous(
            said,
            "cut_line",
            detail,
            "bid",
            "plain",
            item=names[0] if len(names) == 1 else None,
            items=names,
            left_over=tuple(cut_out(said.message, found).split()),
        )

    def _command(self, said: Spoken, command: CommandText) -> ChatEvent | None:
        context = self._scene
        if command.sign == "!":
            if command.name in STARTS and (opening := read_start(command.text, context.items, said.links)):
                if event := officers.opened(context, said, opening):
                    return event
            if command.name in CLOSES or command.name in CANCELS:
                state = "closed" if command.name in CLOSES else "cancelled"
                if event := officers.stated(context, said, StatusText("bang", state, command.text)):
                    return event
            if command.name == "cancel":
                return endings.cancel(context, said, command.text, "bang")
            if command.name in RETRACTS:
                return bidders.retracted(context, said, command.text, "bang")
            if command.name == "bid":
                return bidders.bid(context, said, command.text, "bang")
        found = context.items.find(command.text) if command.sign == "!" else []
        text, amount = command.text, read_amount(cut_out(command.text, found)).amount
        if command.sign == "*":
            text, amount = star_amount(command.text)
        return Command(
            **context.where(said, "bang" if command.sign == "!" else "star"),
            name=command.name,
            text=text,
            item=found[0].name if len(found) == 1 else None,
            amount=amount,
            character_name=context.people.exact(command.text),
        )

    # -- the game's own lines: dice --------------------------------------------------------------------------------

    def _game(self, line: GameLine) -> ChatEvent | None:
        self._follow_clock(line.local_time)
        rolled = self._dice.read(line) if self._scene.rules.reads("rolls") else None
        if rolled is None:
            return None
        key = digest("roll", rolled.character_name, str(rolled.low), str(rolled.high), str(rolled.result))
        is_known, is_soon = self._hear(key, rolled.local_time, "random")
        return None if is_known or is_soon else self._roll(rolled, key)

    def _roll(self, rolled: Rolled, key: str) -> Roll:
        found = self._scene.auctions.roll_to(rolled.high)
        auction, place = found or (None, 1)
        problem = ""
        if rolled.low > 0:
            problem = "lower_bound"
        elif auction is None and self._scene.auctions.has_rolls():
            problem = "wrong_range"
        elif auction and rolled.character_name in auction.rolled:
            problem = "second_roll"
        elif auction:
            auction.rolled.add(rolled.character_name)
        at = rolled.local_time.isoformat() if rolled.local_time else str(self._scene.times_said[key, rolled.local_time])
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
            tier=place,
            tier_name=auction.tiers[place - 1].name if auction else "",
        )
