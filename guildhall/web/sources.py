"""Where a movement comes from: the page of the raid, the award, the rule's run or the auction behind it."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import dataclass

from django.urls import NoReverseMatch, get_script_prefix, reverse

from guildhall.accounts.permissions import Principal
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


def address(name: str, number: int) -> str:
    """Return the address of a page with one number in it, as `reverse` does; a list asks for many of one kind.

    Raises:
        NoReverseMatch: there is no such page.
    """
    before, after = _parts(name, get_script_prefix())
    return f"{before}{number}{after}"


@functools.cache
def _parts(name: str, prefix: str) -> tuple[str, str]:
    before, after = reverse(name, args=[_ANY]).split(str(_ANY))
    return before, after


_ANY = 987_654_321


def page_url(name: str, *args: object, fragment: str = "") -> str:
    """Return the address of a page, empty where no app has brought it."""
    try:
        where = address(name, args[0]) if len(args) == 1 and type(args[0]) is int else reverse(name, args=args)
        return where + (f"#{fragment}" if fragment else "")
    except NoReverseMatch:
        return ""


def links(entries: Collection[LedgerEntry], who: Principal) -> dict[int, Source]:
    """Return the source of each entry that has one, by the entry's id, without the pages that `who` may not open. One query
    for each kind of source that may occur."""
    reads, rules = who.can("raids:read"), who.can("points:write")
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
            found[entry.pk] = Source(award.item_name, page_url("web:item", award.item_id) if reads else "")
        elif raid is not None:
            found[entry.pk] = Source(raid.name, page_url("web:raid", raid.pk) if reads else "")
        elif run is not None:
            url = page_url("web:rules", fragment=f"run-{run.pk}") if rules else ""
            found[entry.pk] = Source(f"run for {run.period_key}", url)
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
