"""The one exception hierarchy that services raise and that the API, the pages and the admin each render in one place.

Invariant: a rule that refuses something raises a `GuildhallError`. The API (`core.api.errors`), the pages,
the slash commands and the management commands each turn it into their own words in one place; no view compares
message texts. `code` is stable and part of the interface (docs/api-contract.md, "Conventions"); `detail` is for a person in
the middle of a raid and says what to do; `figures` are the numbers behind it, for programs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


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
        figures: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.code = code or self.default_code
        self.detail = detail
        self.attr = attr
        self.figures: dict[str, object] = dict(figures or {})

    def __str__(self) -> str:
        return self.detail

    @property
    def faults(self) -> tuple[GuildhallError, ...]:
        """Everything that is wrong, each with its own field: for most refusals the one thing that they say."""
        return (self,)


class BadInput(GuildhallError):
    """What came in cannot be understood or breaks a rule about values (HTTP 400)."""


class MultipleErrors(BadInput):
    """More than one thing is wrong with what came in (HTTP 400). The API lists them, pages mark each field.

    Args:
        faults: at least one; the first gives `code` and `attr`.
        detail: all of it for a person; the faults' own words one after the other where it is left out.
    """

    def __init__(self, faults: Sequence[GuildhallError], *, detail: str = "") -> None:
        first = faults[0]
        words = detail or " ".join(fault.detail for fault in faults)
        super().__init__(words, code=first.code, attr=first.attr, figures=first.figures)
        self._faults = tuple(faults)

    @property
    def faults(self) -> tuple[GuildhallError, ...]:
        return self._faults


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


class Stale(Conflict):
    """What was read before a lock has changed by the time the lock was taken; nothing was written (HTTP 409).

    `core.transactions.use_case` runs the whole function again, which then reads what is true now. Whoever asked sees it
    only where that does not help: where they named the outdated thing themselves.
    """


class TooLarge(BadInput):
    """More came in than is read in one go (HTTP 400, code ``too_large``)."""

    default_code = "too_large"


class TooManyRequests(GuildhallError):
    """Too much was asked or tried in too short a time (HTTP 429).

    Args:
        retry_after: seconds to wait; becomes the header `Retry-After` wherever the refusal is shown.
    """

    status = 429
    default_code = "throttled"

    def __init__(self, detail: str, *, retry_after: int, code: str | None = None, attr: str | None = None) -> None:
        super().__init__(detail, code=code, attr=attr, figures={"retry_after": retry_after})
        self.retry_after = retry_after


def contradiction(first: str, second: str, why: str, *, code: str = "contradiction") -> BadInput:
    """Return the refusal of two fields that name one thing and do not agree; both are named, `first` is its `attr`.

    Args:
        why: what each of them says, a whole sentence.
    """
    return BadInput(f"“{first}” and “{second}” contradict each other: {why} Send one of them.", code=code, attr=first)
