"""Writes the logs of a raid night and knows what happened: rosters, deaths, linkdeads, loot and chatter of sixty people.

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


class Night:
    """The truth of a seed, and its logs."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._said: list[tuple[dt.datetime, str]] = []
        hours = dt.timedelta(hours=1)
        self.raids = [
            RaidNight(EVENING, EVENING + 3 * hours),  # 19 to 22 UTC: 21 to 24 in Berlin
            RaidNight(EVENING + 4 * hours, EVENING + 8 * hours),  # over midnight and over the hour that comes twice
        ]
        for raid in self.raids:
            self._play(raid)
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
