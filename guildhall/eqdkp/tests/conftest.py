"""The imported sample guild, and a tool that may do everything the old API has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from guildhall.core import clock

from .importing import bring
from .maker import sample_guild
from .old_tool import ALL, NOW, Tool, key


@pytest.fixture
def guild(db: None, tmp_path: Path) -> Iterator[None]:
    """`sample_guild`, imported; it is `NOW`."""
    bring(sample_guild(), tmp_path)
    with clock.frozen(NOW):
        yield


@pytest.fixture
def tool(client: Client, guild: None) -> Tool:
    """An old tool of that guild."""
    return Tool(client, key(*ALL))
