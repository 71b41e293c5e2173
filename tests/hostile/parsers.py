"""Every parser of what a user sends, as a function of a text. A refusal in words is a result like any other."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections import deque
from collections.abc import Callable
from pathlib import Path

from rest_framework.exceptions import ParseError

from guildhall.auctions.chat import parse_chat
from guildhall.core.api.parsers import StrictJSONParser
from guildhall.core.errors import GuildhallError
from guildhall.discord.linking.claims import codes_in
from guildhall.eqdkp.api_format import parse_body
from guildhall.eqdkp.legacy import values
from guildhall.eqdkp.legacy.source import open_source
from guildhall.raids.parsers import (
    FORMATS,
    afk_spans,
    linkdead_gaps,
    parse_attendance,
    parse_guild_dump,
    parse_log_events,
    standing_calls,
)

Parser = Callable[[str], object]

ITEMS = ["Cloak of Flames", "Eye of Xygoz", "Left Eye of Xygoz", "Part of Tasarin's Grimoire Pg. 64", "Belt",
         "Spell: Gift of Insight", "Ry`Gorr Blade"]  # fmt: skip
PEOPLE = ["Orla", "Fenn", "Quaff", "Tannik"]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def attendance(format: str) -> Parser:
    """`parse_attendance` of one format, and what the API makes of its result."""

    def parse(text: str) -> object:
        found = parse_attendance(_bytes(text), format=format, time_zone="America/New_York")
        return found.union(), found.entries

    return parse


def log_events(text: str) -> object:
    """The events of a log, and everything that is worked out from them."""
    events = list(parse_log_events(_bytes(text), character="Orla"))
    return standing_calls(events), afk_spans(events), linkdead_gaps(events)


def chat(text: str) -> object:
    """`parse-chat` as the API calls it."""
    return parse_chat(text, active_items=ITEMS[:2], known_items=ITEMS, known_characters=PEOPLE, logger="Fenn")


def json_body(text: str) -> object:
    """The body of a call to the API."""
    return StrictJSONParser().parse(io.BytesIO(_bytes(text)))


def upload(text: str) -> object:
    """The wizard's upload: a dump, or an export of EQdkp's API."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "upload"
        path.write_bytes(_bytes(text))
        with open_source([str(path)]) as snapshot:
            return snapshot.origin


def old_values(text: str) -> object:
    """What EQdkp keeps in its columns."""
    return (
        values.text(text), values.profile(text), values.unserialize(text), values.integer(text), values.money(text),
        values.rounded_by_much(text), values.moment(text),
    )  # fmt: skip


def claim_codes(text: str) -> object:
    """Codes that were spoken in the game, in a log."""
    return deque(codes_in(text.splitlines()), maxlen=0)


PARSERS: dict[str, Parser] = {
    **{f"attendance {format}": attendance(format) for format in ("auto", *FORMATS)},
    "guild dump": lambda text: parse_guild_dump(_bytes(text)),
    "log events": log_events,
    "chat": chat,
    "json body": json_body,
    "old api body": lambda text: parse_body(_bytes(text)),
    "eqdkp upload": upload,
    "eqdkp values": old_values,
    "claim codes": claim_codes,
}


def run(parser: Parser, text: str) -> str:
    """Parse and say how it ended: ``read``, or the code of the refusal."""
    with contextlib.suppress(ParseError):
        try:
            parser(text)
        except GuildhallError as refusal:
            return refusal.code
        return "read"
    return "parse_error"
