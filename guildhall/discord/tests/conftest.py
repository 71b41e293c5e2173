from __future__ import annotations

from collections.abc import Iterator

import pytest

from guildhall.discord.client import rest, store
from tests.fake_discord.fixtures import fake_discord  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def fresh_client() -> Iterator[None]:
    """No limiter state and no client outlives a test."""
    store._memory._states.clear()
    rest.close()
    yield
    rest.close()
