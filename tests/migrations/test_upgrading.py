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
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from guildhall.accounts.keys import find_key
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
    then = go_back(("points", "0002_append_only"), ("accounts", "0002_visitor_access"))
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
    # The command, not its executor: what comes after a migration puts back the triggers of a table that it rebuilt.
    call_command("migrate", verbosity=0)
    for table in (BID_HISTORY, LEDGER):
        assert table.installed(connection) >= table.names(connection)


def test_tokens_that_had_no_end_become_keys_that_have_one(go_back: GoBack) -> None:
    then = go_back(("accounts", "0002_visitor_access"))
    people = then.get_model("accounts", "User").objects
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE authtoken_token (user_id bigint, %s varchar(40))" % connection.ops.quote_name("key"))
        tokens = {}
        for number, (name, fields) in enumerate(
            {
                "linked": {"discord_id": "90000000000000001", "password": "!x", "role_group": "member"},
                "by password": {"password": "md5$a$b", "role_group": "officer"},
                "unlinked": {"password": "!x"},
                "closed": {"discord_id": "90000000000000002", "is_active": False},
            }.items()
        ):
            person = people.create(username=name, **fields)
            tokens[name] = f"{number}" * 40
            cursor.execute("INSERT INTO authtoken_token VALUES (%s, %s)", [person.pk, tokens[name]])
    _migrate()
    keys = {key.user.username: key for key in today.get_model("accounts", "APIKey").objects.select_related("user")}
    assert {name: (key.kind, key.origin) for name, key in keys.items()} == {
        "linked": ("sign_in", "discord"),
        "by password": ("sign_in", "password"),
    }
    assert all(key.expires_at is not None and tokens[name] != key.key_hash for name, key in keys.items())
    assert find_key(tokens["linked"]) == keys["linked"]
    assert "account:write" not in keys["by password"].scopes
    assert "authtoken_token" not in connection.introspection.table_names()


@pytest.mark.broken_ledger  # entries alone, without the balances that the ledger keeps beside them
def test_rows_that_imports_reversed_say_which_import_and_those_of_officers_do_not(go_back: GoBack) -> None:
    then = go_back(
        ("accounts", "0003_access"),
        ("eqdkp", "0004_batches"),
        ("points", "0009_batches"),
        ("raids", "0003_leave"),
        ("loot", "0002_newest_awards"),
    )
    hour = dt.timedelta(hours=1)
    person = then.get_model("accounts", "User").objects.create(username="boss", display_name="Boss")
    runs, batches = then.get_model("eqdkp", "ImportRun"), then.get_model("core", "Batch")
    first, second = (
        runs.objects.create(
            key=f"00000000000{n}8000", is_commit=True, created_at=WHEN + n * hour, finished_at=WHEN + (n + 0.5) * hour
        )
        for n in (0, 2)
    )
    for run in (first, second):
        batches.objects.create(id=run.pk, kind="eqdkp_import", title="Import")
    pool = then.get_model("points", "DKPPool").objects.create(name="Main")
    event = then.get_model("raids", "Event").objects.create(name="Fear")
    by_import, by_officer = WHEN + 2.2 * hour, WHEN + 5 * hour
    cases = {
        "import": ("changed in EQdkp Plus", by_import),
        "undoing": ("EQdkp import taken back", WHEN + 0.1 * hour),
        "officer at another time": ("changed in EQdkp Plus", by_officer),
        "officer meanwhile": ("changed in EQdkp Plus, I think", by_import),
    }
    raids, adjustments = then.get_model("raids", "Raid"), then.get_model("points", "PointAdjustment")
    entries = then.get_model("points", "LedgerEntry")
    for name, (reason, at) in cases.items():
        raids.objects.create(event=event, name=name, started_at=WHEN, reversed_at=at, reversal_reason=reason)
        made = adjustments.objects.create(user=person, pool=pool, amount=1, reason=name, reversed_at=at)
        common = {"user": person, "pool": pool, "occurred_at": WHEN, "created_at": at, "document": made.document}
        entry = entries.objects.create(kind="adjustment", bucket="adjusted", amount=1, description=name, **common)
        entries.objects.create(
            kind="reversal", bucket="adjusted", amount=-1, reverses=entry, created_by=person,
            description=f"Reversal of {name}: {reason}", **common,
        )  # fmt: skip
    raids.objects.create(event=event, name="standing", started_at=WHEN)
    _migrate()
    expected = {"import": second.pk, "undoing": first.pk, "officer at another time": None, "officer meanwhile": None}
    today_raids, today_adjustments = today.get_model("raids", "Raid"), today.get_model("points", "PointAdjustment")
    assert dict(today_raids.objects.values_list("name", "reversed_by_import")) == expected | {"standing": None}
    assert dict(today_adjustments.objects.values_list("reason", "reversed_by_import")) == expected
    assert {row.reversed_by_id for row in today_adjustments.objects.all()} == {person.pk}


def test_start_points_are_known_by_a_column_and_no_longer_by_their_reason(go_back: GoBack) -> None:
    then = go_back(("accounts", "0003_access"), ("points", "0011_who_reversed_adjustments"))
    person = then.get_model("accounts", "User").objects.create(username="boss", display_name="Boss")
    pool = then.get_model("points", "DKPPool").objects.create(name="Main")
    for reason in ("Start points", "Start points, I think"):
        then.get_model("points", "PointAdjustment").objects.create(user=person, pool=pool, amount=0, reason=reason)
    _migrate()
    given = today.get_model("points", "PointAdjustment").objects.filter(is_start_points=True)
    assert [row.reason for row in given] == ["Start points"]


def test_leases_of_before_keep_their_rows_and_the_tokens_of_past_interactions_go(go_back: GoBack) -> None:
    then = go_back(("core", "0005_not_sent"))
    until = WHEN + dt.timedelta(minutes=10)
    held = {"lease_token": "host:1:abc", "leased_until": until}
    then.get_model("core", "JobRun").objects.create(name="j", outcome="well", **held)
    then.get_model("core", "QueuedJob").objects.create(task="t", kwargs={"n": 1}, **held)
    message = then.get_model("core", "OutboxMessage")
    payload = {"token": "secret", "task": "t"}
    for state in ("pending", "delivered", "dead"):
        message.objects.create(topic="discord.follow_up", state=state, payload=payload, lease_token="0af3")
    message.objects.create(topic="other", state="delivered", payload=payload)
    _migrate()
    job, queued = today.get_model("core", "JobRun").objects.get(), today.get_model("core", "QueuedJob").objects.get()
    assert (job.outcome, job.leased_until, job.lease_token) == ("well", until, 0)
    assert (queued.kwargs, queued.leased_until, queued.lease_token) == ({"n": 1}, until, 0)
    found = today.get_model("core", "OutboxMessage").objects.order_by("id").values_list("state", "payload", "lease_token")
    assert list(found) == [
        ("pending", payload, 0),
        ("delivered", {"task": "t"}, 0),
        ("dead", {"task": "t"}, 0),
        ("delivered", payload, 0),
    ]
