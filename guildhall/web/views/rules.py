"""Rules that move points by the calendar: what they would do, running them, undoing a run; start points."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.core.errors import GuildhallError
from guildhall.core.money import ZERO
from guildhall.core.previews import Shown
from guildhall.core.versions import row_version
from guildhall.points import selectors as points
from guildhall.points import services
from guildhall.points.ledger import preview_reversal
from guildhall.points.models import DKPPool, PointRule
from guildhall.points.uncovered import bids_at_risk, changes_of_undoing
from guildhall.web.forms.base import ButtonForm, PageForm, ReasonForm
from guildhall.web.forms.points import ChangeRuleForm, PoolButtonForm, RuleForm, rule_initial
from guildhall.web.pages import Done, go, me, page


def _due(pool: DKPPool) -> tuple[DKPPool, list[User], Shown]:
    people = services.preview_start_points(pool=pool)
    return pool, people, services.start_points_shown(pool, people)


@page("points:write")
def rules(request: HttpRequest) -> HttpResponse:
    """Return every rule with its last runs; a form for a new one; start points."""
    create, grant = RuleForm(request, "create"), PoolButtonForm(request, "grant")

    def make() -> Done:
        rule = services.create_rule(actor=me(request), **create.values())
        return go("rule", rule.pk, message=f"The rule {rule} is made. This is what it would do now.")

    def give() -> Done:
        pool = points.pool_or_default(grant.cleaned_data["pool"])
        given = services.grant_start_points(pool=pool, actor=me(request), digest=grant.digest)
        people = f"{len(given)} {'person' if len(given) == 1 else 'people'}"
        return go("rules", message=f"Start points of {pool} given to {people}.")

    for form, action in ((create, make), (grant, give)):
        if form.sent and (response := form.run(action)) is not None:
            return response
    pools = [pool for pool in points.pools() if pool.is_active]
    every, now = points.rules(), clock.now()
    context = {
        "create": create,
        "grant": grant,
        "rules": every,
        "done": {
            row.pk: period
            for row in every
            if (period := services.period_key(row.period, now)) in {run.standing_period for run in row.runs.all()}
        },
        "pools": pools,
        "due": [_due(pool) for pool in pools if pool.start_points],
    }
    return render(request, "web/rules.html", context, status=max(create.http_status, grant.http_status))


@page("points:write")
def rule(request: HttpRequest, rule_id: int) -> HttpResponse:
    """Return what a rule would do to each person now; run it; change it, or remove one that never ran."""
    found = points.rule(rule_id)
    run, remove = ButtonForm(request, "run"), ButtonForm(request, "remove")
    initial = rule_initial(found)
    change = ChangeRuleForm(request, "change", initial=initial, version=row_version(found, initial))
    change.offer(found.pool)

    def go_on() -> Done:
        done = services.run_rule(rule=found, actor=me(request), digest=run.digest)
        people = f"{done.people} {'person' if done.people == 1 else 'people'}"
        words = f"{found} run for {done.period_key}: {people}, {done.total} points."
        return go("rules", message=words, fragment=f"run-{done.pk}")

    def store() -> Done:
        changed = services.update_rule(rule=found, actor=me(request), version=change.seen_version, **change.values())
        state = "" if changed.is_active else " It is off: it does not run."
        return go("rule", changed.pk, message=f"The rule {changed} is changed; what it did stays.{state}")

    def take_away() -> Done:
        services.delete_rule(rule=found, actor=me(request))
        return go("rules", message=f"The rule {found} is removed; it never ran.")

    actions: list[tuple[PageForm, Callable[[], Done]]] = [(run, go_on), (remove, take_away)]
    if change.pressed != "preview":
        actions.append((change, store))
    for form, action in actions:
        if form.sent and (response := form.run(action)) is not None:
            return response
    steps = services.preview_rule(rule=found)
    period = services.period_key(found.period, clock.now())
    context = {
        "rule": found,
        "done": points.standing_run(found, period),
        "run": run,
        "change": change,
        "remove": remove,
        "changed": _changed(change, found),
        "has_run": found.runs.exists(),
        "steps": steps,
        "risk": services.bids_at_risk_of(found, steps),
        "shown": services.shown_now(found, steps),
        "by_attendance": found.kind in PointRule.BY_ATTENDANCE,
        "total": sum((step.change for step in steps), ZERO),
        "period": period,
    }
    status = max(form.http_status for form in (run, remove, change))
    return render(request, "web/rule.html", context, status=status)


def _changed(form: ChangeRuleForm, found: PointRule) -> dict[str, object] | None:
    """Return what the rule would do by what the form says, where that is asked for; a refusal is shown in the form."""
    if form.pressed != "preview" or not form.is_valid():
        return None
    try:
        rule = services.rule_with(rule=found, **form.values())
    except GuildhallError as error:
        form.refuse(error)
        return None
    steps = services.preview_rule(rule=rule)
    return {
        "rule": rule,
        "steps": steps,
        "risk": services.bids_at_risk_of(rule, steps),
        "by_attendance": rule.kind in PointRule.BY_ATTENDANCE,
        "total": sum((step.change for step in steps), ZERO),
    }


@page("points:write")
def undo_run(request: HttpRequest, run_id: int) -> HttpResponse:
    """Undo a whole run, after saying why."""
    found = points.rule_run(run_id)
    form = ReasonForm(request)

    def act() -> Done:
        reason = form.cleaned_data["reason"]
        services.reverse_rule_run(run=found, actor=me(request), reason=reason, digest=form.digest)
        return go(
            "rules", message=f"The run of {found.rule} for {found.period_key} is undone.", fragment=f"run-{run_id}"
        )

    if form.sent and (response := form.run(act)) is not None:
        return response
    context = {
        "form": form,
        "run": found,
        "shown": preview_reversal(context=found.document),
        "risk": bids_at_risk(changes_of_undoing(context=found.document)),
    }
    return render(request, "web/undo_run.html", context, status=form.http_status)
