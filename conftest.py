"""What every test gets: triggers that survive a flush, and a ledger that is verified after every scenario."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.core.management.commands.flush import Command as Flush
from django.db import connections

from guildhall.points import triggers


@pytest.fixture(autouse=True, scope="session")
def _flush_may_empty_the_ledger() -> Iterator[None]:
    """A transactional test ends with Django's `flush`, which the ledger's triggers rightly refuse.

    The triggers are taken away for the flush alone and put back. Nothing outside the tests can do this.
    """
    flush = Flush.handle

    def handle(self: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        triggers.remove(connection)
        try:
            flush(self, **options)
        finally:
            triggers.ensure(connection)

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
