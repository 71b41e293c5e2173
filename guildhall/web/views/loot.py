"""The guild's loot log, what is suggested where an item is named, and changing an item."""

from __future__ import annotations

import datetime as dt

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from guildhall.accounts.models import Section
from guildhall.accounts.visitors import is_visitor
from guildhall.core.errors import GuildhallError
from guildhall.core.guild import guild_zone
from guildhall.core.validators import parse_day
from guildhall.core.versions import row_version
from guildhall.loot import selectors, services
from guildhall.loot.doubts import known_item
from guildhall.loot.models import LootDistribution
from guildhall.points.selectors import pools as all_pools
from guildhall.raids import selectors as raid_selectors
from guildhall.web import exports
from guildhall.web.forms.raids import ItemForm, MergeItemForm
from guildhall.web.pages import (
    Done,
    as_moment,
    as_number,
    chosen,
    go,
    me,
    page,
    paginate,
    searched,
)
from guildhall.web.undoing import offer

STATES = ("standing", "undone")
COLUMNS = (
    "awarded_at", "item", "character", "person", "points", "pools", "raid", "event", "source", "undone_at", "undone_because",
)  # fmt: skip


def _asked(request: HttpRequest) -> QuerySet[LootDistribution]:
    day = parse_day(request.GET.get("since"), attr="since")
    return selectors.loot_log(
        search=searched(request),
        pool_id=as_number(request.GET.get("pool"), attr="pool", what="a pool"),
        event_id=as_number(request.GET.get("event"), attr="event", what="an event"),
        since=dt.datetime.combine(day, dt.time(), guild_zone()) if day else None,
        until=as_moment(request.GET.get("until"), attr="until"),
        state=chosen(request.GET.get("state"), STATES),
        for_visitor=is_visitor(request),
    )


@page("raids:read", visitors=Section.ITEMS)
def loot_log(request: HttpRequest) -> HttpResponse:
    """Return every award of the guild, newest first, with filters and the links to it as a file."""
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "page": paginate(request, _asked(request)),
        "pools": all_pools(),
        "events": [] if is_visitor(request) else raid_selectors.events(),
        "query": query.urlencode(),
        "is_filtered": any(query.values()),
    }
    return render(request, "web/loot.html", context)


@page("raids:read", visitors=Section.ITEMS)
def loot_export(request: HttpRequest, file_format: str) -> HttpResponseBase:
    """Return what the loot log shows, all of it, as a file."""
    stranger = is_visitor(request)
    return exports.table(
        name="loot",
        file_format=file_format,
        columns=COLUMNS,
        rows=[
            (
                row.awarded_at, row.item_name, row.character_name, str(row.user), row.points_spent,
                ", ".join(str(pool) for pool in (row.pool, *row.extra_pools.all())),
                str(row.raid or ""), str(row.raid.event) if row.raid else "", row.source,
                row.reversed_at, "" if stranger else row.reversal_reason,
            )
            for row in _asked(request)
        ],
    )  # fmt: skip


@page("raids:write", "loot:write")
def suggest(request: HttpRequest) -> HttpResponse:
    """Return, for the field of a form, the items that are called so, what the one that was typed is, or what was meant."""
    typed = request.GET.get(chosen(request.GET.get("from"), ("item_name", "name"), "item_name"), "")
    typed = typed.replace("\x00", "").strip()[:200]
    found = selectors.find_item(typed) if typed else None
    names = selectors.items_like(typed) if typed else selectors.frequent_items()
    near = selectors.suggest_items([typed]).get(typed, []) if typed and found is None else []
    context = {
        "typed": typed,
        "found": found,
        "names": names,
        "near": near,
        "field": request.GET.get("field", "")[:60],
        "reference": selectors.price_reference(item=found) if found else None,
    }
    return render(request, "web/parts/item_hint.html", context)


@page("raids:write", "loot:write")
def edit_item(request: HttpRequest, item_id: int) -> HttpResponse:
    """Change an item: its name, category and rarity. Awards and prices stay with it."""
    found = selectors.item_by_id(item_id)
    initial = {name: getattr(found, name) for name in ItemForm.base_fields}
    form = ItemForm(request, "item", initial=initial, version=row_version(found, initial))

    def act() -> Done:
        done = services.update_item(item=found, actor=me(request), version=form.seen_version, **form.cleaned_data)
        return go("item", done.pk, message=f"{done} is changed. Its awards and prices stay with it.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/item_edit.html", {"item": found, "form": form}, status=form.http_status)


@page("raids:write", "loot:write")
def merge_item(request: HttpRequest, item_id: int) -> HttpResponse:
    """Make an item the same as another one, after both histories were shown; undone beside the confirmation, or under changes made
    together."""
    found = selectors.entry_by_id(item_id)
    form = MergeItemForm(request, "merge")
    if found.merged_into is not None:
        messages.info(request, f"{found} was merged into {found.merged_into} already.")
        return redirect("web:item", found.merged_into.pk)

    def act() -> Done:
        target = known_item(form.cleaned_data["item_name"])
        batch = services.merge_items(
            source=found, target=target, actor=me(request), reason=form.cleaned_data["reason"], digest=form.digest
        )
        undo = offer(request, "batch", back=reverse("web:item", args=[found.pk]), batch=str(batch.pk))
        return go("item", target.pk, message=f"{found} and {target} are one item now.", undo=undo)

    if form.sent and form.pressed == "merge" and (response := form.run(act)) is not None:
        return response
    preview = None
    if form.sent and (form.is_valid() or form.needs_preview):
        try:
            target = known_item(form.cleaned_data["item_name"])
            preview = services.preview_merge_items(source=found, target=target)
        except GuildhallError as error:
            form.refuse(error)
    context = {"item": found, "form": form, "preview": preview}
    return render(request, "web/item_merge.html", context, status=form.http_status)
