"""Two officers at once: a raid is started once, closed once, and not cancelled while somebody is paid in it."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable

import pytest
from django.db import connections

from guildhall.core import clock
from guildhall.core.errors import Conflict
from guildhall.core.models import AuditEvent
from guildhall.raids import services
from guildhall.raids.calendar.services import plan_date
from guildhall.raids.models import AttendanceCheck, Raid

from .scenario import balance, officer, person, pool, raid

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.every_database]


def at_once(*acts: Callable[[], object]) -> list[str]:
    """Call these at the same moment; returns ``done`` or the code of the refusal for each, sorted."""
    together, outcomes = threading.Barrier(len(acts)), list[str]()

    def call(act: Callable[[], object]) -> None:
        try:
            together.wait(timeout=20)
            act()
            outcomes.append("done")
        except Conflict as refusal:
            outcomes.append(refusal.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=call, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return sorted(outcomes)


def test_a_date_that_two_start_at_once_is_one_raid() -> None:
    lead = officer()
    event = services.create_event(name="Vulak", pools=[pool()], default_points=10)
    date = plan_date(title="Vulak", starts_at=clock.now() + dt.timedelta(minutes=5), actor=lead)
    assert at_once(*[lambda: services.start_date(date=date, event=event, actor=lead)] * 3) == ["done"] * 3
    assert Raid.objects.get().state == "running"
    assert AuditEvent.objects.filter(action="raids.start_raid").count() == 1


def test_a_raid_that_two_close_at_once_pays_the_bonus_once() -> None:
    aelric, running = person("Aelric"), raid(10, full_bonus=5)
    last = services.add_check(raid=running, kind="end", points=10)
    for check in (running.checks.get(position=0), last):
        services.award_attendance(raid=running, check=check, attendees=["Aelric"], actor=None)
    assert at_once(*[lambda: services.close_raid(raid=running, actor=None)] * 3) == ["done"] * 3
    assert balance(aelric) == 25
    assert AttendanceCheck.objects.filter(kind="bonus").count() == 1
    assert AuditEvent.objects.filter(action="raids.close_raid").count() == 1


def test_a_raid_is_either_called_off_or_paid() -> None:
    aelric, running = person("Aelric"), raid(10)
    outcomes = at_once(
        lambda: services.cancel_raid(raid=running, actor=None),
        lambda: services.award_attendance(raid=running, attendees=["Aelric"], actor=None),
    )
    assert outcomes in (["done", "raid_cancelled"], ["done", "raid_has_points"])
    assert balance(aelric) == (10 if "raid_has_points" in outcomes else 0)
