"""A worker with nothing to do writes next to nothing and starts next to no thread; with work it is there at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils.module_loading import import_string

from config import settings as settings_module
from guildhall.accounts.services import create_api_key, create_person
from guildhall.auctions.tests import build
from guildhall.core import clock, jobs, outbox
from guildhall.core.models import JobRun, QueuedJob
from guildhall.core.tasks import run_scheduled
from guildhall.recruitment.models import Application

pytestmark = pytest.mark.django_db
SCHEDULE = settings_module.CELERY_BEAT_SCHEDULE
ASKED = {name: line["has_work"] for name, line in SCHEDULE.items() if "has_work" in line}
SECOND = dt.timedelta(seconds=1)


def a_message() -> None:
    with transaction.atomic():
        outbox.put(topic="t", payload={})


def a_session_whose_time_is_up() -> None:
    build.pool()
    with clock.frozen(clock.now() - dt.timedelta(hours=2)):
        build.session(duration_seconds=60)


def an_auction_that_is_posted() -> None:
    build.pool()
    build.session(duration_seconds=6000)


def a_vote_that_is_over() -> None:
    over = clock.now() - SECOND
    Application.objects.create(character_name="A", name_key="a", status="voting_active", voting_ends_at=over)


def a_key_that_was_used() -> None:
    key, _ = create_api_key(user=create_person(display_name="Aeli"), name="k", scopes=["bidding:read"])
    cache.set(f"key-usage:{key.pk}", 3)


WORK: dict[str, Callable[[], Any]] = {
    "deliver-outbox": a_message,
    "run-queued": lambda: QueuedJob.objects.create(task="t"),
    "close-due-sessions": a_session_whose_time_is_up,
    "close-due-votes": a_vote_that_is_over,
    "follow-auctions-in-discord": an_auction_that_is_posted,
    "store-key-usage": a_key_that_was_used,
}


@pytest.fixture(autouse=True)
def _posts_auctions(settings: Any) -> None:
    settings.CELERY_BEAT_SCHEDULE = SCHEDULE
    settings.DISCORD_WEBHOOK_AUCTIONS = "https://discord.com/api/webhooks/1/x"
    cache.clear()


def writes(queries: CaptureQueriesContext) -> list[str]:
    return [q["sql"][:120] for q in queries if q["sql"].split()[0] in ("INSERT", "UPDATE", "DELETE")]


def test_whatever_is_looked_at_often_says_whether_it_has_work() -> None:
    often = {name for name, line in SCHEDULE.items() if line["schedule"] < dt.timedelta(minutes=1)}
    assert often - ASKED.keys() == set()
    assert sorted(WORK) == sorted(ASKED)


@pytest.mark.parametrize("name", sorted(ASKED))
def test_it_is_asked_by_reading_and_says_yes_when_there_is_work(name: str) -> None:
    has_work = import_string(ASKED[name])
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert has_work() is False
    assert writes(asked) == []
    WORK[name]()
    with CaptureQueriesContext(connection) as asked:
        assert has_work() is True
    assert (writes(asked), len(asked) <= 2) == ([], True)


def test_ten_minutes_without_work_are_a_few_writes_and_a_few_runs() -> None:
    quiet: dict[str, dt.datetime] = {}
    runs: list[str] = []

    def round_() -> None:  # what `manage.py run_jobs` does twice a second
        for entry, row in jobs.due_entries(worker_since=since, quiet=quiet):
            runs.append(entry.name)
            assert jobs.run_scheduled(entry.name, seen=row) is not None
        assert jobs.claim_queued() is None

    with clock.frozen(clock.now()) as time:
        since = clock.now()
        round_()
        assert set(runs) == set(SCHEDULE)  # all of them once, so that what was missed is made up for
        time.advance(SECOND)
        runs.clear()
        with CaptureQueriesContext(connection) as queries:
            for _ in range(2 * 60 * 9):
                time.advance(SECOND / 2)
                round_()
    assert set(runs) == {"heartbeat"}
    assert len(runs) == 9
    assert len(writes(queries)) == 2 * len(runs)


def test_work_that_comes_up_is_found_within_the_period_of_its_job() -> None:
    quiet: dict[str, dt.datetime] = {}
    with clock.frozen(clock.now()) as time:
        for entry, row in jobs.due_entries(worker_since=clock.now(), quiet=quiet):
            jobs.run_scheduled(entry.name, seen=row)
        for _ in range(60):
            time.advance(SECOND)
            jobs.due_entries(worker_since=clock.now(), quiet=quiet)
        a_message()
        waited = 0.0
        while "deliver-outbox" not in {e.name for e, _ in jobs.due_entries(worker_since=clock.now(), quiet=quiet)}:
            time.advance(SECOND / 2)
            waited += 0.5
    assert waited <= 2


def test_without_work_a_job_runs_every_ten_minutes_all_the_same() -> None:
    """So the age of its last success, which is watched, stays young."""
    with clock.frozen(clock.now()) as time:
        jobs.run_scheduled("deliver-outbox")
        before = JobRun.objects.get(name="deliver-outbox").started_at
        time.advance(jobs.RUN_ANYWAY - SECOND)
        assert run_scheduled("deliver-outbox") == "nothing to do"
        assert JobRun.objects.get(name="deliver-outbox").started_at == before
        time.advance(SECOND)
        assert "delivered" in run_scheduled("deliver-outbox")


def test_a_question_that_fails_lets_the_job_run_and_record_it(monkeypatch: Any) -> None:
    with clock.frozen(clock.now()) as time:
        jobs.run_scheduled("deliver-outbox")
        time.advance(3 * SECOND)
        monkeypatch.setattr(outbox, "has_due", lambda: 1 / 0)
        assert "delivered" in run_scheduled("deliver-outbox")
