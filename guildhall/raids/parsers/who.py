"""`/who` rosters in a log, or pasted from one.

Rows count between a heading and its footer; chat and combat that the game writes in between are skipped. A roster ends
without a footer after 10 seconds or 5,000 lines, and says so. A heading while a roster is open suspends that one: rows
that follow the second one's footer belong to the first again. Rows without any heading (somebody pasted only those)
make a roster too, but in a log only a footer, or the want of any better roster, makes them count.

Invariant: memory does not grow with the log. At most `MAX_BLOCKS` rosters and `MAX_ENTRIES` rows are kept, the latest.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from .names import NameProblem
from .results import SAMPLE_LENGTH, IgnoredLines, ParseWarning, RosterBlock, UnreadRow
from .source import MAX_LINE_BYTES, decode
from .stamps import TIME_DOUBTS, LocalClock, read_stamp, split_stamp, weekday_fits
from .who_row import ODD_START, ROW_START, guess_name, read_row

MAX_BLOCKS = 500
MAX_ENTRIES = 50_000
MAX_ROWS_IN_BLOCK = 5_000
#: Rosters that wait for the end of one that interrupted them, and lists without a heading: no evening has more.
MAX_SUSPENDED = 5
MAX_HEADLESS = 20
LONGEST_BLOCK = dt.timedelta(seconds=10)
LONGEST_BLOCK_LINES = 5_000
#: A friends list has no footer; its rows come at once.
_FRIENDS_LAST = dt.timedelta(seconds=3)

_HEADING = re.compile(r"^\s*Players (?:on|in) EverQuest[^:]{0,40}:\s*$")
_FRIENDS = re.compile(r"^\s*Friends currently on EverQuest")
_FOOTER = re.compile(
    r"^\s*There (?:is|are) (?P<count>\d{1,6}|no) players? in "
    r"(?P<where>.+?)(?P<filter> that match those who filters)?\.\s*$"
)
_CUT_SHORT = re.compile(r"^\s*Your who request was cut short")
_RULE = re.compile(r"^\s*-{3,}\s*$")
#: The first characters that a row (or the rule above the rows) can begin with, after the time.
_ROW_STARTS = b"[ *<OTBA-"
#: What else a line without a bracket matters by, where somebody pasted a roster without the times.
_BARE_WORDS = (b"Friends", b"who request", b"---")


#: Words without which a line is no part of a roster but a row, and how a row (`ROW_START`) or a blank line looks in bytes.
_WORDS = (b"layer", b"Friends", b"who request", b"---")
_BRACKET = re.compile(rb"\[(?:[0-9\x80-\xff]|ANON|ROLEPL)")
_UNREADABLE = "It begins like a row of /who but does not go on as one."
_BLANK = re.compile(rb"\n(?=[ \t\x0b\x0c>]*(?:\[[^\n]{24}\][ \t\x0b\x0c]*)?\n)")


def _may_matter(block: bytes) -> list[int]:
    """Return where the lines begin that `_candidate` must see, in order.

    A few searches over many lines at once: of the million lines of a log some hundreds matter.
    """
    begins = {match.end() for match in _BLANK.finditer(block)}
    if _BLANK.match(b"\n" + block[: block.find(b"\n") + 1]):
        begins.add(0)
    end = 0
    while bracket := _BRACKET.search(block, end):  # once a line, however long and however often it is in it
        begins.add(block.rfind(b"\n", end, bracket.start()) + 1 or end)
        end = block.index(b"\n", bracket.end()) + 1
    for word in _WORDS:
        end = 0
        while (place := block.find(word, end)) >= 0:
            begins.add(block.rfind(b"\n", end, place) + 1 or end)
            end = block.index(b"\n", place) + 1
    return sorted(begins)


@dataclass(slots=True)
class _Open:
    """A roster that is being read."""

    block: RosterBlock
    has_heading: bool
    last_local: dt.datetime | None
    last_line: int
    names: set[str] = field(default_factory=set)


class WhoReader:
    """Feed it the lines of a log; it keeps the rosters in `blocks` and the rest in `ignored`."""

    def __init__(self, clock: LocalClock, ignored: IgnoredLines) -> None:
        self.blocks: list[RosterBlock] = []
        self.warnings: list[ParseWarning] = []
        self.line_count = 0
        self._clock = clock
        self._ignored = ignored
        self._open: _Open | None = None
        self._suspended: list[_Open] = []
        self._headless: list[RosterBlock] = []
        self._friends_since: tuple[dt.datetime | None, int] | None = None
        self._roster_lines = 0
        self._blank_lines = 0
        self._kept_entries = 0
        self._is_dropping = False

    def read(self, blocks: Iterable[bytes]) -> None:
        """Read all lines, given many at a time (`Source.blocks`). Chat and combat are searched through, not looked at line by line."""
        number, block = 0, b"\n"
        for block in blocks:
            end, is_heard = 0, self._clock.is_near_change(block)
            for begin in _may_matter(block):
                for line in block[end:begin].split(b"\n") if is_heard else ():
                    self._clock.hear(line)
                number += block.count(b"\n", end, begin) + 1
                end = block.index(b"\n", begin) + 1
                self._candidate(number, block[begin : min(end - 1, begin + MAX_LINE_BYTES)])
            number += block.count(b"\n", end)
        last = block[block.rfind(b"\n", 0, -1) + 1 : -1][:MAX_LINE_BYTES]
        self.line_count = number
        self._expire(number, split_stamp(last)[0])
        self._finish()

    def _candidate(self, number: int, line: bytes) -> None:
        if not line:
            self._blank_lines += 1
        elif b"[" not in line and b"layer" not in line and not any(word in line for word in _BARE_WORDS):
            self._blank_lines += line.isspace()
        elif (
            line[25:27] != b"] "
            or line[27:28] in _ROW_STARTS
            or b"layer" in line
            or b"Friends" in line
            or b"who request" in line
            or self._open is not None
        ):
            self._line(number, line)

    def _line(self, number: int, line: bytes) -> None:
        stamp, payload = split_stamp(line)
        if not payload.strip():
            self._blank_lines += 1
            return
        text = decode(payload)
        if ROW_START.match(text) or (self._open is not None and self._open.has_heading and ODD_START.match(text)):
            self._row(number, stamp, text)
        elif _HEADING.match(text):
            self._heading(number, stamp)
        elif _FRIENDS.match(text):
            self._end_all("missing_footer")
            self._friends_since = (read_stamp(stamp) if stamp else None, number)
        elif "player" in text and (footer := _FOOTER.match(text)):
            self._footer(number, stamp, footer)
        elif _CUT_SHORT.match(text):
            self._cut_short(number, stamp)
        elif self._open and _RULE.match(text):
            self._roster_lines += 1

    # -- the parts of a roster -------------------------------------------------------------------------------------

    def _heading(self, number: int, stamp: bytes | None) -> None:
        self._friends_since = None
        self._roster_lines += 1
        self._expire(number, stamp)
        if self._open:
            if self._open.block.entries:
                self._suspended.append(self._open)
            self._open = None
        if len(self._suspended) > MAX_SUSPENDED:
            self._put_away(self._suspended.pop(0), "missing_footer")
        self._open = self._start(number, stamp, has_heading=True)

    def _row(self, number: int, stamp: bytes | None, text: str) -> None:
        entry = read_row(text, number)
        if self._is_friend(number, stamp):
            self._ignored.add(number, text, "friends_list", "A friends list says nothing about the raid.")
            return
        self._expire(number, stamp)
        if entry is None or isinstance(entry, NameProblem):
            self._unread(number, stamp, text, entry)
            return
        if self._open is None:
            self._open = self._start(number, stamp, has_heading=False)
        roster = self._open
        roster.last_local, roster.last_line = (read_stamp(stamp) if stamp else None), number
        block = roster.block
        block.last_line = number
        if entry.key in roster.names:
            block.warn("duplicate_name", f"{entry.character_name} stands in the roster more than once; it counts once.")
            block.doubles += 1
            self._ignored.add(number, text, "duplicate", f"{entry.character_name} stands further up already.")
        elif len(block.entries) >= MAX_ROWS_IN_BLOCK:
            block.warn("too_many_rows", f"Only the first {MAX_ROWS_IN_BLOCK} rows of this roster were read.")
            self._ignored.add_many(1, "too_many_rows")
        else:
            self._roster_lines += 1
            roster.names.add(entry.key)
            block.entries.append(entry)
            if entry.character_class is None and entry.title:
                block.warn("unknown_class", f"“{entry.title}” is not a class or title that is known; the row counts.")

    def _unread(self, number: int, stamp: bytes | None, text: str, problem: NameProblem | None) -> None:
        """Keep a row that cannot be read with its roster: a person says who it is about."""
        code, detail = (problem.code, problem.detail) if problem else ("unreadable_row", _UNREADABLE)
        self._ignored.add(number, text, code, detail)
        if self._open is None:
            self._open = self._start(number, stamp, has_heading=False)
        roster = self._open
        roster.last_local, roster.last_line = (read_stamp(stamp) if stamp else None), number
        roster.block.last_line = number
        if len(roster.block.unread) < MAX_ROWS_IN_BLOCK:
            shown = " ".join(text[:SAMPLE_LENGTH].split())
            roster.block.unread.append(UnreadRow(number, shown, detail, guess_name(text)))

    def _footer(self, number: int, stamp: bytes | None, footer: re.Match[str]) -> None:
        self._expire(number, stamp)
        if self._open is None:
            if footer["count"] == "no":
                self._open = self._start(number, stamp, has_heading=True)
            else:
                self._ignored.add(number, footer[0], "outside_roster", "It ends a roster that does not begin here.")
                return
        self._roster_lines += 1
        block = self._open.block
        block.reported_count = 0 if footer["count"] == "no" else int(footer["count"])
        where = footer["where"].strip()
        if where.startswith("your raid"):
            block.scope = "raid"
        elif where.startswith("EverQuest"):
            block.scope = "all"
        else:
            block.scope, block.zone = "zone", where
        self._close(number)

    def _cut_short(self, number: int, stamp: bytes | None) -> None:
        self._expire(number, stamp)
        if self._open is None:
            self._open = self._start(number, stamp, has_heading=True)
        self._roster_lines += 1
        self._open.block.scope = "all"
        self._open.block.warn(
            "cut_short",
            "The game cut this list short (too many players): people are missing. Use /who in the zone or a raid dump.",
        )
        self._close(number)

    # -- opening and closing ---------------------------------------------------------------------------------------

    def _start(self, number: int, stamp: bytes | None, *, has_heading: bool) -> _Open:
        block = RosterBlock("who", first_line=number, last_line=number)
        local = read_stamp(stamp) if stamp else None
        if local is not None and stamp is not None:
            block.local_time = local
            block.taken_at, doubt = self._clock.utc(local)
            for code in (doubt, None if weekday_fits(stamp, local) else "weekday_mismatch"):
                if code:
                    block.warn(code, TIME_DOUBTS[code])
        else:
            code = "bad_time" if stamp else "no_time"
            block.warn(code, TIME_DOUBTS[code])
        return _Open(block, has_heading, local, number)

    def _close(self, number: int) -> None:
        """Put the open roster away, complete with its footer, and go on with the one it interrupted."""
        assert self._open is not None
        block = self._open.block
        block.last_line = number
        if not self._open.has_heading:
            block.warn("no_heading", "The heading of this list is missing: its first rows may be missing as well.")
        self._count(block)
        self._keep(block)
        self._open = self._suspended.pop() if self._suspended else None
        if self._open:
            self._open.last_line = number

    @staticmethod
    def _count(block: RosterBlock) -> None:
        """Hold the count of the footer against the rows, and say what became of each."""
        rows, unread = len(block.entries), len(block.unread)
        if block.reported_count is None or (block.reported_count == rows and not unread):
            return
        parts = [f"{rows} row{'' if rows == 1 else 's'} {'was' if rows == 1 else 'were'} read"]
        parts += [f"{unread} could not be read and stand{'s' if unread == 1 else ''} below"] if unread else []
        parts += [f"{block.doubles} repeat{'s' if block.doubles == 1 else ''} somebody"] if block.doubles else []
        missing = block.reported_count - rows - unread - block.doubles
        parts += [f"{missing} {'is' if missing == 1 else 'are'} missing from the log"] if missing > 0 else []
        parts += [f"{-missing} more than it says"] if missing < 0 else []
        words = f"The game says {block.reported_count} players: {', '.join(parts)}. Compare with the log."
        block.warn("count_mismatch", words)

    def _expire(self, number: int, stamp: bytes | None) -> None:
        """End rosters whose footer never came."""
        while self._open and self._is_over(self._open, number, stamp):
            self._end("missing_footer")

    @staticmethod
    def _is_over(roster: _Open, number: int, stamp: bytes | None) -> bool:
        if number - roster.last_line > LONGEST_BLOCK_LINES:
            return True
        local = read_stamp(stamp) if stamp else None
        return local is not None and roster.last_local is not None and abs(local - roster.last_local) > LONGEST_BLOCK

    def _end(self, code: str) -> None:
        """Put the open roster away without its footer."""
        assert self._open is not None
        roster, self._open = self._open, self._suspended.pop() if self._suspended else None
        self._put_away(roster, code)

    def _put_away(self, roster: _Open, code: str) -> None:
        if not roster.has_heading:
            roster.block.warn("no_heading", "Rows without the heading of a /who: check that nobody is missing.")
            self._headless.append(roster.block)
            if len(self._headless) > MAX_HEADLESS:
                self._ignore_rows(self._headless.pop(0))
            return
        if code == "truncated":
            roster.block.warn("truncated", "The input ends inside this list: people may be missing.")
        else:
            roster.block.warn("missing_footer", "The end of this list is missing: people may be missing as well.")
        self._keep(roster.block)

    def _end_all(self, code: str) -> None:
        while self._open:
            self._end(code)

    def _is_friend(self, number: int, stamp: bytes | None) -> bool:
        if self._friends_since is None:
            return False
        since, line = self._friends_since
        local = read_stamp(stamp) if stamp else None
        is_late = local is not None and since is not None and abs(local - since) > _FRIENDS_LAST
        if is_late or number - line > LONGEST_BLOCK_LINES:
            self._friends_since = None
            return False
        return True

    def _keep(self, block: RosterBlock) -> None:
        zones = {entry.zone for entry in block.entries}
        if block.zone is None and len(zones) == 1:
            block.zone = zones.pop()
        self.blocks.append(block)
        self._kept_entries += len(block.entries)
        while len(self.blocks) > MAX_BLOCKS or (len(self.blocks) > 1 and self._kept_entries > MAX_ENTRIES):
            self._kept_entries -= len(self.blocks.pop(0).entries)
            self._is_dropping = True

    def _ignore_rows(self, block: RosterBlock) -> None:
        """Ignore rows outside of any heading and footer, in a log that has better rosters."""
        for entry in block.entries:
            self._roster_lines -= 1
            self._ignored.add(entry.line_number, entry.raw_name, "outside_roster", "A row outside of any roster.")

    def _finish(self) -> None:
        self._end_all("truncated")
        if not any(block.entries for block in self.blocks) and self._headless:
            self.blocks = [*self.blocks, *self._headless]
        else:
            for block in self._headless:
                self._ignore_rows(block)
        if self._is_dropping:
            detail = f"The log holds more rosters than are read at once; only the last {len(self.blocks)} are here."
            self.warnings.append(ParseWarning("older_left_out", detail))
        self._ignored.add_many(
            self.line_count - self._roster_lines - self._blank_lines - self._ignored.count, "not_a_roster"
        )
