"""Rules that move points by the calendar: decay, caps, bonuses, penalties (PRD 3.4.2, 3.8.2).

Invariants: what a run does is what its preview shows at that moment, computed on locked balances; a rule runs at most
once for a period (`PointRuleRun.standing_period` is unique); a run is undone as a whole by reversal. Decay never takes a
balance below zero and leaves negative ones alone, and neither does a penalty; amounts are rounded to the pool's places.
Attendance is compared as whole numbers of raids, never as a rounded percentage.
"""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TypedDict, Unpack

from django.db import IntegrityError, transaction
from django.db.models import Q

from guildhall.accounts.models import RoleGroup, User
from guildhall.core import audit, batches, clock, previews
from guildhall.core.errors import BadInput, Conflict, contradiction
from guildhall.core.guild import guild_zone
from guildhall.core.ids import PoolId, UserId
from guildhall.core.model_updates import set_fields, update_model
from guildhall.core.money import ZERO, round_points, show_points
from guildhall.core.transactions import use_case
from guildhall.points import hooks, ledger
from guildhall.points.models import DKPPool, EntryKind, PointRule, PointRuleRun, UserPointsSummary
from guildhall.points.uncovered import BidAtRisk, BidsAtRisk, uncovered_part
from guildhall.roster.models import Character

from .pools import check_amount

_WHAT_IT_DOES = ("kind", "percent", "amount", "days", "scope")
MEMBERS = (RoleGroup.MEMBER, RoleGroup.OFFICER, RoleGroup.RECRUITER, RoleGroup.DEVELOPER)
#: Bonuses and penalties stand in a statement as adjustments; everything else as decay.
_ENTRY = dict.fromkeys(("bonus", "attendance_bonus", "raid_bonus", "absence_penalty"), EntryKind.ADJUSTMENT)


class RuleChanges(TypedDict, total=False):
    """What `create_rule` and `update_rule` take."""

    name: str
    pool: DKPPool
    kind: str
    percent: Decimal | int | None
    amount: Decimal | int | str | None
    days: int
    period: str
    scope: str
    automatic: bool
    is_active: bool


@dataclass(frozen=True, slots=True)
class RuleStep:
    """What a rule does to one person: the balance before, the change, the balance after, and the raids it looked at."""

    user_id: UserId
    display_name: str
    before: Decimal
    change: Decimal
    attended: int = 0
    held: int = 0
    held_by_bids: Decimal = ZERO
    """What their bids in open auctions hold. Of sealed ones nothing: a preview that said it would tell what they
    hold."""

    @property
    def after(self) -> Decimal:
        return self.before + self.change

    @property
    def uncovered(self) -> Decimal:
        """Return how much of what their bids hold would not be covered afterwards: the bid then counts for less."""
        return uncovered_part(self.held_by_bids, self.after) if self.change < 0 else ZERO


def period_key(period: str, at: dt.datetime) -> str:
    """Return the name of the period that `at` lies in, by the guild's calendar: ``2026-11-23``, ``2026-W48``,
    ``2026-11``…"""
    day = at.astimezone(guild_zone()).date()
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


def _check_choices(values: RuleChanges) -> None:
    if "kind" in values and values["kind"] not in PointRule.Kind.values:
        raise BadInput(f"kind is one of {', '.join(PointRule.Kind.values)}.", code="invalid_choice", attr="kind")
    if "period" in values and values["period"] not in PointRule.Period.values:
        raise BadInput(f"period is one of {', '.join(PointRule.Period.values)}.", code="invalid_choice", attr="period")
    if "scope" in values and values["scope"] not in PointRule.Scope.values:
        raise BadInput(f"scope is one of {', '.join(PointRule.Scope.values)}.", code="invalid_choice", attr="scope")


def _refuse_unused(rule: PointRule, values: RuleChanges) -> None:
    """Pass unless a figure is given that the kind does not use. What stands in the rule may be sent back."""
    kind = values.get("kind", rule.kind)
    unused = {
        "percent": kind not in PointRule.WITH_PERCENT,
        "amount": kind == PointRule.Kind.DECAY_PERCENT,
    }
    given = {"percent": values.get("percent"), "amount": values.get("amount")}
    for name, figure in given.items():
        if unused[name] and figure is not None and not (rule.pk and figure == getattr(rule, name)):
            raise contradiction(name, "kind", f"a rule of the kind {kind} has no use for {name}.")


def _check(rule: PointRule) -> None:
    if rule.kind in PointRule.WITH_PERCENT and (rule.percent is None or not 0 < rule.percent <= 100):
        raise BadInput("Give the percentage, more than 0 and at most 100.", code="out_of_range", attr="percent")
    if not 1 <= rule.days <= 366:
        raise BadInput("Attendance is looked at over 1 to 366 days.", code="out_of_range", attr="days")
    if rule.kind == PointRule.Kind.DECAY_PERCENT:
        return
    if rule.amount is None:
        raise BadInput("Give the amount of points.", code="required", attr="amount")
    rule.amount = check_amount(rule.amount, pool=rule.pool)
    if rule.kind not in (PointRule.Kind.CAP_UPPER, PointRule.Kind.CAP_LOWER) and rule.amount <= 0:
        raise BadInput(
            "Give an amount above 0; whether it is given or taken is said by the kind of the rule.",
            code="out_of_range",
            attr="amount",
        )


@use_case
def create_rule(*, actor: User | None, **values: Unpack[RuleChanges]) -> PointRule:
    """Make a rule; it does nothing until it is run, by hand or, if `automatic`, by the worker.

    Raises:
        BadInput: ``required``, ``out_of_range``, ``invalid_choice``, ``unknown_field``.
        Conflict: ``name_taken``.
    """
    rule = PointRule()
    _write(rule, values, actor, "points.create_rule")
    return rule


@use_case
def update_rule(
    *, rule: PointRule, actor: User | None, version: str | None = None, **changes: Unpack[RuleChanges]
) -> PointRule:
    """Change a rule; what it did stays.

    Args:
        version: the `core.versions.row_version` of the rule that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since; else as `create_rule`.
    """
    locked = PointRule.objects.select_for_update().get(pk=rule.pk)
    _write(locked, changes, actor, "points.update_rule", version)
    return locked


def _write(rule: PointRule, values: RuleChanges, actor: User | None, action: str, seen: str | None = None) -> None:
    _check_choices(values)
    _refuse_unused(rule, values)
    is_new, check = rule.pk is None, _checking(rule)
    update_model(
        rule, values, fields=RuleChanges, actor=actor, action=action, check=check, seen=seen,
        summary=lambda changed: f"rule {rule} made" if is_new else f"rule {rule} changed: {changed}",
        conflict=lambda: Conflict(f"There is a rule called {rule.name} already.", code="name_taken", attr="name"),
    )  # fmt: skip


def _checking(rule: PointRule) -> Callable[[], None]:
    """Return what checks a rule once it is changed: the figures of a kind that it was before are dropped."""
    kind, is_new = rule.kind, rule.pk is None

    def check() -> None:
        if rule.kind != kind and not is_new:  # the figure of the former kind says nothing any more
            rule.percent = rule.percent if rule.kind in PointRule.WITH_PERCENT else None
            rule.amount = None if rule.kind == PointRule.Kind.DECAY_PERCENT else rule.amount
        _check(rule)

    return check


def rule_with(*, rule: PointRule, **changes: Unpack[RuleChanges]) -> PointRule:
    """Return a copy of a rule as these changes would leave it, to preview it (`preview_rule`); nothing is stored.

    Raises:
        BadInput: as `create_rule`.
    """
    _check_choices(changes)
    _refuse_unused(rule, changes)
    changed = copy.copy(rule)
    check = _checking(changed)
    set_fields(changed, changes, fields=RuleChanges)
    check()
    return changed


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
    """Return whom the rule is about, as a condition on summaries."""
    active = Character.objects.filter(is_active=True, user__isnull=False).values("user_id")
    who = Q(user__merged_into=None, user__is_bot=False)
    if rule.scope == PointRule.Scope.ACTIVE:
        return who & Q(user_id__in=active)
    if rule.scope == PointRule.Scope.INACTIVE:
        return who & ~Q(user_id__in=active)
    return who


def change_for(rule: PointRule, balance: Decimal, raids: tuple[int, int] = (0, 0)) -> Decimal:
    """Return what the rule does to a balance: the signed change, zero for nothing.

    Args:
        raids: how many raids the person attended and how many were held for them, for the kinds that ask about it.
    """
    places = rule.pool.decimal_places
    kinds = PointRule.Kind
    if rule.kind == kinds.DECAY_PERCENT:
        share = (rule.percent or ZERO) / 100
        return -round_points(balance * share, places) + ZERO if balance > 0 else ZERO
    amount = rule.amount or ZERO
    attended, held = raids
    reached = held > 0 and attended * 100 >= (rule.percent or ZERO) * held
    if rule.kind == kinds.DECAY_FIXED or (rule.kind == kinds.ABSENCE_PENALTY and held and not reached):
        return -min(amount, balance) + ZERO if balance > 0 else ZERO
    if rule.kind == kinds.CAP_UPPER:
        return min(amount - balance, ZERO)
    if rule.kind == kinds.CAP_LOWER:
        return max(amount - balance, ZERO)
    if rule.kind == kinds.BONUS or (rule.kind == kinds.ATTENDANCE_BONUS and reached):
        return amount
    return amount * attended if rule.kind == kinds.RAID_BONUS else ZERO


def _steps(rule: PointRule, balances: Mapping[UserId, Decimal], names: Mapping[int, str]) -> list[RuleStep]:
    raids: Mapping[int, tuple[int, int]] = {}
    if rule.kind in PointRule.BY_ATTENDANCE:
        raids = hooks.attendance_over(list(balances), days=rule.days, pool=rule.pool)
    steps = []
    for user_id, balance in balances.items():
        seen = raids.get(user_id, (0, 0))
        change = change_for(rule, balance, seen)
        if change:
            steps.append(RuleStep(user_id, names.get(user_id, ""), balance, change, *seen))
    return steps


def _newcomers(rule: PointRule, known: Collection[int]) -> dict[UserId, str]:
    """Return whom a bonus for everybody reaches although they have nothing in the pool yet: members, by id and name."""
    if rule.kind != PointRule.Kind.BONUS:
        return {}
    members = User.objects.filter(
        is_active=True, is_bot=False, merged_into=None, is_placeholder=False, role_group__in=MEMBERS
    )
    active = Character.objects.filter(is_active=True, user__isnull=False).values("user_id")
    if rule.scope == PointRule.Scope.ACTIVE:
        members = members.filter(pk__in=active)
    if rule.scope == PointRule.Scope.INACTIVE:
        members = members.exclude(pk__in=active)
    return {UserId(person.pk): str(person) for person in members.order_by("pk") if person.pk not in set(known)}


def _reached(rule: PointRule) -> set[ledger.Key]:
    """Return whom the rule concerns now, as keys of their summaries: those in the pool, and whom a bonus reaches
    besides."""
    users = UserPointsSummary.objects.filter(_people(rule), pool_id=rule.pool_id).values_list("user_id", flat=True)
    people = list(users)
    return {(UserId(user_id), PoolId(rule.pool_id)) for user_id in [*people, *_newcomers(rule, people)]}


def preview_rule(*, rule: PointRule) -> list[RuleStep]:
    """Return what running the rule now would do, person by person; nothing is stored. Two queries, seven where raids
    are asked about."""
    rows = list(UserPointsSummary.objects.filter(_people(rule), pool_id=rule.pool_id).select_related("user"))
    # A pool that allows negative balances limits no bid.
    bids = {} if rule.pool.allow_negative else {row.user_id: row.held_visible for row in rows}
    balances = {UserId(row.user_id): row.balance for row in rows}
    newcomers = _newcomers(rule, balances)
    names = {row.user_id: str(row.user) for row in rows} | newcomers
    steps = _steps(rule, balances | dict.fromkeys(newcomers, ZERO), names)
    return [replace(step, held_by_bids=bids.get(step.user_id, ZERO)) for step in steps]


def bids_at_risk_of(rule: PointRule, steps: Sequence[RuleStep]) -> BidsAtRisk:
    """Return whose bids a run that the preview `steps` shows would leave without cover. At most one query."""
    if not any(step.change < 0 for step in steps):
        return BidsAtRisk()
    return BidsAtRisk(
        [
            BidAtRisk(
                step.user_id, step.display_name, rule.pool_id, rule.pool.name, step.held_by_bids, step.after
            )
            for step in steps
            if step.uncovered
        ],
        0 if rule.pool.allow_negative else hooks.sealed_auctions([rule.pool_id]),
    )  # fmt: skip


def shown_of(rule: PointRule, period: str, steps: Sequence[RuleStep]) -> previews.Shown:
    """Return what a preview of running `rule` for `period` shows."""
    given = [rule.pk, *(getattr(rule, name) for name in _WHAT_IT_DOES), rule.pool_id, period]
    rows = previews.by_label(
        (step.display_name, [step.user_id, step.before, step.change, step.attended, step.held])
        for step in sorted(steps, key=lambda step: step.user_id)
    )
    return previews.Shown("points.run_rule", given, rows)


def shown_now(rule: PointRule, steps: Sequence[RuleStep]) -> previews.Shown:
    """Return what the preview `steps` (of `preview_rule`) shows, for the present period."""
    return shown_of(rule, period_key(rule.period, clock.now()), steps)


@use_case
@previews.executes_preview(preview_rule)
def run_rule(
    *, rule: PointRule, actor: User | None, at: dt.datetime | None = None, digest: str | None = None
) -> PointRuleRun:
    """Run a rule for the period that `at` (now) lies in.

    Args:
        digest: of the preview (`shown_now`) that this carries out.

    Raises:
        PreviewChanged: it is not what was previewed.
        Conflict: ``already_run`` for this period; ``pool_closed``; ``rule_inactive``.
    """
    # The rule alone: a lock on the pool would keep every posting waiting that this run waits for.
    rule = PointRule.objects.select_for_update().get(pk=rule.pk)
    now = clock.now()  # with the period, read under the lock: either may have changed while this waited
    key = period_key(rule.period, at or now)
    if not rule.is_active:
        raise Conflict(f"The rule {rule} is switched off.", code="rule_inactive")
    ledger.open_pools([PoolId(rule.pool_id)])
    run = _begin_run(rule, key, actor, now)
    locked: dict[ledger.Key, UserPointsSummary] = {}
    reached = _reached(rule)
    while missing := reached - locked.keys():
        locked.update(ledger.lock_summaries(missing))
        # Asked again under the locks: a merge meanwhile may have given the balances to somebody who had none.
        reached = _reached(rule)
    rows = [locked[key] for key in sorted(reached)]
    balances = {UserId(row.user_id): row.balance for row in rows if not row.is_closed}
    names = {} if digest is None else {user.pk: str(user) for user in User.objects.filter(pk__in=balances)}
    steps = _steps(rule, balances, names)
    previews.require(digest, lambda: shown_of(rule, key, steps))
    ledger.post(
        postings=[
            ledger.Posting(
                user_id=step.user_id,
                pool_id=PoolId(rule.pool_id),
                kind=_ENTRY.get(rule.kind, EntryKind.DECAY),
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
    batches.record(
        kind="rule_run",
        batch_id=run.document,
        title=f"{rule} run for {key}: {show_points(run.total)} in {rule.pool}",
        size=run.people,
        actor=actor,
        at=now,
    )
    audit.record(
        action="points.run_rule",
        summary=f"{rule} run for {key}: {run.people} people, {show_points(run.total)}",
        actor=actor,
        target=run,
    )
    return run


def _begin_run(rule: PointRule, key: str, actor: User | None, now: dt.datetime) -> PointRuleRun:
    """Write down that a rule is run for a period.

    Raises:
        Conflict: ``already_run``.
    """
    try:
        with transaction.atomic():
            return PointRuleRun.objects.create(rule=rule, period_key=key, standing_period=key, run_by=actor, at=now)
    except IntegrityError as error:
        raise Conflict(
            f"{rule} has been run for {key} already; undo that run first.", code="already_run", figures={"period": key}
        ) from error


@use_case
def reverse_rule_run(*, run: PointRuleRun, actor: User | None, reason: str, digest: str | None = None) -> PointRuleRun:
    """Undo a whole run; its period may then be run again.

    Raises:
        Conflict: ``already_reversed``.
    """
    locked = PointRuleRun.objects.select_for_update().get(pk=run.pk)
    if locked.reversed_at is not None:
        raise Conflict("This run has been undone already.", code="already_reversed")
    ledger.reverse_entries(context=locked.document, actor=actor, reason=reason, digest=digest)
    locked.standing_period, locked.reversed_at, locked.reversed_by = None, clock.now(), actor
    locked.save(update_fields=["standing_period", "reversed_at", "reversed_by"])
    batches.mark_undone(batch_id=locked.document, actor=actor, reason=reason)
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
