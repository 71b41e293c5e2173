"""One way to name a source: a file, several API exports, or the address of a database."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Sequence
from pathlib import Path

from guildhall.eqdkp.legacy.apiexport import read_api_exports
from guildhall.eqdkp.legacy.dump import read_dump, refuse_no_file
from guildhall.eqdkp.legacy.errors import UnreadableSource
from guildhall.eqdkp.legacy.mysql import read_mysql
from guildhall.eqdkp.legacy.snapshot import Progress, Snapshot


def _looks_like_export(path: Path) -> bool:
    """Return whether the file begins like JSON or XML (compressed or not)."""
    try:
        with path.open("rb") as file:
            head = file.read(2)
        if head == b"\x1f\x8b":
            with gzip.open(path, "rb") as packed:
                head = packed.read(64)
        else:
            with path.open("rb") as file:
                head = file.read(64)
    except (OSError, EOFError, zlib.error):
        return False
    return head.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (b"{", b"<")


def open_source(names: Sequence[str], *, prefix: str | None = None, progress: Progress | None = None) -> Snapshot:
    """Read what ``names`` name: one ``mysql://…`` address, one dump file, or one to three API exports.

    Raises:
        LegacyRefused: with the reason, in words; nothing has been written anywhere but in a temporary folder, which
            is gone again.
    """
    if not names:
        raise UnreadableSource("Name a dump file, a mysql:// address or API exports.")
    if names[0].startswith(("mysql://", "mariadb://")):
        if len(names) > 1:
            raise UnreadableSource("Name one database at a time.")
        return read_mysql(names[0], prefix=prefix, progress=progress)
    paths = [Path(name) for name in names]
    for path in paths:
        refuse_no_file(path)
    if all(_looks_like_export(path) for path in paths):
        return read_api_exports(paths, prefix=prefix)
    if len(paths) > 1:
        raise UnreadableSource("Name one dump file at a time, or only API exports (JSON or XML).")
    return read_dump(paths[0], prefix=prefix, progress=progress)
