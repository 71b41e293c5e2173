"""What auctions of each pool start with, what is shown of losing bids afterwards, and the rules of who may bid."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from guildhall.auctions import rule_text, selectors, services
from guildhall.auctions.models import TieBreak
from guildhall.auctions.services.rules import RuleValues
from guildhall.core.model_updates import field_names
from guildhall.core.versions import row_version
from guildhall.points import selectors as points
from guildhall.web.forms.auctions import BiddingRuleForm, PolicyForm, rule_initial
from guildhall.web.forms.base import ButtonForm
from guildhall.web.pages import Done, as_number, go, me, page
from guildhall.web.undoing import offer


@page("points:write")
def policies(request: HttpRequest) -> HttpResponse:
    """Return what auctions of each pool start with, and who may bid in them."""
    context = {
        "policies": selectors.policies_of(points.pools()),
        "tie_breaks": dict(TieBreak.choices),
        "rules": [(row, rule_text.about(row), rule_text.does(row)) for row in selectors.bidding_rules()],
    }
    return render(request, "web/bidding.html", context)


@page("points:write")
def policy(request: HttpRequest, pool_id: int) -> HttpResponse:
    """Change what auctions of a pool start with. Those that run keep what they began with."""
    pool = points.pool_or_default(pool_id)
    standing = selectors.policy_of(pool)
    initial = {name: getattr(standing, name) for name in PolicyForm.base_fields}
    form = PolicyForm(request, "policy", initial=initial, version=row_version(standing, initial))

    def act() -> Done:
        services.save_policy(pool=pool, actor=me(request), version=form.seen_version, **form.cleaned_data)
        return go(
            "bidding", message=f"Auctions of {pool} start with this from now on. Those that run stay as they are."
        )

    if form.sent and (response := form.run(act)) is not None:
        return response
    context = {"form": form, "pool": pool, "tie_breaks": TieBreak.choices}
    return render(request, "web/bidding_policy.html", context, status=form.http_status)


@page("points:write")
def new_rule(request: HttpRequest) -> HttpResponse:
    """Make a bidding rule, of one pool or of all."""
    pool_id = as_number(request.GET.get("pool"), attr="pool", what="a pool")
    form = BiddingRuleForm(request, "rule", initial={"pool": pool_id})

    def act() -> Done:
        made = services.save_rule(actor=me(request), **form.values())
        message = f"The rule {made} is made. Auctions that run stay as they are."
        return go("bidding", message=message, fragment="rules")

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/bidding_rule.html", {"form": form}, status=form.http_status)


@page("points:write")
def rule(request: HttpRequest, bidding_rule_id: int) -> HttpResponse:
    """Change a bidding rule, or remove it. Auctions that run keep the rules that they began with."""
    found = selectors.bidding_rule(bidding_rule_id)
    form = BiddingRuleForm(
        request, "rule", initial=rule_initial(found), version=row_version(found, field_names(RuleValues))
    )
    remove = ButtonForm(request, "remove")

    def change() -> Done:
        changed = services.save_rule(rule=found, actor=me(request), version=form.seen_version, **form.values())
        message = f"The rule {changed} is changed. Auctions that run stay as they are."
        return go("bidding", message=message, fragment="rules")

    def take_away() -> Done:
        back = reverse("web:bidding") + "#rules"
        undo = offer(request, "bidding_rule", back=back, rule=services.stored_rule(found))
        services.delete_rule(rule=found, actor=me(request))
        return Done(back, f"The rule {found} is removed. Auctions that run keep it.", undo=undo)

    for sent, action in ((form, change), (remove, take_away)):
        if sent.sent and (response := sent.run(action)) is not None:
            return response
    context = {"form": form, "remove": remove, "rule": found}
    return render(request, "web/bidding_rule.html", context, status=max(form.http_status, remove.http_status))
