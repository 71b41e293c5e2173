"""Scheduled jobs run once at a time; queued jobs are never lost, whoever dies."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from celery import current_app, shared_task
from celery.schedules import crontab
from django.db import connection, connections, transaction
from django.db.models import F

from config import settings as settings_module
from guildhall.core import clock, jobs, leases
from guildhall.core.errors import BadInput
from guildhall.core.management.commands.run_jobs import Worker
from guildhall.core.models import JobRun, QueuedJob
from tests import template_database

calls: list[Any] = []
NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


@shared_task(name="tests.note")
def note(**kwargs: Any) -> str:
    calls.append(kwargs)
    return "noted"


@shared_task(name="tests.break")
def break_it() -> None:
    calls.append("broke")
    raise ZeroDivisionError("by a test")


@shared_task(name="tests.refuse")
def refuse() -> None:
    raise BadInput("That file is empty; choose another.")


@shared_task(name="tests.slow")
def slow() -> str:
    calls.append("slow")
    time.sleep(0.3)
    return "slow and done"


@pytest.fixture(autouse=True)
def _fresh(settings: Any) -> None:
    calls.clear()
    settings.CELERY_BEAT_SCHEDULE = {
        "note": {"task": "tests.note", "schedule": dt.timedelta(minutes=5)},
        "break": {"task": "tests.break", "schedule": dt.timedelta(minutes=5)},
        "slow": {"task": "tests.slow", "schedule": dt.timedelta(minutes=5)},
        "at-four": {"task": "tests.note", "schedule": crontab(hour="4", minute="0"), "kwargs": {"at": 4}},
    }


def due() -> set[str]:
    return {entry.name for entry, _ in jobs.due_entries(worker_since=clock.now())}


def test_every_task_of_the_schedule_exists() -> None:
    current_app.loader.import_default_modules()
    for name, entry in settings_module.CELERY_BEAT_SCHEDULE.items():
        assert jobs.task_named(entry["task"]), name


@pytest.mark.django_db
def test_a_job_is_due_at_once_and_then_after_its_period() -> None:
    with clock.frozen(NOON) as held:
        assert {"note", "break", "slow"} == due()
        jobs.run_scheduled("note")
        assert "note" not in due()
        held.advance(dt.timedelta(minutes=4, seconds=59))
        assert "note" not in due()
        held.advance(dt.timedelta(seconds=1))
        assert "note" in due()


@pytest.mark.django_db
def test_a_nightly_job_waits_for_its_hour_and_makes_up_for_a_missed_one() -> None:
    with clock.frozen(NOON) as held:
        since = clock.now()
        row = JobRun.objects.get_or_create(name="at-four")[0]
        entry = jobs.entry("at-four")
        assert not entry.is_due(row.started_at, worker_since=since)
        held.set(NOON + dt.timedelta(hours=16, minutes=1))
        assert entry.is_due(row.started_at, worker_since=since)
        jobs.run_scheduled("at-four")
        assert calls == [{"at": 4}]
        row.refresh_from_db()
        assert not entry.is_due(row.started_at, worker_since=since)
        held.advance(dt.timedelta(days=3))  # no worker ran for three days; one that starts now catches up, once
        assert entry.is_due(row.started_at, worker_since=clock.now())


@pytest.mark.django_db
def test_what_ran_is_written_down() -> None:
    with clock.frozen(NOON):
        assert jobs.run_scheduled("note") == "noted"
    row = JobRun.objects.get(name="note")
    assert (row.started_at, row.succeeded_at, row.outcome, row.error) == (NOON, NOON, "noted", "")


@pytest.mark.django_db
def test_a_failing_job_is_recorded_and_hurts_nobody() -> None:
    with clock.frozen(NOON):
        assert "ZeroDivisionError" in (jobs.run_scheduled("break") or "")
        row = JobRun.objects.get(name="break")
        assert "by a test" in row.error
        assert row.succeeded_at is None
        assert row.leased_until is None
        assert jobs.run_scheduled("note") == "noted"


@pytest.mark.django_db
def test_a_job_that_another_worker_runs_is_left_alone() -> None:
    JobRun.objects.create(name="note", leased_until=clock.now() + leases.duration(), lease_token=1)
    assert jobs.run_scheduled("note") is None
    assert calls == []


@pytest.mark.django_db
def test_a_worker_that_saw_a_job_due_too_late_does_not_run_it_again() -> None:
    seen = JobRun.objects.create(name="note")
    JobRun.objects.filter(name="note").update(lease_token=1)  # leased by somebody and given back
    assert jobs.run_scheduled("note", seen=seen) is None
    assert calls == []


@pytest.mark.django_db
def test_a_queued_job_runs_with_its_arguments() -> None:
    job = jobs.enqueue("tests.note", raid=7)
    assert jobs.run_queued() == 1
    job.refresh_from_db()
    assert (job.state, job.outcome, job.attempts) == ("done", "noted", 1)
    assert calls == [{"raid": 7}]
    assert jobs.run_queued() == 0


@pytest.mark.django_db
def test_a_job_of_a_change_that_was_undone_is_undone_with_it() -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        jobs.enqueue("tests.note")
        raise ZeroDivisionError
    assert jobs.run_queued() == 0


@pytest.mark.django_db
def test_an_unknown_task_is_refused_when_it_is_asked_for() -> None:
    with pytest.raises(LookupError, match="no task tests.nonsense"):
        jobs.enqueue("tests.nonsense")


@pytest.mark.django_db
def test_the_same_key_waits_once_and_may_come_again_later() -> None:
    first = jobs.enqueue("tests.note", key="import:1")
    assert jobs.enqueue("tests.note", key="import:1") == first
    jobs.run_queued()
    assert jobs.enqueue("tests.note", key="import:1") != first


@pytest.mark.django_db
def test_a_rules_refusal_fails_at_once_in_its_own_words() -> None:
    job = jobs.enqueue("tests.refuse")
    jobs.run_queued()
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "That file is empty; choose another.")


@pytest.mark.django_db
def test_a_breaking_job_is_tried_again_with_growing_pauses_and_then_given_up() -> None:
    with clock.frozen(NOON) as held:
        job = jobs.enqueue("tests.break")
        for attempt in range(1, jobs.MAX_ATTEMPTS + 1):
            assert jobs.run_queued() == 1
            assert jobs.run_queued() == 0
            job.refresh_from_db()
            assert job.attempts == attempt
            held.advance(dt.timedelta(hours=1))
        assert job.state == "failed"
        assert jobs.run_queued() == 0


@pytest.mark.django_db
def test_a_job_whose_worker_was_killed_is_taken_over() -> None:
    with clock.frozen(NOON) as held:
        job = jobs.enqueue("tests.note")
        assert jobs.claim_queued() is not None  # and its worker is gone without a word
        assert jobs.run_queued() == 0
        held.advance(leases.duration() + dt.timedelta(seconds=1))
        assert jobs.run_queued() == 1
        job.refresh_from_db()
        assert (job.state, job.attempts) == ("done", 2)


@pytest.mark.django_db
def test_a_job_that_kills_its_worker_each_time_is_given_up() -> None:
    with clock.frozen(NOON) as held:
        job = jobs.enqueue("tests.note")
        for _ in range(jobs.MAX_ATTEMPTS):
            assert jobs.claim_queued() is not None
            held.advance(leases.duration() + dt.timedelta(seconds=1))
        jobs.run_queued()
        job.refresh_from_db()
        assert (job.state, job.error) == ("failed", "its worker died each time it was tried")
        assert calls == []


@pytest.mark.django_db
def test_an_outcome_that_comes_after_the_lease_was_lost_is_not_written() -> None:
    job = jobs.enqueue("tests.note")
    claimed = jobs.claim_queued()
    assert claimed is not None
    QueuedJob.objects.filter(pk=job.pk).update(lease_token=F("lease_token") + 1)
    assert jobs.run_claimed(claimed) == "lost"
    job.refresh_from_db()
    assert (job.state, job.outcome) == ("waiting", "")


@pytest.mark.django_db
def test_a_job_that_another_worker_finished_meanwhile_is_not_run_again(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs.enqueue("tests.note", number=1)
    acquire = leases.acquire

    def while_another_runs_it(row: Any, **changes: Any) -> Any:
        monkeypatch.setattr(leases, "acquire", acquire)
        assert jobs.run_queued() == 1  # read by us, taken and finished by somebody else before we take it
        return acquire(row, **changes)

    monkeypatch.setattr(leases, "acquire", while_another_runs_it)
    assert jobs.claim_queued() is None
    assert [call["number"] for call in calls] == [1]


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_many_workers_one_runs_each_job() -> None:
    for number in range(10):
        jobs.enqueue("tests.note", number=number)
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        try:
            jobs.run_scheduled("slow", seen=JobRun.objects.get_or_create(name="slow")[0])
            jobs.run_queued()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert calls.count("slow") == 1
    assert sorted(call["number"] for call in calls if call != "slow") == list(range(10))


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_embedded_worker_runs_schedule_and_queue_and_lets_running_jobs_end() -> None:
    job = jobs.enqueue("tests.slow")
    worker = Worker()

    def run() -> None:
        worker.run()
        connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + 20
    while calls.count("slow") < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    worker.stop()
    thread.join(20)
    assert not thread.is_alive()
    job.refresh_from_db()
    assert (job.state, job.outcome) == ("done", "slow and done")
    assert JobRun.objects.get(name="slow").outcome == "slow and done"
    assert JobRun.objects.get(name="note").outcome == "noted"
    assert JobRun.objects.get(name="break").error
    connection.close()


@pytest.mark.slow
def test_the_worker_of_the_command_line_stops_on_sigterm(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{tmp_path / 'jobs.sqlite3'}",
        "GUILDHALL_VAR": str(tmp_path),
        "REDIS_URL": "",
    }
    template_database.put_migrated_file(tmp_path / "jobs.sqlite3")
    process = subprocess.Popen([sys.executable, "manage.py", "run_jobs"], env=environment)
    try:
        deadline = time.monotonic() + 90  # a busy machine takes its time to start Python
        while time.monotonic() < deadline:
            asked = subprocess.run(
                [
                    sys.executable,
                    "-c",
                    "import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute("
                    "\"select count(*) from core_jobrun where name='heartbeat' and outcome='alive'\").fetchone()[0])",
                    str(tmp_path / "jobs.sqlite3"),
                ],
                capture_output=True,
                text=True,
            )
            if asked.stdout.strip() == "1":
                break
            time.sleep(0.2)
        else:
            pytest.fail("the worker showed no heartbeat")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    finally:
        process.kill()
