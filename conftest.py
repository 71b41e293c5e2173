"""What every test gets: triggers that survive a flush, and a ledger that is verified after every scenario."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.core.management.commands.flush import Command as Flush
from django.db import connections

from guildhall.core import append_only

# On MariaDB the suite runs in part: what the database itself must hold, and what races (tests/run_suite.py).
ON_MARIADB = ("guildhall/core/", "guildhall/points/", "tests/concurrency/", "tests/migrations/")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(config.rootpath).as_posix().startswith("tests/browser/"):
            item.add_marker(pytest.mark.browser)
    if os.environ.get("GUILDHALL_ONLY_ON") != "mariadb":
        return
    wanted, others = [], []
    for item in items:
        place = item.path.relative_to(config.rootpath).as_posix()
        chosen = place.startswith(ON_MARIADB) or item.get_closest_marker("every_database")
        (wanted if chosen else others).append(item)
    items[:] = wanted
    config.hook.pytest_deselected(items=others)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """SQLite's files beside the test database outlive it when a thread's connection was still open."""
    for path in settings.VAR_DIR.glob(f"test-{os.getpid()}*"):
        path.unlink(missing_ok=True)


@pytest.fixture(autouse=True, scope="session")
def _flush_may_empty_the_ledger() -> Iterator[None]:
    """A transactional test ends with Django's `flush`, which the triggers of append-only tables rightly refuse.

    The triggers are taken away for the flush alone and put back. Nothing outside the tests can do this.
    """
    flush = Flush.handle

    def handle(self: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        append_only.remove_all(connection)
        try:
            flush(self, **options)
        finally:
            append_only.ensure_all(connection)

    Flush.handle = handle  # type: ignore[method-assign]
    yield
    Flush.handle = flush  # type: ignore[method-assign]


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _ledger_verified(request: pytest.FixtureRequest) -> Iterator[None]:
    """`verify_ledger` after every test that touched the database (DESIGN.md 1).

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
