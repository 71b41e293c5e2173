"""A guild that upgrades: the schema goes back to an earlier state, rows of that time are put in, and it goes forward again.

What is proven is what a migration does with rows that are there already; that every migration runs at all, on an empty
database, is what making the test database proves.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.apps import apps as today
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from guildhall.auctions.triggers import BID_HISTORY
from guildhall.core import append_only
from guildhall.points.triggers import LEDGER

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
WHEN = dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC)
GoBack = Callable[..., Any]


def _migrate(*targets: tuple[str, str]) -> Any:
    executor = MigrationExecutor(connection)
    executor.migrate(list(targets) or executor.loader.graph.leaf_nodes())
    return MigrationExecutor(connection).loader.project_state(list(targets) or None).apps


@pytest.fixture
def go_back() -> Iterator[GoBack]:
    """Take the schema back to the targets; answers the models of that time. It is at today's again afterwards."""
    yield _migrate
    _migrate()
    append_only.ensure_all(connection)


def test_who_was_merged_before_takes_no_points_after(go_back: GoBack) -> None:
    then = go_back(("points", "0002_append_only"))
    people = then.get_model("accounts", "User")
    old, new, other = (people.objects.create(username=name, display_name=name) for name in ("old", "new", "other"))
    pool = then.get_model("points", "DKPPool").objects.create(name="Main")
    summary = then.get_model("points", "UserPointsSummary")
    for person in (old, new, other):
        summary.objects.create(user=person, pool=pool)
    then.get_model("points", "UserMerge").objects.create(source=old, target=new, reason="the same", is_open=False)
    _migrate()
    closed = today.get_model("points", "UserPointsSummary").objects.filter(is_closed=True)
    assert list(closed.values_list("user_id", flat=True)) == [old.pk]


def test_old_applications_say_when_they_ended_and_a_wild_policy_comes_within_its_limits(go_back: GoBack) -> None:
    then = go_back(("recruitment", "0002_open_key"))
    application = then.get_model("recruitment", "Application")
    change = then.get_model("recruitment", "ApplicationStatusChange")
    rejected = application.objects.create(character_name="Rejected", name_key="rejected", status="rejected")
    change.objects.create(application=rejected, from_status="submitted", to_status="rejected", at=WHEN, reason="")
    unrecorded = application.objects.create(character_name="Withdrawn", name_key="withdrawn", status="withdrawn")
    running = application.objects.create(character_name="Running", name_key="running", status="submitted")
    then.get_model("recruitment", "RecruitmentPolicy").objects.update_or_create(
        pk=1, defaults={"minimum_attendance": 150, "voting_hours": 0, "threshold_percent": -1, "recycle_days": 9999}
    )
    _migrate()
    found = today.get_model("recruitment", "Application").objects.in_bulk()
    assert found[rejected.pk].closed_at == WHEN
    assert found[unrecorded.pk].closed_at == found[unrecorded.pk].updated_at
    assert found[running.pk].closed_at is None
    policy = today.get_model("recruitment", "RecruitmentPolicy").objects.get(pk=1)
    assert (policy.minimum_attendance, policy.threshold_percent) == (100, 0)
    assert (policy.voting_hours, policy.recycle_days) == (1, 365)


def test_the_triggers_come_with_the_upgrade(go_back: GoBack) -> None:
    go_back(("auctions", "0002_chat_lines"))
    assert not BID_HISTORY.installed(connection)
    _migrate()
    for table in (BID_HISTORY, LEDGER):
        assert table.installed(connection) >= table.names(connection)
