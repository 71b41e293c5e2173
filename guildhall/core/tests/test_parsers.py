"""What a JSON body may be, and the words for what it may not."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rest_framework.exceptions import ParseError

from guildhall.core.api.parsers import MOST_NESTED, StrictJSONParser


def read(body: bytes) -> Any:
    return StrictJSONParser().parse(io.BytesIO(body))


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"a": [1, 2.5, "x", null, true]}', {"a": [1, 2.5, "x", None, True]}),
        (b'\xef\xbb\xbf{"a": "\xc3\xa9"}', {"a": "é"}),
        (b'[{"a": 1}, {"a": 2}]', [{"a": 1}, {"a": 2}]),
        (b'{"a": "line\\u0000", "": 1}', {"a": "line\x00", "": 1}),
        (b"7", 7),
    ],
)
def test_what_is_read(body: bytes, found: Any) -> None:
    assert read(body) == found


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"amount": 5, "amount": 500}', '"amount" appears twice'),
        (b'{"a": {"b": 1, "b": 1}}', '"b" appears twice'),
        (b'{"a": NaN}', "NaN is not a number"),
        (b'{"a": -Infinity}', "-Infinity is not a number"),
        (b'{"a": 1e999}', "1e999 is too large"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b'{"a\\u0000": 1}', '"a\\u0000" has characters'),
        (b'[{"\\ud800": 1}]', '"\\ud800" has characters'),
        (b"[" * 100_000, "nested deeper than 32"),
        (b'{"a":' * 33 + b"1" + b"}" * 33, "nested deeper than 32"),
        (b"", "JSON parse error"),
    ],
)
def test_what_is_refused(body: bytes, words: str) -> None:
    with pytest.raises(ParseError) as refusal:
        read(body)
    assert words in str(refusal.value.detail)


def test_nesting_is_taken_up_to_the_limit() -> None:
    assert read(b"[" * MOST_NESTED + b"]" * MOST_NESTED)
