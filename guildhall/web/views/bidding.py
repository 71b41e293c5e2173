"""What auctions of each pool start with, and what is shown of losing bids afterwards."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.auctions import selectors, services
from guildhall.auctions.models import TieBreak
from guildhall.points import selectors as points
from guildhall.web.forms.auctions import PolicyForm
from guildhall.web.pages import Done, go, me, page


@page("points:write")
def policies(request: HttpRequest) -> HttpResponse:
    """Return what auctions of each pool start with."""
    context = {"policies": selectors.policies_of(points.pools()), "tie_breaks": dict(TieBreak.choices)}
    return render(request, "web/bidding.html", context)


@page("points:write")
def policy(request: HttpRequest, pool_id: int) -> HttpResponse:
    """Change what auctions of a pool start with. Those that run keep what they began with."""
    pool = points.pool_or_default(pool_id)
    standing = selectors.policy_of(pool)
    form = PolicyForm(request, "policy", initial={name: getattr(standing, name) for name in PolicyForm.base_fields})

    def act() -> Done:
        services.save_policy(pool=pool, actor=me(request), **form.cleaned_data)
        return go(
            "bidding", message=f"Auctions of {pool} start with this from now on. Those that run stay as they are."
        )

    if form.sent and (response := form.run(act)) is not None:
        return response
    context = {"form": form, "pool": pool, "tie_breaks": TieBreak.choices}
    return render(request, "web/bidding_policy.html", context, status=form.http_status)
