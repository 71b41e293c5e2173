"""Writes the logs of a raid night and knows what happened: rosters, deaths, linkdeads, loot, auctions and rolls in chat, and
chatter of sixty people.

Two raids in the night in which the clocks of Europe go back, over midnight, logged by two people: one in Berlin, one in New
York, whose clock is two seconds off. All of it follows from the seed.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

PEOPLE = 60
EVENING = dt.datetime(2026, 10, 24, 19, tzinfo=dt.UTC)  # the clocks go back at 1:00 UTC
LOGGERS = {"Tannik": ("Europe/Berlin", 0), "Sorrel": ("America/New_York", 2)}
ITEMS = ("Cloak of Flames", "Lucid Shard", "Bixie Royal Jelly", "Icefall Longbow", "Letter from Home", "A Glowing Orb")
#: What is auctioned and rolled for in chat; the first is won in each raid, and twice within seconds.
SOLD = ("Giantbone Maul", "Sash of Winds", "Copper Disc", "Runed Bolster Belt")
ROLLED = ("Rusty Dagger", "Silver Chain")
WORTH = 5
CHATTER = (
    "{who} tells the raid,  'who needs rez'", "{who} tells the guild, 'gratz {other} on the level'", "{who} says, 'standby for pull'",
    "{who} tells the raid,  '{other} is linkdead again'", "{who} hits a gnoll for 40 points of damage.",
    "{who} tells the guild, 'has anybody looted a {item}?'", "{who} says, '--{other} has looted a {item}.--'",
    "{who} shouts, '[60 Warder] {other} (Elf) <Ours>'", "{who} tells general:2, 'WTS {item} 500pp'",
    "Tannik says, '{other} has left the raid.'", "{who} tells the raid,  'taking bids on when Naggy pops'",
)  # fmt: skip


def name_of(number: int) -> str:
    """Return a name of letters alone for each number."""
    return f"Rai{chr(97 + number // 26)}{chr(97 + number % 26)}n"


NAMES = [*LOGGERS, *(name_of(number) for number in range(PEOPLE - len(LOGGERS)))]


@dataclass
class Tick:
    """One `/who`: who was there, and who of them was linkdead in the sense of having left and come back around it."""

    at: dt.datetime
    there: set[str]
    linkdead: set[str] = field(default_factory=set)


@dataclass
class RaidNight:
    """One of the raids: its ticks, and what went to whom for how much, in the order of time."""

    starts: dt.datetime
    ends: dt.datetime
    ticks: list[Tick] = field(default_factory=list)
    loot: list[tuple[dt.datetime, str, str, int]] = field(default_factory=list)
    rolls: dict[str, dict[str, int]] = field(default_factory=dict)
    bids: dict[str, list[tuple[str, int]]] = field(default_factory=dict)


class Night:
    """The truth of a seed, and its logs."""

    def __init__(self, seed: int, *, auctions: bool = False) -> None:
        self._random = random.Random(seed)
        self._said: list[tuple[dt.datetime, str]] = []
        hours = dt.timedelta(hours=1)
        self.raids = [
            RaidNight(EVENING, EVENING + 3 * hours),  # 19 to 22 UTC: 21 to 24 in Berlin
            RaidNight(EVENING + 4 * hours, EVENING + 8 * hours),  # over midnight and over the hour that comes twice
        ]
        for raid in self.raids:
            self._play(raid)
        if auctions:
            for raid, items, rolled in zip(self.raids, (SOLD[:3], (SOLD[0], SOLD[3])), ROLLED, strict=True):
                self._sell(raid, items)
                self._roll_for(raid, rolled)
        self._chat()
        self._said.sort(key=lambda line: line[0])

    def _play(self, raid: RaidNight) -> None:
        dice = self._random
        length = (raid.ends - raid.starts).seconds
        moments = sorted(dice.sample(range(10, length // 60 - 10, 20), 4))
        for minutes in moments:
            at = raid.starts + dt.timedelta(minutes=minutes, seconds=dice.randrange(60))
            tick = Tick(at, {*LOGGERS, *dice.sample(NAMES[2:], dice.randrange(30, 55))})
            tick.linkdead = set(dice.sample(sorted(tick.there - set(LOGGERS)), 3))
            for who in tick.linkdead:
                self._say(at - dt.timedelta(seconds=dice.randrange(30, 200)), f"{who} has left the raid.")
                self._say(at + dt.timedelta(seconds=dice.randrange(30, 200)), f"{who} joined the raid.")
            raid.ticks.append(tick)
            self._who(tick)
        for _ in range(8):
            at = raid.starts + dt.timedelta(seconds=dice.randrange(60, length - 60))
            item, who, price = dice.choice(ITEMS), dice.choice(NAMES), dice.randrange(0, 9)
            for copy in range(dice.choice((1, 1, 2))):
                seen = at + dt.timedelta(seconds=copy)
                raid.loot.append((seen, who, item, price))
                self._say(seen, f"--{who} has looted a {item}.--")
        raid.loot.sort(key=lambda one: one[0])

    def _sell(self, raid: RaidNight, items: tuple[str, ...]) -> None:
        """The officer opens, three bid, one of them too little, it is closed and the winner congratulated."""
        dice = self._random
        for number, item in enumerate(items):
            at = raid.starts + dt.timedelta(minutes=12 + 40 * number, seconds=dice.randrange(60))
            self._tell(at, "Tannik", f":::{item}::: OPEN")
            bidders, price = dice.sample(NAMES[2:], 3), dice.randrange(3, 9)
            raid.bids[item] = []
            for turn, who in enumerate(bidders):
                price += 3
                raid.bids[item].append((who, price))
                self._tell(at + dt.timedelta(seconds=7 * turn + 5), who, f"{item} {price}")
            self._tell(at + dt.timedelta(seconds=40), bidders[0], f"{item} {price - 2}")  # refused: too little
            self._tell(at + dt.timedelta(seconds=60), "Tannik", f"{item} closed")
            won = at + dt.timedelta(seconds=70)
            for copy in range(2 if number == 0 else 1):
                seen = won + dt.timedelta(seconds=2 * copy)
                self._tell(seen, "Tannik", f"grats {bidders[-1]} {item} {price} dkp")
                raid.loot.append((seen, bidders[-1], item, price))

    def _roll_for(self, raid: RaidNight, item: str) -> None:
        dice = self._random
        at = raid.starts + dt.timedelta(minutes=30, seconds=dice.randrange(60))
        self._tell(at, "Tannik", f"{item} 333 ROLL")
        turned = dice.sample(range(334), 5)
        raid.rolls[item] = dict(zip(dice.sample(NAMES[2:], 5), turned, strict=True))
        for turn, (who, result) in enumerate(raid.rolls[item].items()):
            self._say(at + dt.timedelta(seconds=4 * turn + 5), f"**A Magic Die is rolled by {who}.")
            said = f"**It could have been any number from 0 to 333, but this time it turned up a {result}."
            self._say(at + dt.timedelta(seconds=4 * turn + 5), said)
        self._tell(at + dt.timedelta(seconds=50), "Tannik", f"{item} closed")

    def _tell(self, at: dt.datetime, who: str, words: str) -> None:
        self._say(at, f"{who} tells the raid,  '{words}'")

    def _who(self, tick: Tick) -> None:
        rows = []
        for number, name in enumerate(sorted(tick.there)):
            row = (
                f"* RIP *[56 Defiler (Necromancer)] {name}'s corpse (Skeleton) <Ours>  ZONE: permafrost",
                f"* RIP *[ANONYMOUS] {name}'s corpse0 <Ours>",
                f" AFK [60 Warder] {name} (Wood Elf) <Ours>",
                f"[ANONYMOUS] {name}  <Ours>",
                f"[60 Grave Lord] {name} (Iksar) <Ours> LFG",
            )[min(number % 7, 4)]
            rows.append(row)
        lines = ("Players on EverQuest:", "-" * 27, *rows, f"There are {len(rows)} players in Permafrost.")
        for line in lines:
            self._say(tick.at, line)

    def _chat(self) -> None:
        dice = self._random
        for second in range(0, 8 * 3600, 20):
            line = dice.choice(CHATTER).format(
                who=dice.choice(NAMES), other=dice.choice(NAMES), item=dice.choice(ITEMS)
            )  # fmt: skip
            self._say(EVENING + dt.timedelta(seconds=second), line)

    def _say(self, at: dt.datetime, line: str) -> None:
        self._said.append((at, line))

    def log(
        self, logger: str, since: dt.datetime | None = None, until: dt.datetime | None = None, *, zone: str = ""
    ) -> str:
        """Return the log of one of `LOGGERS` between two moments, in the clock of their computer, or of `zone`."""
        home, skew = LOGGERS[logger]
        zone = zone or home
        text = []
        for at, line in self._said:
            if (since is None or at >= since) and (until is None or at < until):
                local = (at + dt.timedelta(seconds=skew)).astimezone(ZoneInfo(zone))
                own = line.replace(f"--{logger} has looted", "--You have looted")
                if own.startswith(f"{logger} tells the raid,  "):
                    own = own.replace(f"{logger} tells the raid,  ", "You tell your raid, ", 1)
                text.append(f"[{local:%a %b %d %H:%M:%S %Y}] {own}\n")
        return "".join(text)

    def balances(self) -> dict[str, int]:
        """Return what everybody has in the end: each tick that they were at, less what they bought."""
        found: defaultdict[str, int] = defaultdict(int)
        for raid in self.raids:
            for tick in raid.ticks:
                for name in tick.there:
                    found[name] += WORTH
            for _, who, _, price in raid.loot:
                found[who] -= price
        return found
