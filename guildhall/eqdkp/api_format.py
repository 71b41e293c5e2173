"""The three dialects of EQdkp Plus' API: what it writes (JSON, XML, Lua) and what it reads (JSON, XML).

Answers are plain ordered dicts in PHP's manner: the key ``player:112`` means "a ``<player>`` in XML, ``[112]`` in Lua,
the key as it stands in JSON". The renderers reproduce recorded answers byte for byte, oddities included, because the
tools on the other side were written against exactly those bytes. ``tests/test_api_format.py`` fails if they do not.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from xml.etree.ElementTree import Element

from guildhall.core.budget import Budget
from guildhall.core.errors import BadInput
from guildhall.core.xml import XmlRefused, read_xml

Answer: TypeAlias = Mapping[str, Any]

JSON_TYPE = "application/json; charset=utf-8"
XML_TYPE = "text/xml; charset=utf-8"
MAX_BODY = 5 << 20
#: Values in one JSON body; the largest that a tool sends is a raid with some hundred attendees.
MAX_VALUES = 100_000

_XML_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_NO_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_LUA_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f]")
_DEEPEST = 30
_LONGEST_INTEGER = 40
_PREDEFINED = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_NUMERIC_ENTITY = re.compile(r"#(?:[xX]([0-9A-Fa-f]+)|([0-9]+))\Z")


def render(answer: Answer, fmt: str, *, one_table: bool = True) -> tuple[bytes, str]:
    """Return the body and its content type; ``fmt`` is ``json``, ``lua``, or anything else for XML (EQdkp's default).

    Args:
        one_table: for Lua: one table ``response``; else a table for each thing that the answer has.
    """
    if fmt == "json":
        return render_json(answer), JSON_TYPE
    if fmt == "lua":
        return render_lua(answer, one_table=one_table), JSON_TYPE  # the type EQdkp sends for Lua as well
    return render_xml(answer), XML_TYPE


def render_json(answer: Answer) -> bytes:
    """PHP's ``json_encode``: no spaces, escaped slashes, everything beyond ASCII as ``\\uXXXX``."""
    return json.dumps(answer, ensure_ascii=True, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def _xml_text(value: str) -> str:
    """Return the text of an element as PHP's SimpleXML ``addChild`` leaves it.

    It reads the value as XML text: ``&amp;`` is an ampersand, and a bare ``&`` that opens no entity loses the *whole*
    value (``Kunark & Classic`` becomes an empty element). Old tools see what they always saw.
    """
    if "&" in value:
        parts: list[str] = []
        position = 0
        while (start := value.find("&", position)) >= 0:
            end = value.find(";", start)
            if end < 0:
                return ""
            parts.append(value[position:start])
            name = value[start + 1 : end]
            numeric = _NUMERIC_ENTITY.match(name)
            if name in _PREDEFINED:
                parts.append(_PREDEFINED[name])
            elif numeric:
                code = int(numeric.group(1), 16) if numeric.group(1) else int(numeric.group(2))
                parts.append(chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else "")
            else:
                parts.append(value[start : end + 1])
            position = end + 1
        parts.append(value[position:])
        value = "".join(parts)
    value = _XML_FORBIDDEN.sub("", value)
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("\r", "&#13;")


def _scalar(value: object) -> str:
    """Return a scalar the way PHP casts it to a string."""
    if value is None or value is False:
        return ""
    if value is True:
        return "1"
    return str(value)


def _xml_nodes(key: str, value: object, depth: int, out: list[str]) -> None:
    tag = key.split(":", 1)[0]
    if tag.isdecimal():
        tag = f"i{tag}"
    pad = "  " * depth
    if isinstance(value, Mapping):
        children: list[tuple[str, object]] = [(str(k), v) for k, v in value.items()]
    elif isinstance(value, Sequence) and not isinstance(value, str):
        children = [(str(index), item) for index, item in enumerate(value)]
    else:
        content = _xml_text(_scalar(value))
        out.append(f"{pad}<{tag}>{content}</{tag}>" if content else f"{pad}<{tag}/>")
        return
    if not children:
        out.append(f"{pad}<{tag}/>")
        return
    out.append(f"{pad}<{tag}>")
    for child_key, child in children:
        _xml_nodes(child_key, child, depth + 1, out)
    out.append(f"{pad}</{tag}>")


def render_xml(answer: Answer) -> bytes:
    """Return two spaces a level under ``<response>``; ``player:112`` is ``<player>``, a list ``<i0>``, ``<i1>``…"""
    out = ['<?xml version="1.0" encoding="utf-8"?>']
    _xml_nodes("response", answer, 0, out)
    return "\n".join(out).encode("utf-8")


def _lua_string(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "").replace("\n", "\\n")
    escaped = _LUA_CONTROL.sub(lambda found: f"\\{ord(found.group()):03d}", escaped)
    return f'"{escaped}"'


def _lua(value: object) -> str:
    if isinstance(value, Mapping):
        pairs: list[tuple[str, object]] = [(str(k), v) for k, v in value.items()]
    elif isinstance(value, Sequence) and not isinstance(value, str):
        pairs = [(str(index), item) for index, item in enumerate(value)]
    else:
        return _lua_string(_scalar(value))
    parts = []
    for key, item in pairs:
        _, colon, number = key.partition(":")
        if colon and number.isdecimal():
            key = number
        shown = f"[{key}]" if key.isdecimal() else f"[{_lua_string(key)}]"
        parts.append(f"{shown} = {_lua(item)}")
    return "{" + ",".join(parts) + "}"


def render_lua(answer: Answer, *, one_table: bool = True) -> bytes:
    """Return one assignment ``response = {…}``, or one a line for each key; every scalar is a string there."""
    if one_table:
        return f"response = {_lua(answer)}".encode("utf-8", "replace")
    lines = []
    for key, value in answer.items():
        name = re.sub(r"\W", "_", str(key))  # EQdkp leaves the colon of raid:300, which no Lua reads
        nested = isinstance(value, Mapping) or (isinstance(value, Sequence) and not isinstance(value, str))
        lines.append(f"{name} = {_lua(value if nested else {str(key): value})}\n")
    return "".join(lines).encode("utf-8", "replace")


def clean_text(value: str) -> str:
    """Return `value` without characters that no text has: control characters and halves of surrogate pairs."""
    return _NO_TEXT.sub("", value)


def _element_value(element: Element, depth: int = 0) -> object:
    if depth > _DEEPEST:
        raise BadInput("The body is nested too deeply.", code="malformed_input")
    children = list(element)
    if not children:
        return clean_text(element.text or "").strip()
    found: dict[str, Any] = {}
    for child in children:
        value, tag = _element_value(child, depth + 1), str(child.tag).rpartition("}")[2]
        if tag in found:
            if not isinstance(found[tag], list):
                found[tag] = [found[tag]]
            found[tag].append(value)
        else:
            found[tag] = value
    return found


def _clean(value: Any, budget: Budget, depth: int = 0) -> Any:
    budget.charge(1)
    if depth > _DEEPEST:
        raise BadInput("The body is nested too deeply.", code="malformed_input")
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_clean(item, budget, depth + 1) for item in value]
    if isinstance(value, dict):
        return {clean_text(key): _clean(item, budget, depth + 1) for key, item in value.items()}
    return value


def _integer(text: str) -> int:
    if len(text) > _LONGEST_INTEGER:
        raise ValueError(f"a number of {len(text)} digits")
    return int(text)


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is not a number")


def parse_body(raw: bytes) -> dict[str, Any]:
    """Return the fields of a request's body: JSON or XML, told apart by the first character, whatever the header says.

    Text comes without control characters, XML without its namespaces, numbers are finite.

    Raises:
        BadInput: ``malformed_input`` (neither, not an object, nested too deeply), ``too_large`` (over 5 MiB).
    """
    if len(raw) > MAX_BODY:
        raise BadInput("The body is larger than 5 MiB.", code="too_large")
    stripped = raw.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not stripped:
        return {}
    if stripped[:1] == b"<":
        try:
            root = read_xml(stripped)
        except XmlRefused as error:
            raise BadInput(f"The XML body cannot be read: {error}.", code="malformed_input") from error
        value = _element_value(root)
        return value if isinstance(value, dict) else {}
    try:
        loaded = json.loads(stripped, parse_int=_integer, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"The JSON body cannot be read: {error}.", code="malformed_input") from error
    if not isinstance(loaded, dict):
        raise BadInput("The body must be an object with named fields.", code="malformed_input")
    return dict(
        _clean(loaded, Budget(MAX_VALUES, f"The body has more than {MAX_VALUES:,} values; send less at a time."))
    )


def escape_name(value: str) -> str:
    """Return a name the way EQdkp stores it, where its API passes the stored form on (event names inside ``points``)."""
    return html.escape(value, quote=False)
