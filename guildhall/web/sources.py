"""Where a movement comes from: the page of the raid, the award, the rule's run or the auction behind it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from guildhall.points.models import EntryKind, Hold, LedgerEntry
from guildhall.points.selectors import rule_runs_by_document


@dataclass(frozen=True, slots=True)
class Source:
    """A link to what a movement belongs to. `url` is empty where there is a name and no page."""

    label: str
    url: str


def page_url(name: str, *args: object, fragment: str = "") -> str:
    """The address of a page, empty where no room has brought it."""
    try:
        return reverse(name, args=args) + (f"#{fragment}" if fragment else "")
    except NoReverseMatch:
        return ""


def links(entries: Collection[LedgerEntry]) -> dict[int, Source]:
    """The source of each entry that has one, by the entry's id. One query for each kind of source that occurs."""
    found: dict[int, Source] = {}
    documents = {entry.pk: entry.context for entry in entries if entry.context is not None}
    runs = rule_runs_by_document(set(documents.values())) if _any(entries, EntryKind.DECAY) else {}
    for pk, context in documents.items():
        if context in runs:
            run = runs[context]
            found[pk] = Source(f"run for {run.period_key}", page_url("web:rules", fragment=f"run-{run.pk}"))
    return found


def _any(entries: Collection[LedgerEntry], kind: EntryKind) -> bool:
    return any(entry.kind in (kind, EntryKind.REVERSAL) for entry in entries)


@dataclass(frozen=True, slots=True)
class Held:
    """Points that are tied up, and by what."""

    amount: object
    label: str
    url: str


def holds(rows: Collection[Hold]) -> list[Held]:
    """What ties up points, with a link to the auction where there is one."""
    return [Held(row.amount, "a leading bid", "") for row in rows]
