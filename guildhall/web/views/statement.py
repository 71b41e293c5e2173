"""A person's points: what they have, why, and what it was on any day."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse

from guildhall.accounts.models import User
from guildhall.accounts.permissions import principal_of
from guildhall.core import clock
from guildhall.core.api.kept import moments, until_next
from guildhall.core.ids import PoolId, UserId
from guildhall.loot.models import Item, LootDistribution
from guildhall.points import selectors as points
from guildhall.points import services as point_services
from guildhall.points.ledger import preview_reversal
from guildhall.points.models import DKPPool, EntryKind, LedgerEntry, PointRuleRun
from guildhall.points.uncovered import bids_at_risk, changes_of_undoing
from guildhall.points.visibility import sees_sealed
from guildhall.raids.attendance import explain_attendance
from guildhall.raids.models import Event, Leave, Raid
from guildhall.raids.selectors import next_leave_changes, on_leave_now
from guildhall.recruitment.services.transitions import policy
from guildhall.roster.models import Rank
from guildhall.roster.selectors import characters_of, find_person
from guildhall.web import exports, sources
from guildhall.web.forms.base import ReasonForm
from guildhall.web.kept_pages import each_day, kept_page
from guildhall.web.pages import Done, as_moment, as_number, chosen, page, paginate
from guildhall.web.pages import me as signed_in

OF_A_STATEMENT = (*points.OF_BALANCES, Rank, Leave, Raid, Event, LootDistribution, Item, PointRuleRun)
OF_THE_DAY = moments(each_day, until_next(next_leave_changes, Leave))


def _balances(person: User, pools: Collection[points.Balance], at: dt.datetime | None) -> list[points.Balance]:
    if at is None:
        return list(pools)
    by_id = {pool.pk: pool for pool in points.pools()}
    return [points.balance_at(user_id=person.pk, pool=by_id[row.dkp_pool_id], at=at) for row in pools]


@page("points:read", "own:read")
@kept_page(*OF_A_STATEMENT, moment=OF_THE_DAY, for_caller=True)
def mine(request: HttpRequest) -> HttpResponse:
    """Return one's own statement."""
    return _statement(request, signed_in(request).pk)


@page("points:read", "own:read")
@kept_page(*OF_A_STATEMENT, moment=OF_THE_DAY, for_caller=True)
def statement(request: HttpRequest, user_id: int) -> HttpResponse:
    """Return what a person has in each pool, what it is made of, and every movement with the balance it left."""
    return _statement(request, user_id)


def _statement(request: HttpRequest, user_id: int) -> HttpResponse:
    principal_of(request).require_of(user_id, "points:read")
    person = find_person(user_id=user_id)
    pool_id = as_number(request.GET.get("pool"), attr="pool", what="a pool")
    kind = chosen(request.GET.get("kind"), EntryKind.values)
    at = as_moment(request.GET.get("at"), attr="at")
    balances = points.balances_of(user_id=person.pk, with_sealed=sees_sealed(principal_of(request), person.pk))
    chosen_pool = _chosen(balances, pool_id)
    rows = points.statement(
        user_id=UserId(person.pk),
        pool_id=None if pool_id is None else PoolId(pool_id),
        kind=kind,
        until=at,
        balances=False,
    )
    listing = paginate(request, rows)
    entries = points.with_balances(person.pk, listing.object_list)
    context = {
        "person": person,
        "is_me": person.pk == signed_in(request).pk,
        "leave": on_leave_now([person.pk]).get(person.pk),
        "characters": characters_of(person.pk),
        "balances": _balances(person, balances, at),
        "page": listing,
        "entries": entries,
        "sources": sources.links(entries, principal_of(request)),
        "kinds": EntryKind.choices,
        "pool": chosen_pool,
        "several": pool_id is None and len(balances) > 1,
        "at": at,
        "today": clock.now(),
        "formats": exports.FORMATS,
    }
    return render(request, "web/statement.html", context)


def _chosen(balances: Iterable[points.Balance], pool_id: int | None) -> points.Balance | None:
    rows = list(balances)
    return next((row for row in rows if row.dkp_pool_id == pool_id), rows[0] if rows else None)


@page("points:read", "own:read")
def explain(request: HttpRequest, user_id: int, pool_id: int) -> HttpResponse:
    """Return what a balance is made of: its entries by figure and kind, and what holds part of it."""
    principal_of(request).require_of(user_id, "points:read")
    person = find_person(user_id=user_id)
    pool: DKPPool = points.pool_or_default(pool_id)
    at = as_moment(request.GET.get("at"), attr="at")
    sealed = sees_sealed(principal_of(request), person.pk)
    balance = (
        points.balance_of(user_id=person.pk, pool=pool, with_sealed=sealed)
        if at is None
        else points.balance_at(user_id=person.pk, pool=pool, at=at)
    )
    context = {
        "person": person,
        "pool": pool,
        "at": at,
        "balance": balance,
        "parts": points.explanation(user_id=UserId(person.pk), pool_id=PoolId(pool.pk), at=at),
        "holds": []
        if at
        else sources.holds(points.holds_of(user_id=UserId(person.pk), pool_id=PoolId(pool.pk), with_sealed=sealed)),
    }
    return render(request, "web/explain.html", context)


SPANS = [("30", "30 days"), ("60", "60 days"), ("90", "90 days"), ("all", "since they joined")]


@page("raids:read", "own:read")
def attendance(request: HttpRequest, user_id: int) -> HttpResponse:
    """Return why somebody's attendance is what it is: each raid of the time, whether it counts, and whether they were there."""
    principal_of(request).require_of(user_id, "raids:read")
    person = find_person(user_id=user_id)
    span = chosen(request.GET.get("days"), [value for value, _ in SPANS], "30")
    found = explain_attendance(person, days=None if span == "all" else int(span))
    listing = paginate(request, found.raids)
    minimum = policy().minimum_attendance
    context = {
        "person": person,
        "is_me": person.pk == signed_in(request).pk,
        "spans": SPANS,
        "span": span,
        "figure": found.figure,
        "since": found.since,
        "joined_at": found.joined_at,
        "minimum": minimum,
        "reaches": found.figure.reaches(minimum),
        "page": listing,
        "raids": list(listing.object_list),
    }
    return render(request, "web/why_attendance.html", context)


@page("points:read", "own:read")
def statement_export(request: HttpRequest, user_id: int, file_format: str) -> HttpResponseBase:
    """Return the statement as a file, with the same filters."""
    principal_of(request).require_of(user_id, "points:read")
    person = find_person(user_id=user_id)
    pool_id = as_number(request.GET.get("pool"), attr="pool", what="a pool")
    rows: Any = points.statement(
        user_id=UserId(person.pk),
        pool_id=None if pool_id is None else PoolId(pool_id),
        kind=chosen(request.GET.get("kind"), EntryKind.values),
        until=as_moment(request.GET.get("at"), attr="at"),
    )
    return exports.table(
        name=f"statement-{person.pk}",
        file_format=file_format,
        columns=("id", "occurred_at", "pool", "kind", "amount", "balance_after", "character_name", "description"),
        rows=[
            (
                row.pk, row.occurred_at, row.pool.name, row.kind, row.amount, row.balance_after,
                row.character_name, row.description,
            )
            for row in rows
        ],
    )  # fmt: skip


@page("points:write")
def reverse_entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Undo one movement, with what it belongs to, after saying why."""
    entry: LedgerEntry = points.entry(entry_id)
    form = ReasonForm(request)
    back = reverse("web:statement", args=[entry.user_id])

    def act() -> Done:
        undone = point_services.reverse_entry(
            entry_id=entry.pk, reason=form.cleaned_data["reason"], actor=principal_of(request).user, digest=form.digest
        )
        return Done(back, f"Undone: {undone.description}.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    siblings = points.entries_of_document(entry.document) if entry.document else [entry]
    what: dict[str, Any] = {"documents": [entry.document]} if entry.document else {"entries": [entry]}
    shown, risk = preview_reversal(**what), bids_at_risk(changes_of_undoing(**what))
    context = {"form": form, "entry": entry, "siblings": siblings, "back": back, "shown": shown, "risk": risk}
    return render(request, "web/reverse_entry.html", context, status=form.http_status)
