"""A lease is decided by its time alone, and who lost one is stopped and writes nothing more."""

from __future__ import annotations

import datetime as dt
import os
import socket
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from celery import shared_task
from django.db import connections, transaction
from django.db.models import F

from guildhall.core import clock, jobs, leases, mail, outbox
from guildhall.core.leases import LeaseLost
from guildhall.core.models import JobRun, OutboxMessage, QueuedJob, Revision
from guildhall.core.transactions import use_case

pytestmark = pytest.mark.every_database
NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)
steps: list[str] = []


def taken_by_another_worker() -> None:
    """Another worker takes every row, as if the leases had run out."""
    for model in (JobRun, QueuedJob, OutboxMessage):
        rows = model.objects.exclude(leased_until=None)
        rows.update(lease_token=F("lease_token") + 1, leased_until=clock.now() + dt.timedelta(hours=1))


def in_another_thread(function: Any) -> None:
    def run() -> None:
        try:
            function()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@use_case
def write(name: str) -> None:
    Revision.objects.create(name=name)


@shared_task(name="tests.loses_it")
def loses_it() -> str:
    """A job with two steps that loses its lease between them."""
    steps.append("first")
    in_another_thread(taken_by_another_worker)
    leases.check()
    steps.append("second")
    return "done"


@shared_task(name="tests.does_not_ask")
def does_not_ask() -> str:
    """A job that looks at nothing and writes on."""
    in_another_thread(taken_by_another_worker)
    write("after")
    return "done"


@shared_task(name="tests.loses_it_in_a_transaction")
def loses_it_in_a_transaction() -> str:
    @use_case
    def long() -> None:
        Revision.objects.create(name="after")
        if transaction.get_connection().vendor == "sqlite":  # there nobody else writes before the transaction ends
            taken_by_another_worker()
        else:
            in_another_thread(taken_by_another_worker)

    long()
    return "done"


@shared_task(name="tests.takes_its_time")
def takes_its_time() -> str:
    time.sleep(2.5)
    write("written at last")
    return "done"


@pytest.fixture(autouse=True)
def _fresh(settings: Any) -> None:
    steps.clear()
    settings.CELERY_BEAT_SCHEDULE = {
        name: {"task": f"tests.{name}", "schedule": dt.timedelta(minutes=5)}
        for name in ("loses_it", "does_not_ask", "loses_it_in_a_transaction", "takes_its_time")
    }


@pytest.mark.django_db
def test_a_process_that_is_not_seen_from_here_keeps_its_lease() -> None:
    """Two containers of one host name do not see each other's processes; each thinks that the other's is gone."""
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    here = f"{socket.gethostname()}:{gone.pid}"
    job = jobs.enqueue("tests.takes_its_time")
    with clock.frozen(NOON) as held:
        QueuedJob.objects.update(due_at=NOON)
        claimed = jobs.claim_queued()
        assert claimed is not None
        QueuedJob.objects.filter(pk=job.pk).update(error=here)  # nothing that stands in the row is asked
        held.advance(leases.duration() - dt.timedelta(microseconds=1))
        assert jobs.claim_queued() is None
        held.advance(dt.timedelta(microseconds=1))
        again = jobs.claim_queued()
        assert again is not None
        assert again.lease_token == claimed.lease_token + 1


@pytest.mark.django_db
def test_a_row_that_was_leased_and_given_back_since_it_was_read_is_not_leased() -> None:
    row = JobRun.objects.create(name="j")
    other = leases.acquire(JobRun.objects.get())
    assert other is not None
    other.release()
    assert leases.acquire(row) is None
    assert leases.acquire(JobRun.objects.get()) is not None


@pytest.mark.django_db
def test_a_held_row_is_not_leased_though_it_was_read_as_it_is() -> None:
    JobRun.objects.create(name="j")
    assert leases.acquire(JobRun.objects.get()) is not None
    assert leases.acquire(JobRun.objects.get()) is None
    assert leases.is_held(JobRun, "j")


@pytest.mark.django_db
def test_what_a_former_holder_writes_changes_nothing() -> None:
    JobRun.objects.create(name="j")
    lease = leases.acquire(JobRun.objects.get())
    assert lease is not None
    taken_by_another_worker()
    assert not lease.write(outcome="mine")
    assert not lease.release(outcome="mine")
    row = JobRun.objects.get()
    assert (row.outcome, row.leased_until is None) == ("", False)
    for call in (lease.check, lease.fence):
        lease.lost = False
        with pytest.raises(LeaseLost):
            call()
    assert not lease.renew()


@pytest.mark.django_db
def test_the_database_says_what_time_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker whose clock is wrong by a day takes nobody's lease; SQLite's clock is the machine's own."""
    JobRun.objects.create(name="j")
    lease = leases.acquire(JobRun.objects.get())
    assert lease is not None
    lasts = JobRun.objects.get().leased_until - clock.now()
    assert dt.timedelta(0) <= leases.duration() - lasts < dt.timedelta(seconds=10)
    if transaction.get_connection().vendor != "sqlite":
        tomorrow = clock.now() + dt.timedelta(days=1)
        monkeypatch.setattr(clock, "now", lambda: tomorrow)
        assert leases.acquire(JobRun.objects.get()) is None
        assert lease.renew()
        assert JobRun.objects.get().leased_until < tomorrow


@pytest.mark.django_db(transaction=True)
def test_a_job_that_lost_its_lease_is_stopped_at_its_next_step() -> None:
    job = jobs.enqueue("tests.loses_it")
    claimed = jobs.claim_queued()
    assert claimed is not None
    assert jobs.run_claimed(claimed) == "lost"
    job.refresh_from_db()
    assert (steps, job.state, job.outcome, job.lease_token) == (["first"], "waiting", "", claimed.lease_token + 1)
    assert jobs.run_scheduled("loses_it") is None
    assert JobRun.objects.get().finished_at is None


@pytest.mark.parametrize("task", ["does_not_ask", "loses_it_in_a_transaction"])
@pytest.mark.django_db(transaction=True)
def test_what_a_job_writes_after_it_lost_its_lease_is_undone(task: str) -> None:
    assert jobs.run_scheduled(task) is None
    assert not Revision.objects.filter(name="after").exists()
    assert (JobRun.objects.get().outcome, JobRun.objects.get().error) == ("", "")


@pytest.mark.django_db(transaction=True)
def test_a_handler_that_lost_its_lease_is_stopped_and_its_outcome_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def handle(message: OutboxMessage) -> str:
        in_another_thread(taken_by_another_worker)
        write("after")
        return "done"

    monkeypatch.setitem(outbox._handlers, "t", handle)
    with transaction.atomic():
        outbox.put(topic="t", payload={})
    assert outbox.deliver_due().lost == 1
    message = OutboxMessage.objects.get()
    assert (message.state, message.attempts, message.last_error) == ("pending", 0, "")
    assert not Revision.objects.filter(name="after").exists()


@pytest.mark.django_db(transaction=True)
def test_a_mail_of_a_message_that_another_worker_has_is_not_sent(
    monkeypatch: pytest.MonkeyPatch, mailoutbox: list[Any]
) -> None:
    def handle(message: OutboxMessage) -> str:
        in_another_thread(taken_by_another_worker)
        return mail.send(to="a@example.invalid", subject="s", body="b")

    monkeypatch.setitem(outbox._handlers, "t", handle)
    with transaction.atomic():
        outbox.put(topic="t", payload={})
    assert outbox.deliver_due().lost == 1
    assert mailoutbox == []


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_lease_is_renewed_as_long_as_its_work_takes(settings: Any) -> None:
    settings.LEASE_SECONDS = 1
    jobs.enqueue("tests.takes_its_time")
    claimed = jobs.claim_queued()
    assert claimed is not None
    outcome: list[str] = []
    thread = threading.Thread(target=lambda: (outcome.append(jobs.run_claimed(claimed)), connections.close_all()))
    thread.start()
    while thread.is_alive():
        assert jobs.claim_queued() is None or not thread.is_alive()
        time.sleep(0.1)
    assert outcome == ["done"]
    assert Revision.objects.filter(name="written at last").exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_lease_that_could_not_be_renewed_in_a_long_transaction_is_renewed_at_its_end(settings: Any) -> None:
    """On SQLite nobody writes while it runs, the renewing thread neither."""
    settings.LEASE_SECONDS = 1
    JobRun.objects.create(name="j")
    lease = leases.acquire(JobRun.objects.get())
    assert lease is not None
    lease.renewed -= 100
    JobRun.objects.update(leased_until=clock.now() - dt.timedelta(seconds=1))
    with transaction.atomic():
        lease.fence()
    assert leases.is_held(JobRun, "j")


@pytest.mark.django_db(transaction=True)
def test_a_process_that_ends_without_waiting_gives_its_leases_back() -> None:
    JobRun.objects.create(name="j")
    lease = leases.acquire(JobRun.objects.get())
    assert lease is not None
    with leases.holding(lease):
        in_another_thread(leases.release_all)
        assert not leases.is_held(JobRun, "j")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.django_db
def test_a_forked_process_holds_nothing_of_its_parents() -> None:
    renewer = leases._renewer
    try:
        leases._forget_in_child()
        assert leases._renewer is not renewer
        assert leases._renewer.held() == []
    finally:
        leases._renewer = renewer
