"""Previews: what was shown is what is carried out, or nothing is.

Invariant: a preview returns a digest over what was asked for (`Shown.given`) and over what was shown of the outcome
(`Shown.rows`). Who carries it out sends the digest back; the use case computes the same `Shown` again under its locks
and calls `require` before its first write. Where the two differ nothing is stored and `PreviewChanged` is raised: the
page shows a new preview, the API returns 409 ``preview_changed`` with it. A caller that never previews sends no digest
and is not held to one; the pages always send it (`web.forms.base.PageForm.digest`).

`executes_preview` ties a use case to its preview and demands that it takes a digest; `core/tests/test_previews.py` fails for
a preview that no use case is tied to.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import inspect
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import ParamSpec, TypeVar

from .errors import Conflict
from .money import show_points

P = ParamSpec("P")
R = TypeVar("R")

MAX_LENGTH = 80
"""The longest digest that is read; ours has 45 characters."""
_HALF = 22
_MOST_NAMES = 5
_ROW_MARK = 6


@dataclass(frozen=True, slots=True)
class Shown:
    """What a preview showed.

    Attributes:
        kind: ``app.verb`` of what would be carried out; digests of different kinds never match.
        given: what was asked for, in a canonical form: names resolved to ids, lists sorted where their order means nothing.
        rows: what would happen, by a label that a person can read (a name); the values are what the preview shows.
    """

    kind: str
    given: object
    rows: Mapping[str, object] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Return ``<what was asked for>.<what would happen>``; the same on every server and in every process."""
        return f"{_hash([self.kind, self.given])[:_HALF]}.{_hash(self.rows)[:_HALF]}"

    def marks(self) -> dict[str, str]:
        """Return a short mark for each row, from which `what_changed` tells which rows are different later."""
        return {label: _hash(values)[:_ROW_MARK] for label, values in self.rows.items()}


class PreviewChanged(Conflict):
    """What would be carried out is not what was previewed. Nothing was stored.

    Attributes:
        shown: what it would be now.
        input_changed: whether something else was asked for (else the same would do something else by now).
    """

    default_code = "preview_changed"

    def __init__(self, shown: Shown, digest: str) -> None:
        self.shown = shown
        self.input_changed = digest.partition(".")[0] != shown.digest.partition(".")[0]
        super().__init__(
            "This is not what was previewed: something was entered differently after the preview. Nothing was stored. "
            "Look at the new preview and confirm that."
            if self.input_changed
            else "Something has changed since the preview, so this would do something else now. Nothing was stored. "
            "Look at the new preview and confirm that.",
            attr="digest",
            figures={"digest": shown.digest},
        )


def require(digest: str | None, shown: Callable[[], Shown]) -> None:
    """Pass if `digest` is that of what `shown` returns, or if there is none: then it is not asked.

    Call it under the locks, before the first write.

    Raises:
        PreviewChanged: anything else would be carried out than was previewed.
    """
    if digest is None:
        return
    now = shown()
    if not hmac.compare_digest(digest.encode("utf-8", "replace"), now.digest.encode()):
        raise PreviewChanged(now, digest)


def what_changed(before: Mapping[str, object], shown: Shown) -> str:
    """Return one sentence on the rows that differ from those of an earlier preview, given its `Shown.marks`; empty
    for none."""
    now = shown.marks()
    parts = [
        (words, [label for label in labels if label])
        for words, labels in (
            ("different now", [label for label in now if label in before and before[label] != now[label]]),
            ("new", [label for label in now if label not in before]),
            ("no longer in it", [str(label)[:120] for label in before if label not in now]),
        )
    ]
    return "; ".join(f"{words}: {_names(labels)}" for words, labels in parts if labels)


def by_label(rows: Iterable[tuple[str, object]]) -> dict[str, object]:
    """Return `Shown.rows` made of labels and values, also where two rows have the same label."""
    found: dict[str, object] = {}
    seen: Counter[str] = Counter()
    for label, values in rows:
        seen[label] += 1
        found[label if seen[label] == 1 else f"{label} ({seen[label]})"] = values
    return found


def _names(labels: list[str]) -> str:
    more = len(labels) - _MOST_NAMES
    return ", ".join(labels[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _hash(value: object) -> str:
    text = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    """Return `value` as JSON that is the same whenever it means the same."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(str(_plain(item)) for item in value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Decimal):
        return show_points(value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).isoformat()
    return value if value is None or isinstance(value, bool | int | str) else str(value)


_commits: dict[str, str] = {}


def executes_preview(preview: Callable[..., object] | str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Say of a use case that it carries out what `preview` (or the function of that dotted name) shows.

    It must take `digest` (None: not previewed).

    Raises:
        TypeError: it takes none.
    """

    def decorate(use_case: Callable[P, R]) -> Callable[P, R]:
        name = preview if isinstance(preview, str) else f"{preview.__module__}.{preview.__qualname__}"
        if "digest" not in inspect.signature(use_case).parameters:
            raise TypeError(f"{use_case.__qualname__} must take the digest of {name}")
        _commits[name] = f"{use_case.__module__}.{use_case.__qualname__}"
        return use_case

    return decorate


def registered() -> dict[str, str]:
    """Return the use case that carries out each preview, both by their dotted names."""
    return dict(_commits)
