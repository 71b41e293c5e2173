"""Where a movement comes from: the page of the raid, the award, the rule's run or the auction behind it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse

from guildhall.auctions.selectors import sessions_by_reference
from guildhall.loot.selectors import awards_by_document
from guildhall.points.models import EntryKind, Hold, LedgerEntry
from guildhall.points.selectors import rule_runs_by_document
from guildhall.raids.selectors import raids_by_context


@dataclass(frozen=True, slots=True)
class Source:
    """A link to what a movement belongs to. `url` is empty where there is a name and no page."""

    label: str
    url: str


def page_url(name: str, *args: object, fragment: str = "") -> str:
    """Return the address of a page, empty where no app has brought it."""
    try:
        return reverse(name, args=args) + (f"#{fragment}" if fragment else "")
    except NoReverseMatch:
        return ""


def links(entries: Collection[LedgerEntry]) -> dict[int, Source]:
    """Return the source of each entry that has one, by the entry's id. One query for each kind of source that may occur."""
    contexts = {entry.context for entry in entries if entry.context is not None}
    documents = {entry.document for entry in entries if entry.document is not None}
    kinds = {entry.kind for entry in entries}
    raids = raids_by_context(contexts) if contexts and kinds & _RAIDS else {}
    awards = awards_by_document(documents) if documents and kinds & _LOOT else {}
    runs = rule_runs_by_document(contexts) if contexts and kinds & _RUNS else {}
    found: dict[int, Source] = {}
    for entry in entries:
        award = awards.get(entry.document) if entry.document else None
        raid = raids.get(entry.context) if entry.context else None
        run = runs.get(entry.context) if entry.context else None
        if award is not None:
            found[entry.pk] = Source(award.item_name, page_url("web:item", award.item_id))
        elif raid is not None:
            found[entry.pk] = Source(raid.name, page_url("web:raid", raid.pk))
        elif run is not None:
            found[entry.pk] = Source(f"run for {run.period_key}", page_url("web:rules", fragment=f"run-{run.pk}"))
    return found


_RAIDS = {EntryKind.RAID, EntryKind.LOOT, EntryKind.REVERSAL, EntryKind.IMPORT}
_LOOT = {EntryKind.LOOT, EntryKind.REVERSAL, EntryKind.IMPORT}
_RUNS = {EntryKind.DECAY, EntryKind.ADJUSTMENT, EntryKind.REVERSAL}


@dataclass(frozen=True, slots=True)
class Held:
    """Points that are tied up, and by what."""

    amount: object
    label: str
    url: str


def holds(rows: Collection[Hold]) -> list[Held]:
    """Return what ties up points, with a link to the auction where there is one. One query."""
    sessions = sessions_by_reference([row.reference for row in rows]) if rows else {}
    found = []
    for row in rows:
        session = sessions.get(row.reference)
        what = "your sealed bid" if row.is_sealed else "the leading bid"
        label = f"{what} on {session.item_name}" if session else "a leading bid"
        found.append(Held(row.amount, label, page_url("web:auction", session.pk) if session else ""))
    return found
