"""The one exception hierarchy that services raise and that every door renders once.

Invariant: a rule that refuses something raises a `GuildhallError`. The API (`core.api.errors`), the pages,
the slash commands and the management commands each turn it into their own words in one place; no view compares
message texts. `code` is stable and part of the interface (API.md, "Conventions"); `detail` is for a person in
the middle of a raid and says what to do; `figures` are the numbers behind it, for programs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class GuildhallError(Exception):
    """Something was asked for that cannot be done; nothing has been changed.

    Args:
        code: stable identifier in snake_case, e.g. ``insufficient_points``.
        detail: one or two sentences for a person: what is wrong and what to do.
        attr: the input field that is to blame, where one is.
        figures: JSON-ready values that explain the refusal (amounts as strings).
    """

    status = 400
    default_code = "invalid"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        attr: str | None = None,
        figures: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code or self.default_code
        self.detail = detail
        self.attr = attr
        self.figures: dict[str, Any] = dict(figures or {})

    def __str__(self) -> str:
        return self.detail


class BadInput(GuildhallError):
    """What came in cannot be understood or breaks a rule about values (HTTP 400)."""


class NotAuthenticated(GuildhallError):
    """Who asks is not known, or the credentials are not good (HTTP 401)."""

    status = 401
    default_code = "not_authenticated"


class NotAllowed(GuildhallError):
    """Who asks is known and may not do this (HTTP 403)."""

    status = 403
    default_code = "permission_denied"


class NotFound(GuildhallError):
    """What was named does not exist (HTTP 404)."""

    status = 404
    default_code = "not_found"


class Conflict(GuildhallError):
    """The state of things does not allow it, though the input is well-formed (HTTP 409)."""

    status = 409
    default_code = "conflict"


class TooLarge(BadInput):
    """More came in than is read in one go (HTTP 400, code ``too_large``)."""

    default_code = "too_large"
