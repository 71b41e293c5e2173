"""Everything that the database says was written to in a guild's life has a new revision (`core/databases/revised.py`)."""

from __future__ import annotations

import pytest
from django.db import connection

from guildhall.core.databases import revised
from tests.fake_discord import FakeDiscordServer

from .good_requests import bodies, url
from .guild import make_guild
from .responses import operations

pytestmark = pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL counts what is written")


@pytest.mark.django_db
def test_what_postgresql_counts_is_what_was_seen(
    fake_discord: FakeDiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: set[str] = set()
    watch = revised.written_tables

    def watched(sql: str) -> list[str]:
        found = watch(sql)
        seen.update(found)
        return found

    monkeypatch.setattr(revised, "written_tables", watched)
    wrote = revised.Revised.wrote
    monkeypatch.setattr(revised.Revised, "wrote", lambda self, table: (seen.add(table), wrote(self, table))[1])
    guild = make_guild(fake_discord)
    good = bodies(guild)
    for method, path, described in operations():
        operation = f"{method} {path}"
        if method == "post":
            body = good.get(operation)
            getattr(guild.api, method)(url(guild, operation, described), body[0] if isinstance(body, list) else body)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_stat_xact_user_tables WHERE n_tup_ins + n_tup_upd + n_tup_del > 0 ORDER BY relname"
        )
        counted = {name for (name,) in cursor.fetchall()}
    assert len(counted) > 30
    missed = {name for name in counted - seen if name not in revised.WITHOUT_REVISION and "_historical" not in name}
    assert missed == set()
