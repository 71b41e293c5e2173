"""As `test_schema_holds.py`, for a bot with each scope; a file of its own, so that two processes share the work."""

from __future__ import annotations

import pytest

from guildhall.accounts.permissions import NOT_FOR_BOTS, SCOPES

from .guild import Guild
from .test_schema_holds import EXAMPLES, find_faults

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("scope", [scope for scope in SCOPES if scope not in NOT_FOR_BOTS])
def test_it_does_what_the_schema_says(guild: Guild, scope: str) -> None:
    assert find_faults(guild, f"bot {scope}", max(1, EXAMPLES // 2)) == ""
