"""The one place that builds Discord messages: escapes what people typed, cuts to Discord's lengths, mentions nobody.

Invariants: whatever text goes in, what comes out is a message that Discord accepts (`tests/test_embeds.py` throws
everything at it) and that pings nobody: `allowed_mentions` is empty unless a person is named on purpose.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from guildhall.core import clock
from guildhall.core.guild import guild_name

TITLE, DESCRIPTION, FIELDS, NAME, VALUE, FOOTER, CONTENT, TOTAL = 256, 4096, 25, 256, 1024, 2048, 2000, 6000
BUTTON_LABEL, CUSTOM_ID, CHOICE = 80, 100, 100

GREEN, BLUE, GOLD, PURPLE, RED, GREY = 0x2ECC71, 0x3498DB, 0xF1C40F, 0x9B59B6, 0xE74C3C, 0x95A5A6

_MARKDOWN = re.compile(r"([\\*_~`|>\[\]()#-])")
_MENTION = re.compile(r"<(?=[@#:/a])|@(?=everyone|here)")


def escape(text: object) -> str:
    """Return `text` as plain text in Discord: markdown shows as typed, and nothing becomes a mention or a link."""
    plain = _MARKDOWN.sub(r"\\\1", str(text)).replace("\r", "")
    plain = _MENTION.sub(lambda m: m.group(0) + "\u200b", plain)
    return re.sub(r"(?i)\b(https?|discord):(?=//)", "\\1\u200b:", plain)


def cut(text: str, length: int) -> str:
    """Return `text` in at most `length` characters, with an ellipsis where something is missing."""
    return text if len(text) <= length else text[: length - 1].rstrip("\\") + "…"


def when(at: dt.datetime, style: str = "f") -> str:
    """Return a time that Discord shows in each reader's own zone; `R` is relative."""
    return f"<t:{int(at.timestamp())}:{style}>"


def mention(discord_id: str | None, otherwise: object = "") -> str:
    """Return a person as a mention (shown as a name, pinging only if allowed), else their escaped name."""
    return f"<@{discord_id}>" if discord_id else escape(otherwise)


@dataclass(slots=True)
class Embed:
    """One embed. Texts given here are already escaped where people typed them; lengths are seen to."""

    title: str
    description: str = ""
    color: int = BLUE
    url: str = ""
    fields: list[tuple[str, str, bool]] = field(default_factory=list)
    footer: str = ""
    at: dt.datetime | None = None

    def add(self, name: str, value: object, *, inline: bool = True) -> Embed:
        """Add a field; an empty value is left out."""
        text = str(value)
        if text.strip():
            self.fields.append((name, text, inline))
        return self

    def as_json(self) -> dict[str, object]:
        """Return the embed as Discord takes it, within its lengths, the sum of all texts included."""
        body: dict[str, Any] = {"title": cut(self.title, TITLE), "color": self.color}
        footer = cut(self.footer or guild_name(), FOOTER // 8)
        left = TOTAL - len(body["title"]) - len(footer)
        body["footer"] = {"text": footer}
        if self.url:
            body["url"] = self.url
        fields = []
        for name, value, inline in self.fields[:FIELDS]:
            item = {"name": cut(name, NAME) or "\u200b", "value": cut(value, VALUE), "inline": inline}
            size = len(str(item["name"])) + len(str(item["value"]))
            if size > left - 100:
                break
            left -= size
            fields.append(item)
        if fields:
            body["fields"] = fields
        if self.description:
            body["description"] = cut(self.description, min(DESCRIPTION, left))
        body["timestamp"] = (self.at or clock.now()).isoformat()
        return body


def lines(rows: Iterable[str], *, length: int = DESCRIPTION, more: str = "… and {} more") -> str:
    """Return rows joined to a text of at most `length`; what does not fit is counted instead of cut in the middle."""
    listed = list(rows)
    kept: list[str] = []
    size = 0
    for index, row in enumerate(listed):
        rest = more.format(len(listed) - index)
        if size + len(row) + 1 + len(rest) + 1 > length:
            return "\n".join([*kept, rest]) if kept else cut(row, length)
        kept.append(row)
        size += len(row) + 1
    return "\n".join(kept)


def message(
    *embeds: Embed, content: str = "", components: list[dict[str, object]] | None = None, ping: Iterable[str] = ()
) -> dict[str, object]:
    """Return a whole message. `ping` names the Discord ids that may really be notified."""
    people = [str(person) for person in ping][:100]
    body: dict[str, object] = {"allowed_mentions": {"parse": [], "users": people} if people else {"parse": []}}
    if content:
        body["content"] = cut(content, CONTENT)
    if embeds:
        built, left = [], TOTAL
        for embed in embeds[:10]:
            made = embed.as_json()
            size = _size(made)
            if size > left:
                break
            left -= size
            built.append(made)
        body["embeds"] = built
    if components is not None:
        body["components"] = components
    return body


def _size(embed: dict[str, Any]) -> int:
    fields = sum(len(item["name"]) + len(item["value"]) for item in embed.get("fields", []))
    return len(embed["title"]) + len(embed.get("description", "")) + len(embed["footer"]["text"]) + fields


def button(label: str, custom_id: str, *, style: int = 2, disabled: bool = False) -> dict[str, object]:
    """Return a button that comes back as an interaction. Styles: 1 blurple, 2 grey, 3 green, 4 red."""
    return {
        "type": 2,
        "style": style,
        "label": cut(label, BUTTON_LABEL),
        "custom_id": custom_id[:CUSTOM_ID],
        "disabled": disabled,
    }


def link_button(label: str, url: str) -> dict[str, object]:
    """Return a button that opens a page."""
    return {"type": 2, "style": 5, "label": cut(label, BUTTON_LABEL), "url": url}


def row(*buttons: dict[str, object]) -> dict[str, object]:
    """Return up to five buttons side by side."""
    return {"type": 1, "components": list(buttons)[:5]}


def page(path: str) -> str:
    """Return the address of one of our pages, empty where the site has no address."""
    base = str(getattr(settings, "SITE_URL", "")).rstrip("/")
    return f"{base}{path}" if base else ""
