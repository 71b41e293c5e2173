"""Where items are charged (item pools), and what each status of attendance earns (shares)."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.core.errors import NotFound
from guildhall.core.versions import row_version
from guildhall.raids import charging, services
from guildhall.raids.models import AttendanceStatus
from guildhall.raids.policy import shares_in_force
from guildhall.web.forms.base import ButtonForm, PageForm
from guildhall.web.forms.charging import DropShareForm, ItemPoolForm, ShareForm
from guildhall.web.pages import Done, go, me, page


@page("raids:write")
def item_pools(request: HttpRequest) -> HttpResponse:
    """Return every item pool, and a form for a new one."""
    form = ItemPoolForm(request, "create")

    def act() -> Done:
        made = services.save_item_pool(actor=me(request), **form.cleaned_data)
        return go("item-pools", message=f"The item pool {made} is made. Say at an event that its items are in it.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    context = {"form": form, "item_pools": charging.item_pools()}
    return render(request, "web/item_pools.html", context, status=form.http_status)


@page("raids:write")
def item_pool(request: HttpRequest, item_pool_id: int) -> HttpResponse:
    """Change an item pool, or remove it where nothing is in it."""
    found = charging.item_pools().filter(pk=item_pool_id).first()
    if found is None:
        raise NotFound("There is no such item pool.", code="unknown_item_pool")
    initial = {
        "name": found.name,
        "description": found.description,
        "pools": [str(row.pk) for row in found.pools.all()],
    }
    form = ItemPoolForm(request, "change", initial=initial, version=row_version(found, initial))
    remove = ButtonForm(request, "remove")

    def change() -> Done:
        changed = services.save_item_pool(
            item_pool=found, actor=me(request), version=form.seen_version, **form.cleaned_data
        )
        return go("item-pools", message=f"The item pool {changed} is changed. What was awarded stays as it was.")

    def take_away() -> Done:
        services.delete_item_pool(item_pool=found, actor=me(request))
        return go("item-pools", message=f"The item pool {found} is removed.")

    actions: list[tuple[PageForm, Callable[[], Done]]] = [(form, change), (remove, take_away)]
    for sent, action in actions:
        if sent.sent and (response := sent.run(action)) is not None:
            return response
    context = {"form": form, "remove": remove, "item_pool": found}
    status = max(form.http_status, remove.http_status)
    return render(request, "web/item_pool.html", context, status=status)


@page("points:write")
def shares(request: HttpRequest) -> HttpResponse:
    """Return what each status earns, everywhere and where a pool says otherwise."""
    form, drop = ShareForm(request, "share"), DropShareForm(request, "drop")

    def act() -> Done:
        made = services.set_status_share(actor=me(request), **form.cleaned_data)
        return go("shares", message=f"From now on: {made}. What was paid stays as it was.")

    def forget() -> Done:
        found = charging.status_shares().filter(pk=drop.cleaned_data["share"]).first()
        if found is None:
            raise NotFound("There is no such row any more.", code="unknown_share")
        services.forget_status_share(share=found, actor=me(request))
        return go("shares", message=f"No longer: {found}. What was paid stays as it was.")

    actions: list[tuple[PageForm, Callable[[], Done]]] = [(form, act), (drop, forget)]
    for sent, action in actions:
        if sent.sent and (response := sent.run(action)) is not None:
            return response
    in_force = shares_in_force()
    everywhere = [(label, in_force.percent(status=value, pool_id=None)) for value, label in AttendanceStatus.choices]
    context = {"form": form, "drop": drop, "everywhere": everywhere, "shares": charging.status_shares()}
    return render(request, "web/shares.html", context, status=max(form.http_status, drop.http_status))
