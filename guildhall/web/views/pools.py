"""The pools of points."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.core.versions import row_version
from guildhall.points import selectors as points
from guildhall.points import services
from guildhall.web.forms.points import PoolForm
from guildhall.web.pages import Done, go, me, page


@page("points:write")
def pools(request: HttpRequest) -> HttpResponse:
    """Show every pool, and a form for a new one."""
    form = PoolForm(request, "create")

    def act() -> Done:
        made = services.create_pool(actor=me(request), **form.values())
        return go("pools", message=f"The pool {made} is made.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/pools.html", {"form": form, "pools": points.pools()}, status=form.http_status)


@page("points:write")
def pool(request: HttpRequest, pool_id: int) -> HttpResponse:
    """Change a pool."""
    found = points.pool_or_default(pool_id)
    initial = {name: getattr(found, name) for name in PoolForm.base_fields}
    form = PoolForm(request, "change", initial=initial, version=row_version(found, initial))

    def act() -> Done:
        changed = services.update_pool(pool=found, actor=me(request), version=form.seen_version, **form.values())
        return go("pools", message=f"The pool {changed} is changed.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/pool.html", {"form": form, "pool": found}, status=form.http_status)
