"""XML that somebody sends is read within limits, each to the element."""

from __future__ import annotations

import pytest

from guildhall.core import xml
from guildhall.core.xml import XmlMalformed, XmlRefused, read_xml


def nested(depth: int) -> bytes:
    return b"<a>" * depth + b"</a>" * depth


def test_it_is_read_to_the_depth_of_the_limit_and_no_deeper() -> None:
    assert read_xml(nested(xml.MAX_DEPTH)).tag == "a"
    with pytest.raises(XmlRefused, match="nested deeper than"):
        read_xml(nested(xml.MAX_DEPTH + 1))
    with pytest.raises(XmlRefused, match="nested deeper than"):  # before it is seen to be malformed
        read_xml(b"<a>" * 50_000)


def test_it_is_read_to_the_number_of_elements_and_no_further() -> None:
    assert len(read_xml(b"<a>" + b"<b/>" * 9 + b"</a>", max_elements=10)) == 9
    with pytest.raises(XmlRefused, match="more than 10 elements"):
        read_xml(b"<a>" + b"<b/>" * 10 + b"</a>", max_elements=10)


def test_it_is_read_to_the_number_of_attributes_and_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MAX_ATTRIBUTES", 10)
    assert len(read_xml(b"<a>" + b'<b c="1" d="2"/>' * 5 + b"</a>", max_elements=10)) == 5
    with pytest.raises(XmlRefused, match="too many attributes"):
        read_xml(b"<a>" + b'<b c="1" d="2"/>' * 6 + b"</a>", max_elements=10)


@pytest.mark.parametrize(
    "text",
    [
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a SYSTEM "http://localhost/x.dtd"><a/>',
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    ],
)
def test_a_document_type_is_refused_whatever_is_in_it(text: bytes) -> None:
    with pytest.raises(XmlRefused, match="declares a document type") as refused:
        read_xml(text)
    assert not isinstance(refused.value, XmlMalformed)


def test_names_are_counted_whether_of_elements_or_of_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MAX_NAMES", 10)
    fits = "".join(f"<b{number}/>" for number in range(8)) + "<b7 c='1'/>"
    assert len(read_xml(f"<a>{fits}</a>".encode())) == 9
    for beyond in ("<d/>", "<b7 d='1'/>"):
        with pytest.raises(XmlRefused, match="more than 10 different names"):
            read_xml(f"<a>{fits}{beyond}</a>".encode())
