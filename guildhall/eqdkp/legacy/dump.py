"""Reading a mysqldump (`.sql`, `.sql.gz`, `.zip` with one `.sql`) without a MySQL server, in bounded memory.

The file is read once, in blocks, as bytes. Statements other than CREATE TABLE and INSERT are skipped; of the tables
that an import does not use only the names are kept. What always holds: a dump that ends in the middle of a statement,
or that announced settings it never put back (mysqldump's last act), raises :class:`TruncatedDump`: half a guild is
never taken for a whole one.
"""

from __future__ import annotations

import gzip
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
#: A single value longer than this is no EQdkp content, and no reason to take the machine down.
_MAX_TOKEN = 256 << 20
#: More than this unpacked is no guild's database: a few kilobytes can be packed so as to fill a disk.
_MAX_TOTAL = 16 << 30

_QUOTED = rb"'(?:[^'\\]++|\\.|'')*+'"
_DQUOTED = rb'"(?:[^"\\]++|\\.|"")*+"'
_ROW = re.compile(rb"\s*+\(((?:[^'\"()]++|" + _QUOTED + rb"|" + _DQUOTED + rb")*+)\)\s*+(?=[,;])", re.S)
_FIELD = re.compile(rb"'((?:[^'\\]++|\\.|'')*+)'|\"((?:[^\"\\]++|\\.|\"\")*+)\"|([^,'\"\s]++)", re.S)
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
_COLUMN = re.compile(rb"^\s*`((?:[^`]|``)+)`\s+\w", re.M)
_BARE_COLUMN = re.compile(rb"^\s*([A-Za-z_]\w*)\s+\w", re.M)
_NOT_COLUMNS = {b"PRIMARY", b"KEY", b"UNIQUE", b"INDEX", b"CONSTRAINT", b"FULLTEXT", b"FOREIGN", b"CREATE", b"CHECK"}
_SPACE_OR_COMMENT = re.compile(rb"(?:\s++|--(?:[ \t\r][^\n]*+)?\n|\#[^\n]*+\n|/\*(?![!M])(?:[^*]++|\*(?!/))*+\*/)++")
_STATEMENT = re.compile(
    rb"(?:[^'\"`;#/-]++|" + _QUOTED + rb"|" + _DQUOTED + rb"|`[^`]*+`|--(?:[ \t\r][^\n]*+)?\n|\#[^\n]*+\n"
    rb"|/\*(?:[^*]++|\*(?!/))*+\*/|[-/](?![-*]))*+;",
    re.S,
)
_SAVED = re.compile(rb"SET\s+@OLD_(\w+)\s*=\s*@@", re.I)
_RESTORED = re.compile(rb"SET\s+\w+(?:\.\w+)?\s*=\s*@OLD_(\w+)", re.I)
_SUFFIXES = tuple(sorted((spec.name for spec in SPECS), key=len, reverse=True))


def _unescape(raw: bytes) -> str:
    if b"\\" in raw or b"''" in raw or b'""' in raw:
        raw = _ESCAPE.sub(lambda m: b"'" if m.group(1) is None else _ESCAPED.get(m.group(1), m.group(1)), raw)
    return raw.decode("ascii") if raw.isascii() else decode(raw)


def _bare(raw: bytes) -> str | None:
    if raw[:4].upper() == b"NULL":
        return None
    if raw[:2] in (b"0x", b"0X"):
        return decode(bytes.fromhex(raw[2:].decode("ascii")))
    return raw.decode("ascii", "replace")


def parse_row(body: bytes, wanted: int) -> RawRow:
    """Split the inside of one ``(…)`` into values: text, number as text, or None for NULL.

    Handles charset introducers (``_binary '…'``), hex literals (``0x…`` and ``x'…'``) and doubled quotes.
    ``wanted`` is the number of columns; a row with another number raises :class:`UnreadableSource`.
    """
    row: RawRow = []
    prefix = b""
    for quoted, dquoted, bare in _FIELD.findall(body):
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
            row.append(_unescape(quoted or dquoted))
        prefix = b""
    if len(row) != wanted:
        raise UnreadableSource(
            f"A row has {len(row)} values where the table has {wanted} columns: {body[:120].decode('utf-8', 'replace')}"
        )
    return row


class DumpReader:
    """One pass over a dump, spooling the tables that matter into a :class:`Snapshot`."""

    def __init__(self, stream: IO[bytes], snapshot: Snapshot) -> None:
        self.stream = stream
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

    def run(self) -> None:
        """Read to the end. Raises TruncatedDump, UnreadableSource or NotEqdkp."""
        self._more()
        if not self.head.strip():
            raise NotEqdkp("The file is empty.")
        if b"\0" in self.head and not self.head.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise NotEqdkp("The file is no SQL dump: it holds binary data. Give a .sql or .sql.gz made by mysqldump.")
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
            raise UnreadableSource("A single value in this file is larger than 256 MiB: it is no EQdkp dump.")
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
        if self.read_total > _MAX_TOTAL:
            raise UnreadableSource("The file is larger than 16 GiB unpacked: it is no EQdkp dump.")
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
        statement = self._whole_statement()
        match = _CREATE.match(statement)
        if match:
            self._create(match, statement)
            return
        for saved in _SAVED.finditer(statement):
            self.saved.add(saved.group(1).upper())
        for restored in _RESTORED.finditer(statement):
            self.restored.add(restored.group(1).upper())

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
            raise NotEqdkp(f"The file is no SQL dump: it begins with “{shown[:60]}”.")
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
        names = [name.replace(b"``", b"`") for name in _COLUMN.findall(b"\n" + body)]
        if not names:
            names = [name for name in _BARE_COLUMN.findall(body) if name.upper() not in _NOT_COLUMNS]
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
            match = _ROW.match(self.buffer, self.pos)
            if match is None or match.end() >= len(self.buffer):
                if self._more():
                    continue
                if match is None:
                    self._cut(f"INSERT INTO {table} ".encode() + self.buffer[self.pos : self.pos + 60])
            assert match is not None
            row = parse_row(match.group(1), wanted)
            spool.append(row if order is None else [None if i is None else row[i] for i in order])
            stop = self.buffer[match.end() : match.end() + 1]
            self.pos = match.end() + 1
            if stop == b";":
                return

    def _check_complete(self) -> None:
        if not self.snapshot.seen_tables:
            shown = " ".join(self.head[:200].decode("utf-8", "replace").split())
            raise NotEqdkp(f"The file is no SQL dump: no table is in it. It begins with “{shown[:60]}”.")
        marked = b"MySQL dump" in self.head or b"MariaDB dump" in self.head
        unrestored = bool(self.saved) and not (self.saved & self.restored)
        if not self.completed and (unrestored or (marked and not self.restored)):
            raise TruncatedDump(
                "The dump's closing lines are missing: it was cut off between two statements, tables may be missing. "
                "Nothing was imported. Dump again and compare the file's size on both sides.",
                figures={"tables_seen": len(self.snapshot.seen_tables)},
            )


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
        if not path.is_file():
            raise UnreadableSource(f"There is no file {path}.")
        try:
            stream = _open(path)
        except zipfile.BadZipFile as error:
            raise TruncatedDump("The .zip file is damaged or was cut off. Copy it again from the server.") from error
        with stream:
            DumpReader(stream, snapshot).run()
        snapshot.finish(prefix)
    except BaseException:
        snapshot.close()
        raise
    if progress is not None:
        size = path.stat().st_size
        progress(size, size)
    return snapshot
