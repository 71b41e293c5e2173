"""The lines of an evening in, what they mean out.

A line is tried in this order: our own announcements and NPCs (passed over), openings, statuses and closings, awards,
commands, takes, retractions, bids. The first that fits is what it means.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Hashable, Iterable

from guildhall.core.budget import Budget
from guildhall.core.errors import TooLarge

from . import bidders, officers
from .amounts import read_amount
from .awards import understand_award
from .bids import cut_out
from .commands import CANCELS, CLOSES, RETRACTS, STARTS, CommandText, read_command, read_start, star_amount
from .context import ChatContext
from .conventions import ChatConventions
from .events import ChatEvent, Command, Roll
from .lines import GameLine, Spoken, digest, lines_of, message_lines, spoken_lines
from .matching import ItemMatcher, PeopleMatcher, budget_of_a_call
from .openings import StatusText, read_opening, read_status
from .rolls import DiceReader, Rolled
from .state import Auctions

#: More lines than an evening has.
MAX_LINES = 50_000
#: More characters than that has, and as many as are read in two seconds.
MAX_CHARACTERS = 5_000_000
#: What it costs, in steps of the budget, to work out what one line of chat means, beside its length; and what it costs
#: where it means something. Nearly all that is said on an evening means nothing here, and 50,000 lines of it are read.
_MEANING = 140
_EVENT = 600
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
    author: str | None = None,
    message_id: str = "",
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
    budget = budget_of_a_call()
    context = ChatContext(
        rules=conventions or ChatConventions(),
        items=ItemMatcher([*active, *known_items], budget),
        people=PeopleMatcher(known_characters, budget),
        auctions=Auctions(active),
        logger=logger,
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
        self._last_said: dict[Hashable, dt.datetime] = {}

    def read(self, lines: Iterable[Spoken | GameLine]) -> list[ChatEvent]:
        """Return all events of the lines."""
        events: list[ChatEvent] = []
        for line in lines:
            event = self._spoken(line) if isinstance(line, Spoken) else self._game(line)
            if event is not None:
                events.append(event)
        return events

    def _is_repeated(self, key: Hashable, local: dt.datetime | None) -> bool:
        """Return whether the same was said in the same seconds, in another log; counts how often it was said at all."""
        if local is not None:
            last = self._last_said.get(key)
            if last is not None and abs(local - last) <= SAME_TIME:
                return True
            self._last_said[key] = local
        self._scene.times_said[key] += 1
        return False

    def _spoken(self, said: Spoken) -> ChatEvent | None:
        is_ours = said.message.startswith(self._scene.rules.own_prefixes)
        if said.is_npc or not said.message or is_ours or self._is_repeated(said.words, said.local_time):
            return None
        self._budget.charge(_MEANING + len(said.message))
        event = self._meaning(said)
        if event is not None:
            self._budget.charge(_EVENT)
        return event

    def _meaning(self, said: Spoken) -> ChatEvent | None:
        context, rules = self._scene, self._scene.rules
        if said.is_cut:
            return self._cut(said)
        if said.channel in rules.officer_channels:
            if opening := read_opening(said.message, rules, context.items):
                return officers.opened(context, said, opening)
            if status := read_status(said.message, rules):
                return officers.stated(context, said, status)
            if award := understand_award(said.message, said.speaker, rules, context.items, context.people):
                return officers.awarded(context, said, award)
        is_own_tell = said.channel == "tell" and said.is_self and not rules.count_own_tells
        if is_own_tell or said.message.startswith(rules.echo_prefixes):
            return None
        command = read_command(said.message)
        if command and rules.reads("bang" if command.sign == "!" else "star"):
            return self._command(said, command) if said.channel in rules.bid_channels | rules.officer_channels else None
        if said.channel not in rules.bid_channels:
            return None
        return (
            bidders.take(context, said)
            or bidders.retraction(context, said)
            or bidders.bid(context, said, said.message, "plain")
        )

    def _cut(self, said: Spoken) -> ChatEvent | None:
        """Return a number at the end of a cut line may be half a number: never a bid."""
        if not self._scene.items.find(said.message) and not said.message.startswith("!"):
            return None
        detail = "The end of the line is missing; a number in it may be incomplete."
        return self._scene.ambiguous(said, "cut_line", detail, "bid", "plain")

    def _command(self, said: Spoken, command: CommandText) -> ChatEvent | None:
        context = self._scene
        if command.sign == "!":
            if command.name in STARTS and (opening := read_start(command.text, context.items)):
                return officers.opened(context, said, opening)
            if command.name in CLOSES or command.name in CANCELS:
                state = "closed" if command.name in CLOSES else "cancelled"
                return officers.stated(context, said, StatusText("bang", state, command.text))
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
        rolled = self._dice.read(line) if self._scene.rules.reads("rolls") else None
        if rolled is None:
            return None
        key = digest("roll", rolled.character_name, str(rolled.low), str(rolled.high), str(rolled.result))
        return None if self._is_repeated(key, rolled.local_time) else self._roll(rolled, key)

    def _roll(self, rolled: Rolled, key: str) -> Roll:
        auction = self._scene.auctions.roll_to(rolled.high)
        problem = ""
        if rolled.low > 0:
            problem = "lower_bound"
        elif auction is None and self._scene.auctions.has_rolls():
            problem = "wrong_range"
        elif auction and rolled.character_name in auction.rolled:
            problem = "second_roll"
        elif auction:
            auction.rolled.add(rolled.character_name)
        at = rolled.local_time.isoformat() if rolled.local_time else str(self._scene.times_said[key])
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
