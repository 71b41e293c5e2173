"""Rules that move points by the calendar: decay, caps, start points (PRD 3.4.2, 3.8.2).

Invariants: what a run does is what its preview shows at that moment, computed on locked balances; a rule runs at most
once for a period (`PointRuleRun.standing_period` is unique); a run is undone as a whole by reversal. Decay never takes a
balance below zero and leaves negative ones alone; amounts are rounded to the pool's places.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q

from guildhall.accounts.models import RoleGroup, User
from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.money import ZERO, round_points, show_points
from guildhall.core.transactions import use_case
from guildhall.points import ledger
from guildhall.points.models import DKPPool, EntryKind, PointAdjustment, PointRule, PointRuleRun, UserPointsSummary
from guildhall.roster.models import Character

from .pools import check_amount

_FIELDS = ("name", "pool", "kind", "percent", "amount", "period", "scope", "automatic", "is_active")
START_POINTS = "Start points"


@dataclass(frozen=True, slots=True)
class RuleStep:
    """What a rule does to one person: the balance before, the change, the balance after."""

    user_id: int
    display_name: str
    before: Decimal
    change: Decimal

    @property
    def after(self) -> Decimal:
        return self.before + self.change


def period_key(period: str, at: dt.datetime) -> str:
    """The name of the period that `at` lies in, by the guild's calendar: ``2026-11-23``, ``2026-W48``, ``2026-11``…"""
    day = at.astimezone(ZoneInfo(settings.GUILD_TIME_ZONE)).date()
    if period == PointRule.Period.DAY:
        return day.isoformat()
    if period == PointRule.Period.WEEK:
        year, week, _ = day.isocalendar()
        return f"{year}-W{week:02}"
    if period == PointRule.Period.MONTH:
        return f"{day:%Y-%m}"
    if period == PointRule.Period.QUARTER:
        return f"{day.year}-Q{(day.month + 2) // 3}"
    return str(day.year)


def _clean(values: dict[str, Any]) -> dict[str, Any]:
    unknown = set(values) - set(_FIELDS)
    if unknown:
        raise BadInput(f"A rule has no {', '.join(sorted(unknown))}.", attr=sorted(unknown)[0])
    if "kind" in values and values["kind"] not in PointRule.Kind.values:
        raise BadInput(f"kind is one of {', '.join(PointRule.Kind.values)}.", code="invalid_choice", attr="kind")
    if "period" in values and values["period"] not in PointRule.Period.values:
        raise BadInput(f"period is one of {', '.join(PointRule.Period.values)}.", code="invalid_choice", attr="period")
    if "scope" in values and values["scope"] not in PointRule.Scope.values:
        raise BadInput(f"scope is one of {', '.join(PointRule.Scope.values)}.", code="invalid_choice", attr="scope")
    return values


def _check(rule: PointRule) -> None:
    if rule.kind == PointRule.Kind.DECAY_PERCENT:
        if rule.percent is None or not 0 < rule.percent <= 100:
            raise BadInput("Give the percentage, more than 0 and at most 100.", code="out_of_range", attr="percent")
    elif rule.amount is None:
        raise BadInput("Give the amount of points.", code="required", attr="amount")
    else:
        rule.amount = check_amount(rule.amount, pool=rule.pool)
        if rule.kind == PointRule.Kind.DECAY_FIXED and rule.amount <= 0:
            raise BadInput("A decay takes more than 0.", code="out_of_range", attr="amount")


def _save(rule: PointRule) -> None:
    _check(rule)
    try:
        with transaction.atomic():
            rule.save()
    except IntegrityError as error:
        raise Conflict(f"There is a rule called {rule.name} already.", code="name_taken", attr="name") from error


@use_case
def create_rule(*, actor: User | None, **values: Any) -> PointRule:
    """Make a rule; it does nothing until it is run, by hand or, if `automatic`, by the worker.

    Raises:
        BadInput: ``required``, ``out_of_range``, ``invalid_choice``.
        Conflict: ``name_taken``.
    """
    rule = PointRule(**_clean(values))
    _save(rule)
    audit.record(action="points.create_rule", summary=f"rule {rule} made", actor=actor, target=rule)
    return rule


@use_case
def update_rule(*, rule: PointRule, actor: User | None, **changes: Any) -> PointRule:
    """Change a rule; what it did stays.

    Raises:
        as `create_rule`.
    """
    locked = PointRule.objects.select_for_update().get(pk=rule.pk)
    for name, value in _clean(changes).items():
        setattr(locked, name, value)
    _save(locked)
    audit.record(
        action="points.update_rule",
        summary=f"rule {locked} changed: {', '.join(changes)}",
        actor=actor,
        target=locked,
        data={name: str(value) for name, value in changes.items()},
    )
    return locked


@use_case
def delete_rule(*, rule: PointRule, actor: User | None) -> None:
    """Delete a rule that never ran.

    Raises:
        Conflict: ``rule_in_use``; switch it off instead.
    """
    locked = PointRule.objects.select_for_update().get(pk=rule.pk)
    if locked.runs.exists():
        raise Conflict(
            f"{locked} has run, and its runs stay on the record. Switch it off instead: set is_active to false.",
            code="rule_in_use",
        )
    audit.record(action="points.delete_rule", summary=f"rule {locked} deleted", actor=actor, target=locked)
    locked.delete()


def _people(rule: PointRule) -> Q:
    """Whom the rule is about, as a condition on summaries."""
    active = Character.objects.filter(is_active=True, user__isnull=False).values("user_id")
    who = Q(user__merged_into=None, user__is_bot=False)
    if rule.scope == PointRule.Scope.ACTIVE:
        return who & Q(user_id__in=active)
    if rule.scope == PointRule.Scope.INACTIVE:
        return who & ~Q(user_id__in=active)
    return who


def change_for(rule: PointRule, balance: Decimal) -> Decimal:
    """What the rule does to a balance: the signed change, zero for nothing."""
    places = rule.pool.decimal_places
    if rule.kind == PointRule.Kind.DECAY_PERCENT:
        share = (rule.percent or ZERO) / 100
        return -round_points(balance * share, places) + ZERO if balance > 0 else ZERO
    amount = rule.amount or ZERO
    if rule.kind == PointRule.Kind.DECAY_FIXED:
        return -min(amount, balance) + ZERO if balance > 0 else ZERO
    if rule.kind == PointRule.Kind.CAP_UPPER:
        return min(amount - balance, ZERO)
    return max(amount - balance, ZERO)


def _steps(rule: PointRule, rows: Iterable[UserPointsSummary], names: dict[int, str]) -> list[RuleStep]:
    steps = [RuleStep(row.user_id, names[row.user_id], row.balance, change_for(rule, row.balance)) for row in rows]
    return [step for step in steps if step.change]


def preview_rule(*, rule: PointRule) -> list[RuleStep]:
    """What running the rule now would do, person by person; nothing is stored. Two queries."""
    rows = list(UserPointsSummary.objects.filter(_people(rule), pool_id=rule.pool_id).select_related("user"))
    return _steps(rule, rows, {row.user_id: str(row.user) for row in rows})


@use_case
def run_rule(*, rule: PointRule, actor: User | None, at: dt.datetime | None = None) -> PointRuleRun:
    """Run a rule for the period that `at` (now) lies in.

    Raises:
        Conflict: ``already_run`` for this period; ``pool_closed``; ``rule_inactive``.
    """
    now = clock.now()
    key = period_key(rule.period, at or now)
    rule = PointRule.objects.select_for_update().select_related("pool").get(pk=rule.pk)
    if not rule.is_active:
        raise Conflict(f"The rule {rule} is switched off.", code="rule_inactive")
    ledger.open_pools([rule.pool_id])
    try:
        with transaction.atomic():
            run = PointRuleRun.objects.create(rule=rule, period_key=key, standing_period=key, run_by=actor, at=now)
    except IntegrityError as error:
        raise Conflict(
            f"{rule} has been run for {key} already; undo that run first.", code="already_run", figures={"period": key}
        ) from error
    users = UserPointsSummary.objects.filter(_people(rule), pool_id=rule.pool_id).values_list("user_id", flat=True)
    locked = ledger.lock_summaries((user_id, rule.pool_id) for user_id in users)
    names = {user_id: "" for user_id, _ in locked}
    steps = _steps(rule, locked.values(), names)
    ledger.post(
        postings=[
            ledger.Posting(
                user_id=step.user_id,
                pool_id=rule.pool_id,
                kind=EntryKind.DECAY,
                amount=step.change,
                occurred_at=now,
                context=run.document,
                description=f"{rule.name} ({key})",
            )
            for step in steps
        ],
        actor=actor,
        locked=locked,
    )
    run.people, run.total = len(steps), sum((step.change for step in steps), ZERO)
    run.save(update_fields=["people", "total"])
    audit.record(
        action="points.run_rule",
        summary=f"{rule} run for {key}: {run.people} people, {show_points(run.total)}",
        actor=actor,
        target=run,
    )
    return run


@use_case
def reverse_rule_run(*, run: PointRuleRun, actor: User | None, reason: str) -> PointRuleRun:
    """Undo a whole run; its period may then be run again.

    Raises:
        Conflict: ``already_reversed``.
    """
    locked = PointRuleRun.objects.select_for_update().get(pk=run.pk)
    if locked.reversed_at is not None:
        raise Conflict("This run has been undone already.", code="already_reversed")
    ledger.reverse_entries(entries=ledger.standing_entries(context=locked.document), actor=actor, reason=reason)
    locked.standing_period, locked.reversed_at, locked.reversed_by = None, clock.now(), actor
    locked.save(update_fields=["standing_period", "reversed_at", "reversed_by"])
    audit.record(
        action="points.reverse_rule_run",
        summary=f"{locked} undone ({reason})",
        actor=actor,
        target=locked,
        data={"reason": reason},
    )
    return locked


def run_due_rules() -> list[PointRuleRun]:
    """Run every automatic rule whose period has no run yet, each in its own transaction. Safe in two workers."""
    now = clock.now()
    done = []
    for rule in PointRule.objects.filter(automatic=True, is_active=True, pool__is_active=True):
        key = period_key(rule.period, now)
        # A run that an officer undid is not run again behind their back.
        if PointRuleRun.objects.filter(rule=rule, period_key=key).exists():
            continue
        # The period in which a rule was made has begun before it: the next one is its first.
        if period_key(rule.period, rule.created_at) == key:
            continue
        try:
            done.append(run_rule(rule=rule, actor=None, at=now))
        except Conflict as error:
            if error.code != "already_run":
                raise
    return done


def _start_points_due(pool: DKPPool) -> list[User]:
    given = PointAdjustment.objects.filter(pool=pool, reason=START_POINTS, reversed_at=None).values("user_id")
    roles = [RoleGroup.MEMBER, RoleGroup.OFFICER, RoleGroup.RECRUITER, RoleGroup.DEVELOPER]
    people = User.objects.filter(
        is_active=True, is_bot=False, merged_into=None, is_placeholder=False, role_group__in=roles
    ).exclude(pk__in=given)
    if pool.start_points_since:
        people = people.filter(date_joined__gte=pool.start_points_since)
    return list(people.order_by("pk"))


def preview_start_points(*, pool: DKPPool) -> list[User]:
    """Who would get the pool's start points now. One query."""
    return _start_points_due(pool) if pool.start_points else []


@use_case
def grant_start_points(*, pool: DKPPool, actor: User | None) -> list[PointAdjustment]:
    """Give the pool's start points to every member who has not had them; safe to repeat.

    Raises:
        BadInput: ``no_start_points`` where the pool gives none.
    """
    from .adjustments import adjust_points

    locked = DKPPool.objects.select_for_update().get(pk=pool.pk)
    if not locked.start_points:
        raise BadInput(f"{locked} gives no start points; set start_points first.", code="no_start_points")
    people = _start_points_due(locked)
    if not people:
        return []
    ids: Collection[int] = [person.pk for person in people]
    return adjust_points(user_ids=list(ids), pool=locked, amount=locked.start_points, reason=START_POINTS, actor=actor)
