"""Hostile texts of any size: repeats, nesting, near misses, one enormous line, many tiny lines, broken characters.

Each maker takes a size in characters and returns a text of about that size; the same size gives the same text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

Maker = Callable[[int], str]

STAMP = "[Sun Mar 01 20:15:00 2026] "
#: What stands around the repeated piece in each line: before it and after it.
WRAPPERS: dict[str, tuple[str, str]] = {
    "bare": ("", ""),
    "near-miss": ("", "\x00!"),
    "log": (STAMP, ""),
    "raid chat": (STAMP + "Orla tells the raid,  '", "'"),
    "raid chat cut": (STAMP + "Orla tells the raid,  '", ""),
    "own chat": (STAMP + "You tell your raid, '", "'"),
    "discord": ("Orla: ", ""),
    "opening": (STAMP + "Orla tells the raid,  ':::", "::: OPEN'"),
    "award": (STAMP + "Orla tells the raid,  'grats Fenn ", " 1 !?'"),
    "command": (STAMP + "Orla tells the raid,  '!start ", "'"),
    "who row": (STAMP + "[60 Warder] Tannik (", ") <L> ZONE: x"),
    "who head": (STAMP, "[60 Warder] Tannik"),
}
#: Repeated over and over. Single characters of every grammar, and words that one of them begins with.
PIECES: tuple[str, ...] = (
    *"|[](){}<>:;,.'`\"*~!@#+-=/\\_ \t\x00\x12a1x",
    "\u00e9", "\u2019", "\u3000", "\U0001f409", "\ud800", "\u00df", "\u0130",
    "a ", "1 ", "1,", "1.", "a,", "x|", "- ", "::: ", "!1 ", "(1) ", "1x ", "x1 ", "[a] ", "(a) ", "<a> ", "[a](b) ",
    "AFK ", "*a*", "LFG ", "<LINKDEAD>", "(USER) ", "TRADER ", "ZONE: ", "OPEN ", "BIDS OPEN ", "ROLL ", "10 ROLL ",
    "SPENT ", "ROT ", "GOING ", "GOING ONCE ", "Bidding ", "Bidding is now CLOSED ", "MIN 1 ", "Closing in ",
    "Currently: a with ", "grats ", "LOOT: ", "-Bob@1", " - 1", "dkp ", "all in ", "1st ", "1,000 ", "Cloak of Flames ",
    "Cloak of ", "CloakofFlames", " from ", " on ", " was left on ", " looted a ", "Pg. ", ".--", " was given to ",
    "corpse ", " to create ", "Bob is ", "alt of ", "main - ", "Orla ", "orla, ", "says, '", " tells the raid, '",
    " -> ", "<a>", "</a>", "<a><b/></a>", "<a b='c'>", "<![CDATA[", "<!--", "&amp;", "&#65;", "&", "<?x?>", "<a xmlns:b='c'>",
    '{"a":', '"a",', "[[", "[{}],", "1e9,", '{"a":1,"a":2},', "('a'),", "''", "/*", "*/", "-- ", "`", "INSERT INTO ",
    "SET @OLD_x=@@", "CREATE TABLE `", "DELIMITER ", 'a:1:{', 's:1:"', "GH-ABCDEF ", "lvl 1 ", "1) ", "Bob-Cleric,",
)  # fmt: skip
#: How long a line is, in repeated pieces: one enormous line, a long one, the longest of chat, a usual one, tiny ones.
LENGTHS: dict[str, int] = {"one line": 0, "lines of 30000": 30_000, "lines of 3900": 3_900, "lines of 480": 480,
                           "lines of 90": 90, "lines of 9": 9}  # fmt: skip


def repeated(piece: str, wrapper: str, length: int) -> Maker:
    """Lines of `piece` over and over within `wrapper`; `length` characters a line, 0 for one line of everything."""
    before, after = WRAPPERS[wrapper]

    def make(size: int) -> str:
        inside = max(1, (length or size) // len(piece))
        line = f"{before}{piece * inside}{after}\n"
        return line * max(1, size // len(line))

    return make


def every_repeat() -> Iterator[tuple[str, Maker]]:
    """All of them: some thousands, to search through."""
    for wrapper in WRAPPERS:
        for name, length in LENGTHS.items():
            for piece in PIECES:
                yield f"{wrapper} · {name} · {piece!r}", repeated(piece, wrapper, length)


def numbered(template: str) -> Maker:
    """Lines that differ: `template` with `{n}` for a number and `{w}` for a name made of letters."""

    def make(size: int) -> str:
        lines: list[str] = []
        left = size
        number = 0
        while left > 0:
            line = template.replace("{n}", str(number)).replace("{w}", word(number)) + "\n"
            lines.append(line)
            left -= len(line)
            number += 1
        return "".join(lines)

    return make


def word(number: int) -> str:
    """A name of seven letters for a number."""
    letters = []
    for _ in range(7):
        number, rest = divmod(number, 26)
        letters.append(chr(97 + rest))
    return "".join(letters).capitalize()


_RAID = STAMP + "Orla tells the raid,  '"
DISTINCT: dict[str, Maker] = {
    name: numbered(template)
    for name, template in {
        "openings": _RAID + "Thing {w} OPEN'",
        "openings of the same beginning": _RAID + "Cloak of Flames of {w} OPEN'",
        "openings of growing names": _RAID + "Cloak of Flames {n}{n}{n}{n}{n}{n} OPEN'",
        "openings of many": _RAID + "|".join(f"Th{letter}ng {{w}}{letter}" for letter in "abcdefghijkl") + " OPEN'",
        "near openings": _RAID + "Thing {w} OPEN?'",
        "openings and bids": _RAID + "Thing {w} OPEN'\n" + _RAID + "Thing {w} 50'",
        "openings and cut lines": _RAID + "Thing {w} OPEN'\n" + _RAID + "Thing {w} 50",
        "openings and bare numbers": _RAID + "{w} OPEN'\n" + _RAID + "5{n}'",
        "bids by strangers": STAMP + "{w} tells the raid,  'Cloak of Flames {n}'",
        "bids for strangers": _RAID + "Cloak of Flames {w} 5'",
        "bids on likenesses": _RAID + "Cloak of Flamez {w} 5'",
        "awards of unknown items": _RAID + "LOOT: Cloak of {w} 45'",
        "awards to strangers": _RAID + "Cloak of Flames-{w}@45'",
        "any-order awards": _RAID + "!grats Cloak of {w} {w} 5'",
        "closings of unknown items": _RAID + "GOING ONCE {w}'\n" + _RAID + "Cloak of {w} GOING ONCE at 5'",
        "takes": _RAID + "x: Thing {w}'\n" + _RAID + "x'",
        "rolls": _RAID + "Thing {w} 333 ROLL'\n" + STAMP + "**A Magic Die is rolled by {w}.\n"
        + STAMP + "**It could have been any number from 0 to 333, but this time it turned up a 5.",
        "dice": STAMP + "**A Magic Die is rolled by {w}.",
        "starts": _RAID + "!start {w} {n} 5m x2'",
        "discord headings": "{w} — Today at 20:15\nCloak of Flames {n}",
        "rosters": STAMP + "Players on EverQuest:\n" + STAMP + "[60 Warder] {w} (Elf) <L>\n"
        + STAMP + "There is 1 player in Vex Thal.",
        "headings": STAMP + "Players on EverQuest:\n" + STAMP + "[60 Warder] {w} (Elf) <L>",
        "headless rows": STAMP + "[60 Warder] {w} (Elf) <L>\n[Sun Mar 01 20:15:59 2026] [60 Warder] {w} (Elf)",
        "one roster": STAMP + "[60 Warder] {w} (Elf) <L> ZONE: {w}",
        "unknown titles": STAMP + "[60 {w}] {w} (Elf) <L>",
        "raid dump": "1\t{w}\t60\tCleric\tRaid Leader\t\t\tYes",
        "spaced raid dump": "1 {w} 60 Shadow Knight Raid Leader",
        "tick": "{w}\t60\tCleric\t2024-03-22_09-47-{n}\t{n}",
        "zeal": "1|{w}|Cleric|60|{w}",
        "guild dump": "{w}\t60\tCleric\t{w}\tA\t01/01/26\tVex Thal\talt of {w}\t\t\t\t\t\t",
        "list": "{w}, {w} - Cleric (box), 4) {w}",
        "sentences": "the {w} and {w} or {w} of the {w}",
        "calls": STAMP + "You tell your raid, ':::Raid Attendance Taken:::Attendance:::{w}:::'",
        "undone calls": STAMP + "You tell your raid, ':::Raid Attendance Taken:::Attendance:::{w}:::'\n"
        + STAMP + "You tell your raid, ':::Raid Attendance Taken:::Attendance:::{w}::: UNDO'",
        "presence": STAMP + "{w} tells the raid,  ':::AFK:::'\n" + STAMP + "{w} has left the raid.",
        "loot": STAMP + "--{w} has looted a Cloak of {w} from a corpse.--",
        "codes": STAMP + "{w} says out of character, 'GH-{w}'",
        "json names": '"{w}": {n},',
    }.items()
}  # fmt: skip


def _nested(opening: str, closing: str, head: str = "", tail: str = "") -> Maker:
    def make(size: int) -> str:
        depth = size // (len(opening) + len(closing))
        return head + opening * depth + closing * depth + tail

    return make


def _flat(head: str, piece: str, tail: str) -> Maker:
    def make(size: int) -> str:
        return head + "".join(piece.replace("{w}", word(number)) for number in range(size // len(piece))) + tail

    return make


def _twice_at_the_end(size: int) -> str:
    names = [f'"{word(number)}":1' for number in range(size // 12)]
    return "{" + ",".join([*names, names[-1]]) + "}"


_SQL_HEAD = "CREATE TABLE `eqdkp_raids` (\n  `raid_id` int NOT NULL,\n  `raid_note` text\n);\n"
STRUCTURED: dict[str, Maker] = {
    "xml nested": _nested("<a>", "</a>"),
    "xml nested open": lambda size: "<a>" * (size // 3),
    "xml nested in a raid": _nested("<a>", "</a>", "<raidlog><raiddata>", "</raiddata></raidlog>"),
    "xml nested raiddata": _nested("<raiddata>", "</raiddata>"),
    "xml siblings": _flat("<raidlog>", "<a/>", "</raidlog>"),
    "xml members": _flat("<raidlog><raiddata><members>", "<member><name>{w}</name></member>",
                         "</members></raiddata></raidlog>"),
    "xml one member's times": _flat(
        "<raidlog><raiddata><members><member><name>Orla</name><times>", "<time type='join'>1</time>",
        "</times></member></members></raiddata></raidlog>"),
    "xml twins": _flat("<raidlog><raiddata><members>",
                       "<member><name>Orla</name><times><time type='join'>1</time></times></member>",
                       "</members></raiddata></raidlog>"),
    "xml items": _flat("<raidlog><raiddata><items>", "<item><name>{w}</name><member>{w}</member></item>",
                       "</items></raiddata></raidlog>"),
    "xml joins": _flat("<RaidInfo><Join>", "<key1><player>{w}</player><time>1</time></key1>", "</Join></RaidInfo>"),
    "xml deep members": _flat("<raidlog><raiddata><members><member>", "<x/>",
                              "<name>Orla</name></member></members></raiddata></raidlog>"),
    "xml attributes": lambda size: "<raidlog " + " ".join(f"a{n}='{n}'" for n in range(size // 14)) + "/>",
    "xml one attribute": lambda size: f"<raidlog a='{'x' * size}'/>",
    "xml attributes twice": lambda size: "<raidlog " + " ".join(f"a{n}='{n}'" for n in range(size // 14)) + " a0=''/>",
    "xml namespaces": lambda size: "<raidlog " + " ".join(f"xmlns:a{n}='u{n}'" for n in range(size // 22)) + "/>",
    "xml text": lambda size: f"<raidlog>{'x' * size}</raidlog>",
    "xml comment": lambda size: f"<raidlog><!--{'x-' * (size // 2)}--></raidlog>",
    "xml comments": _flat("<raidlog>", "<!--x-->", "</raidlog>"),
    "xml open comment": lambda size: "<raidlog><!--" + "x-" * (size // 2),
    "xml open tag": lambda size: "<" + "a" * size,
    "xml open attribute": lambda size: "<a b='" + "a" * size,
    "xml entities": lambda size: f"<raidlog>{'&amp;' * (size // 5)}</raidlog>",
    "xml characters": lambda size: f"<raidlog>{'&#65;' * (size // 5)}</raidlog>",
    "xml cdata": lambda size: f"<raidlog><![CDATA[{']' * size}]]></raidlog>",
    "xml doctype": lambda size: "<!DOCTYPE a [" + "<!ENTITY a 'b'>" * (size // 15) + "]><a/>",
    "xml long doctype": lambda size: "<!DOCTYPE " + " " * size,
    "xml instructions": _flat("<raidlog>", "<?x y?>", "</raidlog>"),
    "xml distinct tags": _flat("<raidlog>", "<{w}/>", "</raidlog>"),
    "xml list": lambda size: "<request>" + "".join(f"<i{n}>x</i{n}>" for n in range(size // 14)) + "</request>",
    "xml blank": lambda size: f"<raidlog>{' ' * size}</raidlog>",
    "json nested": _nested("[", "]"),
    "json nested open": lambda size: "[" * size,
    "json nested objects": _nested('{"a":', "}", tail=""),
    "json wide": lambda size: '{"lines":[' + ",".join(["1"] * (size // 2)) + "]}",
    "json empty lists": lambda size: '{"lines":[' + ",".join(["[]"] * (size // 3)) + "]}",
    "json empty objects": lambda size: '{"lines":[' + ",".join(["{}"] * (size // 3)) + "]}",
    "json empty texts": lambda size: '{"lines":[' + ",".join(['""'] * (size // 3)) + "]}",
    "json many names": lambda size: "{" + ",".join(f'"{word(n)}":1' for n in range(size // 12)) + "}",
    "json a name twice at the end": _twice_at_the_end,
    "json one text": lambda size: '{"text":"' + "x" * size + '"}',
    "json escapes": lambda size: '{"text":"' + "\\u0041" * (size // 6) + '"}',
    "json halves": lambda size: '{"text":"' + "\\ud800" * (size // 6) + '"}',
    "json digits": lambda size: '{"text":' + "9" * size + "}",
    "json decimals": lambda size: '{"text":0.' + "9" * size + "}",
    "json exponents": lambda size: '{"text":[' + ",".join(["1e300"] * (size // 6)) + "]}",
    "json blanks": lambda size: '{"text":' + " " * size + "1}",
    "json open text": lambda size: '{"text":"' + "x" * size,
    "sql rows": _flat(_SQL_HEAD + "INSERT INTO `eqdkp_raids` VALUES ", "(1,'{w}'),", "(1,'x');\n"),
    "sql statements": _flat(_SQL_HEAD, "INSERT INTO `eqdkp_raids` VALUES (1,'{w}');\n", ""),
    "sql small statements": _flat(_SQL_HEAD, ";\n", "x"),
    "sql one value": lambda size: _SQL_HEAD + "INSERT INTO `eqdkp_raids` VALUES (1,'" + "x" * size + "');\n",
    "sql escapes": lambda size: _SQL_HEAD + "INSERT INTO `eqdkp_raids` VALUES (1,'" + "\\'" * (size // 2) + "');\n",
    "sql doubled quotes": lambda size: _SQL_HEAD + "INSERT INTO `eqdkp_raids` VALUES (1,'" + "''" * (size // 2) + "');\n",
    "sql open value": lambda size: _SQL_HEAD + "INSERT INTO `eqdkp_raids` VALUES (1,'" + "x" * size,
    "sql open row": lambda size: _SQL_HEAD + "INSERT INTO `eqdkp_raids` VALUES (" + "1," * (size // 2),
    "sql many values": lambda size: _SQL_HEAD + "INSERT INTO `eqdkp_raids` VALUES (" + "1," * (size // 2) + "1);\n",
    "sql insert of columns": lambda size: _SQL_HEAD + "INSERT INTO `eqdkp_raids` (" + "`a`," * (size // 4) + ") VALUES (1);\n",
    "sql insert of blanks": lambda size: _SQL_HEAD + "INSERT INTO " + " " * size + "`eqdkp_raids` VALUES (1,'x');\n",
    "sql insert ignored": lambda size: _SQL_HEAD + "INSERT " + "IGNORE " * (size // 7) + "x;\n",
    "sql comments": _flat(_SQL_HEAD, "-- {w}\n", ""),
    "sql stars": lambda size: _SQL_HEAD + "/*" + "*" * size,
    "sql stars closed": lambda size: _SQL_HEAD + "/*" + "*" * size + "*/",
    "sql slashes": lambda size: _SQL_HEAD + "x " + "/" * size,
    "sql dashes": lambda size: _SQL_HEAD + "x " + "-" * size,
    "sql blanks": lambda size: _SQL_HEAD + " " * size,
    "sql columns": lambda size: "CREATE TABLE `eqdkp_raids` (\n" + "".join(f"  `c{n}` int,\n" for n in range(size // 14)) + ");\n",
    "sql column of blanks": lambda size: "CREATE TABLE `eqdkp_raids` (\n" + "\n" * size + ");\n",
    "sql tables": lambda size: "".join(f"CREATE TABLE `t{n}_raids` (`raid_id` int);\n" for n in range(size // 42)),
    "sql settings": lambda size: _SQL_HEAD + "".join(f"SET @OLD_a{n}=@@x;\n" for n in range(size // 18)),
    "sql one setting": lambda size: _SQL_HEAD + "SET @OLD_a=@@x," * (size // 15) + ";\n",
    "sql modes": lambda size: _SQL_HEAD + "SET " + "SQL_MODE='" * (size // 10),
    "sql modes closed": lambda size: _SQL_HEAD + "SET " + "SQL_MODE = 'x'," * (size // 15) + ";\n",
    "sql delimiter": lambda size: _SQL_HEAD + "DELIMITER $$\n" + "DELIMITER\n" * (size // 10),
    "sql delimiter of blanks": lambda size: _SQL_HEAD + "DELIMITER $$\n" + " " * size,
    "sql delimiters": lambda size: _SQL_HEAD + "DELIMITER ;\n" * (size // 12),
    "sql hex": lambda size: _SQL_HEAD + "INSERT INTO `eqdkp_raids` VALUES (1,0x" + "41" * (size // 2) + ");\n",
    "sql bits": lambda size: _SQL_HEAD + "INSERT INTO `eqdkp_raids` VALUES (1,b'" + "1" * size + "');\n",
    "sql digits": lambda size: _SQL_HEAD + "INSERT INTO `eqdkp_raids` VALUES (" + "9" * size + ",'x');\n",
    "php nested": lambda size: "a:1:{i:0;" * (size // 9),
    "php wide": lambda size: f"a:{size // 9}:{{" + "".join(f"i:{n};N;" for n in range(size // 9)) + "}",
    "php text": lambda size: f's:{size}:"{"x" * size}";',
    "php count": lambda size: f"a:{'9' * size}:{{",
    "lines of everything": lambda size: ("\r\n\r\n\n\r\t \x00\ufeff'\"" * (size // 14)),
    "markers of order": lambda size: "\ufeff" * size,
    "half a UTF-16": lambda size: "\ufeff" + "a\x00" * (size // 2),
}  # fmt: skip


def every() -> Iterator[tuple[str, Maker]]:
    """All inputs that have a name of their own."""
    yield from DISTINCT.items()
    yield from STRUCTURED.items()
