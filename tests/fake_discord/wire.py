"""Requests and answers as the handlers see them, and Discord's error bodies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Request:
    """A parsed request. `params` are the named groups of the route, `query` and `form` single-valued."""

    method: str
    path: str
    params: dict[str, str]
    query: dict[str, str]
    headers: dict[str, str]
    json: Any = None
    form: dict[str, str] = field(default_factory=dict)

    def header(self, name: str) -> str:
        """A header by its name in any case, or the empty string."""
        return self.headers.get(name.lower(), "")


@dataclass
class Answer:
    """What goes back: JSON (`body`), a page (`html`) or nothing (204)."""

    status: int = 200
    body: Any = None
    html: str | None = None
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """An answer in Discord's error form: HTTP `status`, Discord's own `code` and `message`."""

    def __init__(self, status: int, code: int, message: str, errors: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        body: dict[str, Any] = {"message": message, "code": code}
        if errors:
            body["errors"] = errors
        self.answer = Answer(status, body)


class OAuthRefusal(Exception):
    """An answer in OAuth2's error form."""

    def __init__(self, status: int, error: str, description: str = "") -> None:
        super().__init__(error)
        body = {"error": error}
        if description:
            body["error_description"] = description
        self.answer = Answer(status, body)


def unauthorized() -> Refusal:
    return Refusal(401, 0, "401: Unauthorized")


def missing_access() -> Refusal:
    return Refusal(403, 50001, "Missing Access")


def missing_permissions() -> Refusal:
    return Refusal(403, 50013, "Missing Permissions")


UNKNOWN = {
    "channel": (10003, "Unknown Channel"),
    "guild": (10004, "Unknown Guild"),
    "member": (10007, "Unknown Member"),
    "message": (10008, "Unknown Message"),
    "role": (10011, "Unknown Role"),
    "user": (10013, "Unknown User"),
    "webhook": (10015, "Unknown Webhook"),
    "interaction": (10062, "Unknown interaction"),
}


def unknown(what: str) -> Refusal:
    code, message = UNKNOWN[what]
    return Refusal(404, code, message)


def invalid_form(field_name: str, code: str, message: str) -> Refusal:
    return Refusal(400, 50035, "Invalid Form Body", {field_name: {"_errors": [{"code": code, "message": message}]}})


def check_message(payload: Any) -> dict[str, Any]:
    """Refuse what Discord refuses in a message: lengths, counts, emptiness."""
    if not isinstance(payload, dict):
        raise invalid_form("_", "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
    content = payload.get("content") or ""
    embeds = payload.get("embeds") or []
    if not content and not embeds and not payload.get("components"):
        raise Refusal(400, 50006, "Cannot send an empty message")
    if len(content) > 2000:
        raise invalid_form("content", "BASE_TYPE_MAX_LENGTH", "Must be 2000 or fewer in length.")
    if len(embeds) > 10:
        raise invalid_form("embeds", "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    total = 0
    for embed in embeds:
        total += _check_embed(embed)
    if total > 6000:
        raise invalid_form("embeds", "MAX_EMBED_SIZE_EXCEEDED", "Embed size exceeds maximum size of 6000")
    for row in payload.get("components") or []:
        if row.get("type") == 1 and len(row.get("components", [])) > 5:
            raise invalid_form("components", "BASE_TYPE_MAX_LENGTH", "Must be between 1 and 5 in length.")
    return payload


def _check_embed(embed: dict[str, Any]) -> int:
    total = 0
    limits = [("title", 256), ("description", 4096)]
    for name, limit in limits:
        text = embed.get(name) or ""
        total += len(text)
        if len(text) > limit:
            raise invalid_form(f"embeds.{name}", "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")
    fields = embed.get("fields") or []
    if len(fields) > 25:
        raise invalid_form("embeds.fields", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for item in fields:
        for name, limit in (("name", 256), ("value", 1024)):
            text = item.get(name) or ""
            total += len(text)
            if not text:
                raise invalid_form(f"embeds.fields.{name}", "BASE_TYPE_REQUIRED", "This field is required")
            if len(text) > limit:
                raise invalid_form(
                    f"embeds.fields.{name}", "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length."
                )
    for holder, name, limit in (("footer", "text", 2048), ("author", "name", 256)):
        text = (embed.get(holder) or {}).get(name) or ""
        total += len(text)
        if len(text) > limit:
            raise invalid_form(f"embeds.{holder}", "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")
    return total


COMMAND_NAME = re.compile(r"^[-_'\w]{1,32}$")


def check_command(command: dict[str, Any]) -> None:
    """Refuse an application command that Discord would refuse."""
    name = command.get("name", "")
    if not COMMAND_NAME.match(name) or name != name.lower():
        raise invalid_form("name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
    if command.get("type", 1) == 1:
        _check_described(command)
    _check_options(command.get("options") or [])


def _check_described(item: dict[str, Any]) -> None:
    if not 1 <= len(item.get("description", "")) <= 100:
        raise invalid_form("description", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")


def _check_options(options: list[dict[str, Any]]) -> None:
    if len(options) > 25:
        raise invalid_form("options", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    optional_seen = False
    for option in options:
        if not COMMAND_NAME.match(option.get("name", "")) or option["name"] != option["name"].lower():
            raise invalid_form("options.name", "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")
        _check_described(option)
        if option.get("required"):
            if optional_seen:
                raise invalid_form(
                    "options",
                    "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
                    "Required options must be placed before non-required options",
                )
        else:
            optional_seen = True
        if len(option.get("choices") or []) > 25:
            raise invalid_form("options.choices", "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
        if option.get("choices") and option.get("autocomplete"):
            raise invalid_form("options", "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE", "choices and autocomplete")
        _check_options(option.get("options") or [])
