"""Bytes in, numbered lines out, without ever holding the whole input.

Invariant: memory is bounded by the size of a chunk and of the longest line that is kept, whatever the input's size.
Logs come as UTF-8, as Windows-1252, or as UTF-16 with or without a mark; line ends may be mixed, NUL bytes may stand
anywhere, the last line may be half written. A line is handed on as bytes (UTF-8 or Windows-1252), so that a parser can
throw most of them away before it decodes any.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from guildhall.core.errors import BadInput, TooLarge

Input = bytes | str | BinaryIO

#: What is read in one go, unless the caller says otherwise: 64 MiB.
DEFAULT_MAX_BYTES = 64 * 1024 * 1024
#: A longer line is cut here; the game writes at most some 2,000 characters.
MAX_LINE_BYTES = 64 * 1024

_CHUNK = 1024 * 1024
_HEAD = 64 * 1024
_BOMS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_ZIP = b"PK\x03\x04"
_BINARY_STARTS = (
    b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"%PDF-", b"MZ", b"\x7fELF", b"\x1f\x8b", b"7z\xbc\xaf", b"Rar!", b"BM",
    b"OggS", b"ID3", b"RIFF", b"SQLite format 3", b"\xd0\xcf\x11\xe0",
)  # fmt: skip
_CONTROLS = re.compile(rb"[\x01-\x08\x0e-\x11\x13-\x1a\x1c-\x1f\x7f]")


class Source:
    """One input, read once from front to back.

    Raises:
        BadInput: ``empty`` where there is nothing in it, ``binary`` where it is not text (and no zip).
        TooLarge: while reading, once more than `max_bytes` have come.
    """

    def __init__(self, source: Input, *, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self.max_bytes = max_bytes
        self._stream = _as_stream(source)
        self._seen = 0
        self._head = self._read_head()
        if not self._head.strip(b"\x00 \t\r\n"):
            raise BadInput("There is nothing in it. Paste the lines, or choose a file that is not empty.", code="empty")
        self.is_zip = self._head.startswith(_ZIP)
        self.encoding = "binary" if self.is_zip else _encoding_of(self._head)
        if not self.is_zip:
            self._refuse_binary()

    @property
    def head(self) -> str:
        """Return the beginning as text (up to 64 KiB), to guess the format from."""
        return decode(b"".join(_recode(iter([self._head]), self.encoding)))

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Return each line without its end, numbered from 1, NUL bytes taken out."""
        return _split(_recode(self._chunks(), self.encoding))

    def blocks(self) -> Iterator[bytes]:
        """Return the same lines many at a time, each ended by one line feed and uncut: for searches over all of them."""
        return _whole_lines(_recode(self._chunks(), self.encoding))

    def text_lines(self) -> Iterator[tuple[int, str]]:
        """Yield each line decoded."""
        for number, line in self.lines():
            yield number, decode(line)

    def read_all(self) -> bytes:
        """Return the whole input as it came, for formats that cannot be read by lines."""
        return b"".join(self._chunks())

    def _read_head(self) -> bytes:
        head = b""
        while len(head) < _HEAD and (chunk := self._read(_HEAD - len(head))):
            head += chunk
        return head

    def _read(self, size: int) -> bytes:
        data: Any = self._stream.read(size)  # a text stream's str, whatever the annotation says
        chunk = data.encode("utf-8", "replace") if isinstance(data, str) else bytes(data or b"")
        self._seen += len(chunk)
        if self._seen > self.max_bytes:
            raise TooLarge(
                f"This is larger than the {_megabytes(self.max_bytes)} that are read in one go. Cut the log down to "
                "the evening of the raid and send that part.",
                figures={"max_bytes": self.max_bytes},
            )
        return chunk

    def _chunks(self) -> Iterator[bytes]:
        yield self._head
        while chunk := self._read(_CHUNK):
            yield chunk

    def _refuse_binary(self) -> None:
        text = b"".join(_recode(iter([self._head]), self.encoding))
        controls = len(_CONTROLS.findall(text))
        if self._head.startswith(_BINARY_STARTS) or controls * 20 > len(text):
            raise BadInput(
                "This is not a text file. Send the game's log or dump as it is (.txt), an .xml raid log, or a .zip of "
                "those.",
                code="binary",
            )


def decode(line: bytes) -> str:
    """UTF-8, or Windows-1252 where it is not; what neither knows becomes a replacement character."""
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", "replace")


def _as_stream(source: Input) -> BinaryIO:
    if isinstance(source, str):
        return io.BytesIO(source.encode("utf-8", "replace"))
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(bytes(source))
    return source


def _encoding_of(head: bytes) -> str:
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    sample = head[: len(head) // 2 * 2]
    if len(sample) >= 8:
        half = len(sample) // 2
        even, odd = sample[0::2].count(0), sample[1::2].count(0)
        if odd > half * 0.7 and even < half * 0.2:
            return "utf-16-le"
        if even > half * 0.7 and odd < half * 0.2:
            return "utf-16-be"
    return "utf-8"


def _recode(chunks: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the same bytes without a mark and without NULs; UTF-16 becomes UTF-8."""
    if encoding in ("utf-16-le", "utf-16-be"):
        decoder = codecs.getincrementaldecoder(encoding)("replace")
        for chunk in chunks:
            text = decoder.decode(chunk).replace("\ufeff", "").replace("\x00", "")
            yield text.encode("utf-8", "replace")
        return
    for index, chunk in enumerate(chunks):
        if index == 0:
            chunk = chunk.removeprefix(codecs.BOM_UTF8)
        yield chunk.replace(b"\x00", b"") if b"\x00" in chunk else chunk


def _split(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    number = 0
    for block in _whole_lines(chunks):
        for line in block[:-1].split(b"\n"):
            number += 1
            yield number, line[:MAX_LINE_BYTES]


def _whole_lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    is_overlong = False  # inside a line that was cut: drop the bytes up to its end
    for chunk in chunks:
        text = rest + chunk
        held = b""
        if text.endswith(b"\r"):  # its line feed may come with the next chunk
            text, held = text[:-1], b"\r"
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = text.rfind(b"\n") + 1
        rest = text[end:] + held
        begin = 0
        if end and is_overlong:
            begin, is_overlong = text.find(b"\n") + 1, False
        if begin < end:
            yield text[begin:end]
        if len(rest) > MAX_LINE_BYTES:
            if not is_overlong:
                yield rest[:MAX_LINE_BYTES] + b"\n"
            is_overlong = True
            rest = rest[-1:] if held else b""
    rest = rest.rstrip(b"\r")
    if rest and not is_overlong:
        yield rest + b"\n"


def _megabytes(size: int) -> str:
    return f"{size / 1024 / 1024:.0f} MiB" if size >= 1024 * 1024 else f"{size:,} bytes"
