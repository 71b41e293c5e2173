"""What later apps tell of a raid: what is left to do before it is closed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from .models import Raid


@dataclass(frozen=True, slots=True)
class Missing:
    """Something that is left to do: how many of it, in words for whoever leads.

    Attributes:
        code: what it is, for programs, such as ``unmatched_names``.
        holds_points: whether points hang on it, so that the raid cannot be cancelled.
    """

    code: str
    count: int
    text: str
    holds_points: bool = False


Finder = Callable[[Raid], list[Missing]]
_finders: list[Finder] = []


def on_closing(finder: Finder) -> Finder:
    """Have `finder` asked what is left to do of a raid; it reads only."""
    if finder not in _finders:
        _finders.append(finder)
    return finder


def found_by_others(raid: Raid) -> list[Missing]:
    """Return what the registered finders name."""
    return [missing for finder in _finders for missing in finder(raid)]
