from __future__ import annotations

from collections.abc import Iterator

import pytest

from guildhall.discord.client import rest, store
from guildhall.discord.tests.talking import Talk
from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.fixtures import fake_discord  # noqa: F401 - a fixture


@pytest.fixture(autouse=True)
def fresh_client() -> Iterator[None]:
    """No limiter state and no client outlives a test."""
    store._memory._states.clear()
    rest.close()
    yield
    rest.close()


@pytest.fixture
def talk(fake_discord: FakeDiscordServer) -> Talk:  # noqa: F811 - the fixture
    """Somebody in the server types, presses and fills in; answers what Discord would show."""
    return Talk(fake_discord)
