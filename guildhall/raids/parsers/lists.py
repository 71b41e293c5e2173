"""Names as people paste them: bullets, numbers, `@`, classes and levels beside them, remarks in brackets.

    Alice, bob;CAROL
    4) Dave - Cleric
    • Erin (box)

Remarks are kept as the entry's note. A sentence is not a list: a line of several words with everyday words in it is kept
as ignored, so that a pasted page of prose is refused and not taken for a raid of people called The, Quick and Brown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from guildhall.core.errors import BadInput

from .results import IgnoredLines, RosterBlock
from .stamps import LocalClock, time_in_name
from .tables import TableReader
from .vocabulary import is_class_name, split_leading_class

#: A list that somebody pastes is short; more lines than this are some other file.
MAX_LIST_LINES = 5_000
LONGEST_LIST_LINE = 20_000
#: Class, level and remarks of one name are fewer words than this.
MOST_WORDS = 30

_EVERYDAY = frozenset(
    re.findall(
        r"\w+",
        """the a an and or of to is are was were be been it its in on at for with from this that these those you your
        we our he she his her they them not no but if as by has have had will would can do does did so than then
        there here what which who when where how all any some one out up down into over""",
    )
)
_SEPARATORS = re.compile(r"[,;\t\n]+")
_LEADING = re.compile(r"^(?:[\s\-–—*•·●▪◦‣>+@#\"'“”‘’]+|\(?\d{1,4}[.):]\s*|\[[ xX]?\]\s*|<?@!?)+")
_REMARK = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]|<([^<>]*)>")
_TRAILING_NUMBER = re.compile(r"^(?:lvl|lv|level)?\.?\s*\d{1,3}$", re.IGNORECASE)
_SERVER_PREFIX = re.compile(r"^[A-Za-z][A-Za-z0-9_]*\.(?=[A-Za-z])")
_HEADINGS = frozenset(
    ["name", "names", "player", "players", "character", "characters", "class", "level", "rank", "guild", "note", "main"]
)
_ROLE_WORDS = frozenset({"main", "alt", "box", "boxed", "pilot", "standby", "afk", "ld", "linkdead", "late", "app"})
_REMARK_FLAGS = {"afk": "afk", "ld": "linkdead", "linkdead": "linkdead", "standby": "standby", "sb": "standby"}


def read_list(
    lines: Iterable[tuple[int, str]], *, filename: str, clock: LocalClock, ignored: IgnoredLines
) -> RosterBlock:
    """Read a pasted list of names.

    Raises:
        BadInput: ``no_roster`` where it is too long to be a list of names.
    """
    reader = TableReader("list", ignored, filename)
    for number, line in reader.rows(lines):
        if number > MAX_LIST_LINES:
            raise BadInput(
                f"There is no roster in it: more than {MAX_LIST_LINES:,} lines, and no /who, raid dump, tick file or "
                "raid log among the first. Type /who in the game (or /outputfile raid) and send that part of the log.",
                code="no_roster",
                figures={"lines_read": number},
            )
        if len(line) > LONGEST_LIST_LINE:
            reader.skip(number, line, "line_too_long", "A line of names is shorter than this.")
            continue
        if _is_sentence(line):
            reader.skip(number, line, "sentence", "This reads like a sentence, not like names.")
            continue
        items = _items(line)
        if number == 1 and items and all(item.strip().casefold() in _HEADINGS for item in items):
            reader.skip(number, line, "heading", "The heading of a table.")
            continue
        before = len(reader.block.entries) + ignored.count
        for item in items:
            _read_item(reader, number, item)
        if len(reader.block.entries) + ignored.count == before:
            reader.skip(number, line, "not_a_row", "There is no name in it.")
    reader.set_time(time_in_name(filename), clock)
    return reader.block


def _is_sentence(line: str) -> bool:
    words = re.findall(r"[A-Za-z']+", _REMARK.sub(" ", line))
    return len(words) >= 3 and sum(word.casefold() in _EVERYDAY for word in words) * 6 >= len(words)


def _items(line: str) -> list[str]:
    """Return the parts of a line that are one name each; a class or a level of its own belongs to the name before it."""
    items: list[list[str]] = []
    for part in _SEPARATORS.split(line):
        text = part.strip()
        if items and items[-1][0].strip() and (_TRAILING_NUMBER.match(text) or is_class_name(text)):
            items[-1].append(text)
        else:
            items.append([part])
    return [" ".join(parts) for parts in items]


def _read_item(reader: TableReader, number: int, item: str) -> None:
    remarks = [next(part for part in found if part is not None) for found in map(_groups, _REMARK.finditer(item))]
    text = _LEADING.sub("", _REMARK.sub(" ", item)).strip().rstrip(".:!*\"'“”’")
    words = [word for word in re.split(r"\s+", text) if word]
    if not words:
        if item.strip() and remarks:
            reader.skip(number, item.strip(), "not_a_row", "A remark without a name.")
        return
    name, rest = _name_of(words[0]), words[1:]
    if not rest:
        _add(reader, number, item, name, remarks)
        return
    described = _described(rest)
    if described is not None:
        class_text, level, more = described
        _add(reader, number, item, name, [*more, *remarks], class_text=class_text, level=level)
        return
    if any(not word.lstrip("@")[:1].isalpha() for word in words):
        reader.skip(number, item.strip(), "not_a_row", "This is more than a name, a class and a level.")
        return
    for word in words:  # names with blanks between them
        _add(reader, number, word, _name_of(word), remarks if len(words) == 1 else [])


def _groups(match: re.Match[str]) -> tuple[str | None, ...]:
    return match.groups()


def _name_of(word: str) -> str:
    """Return the name without a server before a dot (`firiona.Bob`) or after a hyphen (`Bob-Firiona`)."""
    word = _SERVER_PREFIX.sub("", word.lstrip("@"))
    head, hyphen, tail = word.partition("-")
    return head if hyphen and head.isalpha() and tail[:1].isalpha() else word


def _described(words: list[str]) -> tuple[str, str, list[str]] | None:
    """Return class, level and remarks, where the words after a name are nothing else."""
    class_text, level, remarks = "", "", []
    rest = [word for word in words if word not in {"-", "–", "—", "|", "/", ":"}]
    if len(rest) > MOST_WORDS:
        return None
    while rest:
        found, after = split_leading_class(rest)
        if found and not class_text:
            class_text, rest = found, after
            continue
        word, rest = rest[0], rest[1:]
        if _TRAILING_NUMBER.match(word) and not level:
            level = re.sub(r"\D", "", word)
        elif word.casefold() in _ROLE_WORDS:
            remarks.append(word)
        elif word.casefold() not in {"lvl", "lv", "level"}:
            return None
    return class_text, level, remarks


def _add(
    reader: TableReader,
    number: int,
    item: str,
    name: str,
    remarks: list[str],
    *,
    class_text: str = "",
    level: str = "",
) -> None:
    before = len(reader.block.entries)
    reader.add(number, item.strip(), name, class_text=class_text, level=level)
    if len(reader.block.entries) > before and remarks:
        flags = frozenset(flag for remark in remarks if (flag := _REMARK_FLAGS.get(remark.strip().casefold())))
        note = ", ".join(remark.strip() for remark in remarks if remark.strip()) or None
        reader.block.entries[-1] = replace(reader.block.entries[-1], note=note, flags=flags)
