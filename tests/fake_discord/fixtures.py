"""Fixtures for pytest: ``from tests.fake_discord.fixtures import fake_discord`` in a conftest."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .server import FakeDiscordServer


@pytest.fixture
def fake_discord(settings: object) -> Iterator[FakeDiscordServer]:
    """A fake on a free port, with Guildhall's settings pointing at it and limits off until a test turns them on."""
    with FakeDiscordServer() as server:
        server.limits.enabled = False
        for name, value in server.settings().items():
            setattr(settings, name, value)
        yield server
