"""Decay, caps and start points."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest

from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.points import selectors
from guildhall.points.models import PointAdjustment, PointRule
from guildhall.points.services import (
    adjust_points,
    create_pool,
    create_rule,
    delete_pool,
    grant_start_points,
    period_key,
    preview_rule,
    preview_start_points,
    reverse_rule_run,
    run_due_rules,
    run_rule,
    update_pool,
    update_rule,
)
from guildhall.points.tasks import run_due_rules as run_due_rules_task
from guildhall.roster.services import create_character, update_character

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def balance(user, pool):
    return str(selectors.balance_of(user_id=user.pk, pool=pool).balance)


def test_a_percentage_is_rounded_to_the_pools_places(member, officer, post):
    pool = create_pool(name="Whole", decimal_places=0)
    post(member, pool, "15")
    post(officer, pool, "-15")
    rule = create_rule(name="Decay", pool=pool, kind="decay_percent", percent=Decimal("10"), actor=officer)
    steps = preview_rule(rule=rule)
    assert [(step.user_id, str(step.change), str(step.after)) for step in steps] == [(member.pk, "-2.00", "13.00")]
    run = run_rule(rule=rule, actor=officer)
    assert (run.people, str(run.total)) == (1, "-2.00")
    assert (balance(member, pool), balance(officer, pool)) == ("13.00", "-15.00")


@pytest.mark.parametrize(
    ("kind", "amount", "before", "after"),
    [
        ("decay_fixed", "5", "20", "15.00"),
        ("decay_fixed", "5", "3", "0.00"),
        ("decay_fixed", "5", "-3", "-3.00"),
        ("cap_upper", "50", "72.5", "50.00"),
        ("cap_upper", "50", "50", "50.00"),
        ("cap_lower", "-10", "-32.25", "-10.00"),
        ("cap_lower", "-10", "4", "4.00"),
    ],
)
def test_what_each_kind_of_rule_does(member, officer, pool, post, kind, amount, before, after):
    post(member, pool, before)
    rule = create_rule(name="Rule", pool=pool, kind=kind, amount=Decimal(amount), actor=officer)
    run_rule(rule=rule, actor=officer)
    assert balance(member, pool) == after


def test_a_period_is_run_once_and_again_after_it_was_undone(member, officer, pool, post):
    post(member, pool, "100")
    rule = create_rule(name="Decay", pool=pool, kind="decay_percent", percent=Decimal("10"), actor=officer)
    run = run_rule(rule=rule, actor=officer)
    with pytest.raises(Conflict) as refusal:
        run_rule(rule=rule, actor=officer)
    assert refusal.value.code == "already_run"
    reverse_rule_run(run=run, actor=officer, reason="wrong percentage")
    assert balance(member, pool) == "100.00"
    with pytest.raises(Conflict):
        reverse_rule_run(run=run, actor=officer, reason="again")
    update_rule(rule=rule, actor=officer, percent=Decimal("5"))
    run_rule(rule=rule, actor=officer)
    assert balance(member, pool) == "95.00"


def test_the_period_of_a_run_is_that_of_the_rule_as_it_is_now(member, officer, pool, post):
    """Somebody changed the rule while this run waited for its lock."""
    post(member, pool, "10")
    stale = create_rule(name="Decay", pool=pool, kind="decay_percent", percent=Decimal("10"), period="week", actor=None)
    PointRule.objects.update(period="month")
    with clock.frozen(NOON):
        assert run_rule(rule=stale, actor=officer).period_key == period_key("month", NOON)


def test_the_worker_runs_automatic_rules_from_the_next_period_on(member, officer, pool, post):
    with clock.frozen(NOON) as at:
        post(member, pool, "100")
        rule = create_rule(
            name="Decay",
            pool=pool,
            kind="decay_percent",
            percent=Decimal("10"),
            period="week",
            automatic=True,
            actor=officer,
        )
        assert run_due_rules() == []
        at.advance(dt.timedelta(days=7))
        assert len(run_due_rules()) == 1
        assert run_due_rules_task() == "0 rules run"
        reverse_rule_run(run=rule.runs.get(), actor=officer, reason="holiday")
        assert run_due_rules() == []
    assert balance(member, pool) == "100.00"


def test_a_rule_may_be_about_the_inactive_alone(member, officer, pool, post):
    post(member, pool, "100")
    post(officer, pool, "100")
    create_character(name="Activa", user=officer)
    gone = create_character(name="Gonea", user=member)
    update_character(character=gone, actor=officer, status="inactive")
    rule = create_rule(name="Idle", pool=pool, kind="decay_fixed", amount=10, scope="inactive", actor=officer)
    assert [step.user_id for step in preview_rule(rule=rule)] == [member.pk]
    rule = update_rule(rule=rule, actor=officer, scope="active")
    assert [step.user_id for step in preview_rule(rule=rule)] == [officer.pk]


def test_periods_have_names():
    names = [period_key(period, NOON) for period in PointRule.Period.values]
    assert names == ["2026-11-23", "2026-W48", "2026-11", "2026-Q4", "2026"]


@pytest.mark.parametrize(
    "values",
    [
        {"kind": "decay_percent", "percent": None},
        {"kind": "decay_percent", "percent": Decimal("101")},
        {"kind": "decay_fixed"},
        {"kind": "decay_fixed", "amount": 0},
        {"kind": "nonsense"},
        {"kind": "bonus"},
        {"kind": "bonus", "amount": -5},
        {"kind": "attendance_bonus", "amount": 5},
        {"kind": "attendance_bonus", "amount": 5, "percent": Decimal("50"), "days": 0},
        {"kind": "absence_penalty", "percent": Decimal("50")},
        {"kind": "cap_upper", "amount": 1, "period": "fortnight"},
        {"kind": "cap_upper", "amount": 1, "scope": "some"},
        {"kind": "cap_upper", "amount": "NaN"},
        {"kind": "cap_upper", "amount": 1, "colour": "red"},
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(officer, pool, values):
    with pytest.raises(BadInput):
        create_rule(name="Rule", pool=pool, actor=officer, **values)
    assert not PointRule.objects.exists()


def test_a_rules_name_is_its_own_and_off_is_off(officer, pool):
    rule = create_rule(name="Rule", pool=pool, kind="cap_upper", amount=1, actor=officer)
    with pytest.raises(Conflict):
        create_rule(name="Rule", pool=pool, kind="cap_upper", amount=1, actor=officer)
    update_rule(rule=rule, actor=officer, is_active=False)
    with pytest.raises(Conflict) as refusal:
        run_rule(rule=rule, actor=officer)
    assert refusal.value.code == "rule_inactive"


def test_start_points_are_given_once(member, officer, pool):
    with pytest.raises(BadInput):
        grant_start_points(pool=pool, actor=officer)
    assert preview_start_points(pool=pool) == []
    pool = update_pool(pool=pool, actor=officer, start_points=Decimal("25"))
    assert len(preview_start_points(pool=pool)) == 2
    assert len(grant_start_points(pool=pool, actor=officer)) == 2
    assert grant_start_points(pool=pool, actor=officer) == []
    pool = update_pool(pool=pool, actor=officer, start_points_since=clock.now() + dt.timedelta(days=1))
    assert preview_start_points(pool=pool) == []
    assert balance(member, pool) == "25.00"


def test_a_reason_that_an_officer_writes_does_not_count_as_start_points(pool, member, officer):
    update_pool(pool=pool, actor=officer, start_points="20")
    adjust_points(user_ids=[member.pk], pool=pool, amount="1", reason="Start points", actor=officer)
    given = grant_start_points(pool=pool, actor=officer)
    assert member.pk in {adjustment.user_id for adjustment in given}
    assert all(PointAdjustment.objects.get(pk=adjustment.pk).is_start_points for adjustment in given)
    assert grant_start_points(pool=pool, actor=officer) == []


def test_pools_keep_their_rules(officer, pool, member, post):
    with pytest.raises(Conflict):
        create_pool(name="Velious")
    for bad in ({"name": ""}, {"decimal_places": 3}, {"alt_policy": "some"}, {"alt_share_percent": 101}, {"colour": 1}):
        with pytest.raises(BadInput):
            update_pool(pool=pool, actor=officer, **bad)
    other = create_pool(name="Other", is_default=True)
    pool.refresh_from_db()
    assert (pool.is_default, other.is_default) == (False, True)
    post(member, pool, "1.25")
    with pytest.raises(BadInput) as places:
        update_pool(pool=pool, actor=officer, decimal_places=0)
    assert places.value.code == "places_in_use"
    with pytest.raises(Conflict) as used:
        delete_pool(pool=pool, actor=officer)
    assert used.value.code == "pool_in_use"
    delete_pool(pool=other, actor=officer)
