"""The pools of points."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.core.money import parse_points
from guildhall.points import selectors as points
from guildhall.points import services
from guildhall.points.models import AltPolicy, DKPPool
from guildhall.web.pages import Done, Form, go, me, page

FLAGS = ("is_active", "is_default", "allow_negative")


def _values(form: Form) -> dict[str, Any]:
    share = form.number("alt_share_percent", what="a percentage")
    return {
        "name": form.text("name"),
        "description": form.text("description"),
        "decimal_places": form.number("decimal_places", what="decimals") or 0,
        "alt_policy": form.text("alt_policy") or AltPolicy.FULL,
        "alt_share_percent": 100 if share is None else share,
        "start_points": parse_points(form.text("start_points") or "0", attr="start_points"),
        "start_points_since": form.moment("start_points_since"),
        **{name: form.flag(name) for name in FLAGS},
    }


def _initial(pool: DKPPool | None) -> dict[str, Any]:
    if pool is None:
        return {"is_active": True, "decimal_places": 2, "alt_policy": AltPolicy.FULL, "alt_share_percent": 100}
    return {name: getattr(pool, name) for name in services_fields()}


def services_fields() -> list[str]:
    """The fields of a pool that the form shows."""
    return [
        "name", "description", "decimal_places", "alt_policy", "alt_share_percent", "start_points",
        "start_points_since", *FLAGS,
    ]  # fmt: skip


@page("points:write")
def pools(request: HttpRequest) -> HttpResponse:
    """Every pool, and a form for a new one."""
    form = Form(request, "create", initial=_initial(None))

    def act() -> Done:
        made = services.create_pool(actor=me(request), **_values(form))
        return go("pools", message=f"The pool {made} is made.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    context = {"form": form, "pools": points.pools(), "policies": AltPolicy.choices}
    return render(request, "web/pools.html", _ticks(form, context), status=form.status)


@page("points:write")
def pool(request: HttpRequest, pool_id: int) -> HttpResponse:
    """Change a pool."""
    found = points.pool_or_default(pool_id)
    form = Form(request, "change", initial=_initial(found))

    def act() -> Done:
        changed = services.update_pool(pool=found, actor=me(request), **_values(form))
        return go("pools", message=f"The pool {changed} is changed.")

    if form.sent and (response := form.run(act)) is not None:
        return response
    context = {"form": form, "pool": found, "policies": AltPolicy.choices}
    return render(request, "web/pool.html", _ticks(form, context), status=form.status)


def _ticks(form: Form, context: dict[str, Any]) -> dict[str, Any]:
    """A box that was not ticked is not sent at all: say so to the template."""
    if form.sent:
        form.data.update({name: form.flag(name) for name in FLAGS})
    return context
