from __future__ import annotations

from typing import Any

import pytest

from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.fixtures import fake_discord  # noqa: F401 - a fixture

from .guild import Guild, make_guild


@pytest.fixture
def guild(db: None, settings: Any, fake_discord: FakeDiscordServer) -> Guild:  # noqa: F811 - the fixture
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    return make_guild(fake_discord)
