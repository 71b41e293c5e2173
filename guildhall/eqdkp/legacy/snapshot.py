"""A frozen copy of the tables an import reads, on the local disk, in bounded memory.

Every source is first copied here: a dump lists its tables in alphabetical order and an import needs them in another,
a live database must be seen at one moment, and a source that turns out to be cut or foreign must be refused before
anything is written. Rows are kept as lists of raw text in chunks, a file a table, and typed when they are read.
"""

from __future__ import annotations

import hashlib
import marshal
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TypeVar

from guildhall.eqdkp.legacy.errors import LegacyRefused, NotEqdkp, UnreadableSource, UnsupportedVersion
from guildhall.eqdkp.legacy.figures import Figures
from guildhall.eqdkp.legacy.rows import CONFIG, MEMBERS, SPEC_BY_NAME, SPECS, TableSpec

RowT = TypeVar("RowT")
RawRow = list[str | None]
Progress = Callable[[int, int], None]

_CHUNK = 2000


class TableSpool:
    """The rows of one table under their full name, appended in order, read back as often as wanted."""

    def __init__(self, directory: Path, full_name: str, columns: tuple[str, ...]) -> None:
        self.full_name = full_name
        self.columns = columns
        self.count = 0
        self.digest = hashlib.sha256()
        safe = hashlib.sha256(full_name.encode()).hexdigest()[:24]
        self.path = directory / f"{safe}.spool"
        self._pending: list[RawRow] = []
        self._file: IO[bytes] | None = None

    def append(self, row: RawRow) -> None:
        self._pending.append(row)
        self.count += 1
        if len(self._pending) >= _CHUNK:
            self.flush()

    def flush(self) -> None:
        if self._pending:
            if self._file is None:
                self._file = self.path.open("ab")
            # Version 2 writes no references, so equal rows are equal bytes and the digest means something.
            blob = marshal.dumps(self._pending, 2)
            self.digest.update(blob)
            try:
                self._file.write(blob)
            except OSError as error:
                raise UnreadableSource(
                    f"The copy of the source in {self.path.parent} cannot be written ({error.strerror}). Make room there, or "
                    "set TMPDIR to a larger disk."
                ) from error
            self._pending = []

    def close(self) -> None:
        self.flush()
        if self._file is not None:
            self._file.close()
            self._file = None

    def chunks(self) -> Iterator[list[RawRow]]:
        if self.count == 0 or not self.path.exists():
            return
        with self.path.open("rb") as file:
            while True:
                try:
                    # Only ever our own file, written a moment ago in a directory that only this process may read.
                    yield marshal.load(file)  # noqa: S302
                except EOFError:
                    return


class Snapshot:
    """The tables of one installation. Use as a context manager: leaving it removes the files.

    Attributes:
        prefix: what stands before every table name.
        origin: where it came from, in words for the report.
        partial: ``True`` for API exports, which hold less than a database (no accounts, no item dates).
        notes: what the reader had to assume, for the report.
        claimed: what the source itself says of each (member, pool), where it says so (API exports do).
    """

    def __init__(self, origin: str, *, partial: bool = False) -> None:
        self.origin = origin
        self.partial = partial
        self.prefix = ""
        self.notes: list[str] = []
        self.claimed: dict[tuple[int, int], Figures] = {}
        self.seen_tables: set[str] = set()
        self.directory = Path(tempfile.mkdtemp(prefix="guildhall-eqdkp-"))
        self._spools: dict[str, TableSpool] = {}
        self._index: dict[str, list[int | None]] = {}

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        for spool in self._spools.values():
            spool.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def spool(self, full_name: str, columns: tuple[str, ...]) -> TableSpool:
        """Return the spool of a table, made on first use."""
        found = self._spools.get(full_name)
        if found is None:
            found = self._spools[full_name] = TableSpool(self.directory, full_name, columns)
        return found

    def finish(self, wanted_prefix: str | None = None) -> None:
        """Settle which installation was read, and refuse what is none or not complete.

        Raises:
            NotEqdkp: no installation here, several without one being asked for, or not under ``wanted_prefix``.
            UnsupportedVersion: EQdkp tables of a generation before 2.0.
        """
        for spool in self._spools.values():
            spool.close()
        self.prefix = settle_prefix(self.seen_tables | set(self._spools), wanted_prefix)
        for spec in SPECS:
            spool_or_none = self._spools.get(self.prefix + spec.name)
            if spool_or_none is None:
                continue
            missing = [column for column in spec.required if column not in spool_or_none.columns]
            if missing:
                raise UnsupportedVersion(
                    f"The table {self.prefix}{spec.name} has no column {', '.join(missing)}: this is not the layout of "
                    "EQdkp Plus 2.x. Update the old installation to 2.3 first (its own updater keeps all data), "
                    "then dump it again.",
                    figures={"table": self.prefix + spec.name, "missing": missing},
                )
            positions = {name: index for index, name in enumerate(spool_or_none.columns)}
            self._index[spec.name] = [positions.get(column) for column in spec.columns]
        self._check_version()
        if not self.count(MEMBERS):
            raise NotEqdkp(
                f"There are no characters in {self.prefix}{MEMBERS.name}: the dump holds the structure without the rows, or "
                "the site is empty. Dump again with structure and data."
            )

    def _check_version(self) -> None:
        version = self.version
        if version and version.split(".")[0] in {"0", "1"}:
            raise UnsupportedVersion(
                f"This database says it is EQdkp Plus {version}. Guildhall reads 2.0 to 2.3: update the old "
                "installation to 2.3 first (its own updater keeps all data), then dump it again.",
                figures={"version": version},
            )

    @property
    def version(self) -> str:
        """Return the version the installation names in its configuration, such as ``2.3.39``; empty where it names none."""
        for config in self.rows(CONFIG):
            if config.name == "plus_version":
                return ".".join(config.value.split(".")[:3])
        return ""

    def config(self) -> dict[str, str]:
        """Return the installation's ``core`` settings."""
        return {row.name: row.value for row in self.rows(CONFIG) if row.plugin == "core"}

    def has(self, spec: TableSpec[RowT]) -> bool:
        return spec.name in self._index

    def other_tables(self) -> list[str]:
        """Return the installation's tables that no import reads, without the prefix."""
        names = (name.removeprefix(self.prefix) for name in self.seen_tables if name.startswith(self.prefix))
        return [] if self.partial else sorted(name for name in names if name not in SPEC_BY_NAME)

    def count(self, spec: TableSpec[RowT]) -> int:
        spool = self._spools.get(self.prefix + spec.name)
        return spool.count if spool is not None and spec.name in self._index else 0

    def digest(self, spec: TableSpec[RowT]) -> str:
        """Return a fingerprint of the raw content of one table (equal content in equal order, equal digest)."""
        spool = self._spools.get(self.prefix + spec.name)
        return spool.digest.hexdigest() if spool is not None else ""

    def fingerprint(self) -> str:
        """Return a fingerprint of all tables that are read: the same source twice is the same fingerprint."""
        total = hashlib.sha256(self.prefix.encode())
        for spec in SPECS:
            total.update(f"{spec.name}:{self.count(spec)}:{self.digest(spec)};".encode())
        return total.hexdigest()

    def column(self, spec: TableSpec[RowT], *names: str) -> Iterator[tuple[str | None, ...]]:
        """Yield the raw text of a few columns of a table; nothing for a table or column that was not there."""
        spool = self._spools.get(self.prefix + spec.name)
        if spool is None or not set(names) <= set(spool.columns):
            return
        places = [spool.columns.index(name) for name in names]
        for chunk in spool.chunks():
            for row in chunk:
                yield tuple(row[place] for place in places)

    def rows(self, spec: TableSpec[RowT]) -> Iterator[RowT]:
        """Yield the typed rows of a table in stored order; nothing for a table that was not there."""
        for batch in self.batches(spec):
            yield from batch

    def batches(self, spec: TableSpec[RowT]) -> Iterator[list[RowT]]:
        """Yield the same rows in lists of at most a few thousand."""
        index = self._index.get(spec.name)
        if index is None:
            return
        build = spec.build
        for chunk in self._spools[self.prefix + spec.name].chunks():
            if None in index:
                yield [build([None if i is None else row[i] for i in index]) for row in chunk]
            elif index == list(range(len(index))):
                yield [build(row) for row in chunk]
            else:
                yield [build([row[i] for i in index]) for row in chunk]  # type: ignore[index]


#: What stands after the prefix in every 2.x installation.
_NEEDED = tuple(spec.name for spec in SPECS if spec.needed)
_CLASSIC = ("members", "raids", "raid_attendees", "items", "adjustments", "events", "users")


def _prefixes(tables: set[str], suffixes: tuple[str, ...]) -> list[str]:
    longest = suffixes[0]
    candidates = {name[: -len(longest)] for name in tables if name.endswith(longest)}
    return sorted(p for p in candidates if all(p + suffix in tables for suffix in suffixes))


def settle_prefix(tables: set[str], wanted: str | None) -> str:
    """Find the prefix of the one EQdkp Plus 2.x installation among ``tables``.

    Raises:
        NotEqdkp: none, or several and ``wanted`` does not choose, or ``wanted`` is not among them.
        UnsupportedVersion: only an older generation of EQdkp is there.
    """
    found = _prefixes(tables, ("multidkp2itempool", *_NEEDED))
    if wanted is not None:
        if wanted in found:
            return wanted
        if not found:
            _refuse(tables, wanted)
        raise NotEqdkp(
            f"There is no complete EQdkp Plus under the prefix “{wanted}”. Found: {', '.join(map(repr, found))}.",
            attr="prefix",
            figures={"found": found},
        )
    if len(found) == 1:
        return found[0]
    if found:
        raise NotEqdkp(
            "There are several EQdkp Plus installations in here; say which with --prefix: "
            f"{', '.join(map(repr, found))}.",
            attr="prefix",
            figures={"found": found},
        )
    _refuse(tables, None)
    raise AssertionError("unreachable")


def _refuse(tables: set[str], wanted: str | None) -> None:
    """Say what is there instead of an EQdkp Plus 2.x."""
    # Either link tells that it is no 1.x, whichever of the two was left out of the dump.
    links = ("multidkp2itempool", "multidkp2event")
    started = dict.fromkeys(p for link in links for p in _prefixes(tables, (link,))) if wanted is None else [wanted]
    for prefix in started:
        there = [name for name in _NEEDED if prefix + name in tables]
        if len(there) >= 6 and any(prefix + link in tables for link in links):
            missing = sorted(prefix + name for name in _NEEDED if prefix + name not in tables)
            if prefix + "multidkp2itempool" not in tables and prefix + "plus_config" in tables:
                break
            raise NotEqdkp(
                f"An EQdkp Plus under the prefix “{prefix}”, but without {', '.join(missing)}. Either the dump was cut "
                "off, or tables were left out of it: dump the whole database again.",
                figures={"prefix": prefix, "missing": missing},
            )
    old = _prefixes(tables, _CLASSIC)
    if old:
        raise UnsupportedVersion(
            f"This is EQdkp 1.x, or EQdkp Plus before 1.0 (prefix “{old[0]}”): its tables keep buyers by name and "
            "know no item pools. Update the old installation to EQdkp Plus 2.3 first (its own updater keeps all "
            "data), then dump it again.",
            figures={"prefix": old[0]},
        )
    if not tables:
        raise NotEqdkp("There are no tables in here at all. Give a dump made with mysqldump, or the database itself.")
    shown = ", ".join(sorted(tables)[:8])
    raise NotEqdkp(
        f"This is not an EQdkp Plus database: none of its tables is there. Found {len(tables)} other tables, "
        f"such as {shown}.",
        figures={"tables": sorted(tables)[:50]},
    )


__all__ = ["SPEC_BY_NAME", "LegacyRefused", "Progress", "Snapshot", "TableSpool", "settle_prefix"]
