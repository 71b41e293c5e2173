"""Turning what EQdkp stored into what it meant: text, times, amounts, PHP's serialised fields.

- Text: EQdkp stores HTML entities (``Fear &amp; Hate``); they are unescaped exactly once. Text that went through a
  latin1 connection as UTF-8 (``CafÃ©``) is repaired where the repair is certain.
- Times: unix seconds; zero, empty and impossible ones become ``None`` (the caller decides what that means).
- Amounts: MySQL FLOAT columns printed as text; two places, half away from zero, as EQdkp rounds them itself.
"""

from __future__ import annotations

import html
import json
import re
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import TypeAlias

from guildhall.core.text import made_storable

PhpValue: TypeAlias = "bool | int | float | str | dict[int | str, PhpValue] | None"

_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# What UTF-8 looks like after somebody read it as cp1252: a lead byte of the scripts that guilds write in (Latin, Greek,
# Cyrillic, punctuation, emoji), then a continuation byte. Rarer lead bytes are left out: "CAFÉ”" is not an accident.
_CONTINUATION = "\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122"
_MOJIBAKE = re.compile(f"[\u00c2-\u00c5\u00ce-\u00d1\u00e2\u00ef\u00f0][{_CONTINUATION}]")
_CENT = Decimal("0.01")
_TRACE = Decimal("0.0001")
TOO_MUCH = Decimal("1000000000000.00")
#: No integer column of MySQL holds twenty.
_MOST_DIGITS = 20
_LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()


def decode(raw: bytes) -> str:
    """Decode the bytes of one value: UTF-8 where they are valid UTF-8, else Windows-1252 (what MySQL calls latin1)."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return _decode_latin1(raw)


def _decode_latin1(raw: bytes) -> str:
    try:
        return raw.decode("cp1252")
    except UnicodeDecodeError:
        # cp1252 leaves five bytes undefined; MySQL passes them through as control characters.
        return "".join(bytes([b]).decode("cp1252", "ignore") or chr(b) for b in raw)


def _encode_latin1(text: str) -> bytes:
    return b"".join(bytes([ord(c)]) if ord(c) < 0x100 and 0x80 <= ord(c) < 0xA0 else c.encode("cp1252") for c in text)


def repair_double_encoding(value: str) -> str:
    """Undo UTF-8 that was stored through a latin1 connection, once or twice; leave everything else alone."""
    for _ in range(2):
        if not _MOJIBAKE.search(value):
            return value
        try:
            value = _encode_latin1(value).decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            return value
    return value


def text(value: str | None) -> str:
    """Return the text a person typed: encoding repaired, entities unescaped once, control characters dropped."""
    if not value:
        return ""
    if not value.isascii():
        value = repair_double_encoding(value)
    if "&" in value:
        value = _ENTITY.sub(lambda match: html.unescape(match.group()), value)
    return cleaned(value).strip()


def cleaned(value: str) -> str:
    """Return the text without what no database keeps, nor the other C0 characters, which only ever come from broken
    pastes."""
    if value.isprintable():
        return value
    return "".join(c for c in made_storable(value) if c >= " " or c in "\n\t")


def integer(value: str | None, default: int = 0) -> int:
    """Return an integer column; empty, NULL and rubbish become ``default`` (as PHP's cast would make them 0)."""
    if not value:
        return default
    try:
        return int(value)
    except ValueError:
        number = _decimal(value)
        # No column holds more digits, and Python would write out each zero of 1e3000000, which takes minutes.
        if number is None or not number.is_finite() or number.adjusted() > _MOST_DIGITS:
            return default
        return int(number)


def _decimal(value: str) -> Decimal | None:
    try:
        return Decimal(value)
    except InvalidOperation:
        return None


def money(value: str | None) -> Decimal:
    """Return an amount with two places; NULL and rubbish are zero, as EQdkp adds them up.

    What no column of points holds comes as `TOO_MUCH`, which every balance refuses, and is never taken for nothing.
    """
    if not value:
        return Decimal("0.00")
    amount = _decimal(value)
    if amount is None or amount.is_nan():
        return Decimal("0.00")
    if amount.copy_abs() > TOO_MUCH:  # abs() overflows on 1e999999999
        return TOO_MUCH.copy_sign(amount)
    return amount.quantize(_CENT, ROUND_HALF_UP)


def rounded_by_much(value: str | None) -> bool:
    """Return whether an amount has more than two places, and not only as the trace of a float
    (``0.30000000000000004``)."""
    if not value or "." not in value:
        return False
    amount = _decimal(value)
    return (
        amount is not None
        and amount.is_finite()
        and amount.copy_abs() < TOO_MUCH
        and abs(amount - amount.quantize(_CENT, ROUND_HALF_UP)) > _TRACE
    )


def moment(value: str | None) -> datetime | None:
    """Return Unix seconds to an aware UTC time; ``None`` for zero, empty, negative or unreachable values."""
    seconds = integer(value)
    if seconds <= 0 or seconds > _LATEST:
        return None
    return datetime.fromtimestamp(seconds, UTC)


def profile(value: str | None) -> dict[str, str]:
    """Return ``members.profiledata`` by field: JSON since 2.0, PHP serialisation before; unreadable ones are empty."""
    if not value:
        return {}
    value = value.strip()
    if value.startswith("{"):
        try:
            loaded = json.loads(value)
        except (ValueError, RecursionError):  # damaged, nested without end, or a number of thousands of digits
            return {}
        return {
            text(str(k)): text(str(v)) for k, v in loaded.items() if not isinstance(v, dict | list) and v is not None
        }
    parsed = unserialize(value)
    if isinstance(parsed, dict):
        return {text(str(k)): text(str(v)) for k, v in parsed.items() if not isinstance(v, dict) and v is not None}
    return {}


class _PhpReader:
    """A cursor over PHP's ``serialize()`` text. Lengths count bytes, so it works on bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.pos = 0

    def _until(self, stop: bytes) -> bytes:
        end = self.data.index(stop, self.pos)
        piece = self.data[self.pos : end]
        self.pos = end + 1
        return piece

    def read(self, depth: int = 0) -> PhpValue:
        if depth > 40:
            raise ValueError("nested too deep")
        kind = self.data[self.pos : self.pos + 1]
        self.pos += 2
        if kind == b"N":
            return None
        if kind == b"b":
            return self._until(b";") == b"1"
        if kind == b"i":
            return int(self._until(b";"))
        if kind == b"d":
            return float(self._until(b";"))
        if kind == b"s":
            length = int(self._until(b":"))
            piece = self.data[self.pos + 1 : self.pos + 1 + length]
            self.pos += length + 3
            if len(piece) != length:
                raise ValueError("string runs past the end")
            return cleaned(decode(piece))
        if kind == b"a":
            count = int(self._until(b":"))
            self.pos += 1
            found: dict[int | str, PhpValue] = {}
            for _ in range(count):
                key = self.read(depth + 1)
                if not isinstance(key, int | str):
                    raise ValueError("array key is neither integer nor string")
                found[key] = self.read(depth + 1)
            self.pos += 1
            return found
        raise ValueError(f"unknown type {kind!r}")


def unserialize(value: str | None) -> PhpValue:
    """Read PHP's ``serialize()`` format (null, bool, int, float, string, array). Objects and damage give ``None``.

    Nothing is ever executed or instantiated: an object in the data is refused like any other unknown type.
    """
    if not value:
        return None
    try:
        return _PhpReader(value.encode("utf-8", "surrogateescape")).read()
    except (ValueError, IndexError):
        return None
