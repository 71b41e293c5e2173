"""A backup that is spoiled, however, is refused in words, and nothing of it is kept."""

from __future__ import annotations

import hashlib
import json
import random
import sqlite3
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import CommandError, call_command
from django.db import connection

from guildhall.accounts.models import PermissionGroup, User
from guildhall.accounts.services import make_setup_code
from guildhall.core.errors import BadInput, Conflict, GuildhallError
from guildhall.core.models import JobRun
from guildhall.ops import backups, restoring
from guildhall.points.models import DKPPool
from tests import template_database

from .manage import manage
from .test_backups import a_guild, empty, everything, rewritten, where

__all__ = ["where"]
pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def nothing_is_there() -> bool:
    return not User.objects.exists() and not DKPPool.objects.exists()


@pytest.mark.parametrize("way", ["cut", "changed", "doubled"])
def test_wherever_a_file_is_spoiled_it_is_refused_or_it_did_no_harm(where: Path, way: str) -> None:
    """What is spoiled in a part of no worth, such as the time of an entry, may pass: the hashes say that no row did."""
    a_guild()
    whole = backups.make().path.read_bytes()
    empty()
    path, by_chance = where / "spoiled.ghb", random.Random(7)
    passed = 0
    for _ in range(250):
        at = by_chance.randrange(len(whole))
        if way == "cut":
            spoiled = whole[:at]
        elif way == "changed":
            spoiled = whole[:at] + bytes([whole[at] ^ (1 << by_chance.randrange(8))]) + whole[at + 1 :]
        else:
            spoiled = whole[:at] + whole[max(0, at - 100) :]
        path.write_bytes(spoiled)
        try:
            restoring.check(path)
            passed += 1
        except BadInput as refused:
            assert refused.code == "not_a_backup"
        except Conflict as refused:
            pytest.fail(f"at {at}: {refused}")
    # Of a file with more tables, more bytes are headers of no worth.
    assert passed == 0 if way == "cut" else passed < 100
    assert nothing_is_there()


def with_table(path: Path, table: str, change: Callable[[list[Any]], list[Any]]) -> Path:
    """A copy of the backup in which a table has other rows, and hashes that fit them."""
    with zipfile.ZipFile(path) as old:
        rows = [json.loads(line) for line in old.read(f"{table}.jsonl").splitlines()]
    content = b"".join((json.dumps(row, ensure_ascii=False) + "\n").encode() for row in change(rows))

    def fitting(manifest: bytes) -> bytes:
        read = json.loads(manifest)
        read["tables"][table].update(rows=content.count(b"\n"), sha256=hashlib.sha256(content).hexdigest())
        return json.dumps(read).encode()

    halfway = rewritten(path, f"{table}.jsonl", lambda _: content).rename(path.with_name("forged.ghb"))
    return rewritten(halfway, "manifest.json", fitting)


FORGERIES: dict[str, tuple[str, Callable[[list[Any]], list[Any]]]] = {
    "the same row twice": ("points_dkppool", lambda rows: rows * 2),
    "a row that is too short": ("points_dkppool", lambda rows: [row[:-1] for row in rows]),
    "a row that is not a list": ("points_dkppool", lambda rows: [7]),
    "no date where one belongs": ("points_dkppool", lambda rows: [["soon" for _ in row] for row in rows]),
    "lists where words belong": ("points_dkppool", lambda rows: [[[1] for _ in row] for row in rows]),
    "nothing where something belongs": (
        "points_dkppool",
        lambda rows: [[row[0], *[None] * (len(row) - 1)] for row in rows],
    ),
    "an entry less": ("points_ledgerentry", lambda rows: rows[:-1]),
    "people of whom there is nothing": ("accounts_user", lambda rows: []),
}


@pytest.mark.parametrize("forgery", FORGERIES)
@pytest.mark.every_database
def test_a_backup_with_hashes_that_fit_other_rows_is_refused(where: Path, forgery: str) -> None:
    a_guild()
    path = with_table(backups.make().path, *FORGERIES[forgery])
    empty()
    with pytest.raises(GuildhallError) as refused:
        restoring.restore(path)
    assert refused.value.code in {"not_a_backup", "refused_by_database", "does_not_add_up"}, refused.value
    assert nothing_is_there()


MANIFESTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "is a list": lambda manifest: [1],
    "is empty": lambda manifest: {},
    "has no tables": lambda manifest: {**manifest, "tables": {}},
    "has no migrations": lambda manifest: {key: value for key, value in manifest.items() if key != "migrations"},
    "leaves a table out": lambda manifest: {
        **manifest,
        "tables": {name: about for name, about in manifest["tables"].items() if name != "accounts_apikey"},
    },
    "says nothing of a table": lambda manifest: {**manifest, "tables": {**manifest["tables"], "accounts_apikey": None}},
    "has a format of tomorrow": lambda manifest: {**manifest, "format": 99},
}


@pytest.mark.parametrize("how", MANIFESTS)
def test_a_manifest_that_is_another_is_refused(where: Path, how: str) -> None:
    a_guild()
    made = backups.make().path
    path = rewritten(made, "manifest.json", lambda content: json.dumps(MANIFESTS[how](json.loads(content))).encode())
    empty()
    with pytest.raises(BadInput) as refused:
        restoring.restore(path)
    assert refused.value.code == "not_a_backup"
    assert nothing_is_there()


def test_what_points_to_a_model_of_long_ago_comes_back_too(where: Path) -> None:
    """Django keeps the content types and permissions of models that are gone, and groups and the admin's log name them."""
    member, _ = a_guild()
    gone = ContentType.objects.create(app_label="roster", model="bench")
    permission = Permission.objects.create(content_type=gone, codename="warm.bench", name="Can warm the bench")
    Group.objects.first().permissions.add(permission)
    LogEntry.objects.create(user=member, content_type=gone, object_repr="a bench", action_flag=1)
    made = backups.make()
    empty()
    permission.delete()
    gone.delete()
    ContentType.objects.clear_cache()
    restoring.restore(made.path)
    assert Group.objects.first().permissions.filter(codename="warm.bench", content_type__model="bench").exists()
    assert LogEntry.objects.get().content_type.model == "bench"


def test_a_worker_that_was_started_too_early_is_in_nobodys_way(where: Path) -> None:
    a_guild()
    before = everything()
    made = backups.make()
    empty()
    JobRun.objects.create(name="heartbeat")
    make_setup_code()
    mirror = Group.objects.create(name="Made by a migration")
    PermissionGroup.objects.bulk_create([PermissionGroup(name="Made by a migration", group=mirror)])
    restoring.restore(made.path)
    assert everything() == before


def test_one_row_of_anybodys_is_enough_to_refuse(where: Path) -> None:
    a_guild()
    made = backups.make()
    empty()
    DKPPool.objects.create(name="Somebody's")
    with pytest.raises(Conflict, match="points_dkppool") as refused:
        restoring.restore(made.path)
    assert refused.value.code == "not_empty"
    assert DKPPool.objects.get().name == "Somebody's"


def test_what_is_refused_has_not_migrated_anything(where: Path, tmp_path: Path) -> None:
    """A database of something else, and a new one for a backup that cannot go into it, stay as they were."""
    a_guild()
    made = backups.make().path
    newer = rewritten(
        made,
        "manifest.json",
        lambda content: json.dumps(
            {**json.loads(content), "migrations": [*json.loads(content)["migrations"], "core.0999_future"]}
        ).encode(),
    )
    new, other = tmp_path / "new.sqlite3", tmp_path / "other.sqlite3"
    answer = manage(f"sqlite:///{new}", "restore", str(newer), fails=True)
    assert "newer version of Guildhall" in answer
    assert tables(new) == set()
    with sqlite3.connect(other) as theirs:
        theirs.execute("CREATE TABLE eqdkp_users (name TEXT)")
    answer = manage(f"sqlite:///{other}", "restore", str(made), fails=True)
    assert "not empty" in answer
    assert "eqdkp_users" in answer
    assert tables(other) == {"eqdkp_users"}


def tables(path: Path) -> set[str]:
    with sqlite3.connect(path) as read:
        return {name for (name,) in read.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_a_backup_before_an_upgrade_is_of_the_database_as_it_is(where: Path, tmp_path: Path) -> None:
    """The new version is checked out, its migrations wait; the old one takes the backup made then."""
    url = f"sqlite:///{tmp_path / 'old.sqlite3'}"
    template_database.put_migrated_file(tmp_path / "old.sqlite3")
    manage(url, "migrate", "-v0", "eqdkp", "0002")
    path = Path(manage(url, "backup", "--if-migrations", "--to", str(tmp_path)).strip())
    manifest = restoring.read_manifest(path)
    assert "eqdkp.0003_calling_off" not in manifest["migrations"]
    assert "cancelled_at" not in manifest["tables"]["eqdkp_calendarevent"]["columns"]
    assert "cancelled_at" in backups.columns_of(backups.apps.get_model("raids", "CalendarEvent"))
    with pytest.raises(Conflict, match="an older version"):
        restoring.check(path)


def test_a_database_of_a_newer_version_is_not_backed_up_in_part(where: Path, settings: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('core', '0999_future', CURRENT_TIMESTAMP)"
        )
    try:
        with pytest.raises(CommandError, match="newer version"):
            call_command("backup")
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE name = '0999_future'")
    assert list(where.iterdir()) == []


def test_a_database_with_nothing_in_it_or_none_at_all_is_said(tmp_path: Path) -> None:
    answer = manage(f"sqlite:///{tmp_path / 'x.sqlite3'}", "backup", fails=True)
    assert "never migrated" in answer
    answer = manage("sqlite:////nowhere/at/all.sqlite3", "backup", fails=True)
    assert "does not answer" in answer
    assert "Traceback" not in answer
