"""Bonuses and penalties by attendance: rules of points that ask how many raids somebody was at (PRD 3.8.2)."""

from __future__ import annotations

import datetime as dt
import io
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from guildhall.accounts.models import RoleGroup, User
from guildhall.points.models import EntryKind, LedgerEntry, PointRule
from guildhall.points.selectors import balance_of
from guildhall.points.services import adjust_points, create_rule, preview_rule, reverse_rule_run, run_rule
from guildhall.raids import services

from .scenario import person, pool, raid

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


@pytest.fixture
def velious() -> Any:
    return pool()


@pytest.fixture
def season(velious: Any) -> dict[str, User]:
    """Twenty raids of 1 point: Always at all, Exactly at three (15 %), Below at two, Newbie at the last one, since when she is here."""
    people = {name: person(name) for name in ("Always", "Exactly", "Below")}
    people["Newbie"] = person("Newbie", joined=DAY)
    for number in range(20):
        there = ["Always"]
        there += ["Exactly"] if number < 3 else []
        there += ["Below"] if number < 2 else []
        there += ["Newbie"] if number == 0 else []
        services.award_attendance(raid=raid(1, ago=(number + 1) * DAY / 2), attendees=there, actor=None)
    return people


def changes(rule: PointRule) -> dict[str, Decimal]:
    return {step.display_name: step.change for step in preview_rule(rule=rule)}


def test_who_reaches_the_share_gets_the_bonus_to_the_raid(season: dict[str, User], velious: Any) -> None:
    rule = create_rule(
        name="Steady", pool=velious, kind="attendance_bonus", amount="5", percent=Decimal("15"), actor=None
    )
    assert changes(rule) == {"Always": 5, "Exactly": 5, "Newbie": 5}
    run = run_rule(rule=rule, actor=None)
    assert (run.people, run.total) == (3, 15)
    assert balance_of(user_id=season["Exactly"].pk, pool=velious).balance == Decimal("8.00")
    entry = LedgerEntry.objects.filter(context=run.document).first()
    assert entry is not None
    assert entry.kind == EntryKind.ADJUSTMENT
    reverse_rule_run(run=run, actor=None, reason="too early")
    assert balance_of(user_id=season["Exactly"].pk, pool=velious).balance == Decimal("3.00")


def test_each_raid_is_worth_the_bonus(season: dict[str, User], velious: Any) -> None:
    rule = create_rule(name="Per raid", pool=velious, kind="raid_bonus", amount="0.50", actor=None)
    assert changes(rule) == {"Always": 10, "Exactly": Decimal("1.50"), "Below": 1, "Newbie": Decimal("0.50")}


def test_absence_costs_what_there_is_and_no_more(season: dict[str, User], velious: Any) -> None:
    rule = create_rule(
        name="Absent", pool=velious, kind="absence_penalty", amount="5", percent=Decimal("15"), actor=None
    )
    assert changes(rule) == {"Below": -2}, "two points are all that Below has; Exactly is at the share"


def test_nobody_is_punished_where_no_raid_was_held(season: dict[str, User], velious: Any) -> None:
    rule = create_rule(
        name="Absent", pool=velious, kind="absence_penalty", amount="5", percent=Decimal("15"), days=1, actor=None
    )
    bystander = person("Bystander", joined=0 * DAY)
    adjust_points(user_ids=[bystander.pk], pool=velious, amount=20, reason="brought along", actor=None)
    assert "Bystander" not in changes(rule)


def test_the_days_are_the_rules_own(season: dict[str, User], velious: Any) -> None:
    rule = create_rule(name="Lately", pool=velious, kind="raid_bonus", amount="1", days=2, actor=None)
    assert changes(rule)["Always"] == 3, "raids half a day, one day, one and a half days ago"


def test_raids_of_other_pools_do_not_count(season: dict[str, User], velious: Any) -> None:
    other = pool("Luclin")
    rule = create_rule(name="Elsewhere", pool=other, kind="raid_bonus", amount="1", actor=None)
    assert changes(rule) == {}


def test_a_bonus_for_everybody_reaches_members_without_points(season: dict[str, User], velious: Any) -> None:
    newcomer, guest = person("Fresh"), person("Visitor")
    User.objects.filter(pk=guest.pk).update(role_group=RoleGroup.GUEST)
    rule = create_rule(name="Holiday", pool=velious, kind="bonus", amount="2", actor=None)
    assert changes(rule) == dict.fromkeys(["Always", "Exactly", "Below", "Newbie", "Fresh"], Decimal(2))
    run_rule(rule=rule, actor=None)
    assert balance_of(user_id=newcomer.pk, pool=velious).balance == 2


def test_looking_costs_the_same_for_any_number_of_people(season: dict[str, User], velious: Any) -> None:
    rule = create_rule(name="Per raid", pool=velious, kind="raid_bonus", amount="1", actor=None)
    with CaptureQueriesContext(connection) as few:
        preview_rule(rule=rule)
    for number in range(30):
        person(f"Extra{'abcdefghijklmnopqrstuvwxyzabcd'[number]}{'x' * (number // 26)}")
    names = list(User.objects.values_list("characters__name", flat=True))
    services.award_attendance(raid=raid(1, ago=DAY / 3), attendees=[n for n in names if n], actor=None)
    with CaptureQueriesContext(connection) as many:
        preview_rule(rule=rule)
    assert len(many) == len(few) <= 7


def test_the_command_shows_and_then_does_what_it_showed(season: dict[str, User], velious: Any) -> None:
    create_rule(name="Per raid", pool=velious, kind="raid_bonus", amount="1", actor=None)
    said = io.StringIO()
    call_command("run_point_rules", "per raid", stdout=said)
    assert "Always: 20.00 -> 40.00 (+20.00)" in said.getvalue()
    assert "Nothing was changed" in said.getvalue()
    assert balance_of(user_id=season["Always"].pk, pool=velious).balance == 20
    call_command("run_point_rules", "Per raid", "--commit", stdout=said)
    assert balance_of(user_id=season["Always"].pk, pool=velious).balance == 40
    with pytest.raises(CommandError, match="already"):
        call_command("run_point_rules", "Per raid", "--commit")
    with pytest.raises(CommandError, match="Per raid"):
        call_command("run_point_rules")
