"""Reading a mysqldump (`.sql`, `.sql.gz`, `.zip` with one `.sql`) without a MySQL server, in bounded memory.

The file is read once, in blocks, as bytes. Statements other than CREATE TABLE and INSERT are skipped; of the tables
that an import does not use only the names are kept. What always holds: a dump that ends in the middle of a statement,
or that announced settings it never put back (mysqldump's last act), raises :class:`TruncatedDump`: half a guild is
never taken for a whole one.
"""

from __future__ import annotations

import gzip
import os
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO, cast

from guildhall.eqdkp.legacy.errors import NotEqdkp, TruncatedDump, UnreadableSource
from guildhall.eqdkp.legacy.rows import SPECS
from guildhall.eqdkp.legacy.snapshot import Progress, RawRow, Snapshot, TableSpool
from guildhall.eqdkp.legacy.values import decode

_BLOCK = 1 << 20
#: A single value longer than this is not an EQdkp content, and no reason to take the machine down.
_MAX_TOKEN = 256 << 20
#: More than this unpacked is not a guild's database: a few kilobytes can be packed so as to fill a disk.
_MAX_TOTAL = 16 << 30
#: No database shrinks to a two-hundredth; what does, beyond this size, was packed to do harm.
_MAX_RATIO, _RATIO_FROM = 200, 1 << 30

#: Statements that write no rows; a dump has a few for each table.
_MAX_STATEMENTS = 100_000
#: Many installations in one database have some thousands.
_MAX_TABLES = 20_000

_QUOTED = rb"'(?:[^'\\]++|\\.|'')*+'"
_DQUOTED = rb'"(?:[^"\\]++|\\.|"")*+"'


def _row_pattern(quoted: bytes, dquoted: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"\s*+\(((?:[^'\"()]++|" + quoted + rb"|" + dquoted + rb")*+)\)\s*+(?=[,;])", re.S)


_ROW = _row_pattern(_QUOTED, _DQUOTED)
_FIELD = re.compile(rb"'((?:[^'\\]++|\\.|'')*+)'|\"((?:[^\"\\]++|\\.|\"\")*+)\"|([^,'\"\s]++)", re.S)
# The same where a backslash is a letter like any other (SQL_MODE NO_BACKSLASH_ESCAPES).
_PLAIN_ROW = _row_pattern(rb"'(?:[^']++|'')*+'", rb'"(?:[^"]++|"")*+"')
_PLAIN_FIELD = re.compile(rb"'((?:[^']++|'')*+)'|\"((?:[^\"]++|\"\")*+)\"|([^,'\"\s]++)", re.S)
_ESCAPE = re.compile(rb"\\(.)|''", re.S)
_ESCAPED = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a"}
_NAME = rb"(?:`((?:[^`]|``)+)`|\"([^\"]+)\"|([A-Za-z0-9_$]+))"
_QUALIFIED = rb"(?:" + _NAME + rb"\s*\.\s*)?" + _NAME
_INSERT = re.compile(
    rb"(?:INSERT(?:\s+(?:LOW_PRIORITY|DELAYED|HIGH_PRIORITY|IGNORE))*|REPLACE)\s+(?:INTO\s+)?"
    + _QUALIFIED
    + rb"\s*(?:\(([^()']*)\)\s*)?VALUES?\s*",
    re.I,
)
_CREATE = re.compile(rb"CREATE\s+(?:TEMPORARY\s+)?TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?" + _QUALIFIED + rb"\s*\(", re.I)
_COLUMN = re.compile(rb"^[ \t\r]*+(?:`((?:[^`]|``)+)`|\"([^\"]+)\"|([A-Za-z_]\w*))\s+\w", re.M)
_NOT_COLUMNS = {b"PRIMARY", b"KEY", b"UNIQUE", b"INDEX", b"CONSTRAINT", b"FULLTEXT", b"FOREIGN", b"CREATE", b"CHECK"}
# A statement with nothing in it is a blank as well.
_SPACE_OR_COMMENT = re.compile(rb"(?:[\s;]++|--(?:[ \t\r][^\n]*+)?\n|\#[^\n]*+\n|/\*(?![!M])(?:[^*]++|\*(?!/))*+\*/)++")
_STATEMENT = re.compile(
    rb"(?:[^'\"`;#/-]++|" + _QUOTED + rb"|" + _DQUOTED + rb"|`[^`]*+`|--(?:[ \t\r][^\n]*+)?\n|\#[^\n]*+\n"
    rb"|/\*(?:[^*]++|\*(?!/))*+\*/|[-/](?![-*]))*+;",
    re.S,
)
_WRITES = re.compile(rb"(?:INSERT|REPLACE)\b", re.I)
_DELIMITER = re.compile(rb"DELIMITER[ \t]+(\S+)", re.I)
_DELIMITED_END = re.compile(rb"^[ \t]*DELIMITER[ \t]+;[ \t]*\r?$", re.I | re.M)
_NAMES = re.compile(rb"SET\s+NAMES\s+'?(latin1|cp1252|ascii)\b", re.I)
_NO_BACKSLASHES = re.compile(rb"SQL_MODE\s*=\s*'[^']*NO_BACKSLASH_ESCAPES", re.I)
_BEGUN = re.compile(rb"(?:START\s+TRANSACTION|BEGIN)\s*;", re.I)
_ENDED = re.compile(rb"(?:COMMIT|ROLLBACK)\b", re.I)
_SAVED = re.compile(rb"SET\s+@OLD_(\w+)\s*=\s*@@", re.I)
_RESTORED = re.compile(rb"SET\s+\w+(?:\.\w+)?\s*=\s*@OLD_(\w+)", re.I)
_SPEC_NAMES = tuple(spec.name.encode() for spec in SPECS)
_SUFFIXES = tuple(sorted((spec.name for spec in SPECS), key=len, reverse=True))


def _unescape(raw: bytes, *, plain: bool = False) -> str:
    if plain:
        return decode(raw.replace(b"''", b"'").replace(b'""', b'"'))
    if b"\\" in raw or b"''" in raw or b'""' in raw:
        raw = _ESCAPE.sub(lambda m: b"'" if m.group(1) is None else _ESCAPED.get(m.group(1), m.group(1)), raw)
    return raw.decode("ascii") if raw.isascii() else decode(raw)


def _bare(raw: bytes) -> str | None:
    if raw[:4].upper() == b"NULL":
        return None
    if raw[:2] in (b"0x", b"0X"):
        return decode(bytes.fromhex(raw[2:].decode("ascii")))
    return raw.decode("ascii", "replace")


def parse_row(body: bytes, wanted: int, *, plain: bool = False) -> RawRow:
    """Split the inside of one ``(…)`` into values: text, number as text, or None for NULL.

    Handles charset introducers (``_binary '…'``), hex literals (``0x…`` and ``x'…'``) and doubled quotes.
    ``plain``: a backslash escapes nothing. ``wanted`` is the number of columns; a row with another number raises :class:`UnreadableSource`.
    """
    row: RawRow = []
    prefix = b""
    for quoted, dquoted, bare in (_PLAIN_FIELD if plain else _FIELD).findall(body):
        if bare:
            if bare[0] == 0x5F or bare in (b"x", b"X", b"b", b"B", b"N", b"n"):
                prefix = bare
                continue
            row.append(_bare(bare))
        elif prefix in (b"x", b"X"):
            row.append(decode(bytes.fromhex(quoted.decode("ascii"))))
        elif prefix in (b"b", b"B"):
            row.append(str(int(quoted or b"0", 2)))
        else:
            row.append(_unescape(quoted or dquoted, plain=plain))
        prefix = b""
    if len(row) != wanted:
        raise UnreadableSource(
            f"A row has {len(row)} values where the table has {wanted} columns: {body[:120].decode('utf-8', 'replace')}"
        )
    return row


class DumpReader:
    """One pass over a dump, spooling the tables that matter into a :class:`Snapshot`."""

    def __init__(self, stream: IO[bytes], snapshot: Snapshot, size: int = 0) -> None:
        self.stream = stream
        self.limit = min(_MAX_TOTAL, max(_RATIO_FROM, size * _MAX_RATIO)) if size else _MAX_TOTAL
        self.snapshot = snapshot
        self.buffer = b""
        self.pos = 0
        self.at_end = False
        self.read_total = 0
        self.columns: dict[str, tuple[str, ...]] = {}
        self.saved: set[bytes] = set()
        self.restored: set[bytes] = set()
        self.head = b""
        self.completed = False
        self.plain = False
        self.in_transaction = False
        self.statements_left = _MAX_STATEMENTS

    def run(self) -> None:
        """Read to the end. Raises TruncatedDump, UnreadableSource or NotEqdkp."""
        self._more()
        if not self.head.strip():
            raise NotEqdkp("The file is empty.")
        if b"\0" in self.head and not self.head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise NotEqdkp(
                "The file is not an SQL dump: it holds binary data. Give a .sql or .sql.gz made by mysqldump."
            )
        if self.head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise UnreadableSource(
                "The file is UTF-16 (PowerShell's “>” does that). Dump again with mysqldump --result-file=dump.sql."
            )
        if self.buffer.startswith(b"\xef\xbb\xbf"):
            self.pos = 3
        while self._skip_blank():
            self._statement()
        self._check_complete()

    # -- the buffer -------------------------------------------------------------------------------------------------
    def _more(self) -> bool:
        """Read a further block behind what is unread; False at the end of the file."""
        if self.at_end:
            return False
        left = len(self.buffer) - self.pos
        if left > _MAX_TOKEN:
            raise UnreadableSource("A single value in this file is larger than 256 MiB: it is not an EQdkp dump.")
        try:
            # Doubling what is read while one token does not end keeps a long value from costing quadratic time.
            block = self.stream.read(max(_BLOCK, left))
        except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
            raise TruncatedDump(
                f"The compressed file is damaged or was cut off ({error}). Copy it again, in binary mode.",
            ) from error
        if not block:
            self.at_end = True
            return False
        if not self.read_total:
            self.head = block[:4096]
        self.read_total += len(block)
        if self.read_total > self.limit:
            raise UnreadableSource(
                f"The file is larger than {self.limit >> 30} GiB unpacked, far more than its size gives: it is not an EQdkp dump."
            )
        self.buffer = self.buffer[self.pos :] + block if left else block
        self.pos = 0
        return True

    def _skip_blank(self) -> bool:
        """Move to the next statement; False where there is none."""
        while True:
            match = _SPACE_OR_COMMENT.match(self.buffer, self.pos)
            if match:
                if not self.completed and b"Dump completed" in match.group():
                    self.completed = True
                if match.end() < len(self.buffer) - 1 or self.at_end:
                    self.pos = match.end()
            rest = self.buffer[self.pos : self.pos + 2]
            if len(rest) == 2 and not rest[:1].isspace() and rest not in (b"--", b"/*") and rest[:1] != b"#":
                return True
            if rest == b"/*" and self.buffer[self.pos + 2 : self.pos + 3] in (b"!", b"M"):
                return True
            if not self._more():
                return self._last_word()

    def _last_word(self) -> bool:
        tail = self.buffer[self.pos :]
        if tail.lstrip()[:2] in (b"--", b"") or tail.lstrip()[:1] == b"#":
            if b"Dump completed" in tail:
                self.completed = True
            self.pos = len(self.buffer)
            return False
        return tail.strip() != b";"

    # -- statements -------------------------------------------------------------------------------------------------
    def _statement(self) -> None:
        self._ensure(8192)
        match = _INSERT.match(self.buffer, self.pos)
        if match:
            self._insert(match)
            return
        if _DELIMITER.match(self.buffer, self.pos):
            self._skip_delimited()
            return
        self.statements_left -= 1
        if self.statements_left < 0 or len(self.snapshot.seen_tables) > _MAX_TABLES:
            raise UnreadableSource(
                f"The file has more than {_MAX_STATEMENTS:,} statements or {_MAX_TABLES:,} tables: it is not a dump of one "
                "database. Dump EQdkp's database alone."
            )
        writes = _WRITES.match(self.buffer, self.pos) is not None
        statement = self._whole_statement()
        if writes and any(name in statement[:300] for name in _SPEC_NAMES):
            shown = " ".join(statement[:100].decode("utf-8", "replace").split())
            raise UnreadableSource(
                f"The dump writes rows in a way that is not understood (“{shown[:80]}”). Dump again with mysqldump."
            )
        match = _CREATE.match(statement)
        if match:
            self._create(match, statement)
            return
        self._settings(statement)

    def _settings(self, statement: bytes) -> None:
        if _BEGUN.match(statement):
            self.in_transaction = True
        elif _ENDED.match(statement):
            self.in_transaction = False
        if _NO_BACKSLASHES.search(statement):
            self.plain = True
        if (charset := _NAMES.search(statement)) is not None:
            self.snapshot.notes.append(
                f"The dump was made in {charset.group(1).decode().lower()}: letters that do not exist there (emoji, some "
                "dashes) were lost in it as “?”. Dump again with --default-character-set=utf8mb4 if that matters."
            )
        for saved in _SAVED.finditer(statement):
            self.saved.add(saved.group(1).upper())
        for restored in _RESTORED.finditer(statement):
            self.restored.add(restored.group(1).upper())

    def _skip_delimited(self) -> None:
        """Skip triggers and procedures: from one DELIMITER to the one that puts the semicolon back. No rows stand in
        there."""
        begin = _DELIMITER.match(self.buffer, self.pos)
        if begin is not None and begin.group(1) == b";":
            self.pos = begin.end()
            return
        while True:
            end = _DELIMITED_END.search(self.buffer, self.pos + 9)
            if end is not None and (end.end() < len(self.buffer) or self.at_end):
                self.pos = end.end()
                return
            if not self._more():
                self._cut(self.buffer[self.pos : self.pos + 80])

    def _ensure(self, count: int) -> None:
        while len(self.buffer) - self.pos < count and self._more():
            pass

    def _whole_statement(self) -> bytes:
        while True:
            match = _STATEMENT.match(self.buffer, self.pos)
            if match:
                self.pos = match.end()
                return match.group()
            if not self._more():
                self._cut(self.buffer[self.pos : self.pos + 80])

    def _cut(self, where: bytes) -> None:
        shown = " ".join(where.decode("utf-8", "replace").split())
        if not self.snapshot.seen_tables:
            raise NotEqdkp(f"The file is not an SQL dump: it begins with “{shown[:60]}”.")
        raise TruncatedDump(
            f"The dump ends in the middle of a statement (“{shown[:60]}…”): it was cut off. Nothing was imported. "
            "Dump again and compare the file's size on both sides.",
            figures={"tables_seen": len(self.snapshot.seen_tables)},
        )

    @staticmethod
    def _table_name(match: re.Match[bytes]) -> str:
        name = match.group(4) or match.group(5) or match.group(6)
        return cast(bytes, name).decode("utf-8", "replace").replace("``", "`")

    def _create(self, match: re.Match[bytes], statement: bytes) -> None:
        table = self._table_name(match)
        self.snapshot.seen_tables.add(table)
        body = statement[match.end() :]
        names = [
            quoted.replace(b"``", b"`") or double or bare
            for quoted, double, bare in _COLUMN.findall(b"\n" + body)
            if bare.upper() not in _NOT_COLUMNS
        ]
        self.columns[table] = tuple(name.decode("utf-8", "replace") for name in names)
        if self._wanted(table):
            self.snapshot.spool(table, self.columns[table])

    @staticmethod
    def _wanted(table: str) -> bool:
        return table.endswith(_SUFFIXES)

    def _insert(self, match: re.Match[bytes]) -> None:
        table = self._table_name(match)
        self.snapshot.seen_tables.add(table)
        listed = match.group(7)
        self.pos = match.end()
        if not self._wanted(table):
            self._whole_statement()
            return
        columns = self.columns.get(table)
        if listed:
            given = tuple(part.strip(b'` "\r\n\t').decode("utf-8", "replace") for part in listed.split(b","))
        elif columns:
            given = columns
        else:
            raise UnreadableSource(
                f"The dump has rows for {table} but not its structure. Dump again without --no-create-info.",
            )
        spool = self.snapshot.spool(table, columns or given)
        self._rows(spool, given, table)

    def _rows(self, spool: TableSpool, given: tuple[str, ...], table: str) -> None:
        wanted = len(given)
        order: list[int | None] | None = None
        if given != spool.columns:
            place = {name: index for index, name in enumerate(given)}
            order = [place.get(name) for name in spool.columns]
        while True:
            match = (_PLAIN_ROW if self.plain else _ROW).match(self.buffer, self.pos)
            if match is None or match.end() >= len(self.buffer):
                if self._more():
                    continue
                if match is None:
                    self._cut(f"INSERT INTO {table} ".encode() + self.buffer[self.pos : self.pos + 60])
            assert match is not None
            try:
                row = parse_row(match.group(1), wanted, plain=self.plain)
            except ValueError as error:  # no hexadecimal digits after 0x, or a number of thousands of digits
                raise UnreadableSource(f"A value in {table} cannot be read ({str(error)[:80]}).") from error
            spool.append(row if order is None else [None if i is None else row[i] for i in order])
            stop = self.buffer[match.end() : match.end() + 1]
            self.pos = match.end() + 1
            if stop == b";":
                return

    def _check_complete(self) -> None:
        if not self.snapshot.seen_tables:
            shown = " ".join(self.head[:200].decode("utf-8", "replace").split())
            raise NotEqdkp(f"The file is not an SQL dump: no table is in it. It begins with “{shown[:60]}”.")
        marked = b"MySQL dump" in self.head or b"MariaDB dump" in self.head
        unrestored = bool(self.saved) and not (self.saved & self.restored)
        if not self.completed and (unrestored or self.in_transaction or (marked and not self.restored)):
            raise TruncatedDump(
                "The dump's closing lines are missing: it was cut off between two statements, tables may be missing. "
                "Nothing was imported. Dump again and compare the file's size on both sides.",
                figures={"tables_seen": len(self.snapshot.seen_tables)},
            )


def refuse_no_file(path: Path) -> None:
    """Refuse what is not there, is a folder, or may not be read.

    Raises:
        UnreadableSource: in words.
    """
    if path.is_dir():
        raise UnreadableSource(f"{path} is a folder. Name the dump file in it.")
    if not path.is_file():
        raise UnreadableSource(f"There is no file {path}.")
    if not os.access(path, os.R_OK):
        raise UnreadableSource(f"{path} may not be read by this user. Give it the right to, or copy the file.")


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as probe:
        magic = probe.read(4)
    if magic[:2] == b"\x1f\x8b":
        return cast("IO[bytes]", gzip.open(path, "rb"))
    if magic == b"PK\x03\x04":
        archive = zipfile.ZipFile(path)
        names = [name for name in archive.namelist() if name.lower().endswith(".sql")]
        if len(names) != 1:
            raise UnreadableSource(f"The archive must hold exactly one .sql file; it holds {len(names)}.")
        return archive.open(names[0])
    return path.open("rb")


def read_dump(path: Path, *, prefix: str | None = None, progress: Progress | None = None) -> Snapshot:
    """Read a dump file into a snapshot.

    Args:
        path: a `.sql`, `.sql.gz` or `.zip` file.
        prefix: the table prefix, where the dump holds several installations.
        progress: called with bytes read of the file and its size.

    Raises:
        LegacyRefused: in one of its kinds, with words for a person; nothing is left behind.
    """
    snapshot = Snapshot(f"dump file {path.name}")
    try:
        refuse_no_file(path)
        try:
            stream = _open(path)
        except zipfile.BadZipFile as error:
            raise TruncatedDump("The .zip file is damaged or was cut off. Copy it again from the server.") from error
        except (OSError, RuntimeError, NotImplementedError) as error:  # a zip with a password, or packed in a rare way
            raise UnreadableSource(f"{path.name} cannot be read: {error}.") from error
        with stream:
            DumpReader(stream, snapshot, path.stat().st_size).run()
        snapshot.finish(prefix)
    except BaseException:
        snapshot.close()
        raise
    if progress is not None:
        size = path.stat().st_size
        progress(size, size)
    return snapshot
