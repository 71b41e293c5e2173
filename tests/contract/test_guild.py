"""The guild that is put back is the guild that was made."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection, transaction

from tests import snapshots

from . import guild as making


@pytest.fixture
def nothing_kept(monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    monkeypatch.setattr(making, "_kept", None)
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)


@pytest.mark.django_db
def test_every_row_comes_back(nothing_kept: None) -> None:
    with transaction.atomic():
        making._made()
        made = snapshots.take(connection)
        transaction.set_rollback(True)
    assert snapshots.take(connection).tables == {}
    snapshots.restore(connection, made)
    found = snapshots.take(connection).tables
    assert found.keys() == made.tables.keys()
    assert len(found) > 30
    for table, rows in made.tables.items():
        assert found[table] == rows, table


@pytest.mark.django_db
def test_the_second_guild_is_put_back_and_can_be_written_to(nothing_kept: None, fake_discord: Any) -> None:
    with transaction.atomic():
        first = making.make_guild(fake_discord)
        transaction.set_rollback(True)
    fake_discord.state.reset() if hasattr(fake_discord.state, "reset") else None
    second = making.make_guild(fake_discord)
    assert second.boss == first.boss
    assert {name: second.ids[name] for name in ("raid", "running", "voting")} == {
        name: first.ids[name] for name in ("raid", "running", "voting")
    }
    made = second.keep("new item", "/api/items/", {"name": "A new one"})
    assert made["id"] not in (first.ids["item"], first.ids["idle item"])
