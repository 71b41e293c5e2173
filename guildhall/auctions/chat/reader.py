"""The lines of an evening in, what they mean out.

A line is tried in this order: our own announcements and NPCs (passed over), openings, statuses and closings, awards,
commands, takes, retractions, bids. The first that fits is what it means.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from guildhall.core.errors import TooLarge

from . import bidders, officers
from .amounts import read_amount
from .awards import understand_award
from .bids import cut_out
from .commands import CANCELS, CLOSES, RETRACTS, STARTS, CommandText, read_command, read_start, star_amount
from .conventions import ChatConventions
from .events import ChatEvent, Command, Roll
from .lines import GameLine, Spoken, digest, spoken_lines
from .matching import ItemMatcher, PeopleMatcher
from .openings import StatusText, read_opening, read_status
from .rolls import DiceReader, Rolled
from .scene import Scene
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
    active = list(active_items)
    scene = Scene(
        rules=conventions or ChatConventions(),
        items=ItemMatcher([*active, *known_items]),
        people=PeopleMatcher(known_characters),
        auctions=Auctions(active),
        logger=logger,
    )
    return _Reader(scene).read(spoken_lines(lines, logger=logger, speaker=speaker, known_items=scene.items.names))


class _Reader:
    """Reads the lines of one call, in their order."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._dice = DiceReader()
        self._last_said: dict[str, dt.datetime] = {}
        self._times_said: Counter[str] = Counter()

    def read(self, lines: Iterable[Spoken | GameLine]) -> list[ChatEvent]:
        """All events of the lines."""
        events: list[ChatEvent] = []
        for line in lines:
            if line.line_number > MAX_LINES:
                raise TooLarge(
                    f"These are more than {MAX_LINES:,} lines. Send those of the raid alone.",
                    figures={"max_lines": MAX_LINES},
                )
            event = self._spoken(line) if isinstance(line, Spoken) else self._game(line)
            if event is not None:
                events.append(event)
        return events

    def _is_repeated(self, key: str, local: dt.datetime | None) -> bool:
        """Whether the same was said in the same seconds, in another log; counts how often it was said at all."""
        if local is not None:
            last = self._last_said.get(key)
            if last is not None and abs(local - last) <= SAME_TIME:
                return True
            self._last_said[key] = local
        self._times_said[key] += 1
        return False

    def _spoken(self, said: Spoken) -> ChatEvent | None:
        is_ours = said.message.startswith(self._scene.rules.own_prefixes)
        if said.is_npc or not said.message or is_ours or self._is_repeated(said.text_key, said.local_time):
            return None
        return self._meaning(replace(said, occurrence=self._times_said[said.text_key]))

    def _meaning(self, said: Spoken) -> ChatEvent | None:
        scene, rules = self._scene, self._scene.rules
        if said.is_cut:
            return self._cut(said)
        if said.channel in rules.officer_channels:
            if opening := read_opening(said.message, rules, scene.items):
                return officers.opened(scene, said, opening)
            if status := read_status(said.message, rules):
                return officers.stated(scene, said, status)
            if award := understand_award(said.message, said.speaker, rules, scene.items, scene.people):
                return officers.awarded(scene, said, award)
        is_own_tell = said.channel == "tell" and said.is_self and not rules.count_own_tells
        if is_own_tell or said.message.startswith(rules.echo_prefixes):
            return None
        command = read_command(said.message)
        if command and rules.reads("bang" if command.sign == "!" else "star"):
            return self._command(said, command) if said.channel in rules.bid_channels | rules.officer_channels else None
        if said.channel not in rules.bid_channels:
            return None
        return (
            bidders.take(scene, said)
            or bidders.retraction(scene, said)
            or bidders.bid(scene, said, said.message, "plain")
        )

    def _cut(self, said: Spoken) -> ChatEvent | None:
        """A number at the end of a cut line may be half a number: never a bid."""
        if not self._scene.items.find(said.message) and not said.message.startswith("!"):
            return None
        detail = "The end of the line is missing; a number in it may be incomplete."
        return self._scene.ambiguous(said, "cut_line", detail, "bid", "plain")

    def _command(self, said: Spoken, command: CommandText) -> ChatEvent | None:
        scene = self._scene
        if command.sign == "!":
            if command.name in STARTS and (opening := read_start(command.text, scene.items)):
                return officers.opened(scene, said, opening)
            if command.name in CLOSES or command.name in CANCELS:
                state = "closed" if command.name in CLOSES else "cancelled"
                return officers.stated(scene, said, StatusText("bang", state, command.text))
            if command.name in RETRACTS:
                return bidders.retracted(scene, said, command.text, "bang")
            if command.name == "bid":
                return bidders.bid(scene, said, command.text, "bang")
        found = scene.items.find(command.text) if command.sign == "!" else []
        text, amount = command.text, read_amount(cut_out(command.text, found)).amount
        if command.sign == "*":
            text, amount = star_amount(command.text)
        return Command(
            **scene.where(said, "bang" if command.sign == "!" else "star"),
            name=command.name,
            text=text,
            item=found[0].name if len(found) == 1 else None,
            amount=amount,
            character_name=scene.people.exact(command.text),
        )

    # -- the game's own lines: dice --------------------------------------------------------------------------------

    def _game(self, line: GameLine) -> ChatEvent | None:
        rolled = self._dice.read(line) if self._scene.rules.reads("rolls") else None
        if rolled is None:
            return None
        key = digest("roll", rolled.character_name, str(rolled.low), str(rolled.high), str(rolled.result))
        return None if self._is_repeated(key, rolled.local_time) else self._roll(rolled, key)

    def _roll(self, rolled: Rolled, key: str) -> Roll:
        open_rolls = self._scene.auctions.rolls()
        auction = next((one for one in open_rolls if one.roll_max == rolled.high), None)
        problem = ""
        if rolled.low > 0:
            problem = "lower_bound"
        elif open_rolls and auction is None:
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
