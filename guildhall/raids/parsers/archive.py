"""A zip of logs and dumps, read without trusting what it says about itself.

Invariant: never more than the caller's `max_bytes` are unpacked in all, whatever the archive's directory claims; at
most `MAX_MEMBERS` files are looked at; an archive in the archive is not opened; nothing is written to disk.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator

from guildhall.core.errors import BadInput, TooLarge

MAX_MEMBERS = 200
#: A text packs at most some 1:100 in practice; an archive beyond this is made to hurt.
MAX_RATIO = 500
_CHUNK = 256 * 1024


def text_members(data: bytes, *, max_bytes: int) -> Iterator[tuple[str, bytes | str]]:
    """Yield each file of the archive with its content, or with the words why it cannot be read.

    Raises:
        BadInput: ``bad_zip`` where the archive is damaged or has too many files.
        TooLarge: where its files are larger than `max_bytes` together.
    """
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
        infos = [info for info in archive.infolist() if not info.is_dir()]
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError, OverflowError) as error:
        raise BadInput("The zip is damaged. Pack the files again, or send them one by one.", code="bad_zip") from error
    if len(infos) > MAX_MEMBERS:
        raise BadInput(
            f"The zip holds {len(infos)} files, more than {MAX_MEMBERS}. Send those of one raid.",
            code="bad_zip",
            figures={"files": len(infos)},
        )
    left = max_bytes
    with archive:
        for info in infos:
            content = _read(archive, info, left, len(data))
            if isinstance(content, bytes):
                left -= len(content)
            yield info.filename, content


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, left: int, packed: int) -> bytes | str:
    if info.filename.startswith("__MACOSX/") or info.filename.lower().endswith(".zip"):
        return "It is not a log or a dump."
    parts: list[bytes] = []
    size = 0
    try:
        with archive.open(info) as member:
            while part := member.read(_CHUNK):
                size += len(part)
                if size > left or size > max(packed, _CHUNK) * MAX_RATIO:
                    raise TooLarge(
                        "The files in the zip are larger than what is read in one go. Send those of one raid.",
                        figures={"bytes_left": left},
                    )
                parts.append(part)
    except TooLarge:
        raise
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError, ValueError, OSError) as error:
        return f"It cannot be unpacked ({str(error)[:80] or 'damaged'})."
    return b"".join(parts)
