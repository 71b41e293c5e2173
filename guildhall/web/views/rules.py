"""Rules that move points by the calendar: what they would do, running them, undoing a run; start points."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.core import clock
from guildhall.core.errors import BadInput
from guildhall.core.money import ZERO, parse_points
from guildhall.points import selectors as points
from guildhall.points import services
from guildhall.points.models import PointRule
from guildhall.web.pages import Done, Form, go, me, page


def _values(form: Form) -> dict[str, Any]:
    """The fields of a rule as the form has them; which of them the kind asks for, the service says.

    Raises:
        BadInput: ``required`` without a name, the codes of `parse_points` for a figure that is none.
    """
    if not form.text("name"):
        raise BadInput("Give the rule a name; it stands in the statements.", code="required", attr="name")
    values: dict[str, Any] = {name: form.text(name) for name in ("name", "kind", "period", "scope")}
    values["automatic"] = form.flag("automatic")
    for figure in ("percent", "amount"):
        if form.text(figure):
            values[figure] = parse_points(form.text(figure), attr=figure)
    if form.text("days"):
        values["days"] = form.number("days", what="a number of days")
    return values


@page("points:write")
def rules(request: HttpRequest) -> HttpResponse:
    """Every rule with its last runs; a form for a new one; start points."""
    create, grant = Form(request, "create"), Form(request, "grant")

    def make() -> Done:
        pool = points.pool_or_default(create.number("pool", what="a pool"))
        rule = services.create_rule(pool=pool, actor=me(request), **_values(create))
        return go("rule", rule.pk, message=f"The rule {rule} is made. This is what it would do now.")

    def give() -> Done:
        pool = points.pool_or_default(grant.number("pool", what="a pool"))
        given = services.grant_start_points(pool=pool, actor=me(request))
        return go("rules", message=f"Start points of {pool} given to {len(given)} people.")

    for form, action in ((create, make), (grant, give)):
        if form.sent and (response := form.run(action)) is not None:
            return response
    pools = [pool for pool in points.pools() if pool.is_active]
    context = {
        "create": create,
        "grant": grant,
        "rules": points.rules(),
        "pools": pools,
        "due": [(pool, len(services.preview_start_points(pool=pool))) for pool in pools if pool.start_points],
        "kinds": PointRule.Kind.choices,
        "periods": PointRule.Period.values,
        "scopes": PointRule.Scope.choices,
    }
    return render(request, "web/rules.html", context, status=max(create.status, grant.status))


@page("points:write")
def rule(request: HttpRequest, rule_id: int) -> HttpResponse:
    """What a rule would do to each person now; run it; switch it on or off."""
    found = points.rule(rule_id)
    run, switch = Form(request, "run"), Form(request, "switch")

    def go_on() -> Done:
        done = services.run_rule(rule=found, actor=me(request))
        words = f"{found} run for {done.period_key}: {done.people} people, {done.total} points."
        return go("rules", message=words, fragment=f"run-{done.pk}")

    def turn() -> Done:
        changed = services.update_rule(
            rule=found, actor=me(request), is_active=switch.flag("is_active"), automatic=switch.flag("automatic")
        )
        return go("rule", changed.pk, message=f"The rule {changed} is {'on' if changed.is_active else 'off'}.")

    for form, action in ((run, go_on), (switch, turn)):
        if form.sent and (response := form.run(action)) is not None:
            return response
    steps = services.preview_rule(rule=found)
    context = {
        "rule": found,
        "run": run,
        "switch": switch,
        "steps": steps,
        "by_attendance": found.kind in PointRule.BY_ATTENDANCE,
        "total": sum((step.change for step in steps), ZERO),
        "period": services.period_key(found.period, clock.now()),
    }
    return render(request, "web/rule.html", context, status=max(run.status, switch.status))


@page("points:write")
def undo_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Undo a whole run, after saying why."""
    found = points.rule_run(run_id)
    form = Form(request)

    def act() -> Done:
        reason = form.text("reason")
        if not reason:
            raise BadInput("Say why: the reason is shown beside every reversal.", code="required", attr="reason")
        services.reverse_rule_run(run=found, actor=me(request), reason=reason)
        return go(
            "rules", message=f"The run of {found.rule} for {found.period_key} is undone.", fragment=f"run-{run_id}"
        )

    if form.sent and (response := form.run(act)) is not None:
        return response
    return render(request, "web/undo_run.html", {"form": form, "run": found}, status=form.status)
