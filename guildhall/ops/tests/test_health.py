"""What an officer, a load balancer and Prometheus are told about the state of the scenario."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import RoleGroup
from guildhall.accounts.services import create_person
from guildhall.core import append_only, clock, jobs
from guildhall.core.models import JobRun, OutboxMessage, QueuedJob
from guildhall.ops import selectors

pytestmark = pytest.mark.django_db


def check(name: str) -> selectors.Check:
    return {one.name: one for one in selectors.health().checks}[name]


def test_a_load_balancer_is_told_that_all_is_well(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_load_balancer_is_told_when_the_database_is_away(client: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr(selectors, "database_is_reachable", lambda: False)
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (503, {"status": "failing"})


def test_who_watches_a_server_asks_it_by_its_number_and_in_plain_http(settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["guild.example.org"]
    settings.SECURE_SSL_REDIRECT = True
    watcher = Client(headers={"host": "127.0.0.1:8000"})
    assert watcher.get("/healthz").json() == {"status": "ok"}
    assert "guildhall_check_status" in watcher.get("/metrics").content.decode()
    assert watcher.get("/").status_code == 400
    assert Client(headers={"host": "guild.example.org"}).get("/").status_code == 301
    # Not by way of the proxy, though it names the right host.
    through = Client(headers={"host": "guild.example.org", "x-forwarded-for": "203.0.113.9"})
    assert through.get("/metrics").status_code == 403


@pytest.mark.parametrize(("role", "status"), [("officer", 200), ("recruiter", 403), ("member", 403), ("guest", 403)])
def test_officers_alone_read_the_details(role: str, status: int) -> None:
    person = create_person(display_name="Aeli", role_group=RoleGroup(role))
    api = APIClient()
    api.force_authenticate(person)
    assert api.get("/api/admin/system-health/").status_code == status


def test_strangers_are_asked_who_they_are() -> None:
    assert APIClient().get("/api/admin/system-health/").status_code == 401


def test_the_answer_names_every_part() -> None:
    api = APIClient()
    api.force_authenticate(create_person(display_name="Aeli", role_group=RoleGroup.OFFICER))
    body = api.get("/api/admin/system-health/").json()
    assert {one["name"] for one in body["checks"]} >= {
        *("database", "migrations", "ledger_triggers", "ledger", "cache", "worker", "jobs", "queue", "outbox"),
        *("backup", "disk"),
    }
    assert body["status"] == "failing"  # no worker has run in a test


def test_a_worker_that_beats_is_well_and_one_that_is_silent_is_not() -> None:
    assert check("worker").status == "failing"
    jobs.run_scheduled("heartbeat")
    assert check("worker").status == "ok"
    with clock.frozen(clock.now() + dt.timedelta(minutes=4)):
        assert check("worker").status == "failing"


def test_a_failing_job_is_named() -> None:
    JobRun.objects.create(name="run-point-rules", error="ValueError: oh", finished_at=clock.now())
    found = check("jobs")
    assert (found.status, found.figures["failing"]) == ("warning", {"run-point-rules": "ValueError: oh"})


def test_a_missing_trigger_is_the_first_thing_to_say() -> None:
    assert check("ledger_triggers").status == "ok"
    append_only.remove_all(connection)
    try:
        found = check("ledger_triggers")
        assert (found.status, "manage.py migrate" in found.detail) == ("failing", True)
    finally:
        append_only.ensure_all(connection)


def test_a_ledger_that_does_not_add_up_fails() -> None:
    assert check("ledger").status == "warning"
    JobRun.objects.create(name="verify-ledger", finished_at=clock.now(), succeeded_at=clock.now())
    assert check("ledger").status == "ok"
    JobRun.objects.filter(name="verify-ledger").update(error="RuntimeError: 3 differences in the ledger")
    assert check("ledger").status == "failing"
    JobRun.objects.filter(name="verify-ledger").update(error="", finished_at=clock.now() - dt.timedelta(days=3))
    assert check("ledger").status == "warning"


def test_dead_letters_warn_and_late_messages_fail() -> None:
    assert check("outbox").status == "ok"
    OutboxMessage.objects.create(topic="x", state=OutboxMessage.State.DEAD)
    assert check("outbox").status == "warning"
    OutboxMessage.objects.create(topic="x", due_at=clock.now() - dt.timedelta(minutes=11))
    assert check("outbox").status == "failing"


def test_a_queued_job_that_failed_today_warns() -> None:
    assert check("queue").status == "ok"
    QueuedJob.objects.create(task="x", state=QueuedJob.State.FAILED, finished_at=clock.now())
    assert check("queue").status == "warning"


def test_pending_migrations_fail(monkeypatch: Any) -> None:
    assert check("migrations").status == "ok"
    monkeypatch.setattr(selectors, "pending_migrations", lambda: ["core.0009_x"])
    assert check("migrations").status == "failing"


def test_a_part_that_cannot_be_asked_is_reported_not_raised(monkeypatch: Any) -> None:
    def broken() -> selectors.Check:
        raise ConnectionError("no route")

    monkeypatch.setattr(selectors, "_cache", broken)
    found = check("cache")
    assert (found.status, "no route" in found.detail) == ("failing", True)


def test_backups_that_are_missing_or_old_warn(settings: Any, tmp_path: Any) -> None:
    settings.BACKUP_DIR = str(tmp_path)
    assert check("backup").status == "warning"
    (tmp_path / f"guildhall-{clock.now():%Y%m%dT%H%M%SZ}.ghb").write_bytes(b"x")
    assert check("backup").status == "ok"
    with clock.frozen(clock.now() + dt.timedelta(days=3)):
        assert check("backup").status == "warning"


def test_a_full_disk_fails(monkeypatch: Any) -> None:
    usage = selectors.shutil._ntuple_diskusage  # type: ignore[attr-defined]
    monkeypatch.setattr(selectors.shutil, "disk_usage", lambda path: usage(100, 99, 1))
    assert check("disk").status == "failing"


def test_prometheus_on_this_machine_reads_numbers(client: Client) -> None:
    jobs.run_scheduled("heartbeat")
    text = client.get("/metrics").content.decode()
    assert 'guildhall_check_status{check="database"} 0' in text
    assert 'guildhall_job_failing{job="heartbeat"} 0' in text
    assert "# TYPE guildhall_outbox_pending gauge" in text


def test_prometheus_elsewhere_needs_the_token(client: Client, settings: Any) -> None:
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 403
    assert client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status_code == 403
    settings.METRICS_TOKEN = "s3cret"
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer wrong"}).status_code == 403
    assert client.get("/metrics", headers={"Authorization": "Bearer s3cret"}).status_code == 200


def test_everybody_who_asks_within_a_second_is_told_of_one_look(monkeypatch: Any) -> None:
    looks = []

    def slow() -> selectors.Check:
        looks.append(threading.Event().wait(0.2))  # as long as the others need to come
        return selectors.Check("cache", selectors.OK, "")

    for name in ("_database", "_migrations", "_triggers", "_ledger", "_worker", "_jobs", "_queue", "_outbox", "_mail"):
        monkeypatch.setattr(
            selectors, name, lambda: selectors.Check("x", selectors.OK, "")
        )  # threads have no database here
    monkeypatch.setattr(selectors, "_cache", slow)
    now = clock.now()
    with clock.frozen(now) as frozen:
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: selectors.recent_health(), range(8)))
        assert (len(looks), len({id(one) for one in found})) == (1, 1)
        frozen.advance(dt.timedelta(milliseconds=999))
        assert selectors.recent_health() is found[0]
        frozen.advance(dt.timedelta(milliseconds=1))
        assert selectors.recent_health().checked_at == now + dt.timedelta(seconds=1)
        frozen.set(now)  # a clock that was put back
        assert selectors.recent_health().checked_at == now
    assert len(looks) == 3


def test_a_load_of_watchers_costs_one_look_a_second(django_assert_num_queries: Any) -> None:
    api = APIClient()
    api.force_authenticate(create_person(display_name="Aeli", role_group=RoleGroup.OFFICER))
    with clock.frozen(clock.now()):
        first = api.get("/api/admin/system-health/").json()
        with django_assert_num_queries(0):
            assert api.get("/api/admin/system-health/").json() == first


def test_migrations_are_compared_anew_when_the_database_has_others() -> None:
    assert selectors.pending_migrations() == []
    newest = MigrationRecorder(connection).migration_qs.filter(app="recruitment").order_by("name").last()
    assert newest is not None
    MigrationRecorder(connection).record_unapplied(newest.app, newest.name)
    assert selectors.pending_migrations() == [f"{newest.app}.{newest.name}"]


def test_looking_costs_the_same_whatever_the_size(django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(20):
        selectors.health()


def test_a_database_of_a_newer_guildhall_is_refused() -> None:
    MigrationRecorder(connection).record_applied("points", "9999_of_a_newer_guildhall")
    found = check("migrations")
    assert (found.status, found.figures["newer"]) == (selectors.FAILING, ["points.9999_of_a_newer_guildhall"])
    assert "newer Guildhall" in found.detail
    with pytest.raises(CommandError, match="newer Guildhall"):
        call_command("serve", "--no-worker", port=0)
    MigrationRecorder(connection).record_unapplied("points", "9999_of_a_newer_guildhall")
    assert check("migrations").status == selectors.OK
