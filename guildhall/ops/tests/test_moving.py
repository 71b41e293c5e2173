"""A guild moves from SQLite to a server and back: every row comes along, and it goes on where it is."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from guildhall.core import append_only, clock
from guildhall.ops import backups, restoring
from guildhall.points.models import DKPPool, LedgerEntry
from guildhall.points.services import adjust_points
from guildhall.points.verification import verify
from guildhall.raids.models import Event, Raid
from guildhall.raids.services import award_attendance, create_raid
from guildhall.roster.models import Character
from tests import template_database

from .manage import manage
from .test_backups import empty, where

__all__ = ["where"]
NUMBERED = {"content_type_id": "django_content_type", "permission_id": "auth_permission"}


def rows_of(path: Path) -> dict[str, list[str]]:
    """Every row of a backup, by table: without the order of rows and of keys, which is each database's own."""
    manifest = restoring.read_manifest(path)
    found = {}
    with zipfile.ZipFile(path) as archive:
        for table, about in manifest["tables"].items():
            rows = []
            for line in archive.read(f"{table}.jsonl").splitlines():
                row = dict(zip(about["columns"], json.loads(line), strict=True))
                for column in NUMBERED.keys() & row.keys():
                    row[column] = manifest["numbered_by_django"][NUMBERED[column]].get(str(row[column]))
                rows.append(json.dumps(row, sort_keys=True))
            found[table] = sorted(rows)
    return found


@pytest.mark.slow
@pytest.mark.every_database
@pytest.mark.django_db(transaction=True)
def test_a_guild_moves_here_from_sqlite_and_back_again(where: Path, tmp_path: Path) -> None:
    one, two = (f"sqlite:///{tmp_path / name}.sqlite3" for name in ("one", "two"))
    template_database.put_migrated_file(tmp_path / "one.sqlite3")
    manage(one, "load_demo", "-v0")
    first = Path(manage(one, "backup", "--label", "first").strip())
    empty()
    restored = restoring.restore(first)
    assert restored.rows["points_ledgerentry"] == LedgerEntry.objects.count() > 5000
    here = backups.make(label="here")
    assert rows_of(here.path) == rows_of(first)

    # It goes on: new rows get free numbers, and what is append-only stays so.
    assert append_only.all_missing(connection) == []
    last = Raid.objects.latest("pk").pk
    raid = create_raid(event=Event.objects.earliest("pk"), started_at=clock.now(), actor=None)
    person = Character.objects.filter(is_main=True, is_active=True).earliest("pk")
    award_attendance(raid=raid, attendees=[person.name], actor=None)
    adjust_points(
        user_ids=[person.user_id], pool=DKPPool.objects.earliest("pk"), amount="1", reason="moved", actor=None
    )
    assert raid.pk > last
    assert verify() == []

    second = backups.make(label="second")
    manage(two, "restore", str(second.path))
    assert "The ledger adds up" in manage(two, "verify_ledger")
    back = Path(manage(two, "backup", "--label", "back").strip())
    assert rows_of(back) == rows_of(second.path)


def test_a_difference_between_two_backups_would_be_seen(tmp_path: Path) -> None:
    """The comparison above is not blind."""

    def written(name: str, rows: list[Any]) -> Path:
        path = tmp_path / name
        about = {"t": {"rows": len(rows), "sha256": "", "columns": ["id", "data"]}}
        manifest = {
            "format": 1,
            "made_at": "",
            "migrations": [],
            "numbered_by_django": {},
            "ledger": {},
            "tables": about,
        }
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("t.jsonl", "\n".join(json.dumps(row) for row in rows))
            archive.writestr("manifest.json", json.dumps(manifest))
        return path

    mine = rows_of(written("a", [[1, {"a": 1, "b": 2}], [2, {}]]))
    assert mine == rows_of(written("b", [[2, {}], [1, {"b": 2, "a": 1}]]))
    assert mine != rows_of(written("c", [[1, {"a": 1, "b": 3}], [2, {}]]))
    assert mine != rows_of(written("d", [[1, {"a": 1, "b": 2}]]))
