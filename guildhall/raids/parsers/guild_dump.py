"""Guild dumps (`/outputfile guild`): the roster, with ranks, alt marks and notes.

Fields by tabs: name, level, class, rank, alt flag (`A`), last on, zone, public note, then up to seven more that differ
by client (the note again is the 14th). Older clients write seven or eight.

Invariant: a dump holds only what the guild window listed. One without a leader is marked partial, and nobody may be
removed from a roster because a partial dump does not name them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import replace

from guildhall.core.errors import TooLarge

from .names import NameProblem, read_name
from .results import GuildDump, GuildMember, IgnoredLines, ParseWarning
from .stamps import TIME_DOUBTS, LocalClock, base_name, time_in_name
from .tables import LONGEST_FIELD, MAX_LINES, MAX_ROWS, read_level
from .vocabulary import read_class

FEWEST_FIELDS = 4
#: The newest client writes fifteen; whatever comes after these is kept as one.
MOST_FIELDS = 30
_FILE_NAME = re.compile(r"^(?P<guild>.+?)(?:_(?P<server>[a-z0-9.]+))?-\d{8}-\d{6}")
_DATE = re.compile(r"^(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})$")

_NAME = r"[\"'“”‘’«»]?([A-Za-z]{3,15})[\"“”’«»]?(?![A-Za-z])"
#: What a note says plainly: the named character is the main.
_PLAIN = (
    re.compile(rf"\b{_NAME} is (?:my |the |his |her )?main\b", re.IGNORECASE),
    re.compile(rf"\b(?:alt|box|bot|twink|mule)s? of {_NAME}", re.IGNORECASE),
    re.compile(r"\b([A-Za-z]{3,15})(?:'s|s'|’s) (?:alt|box|bot|twink|mule|2nd|second)\b", re.IGNORECASE),
)
#: What may also mean something else ("Main - Leader"): only believed where the dump has somebody of that name.
_LOOSE = (
    re.compile(rf"\bmain\s*[:=\-–]+\s*{_NAME}", re.IGNORECASE),
    re.compile(rf"\b(?:alt|box|bot)\s*[:=\-–(]+\s*{_NAME}", re.IGNORECASE),
    re.compile(rf"\b{_NAME} (?:alt|box|bot)\b", re.IGNORECASE),
)
#: What is believed, of somebody whom the dump has, only where the game itself marks the character as an alt.
_MARKED = (re.compile(rf"^\W*(?:alt|box|bot|twink|mule)\s+{_NAME}\W*$", re.IGNORECASE), re.compile(rf"^\W*{_NAME}\W*$"))
#: A note that denies it, doubts it, or speaks of what was, names nobody.
_DENIED = re.compile(
    r"\b(?:not|no longer|never|isn.?t|wasn.?t|aint|was|were|former|formerly|ex|used to|until|any ?more|old|maybe|probably|nobody)\b|\?",
    re.IGNORECASE,
)
#: Another name after the one that was found: which of them is meant, a person says.
_ANOTHER = re.compile(
    r"^[\"“”'’«»]?\s*(?P<mark>,|/|&|\+|and\b|or\b|und\b|et\b)\s*[\"“'‘«]?(?P<name>[A-Za-z]{3,15})\b", re.IGNORECASE
)
#: What every such note has in it: most notes have not, and are not searched for names.
_KINSHIP = re.compile(r"main|alt|box|bot|twink|mule|2nd|second", re.IGNORECASE)
_NO_NAMES = frozenset(
    ["this", "that", "who", "which", "what", "he", "she", "it", "my", "the", "his", "her", "your", "not", "now", "was"]
)


def read_guild_dump(
    lines: Iterable[tuple[int, str]], *, filename: str, clock: LocalClock, ignored: IgnoredLines
) -> GuildDump:
    """Read a guild dump; the module's docstring says what `is_partial` forbids.

    Raises:
        TooLarge: ``too_large`` beyond `MAX_LINES` lines.
    """
    dump = GuildDump(ignored_lines=ignored)
    seen: set[str] = set()
    for number, line in lines:
        if number > MAX_LINES:
            raise TooLarge(
                f"This has more than {MAX_LINES:,} lines: it is longer than any guild dump. Send the file that "
                "/outputfile guild wrote.",
                figures={"max_lines": MAX_LINES},
            )
        if not line.strip():
            continue
        member = None if len(dump.members) >= MAX_ROWS else _read_row(number, line, ignored)
        if member is None:
            if len(dump.members) >= MAX_ROWS:
                ignored.add_many(1, "too_many_rows")
        elif member.key in seen:
            ignored.add(number, line, "duplicate", f"{member.character_name} stands further up already.")
        else:
            seen.add(member.key)
            dump.members.append(member)
    dump.members = [_with_main(member, seen) for member in dump.members]
    _name_and_time(dump, filename, clock)
    _judge(dump)
    return dump


def _read_row(number: int, line: str, ignored: IgnoredLines) -> GuildMember | None:
    fields = [field.strip()[:LONGEST_FIELD] for field in line.split("\t", MOST_FIELDS)]
    if len(fields) < FEWEST_FIELDS:
        ignored.add(number, line, "not_a_row", "A row has a name, a level, a class and a rank at least.")
        return None
    name = read_name(fields[0])
    if isinstance(name, NameProblem):
        ignored.add(number, line, name.code, name.detail)
        return None
    padded = fields + [""] * (15 - len(fields))
    described = read_class(padded[2])
    return GuildMember(
        character_name=name,
        raw_name=fields[0],
        line_number=number,
        level=read_level(padded[1]),
        character_class=described.base,
        title=described.title,
        rank=padded[3],
        alt_flag=padded[4].upper() == "A",
        is_alt=padded[4].upper() == "A",
        last_on=_read_date(padded[5]),
        last_on_text=padded[5],
        zone=padded[6],
        note=padded[7] or padded[13],
        raw_fields=tuple(fields),
    )


def _read_date(text: str) -> dt.date | None:
    """Return the date of `MM/DD/YY`; two digits of a year mean 1999 to 2098, for EverQuest began in 1999."""
    match = _DATE.match(text)
    if not match:
        return None
    month, day, year = (int(part) for part in match.groups())
    if year < 100:
        year += 1900 if year == 99 else 2000
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def main_in_note(note: str, own_name: str, known: set[str], *, is_marked: bool = False) -> str | None:
    """Return the main that a public note names ("Bob is main", "alt of bob"), in display form, else None.

    A note that denies it ("not an alt of Bob anymore"), speaks of what was, or names two, names nobody.

    Args:
        own_name: the character that the note is about: one that says "Bob is main" on Bob himself names nobody else.
        known: the casefolded names of the dump.
        is_marked: the game marks the character as an alt (`A`), so that `Alt Bob` and a bare `Bob` mean his alt.
    """
    text = note[:500]
    if not (is_marked or _KINSHIP.search(text)) or _DENIED.search(text):
        return None
    for patterns, must_be_known in ((_PLAIN, False), (_LOOSE, True), (_MARKED if is_marked else (), True)):
        found: set[str] = set()
        for match in (match for pattern in patterns for match in pattern.finditer(text)):
            key = match[1].casefold()
            if key in _NO_NAMES or key == own_name.casefold() or (must_be_known and key not in known):
                continue
            if _names_another(text[match.end(1) :], known):
                return None
            found.add(key)
        if found:
            (name, *others) = found
            return None if others else name[:1].upper() + name[1:]
    return None


def _names_another(rest: str, known: set[str]) -> bool:
    """Return whether a second name follows: one of the dump, or after more than a comma anything written as a name."""
    another = _ANOTHER.match(rest)
    if another is None:
        return False
    return another["name"].casefold() in known or (another["mark"] != "," and another["name"][:1].isupper())


def _with_main(member: GuildMember, known: set[str]) -> GuildMember:
    main_name = main_in_note(member.note, member.character_name, known, is_marked=member.alt_flag)
    return replace(member, main_name=main_name, is_alt=True) if main_name else member


def _name_and_time(dump: GuildDump, filename: str, clock: LocalClock) -> None:
    named = _FILE_NAME.match(base_name(filename))
    if named:
        dump.guild_name = named["guild"].replace("_", " ").strip()
        dump.server = named["server"] or ""
    dump.local_time = time_in_name(filename)
    if dump.local_time is None:
        dump.warnings.append(ParseWarning("no_time", TIME_DOUBTS["no_time"]))
        return
    dump.taken_at, doubt = clock.utc(dump.local_time)
    if doubt:
        dump.warnings.append(ParseWarning(doubt, TIME_DOUBTS[doubt]))


def _judge(dump: GuildDump) -> None:
    leaders = [member for member in dump.members if "leader" in member.rank.casefold()]
    if not leaders:
        dump.is_partial = True
        dump.warnings.append(
            ParseWarning(
                "partial_dump",
                "No guild leader is in it, so it does not list the whole guild. In the guild window show everybody "
                "(all on one page, offline members too), then type /outputfile guild again.",
            )
        )
    unknown = sorted({member.title or "" for member in dump.members if member.character_class is None} - {""})
    if unknown:
        dump.warnings.append(ParseWarning("unknown_class", f"No known class: {', '.join(unknown[:5])[:200]}."))
