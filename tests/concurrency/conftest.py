"""Threads that share a real server. SQLite has one writer; what is proven here is proven where writers are many."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import close_old_connections, connection, connections


@pytest.fixture
def in_threads() -> Callable[..., list[Any]]:
    """Call ``work(number)`` in `count` threads that start at once; answers what each gave or raised."""

    def run(count: int, work: Callable[[int], Any]) -> list[Any]:
        start = threading.Barrier(count)

        def one(number: int) -> Any:
            close_old_connections()
            try:
                start.wait(timeout=30)
                return work(number)
            except Exception as error:
                return error
            finally:
                connections.close_all()

        with ThreadPoolExecutor(max_workers=count) as pool:
            return list(pool.map(one, range(count)))

    return run


@pytest.fixture
def server_database() -> None:
    """Skip on SQLite in memory, where threads cannot share a database."""
    if connection.vendor == "sqlite":
        pytest.skip("needs PostgreSQL or MariaDB (DATABASE_URL)")
