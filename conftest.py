"""What every test gets: a database as migrated, and a ledger that is verified after every scenario."""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache

from tests import bytecode, database_cleaning, statements, static_files, template_database, tracing

#: Fixtures and words by which a test, or its module, uses a database or a server.
DATABASE_FIXTURES = {"db", "transactional_db", "live_server"}
SERVER_WORDS = re.compile(r"subprocess|redis|connection|DATABASE|multiprocessing", re.IGNORECASE)
#: Where every test runs on every database: the ledger, what races, the migrations.
EVERY_DATABASE = ("guildhall/points/", "tests/concurrency/", "tests/migrations/")


bytecode.keep()
# The tests' PostgreSQL need not outlive a power cut: a commit does not wait for the disk, in child processes neither.
os.environ.setdefault("PGOPTIONS", "-c synchronous_commit=off")
template_database.install()
database_cleaning.install()
static_files.install()


@functools.cache
def _module_speaks_of_servers(path: Path) -> bool:
    return bool(SERVER_WORDS.search(path.read_text()))


def uses_a_server(item: pytest.Item) -> bool:
    """Whether a test's outcome can depend on the database, Redis or another process."""
    fixtures = set(getattr(item, "fixturenames", ()))
    asks_for_database = item.get_closest_marker("django_db") is not None or bool(fixtures & DATABASE_FIXTURES)
    return asks_for_database or _module_speaks_of_servers(item.path)


def pytest_configure(config: pytest.Config) -> None:
    statements.install(config)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = statements.chosen_ids()
    for item in items:
        place = item.path.relative_to(config.rootpath).as_posix()
        if place.startswith("tests/browser/"):
            item.add_marker(pytest.mark.browser)
            continue
        if not uses_a_server(item):
            item.add_marker(pytest.mark.without_database)
        if place.startswith(EVERY_DATABASE) or item.nodeid in chosen:
            item.add_marker(pytest.mark.every_database)
        is_cheap = item.get_closest_marker("without_database") or item.nodeid in chosen
        if is_cheap and not item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.quick)
    tracing.choose(items)
    _leave_out_recorders(config, items)


def pytest_collection_finish() -> None:
    """Leave what was imported and collected out of every later garbage collection, and collect less often: a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Measure no coverage where it would only be measured again."""
    with contextlib.nullcontext() if item.stash[tracing.IS_TRACED] else tracing.paused():
        return (yield)


def _leave_out_recorders(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what writes a file of expectations, unless its environment variable asks for it: it tests nothing."""
    recorders = [
        item for item in items if (marker := item.get_closest_marker("records")) and not os.environ.get(marker.args[0])
    ]
    items[:] = [item for item in items if item not in recorders]
    config.hook.pytest_deselected(items=recorders)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """SQLite's files beside the test database outlive it when a thread's connection was still open."""
    for path in settings.VAR_DIR.glob(f"test-{os.getpid()}*"):
        path.unlink(missing_ok=True)


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    from guildhall.accounts import keys
    from guildhall.core import guild, kept
    from guildhall.core.redis_breaker import breaker
    from guildhall.ops.selectors import forget_last_look

    breaker.forget()
    cache.clear()
    guild.forget(read=False)
    kept.clear()
    keys.forget()
    forget_last_look()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _not_stopping() -> Iterator[None]:
    """A worker that a test ran in this process and stopped must not stop the deliveries of the next test."""
    yield
    from guildhall.core import leases

    leases.stopping.clear()


@pytest.fixture(autouse=True)
def _ledger_verified(request: pytest.FixtureRequest) -> Iterator[None]:
    """`verify_ledger` after every test that touched the database (docs/architecture.md, "The ledger", 1).

    A test that breaks the books on purpose is marked ``@pytest.mark.broken_ledger``.
    """
    marker = request.node.get_closest_marker("django_db")
    uses_db = marker is not None or {"db", "transactional_db"} & set(request.fixturenames)
    if not uses_db:
        yield
        return
    transactional = "transactional_db" in request.fixturenames or (marker and marker.kwargs.get("transaction"))
    request.getfixturevalue("transactional_db" if transactional else "db")
    yield
    if request.node.get_closest_marker("broken_ledger"):
        return
    from guildhall.points.models import LedgerEntry, UserPointsSummary
    from guildhall.points.verification import verify

    if LedgerEntry.objects.exists() or UserPointsSummary.objects.exists():
        assert [str(difference) for difference in verify()] == []
