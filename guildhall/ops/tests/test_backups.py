"""A backup is whole or not there; a restore brings everything back, proven, or changes nothing."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import zipfile
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.core import append_only, clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.models import AuditEvent
from guildhall.core.money import parse_points
from guildhall.ops import backups, restoring
from guildhall.points import ledger
from guildhall.points.models import DKPPool, EntryKind, LedgerEntry, UserPointsSummary
from guildhall.points.services import adjust_points
from guildhall.points.verification import verify
from guildhall.roster.services import create_character

NOON = dt.datetime(2026, 11, 23, 12, 0, tzinfo=dt.UTC)


def a_guild() -> tuple[User, DKPPool]:
    """Two people, a pool, entries of several kinds, a group and an audit row."""
    officer = create_person(display_name="Aeli", role_group=RoleGroup.OFFICER)
    member = create_person(display_name="Bränn “the Bold”", role_group=RoleGroup.MEMBER)
    pool = DKPPool.objects.create(name="Velious", description="line one\nline two\t\\ and a quote '")
    adjust_points(user_ids=[member.pk], pool=pool, amount="12.34", reason="for the bank", actor=officer)
    with transaction.atomic():
        ledger.post(
            postings=[
                ledger.Posting(member.pk, pool.pk, EntryKind.RAID, parse_points("100.01"), NOON),
                ledger.Posting(officer.pk, pool.pk, EntryKind.RAID, parse_points("55"), NOON),
            ],
            actor=officer,
        )
    create_character(name="Brann", user=member, character_class="Cleric", actor=officer)
    member.set_password("nothing worth stealing")
    member.save()
    return member, pool


def everything() -> dict[str, list[Any]]:
    """Every row of every table that a backup holds."""
    return {
        model._meta.db_table: list(
            model._base_manager.order_by("pk").values_list(*[field.attname for field in model._meta.concrete_fields])
        )
        for model in backups.backed_up_models()
    }


def empty() -> None:
    """What a new, migrated database looks like."""
    append_only.remove_all(connection)
    with connection.constraint_checks_disabled():
        for model in reversed(backups.backed_up_models()):
            model._base_manager.all()._raw_delete(connection.alias)
    append_only.ensure_all(connection)


@pytest.fixture
def where(tmp_path: Path, settings: Any) -> Path:
    settings.BACKUP_DIR = str(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.every_database
@pytest.mark.django_db(transaction=True)
def test_everything_comes_back_as_it_was(where: Path) -> None:
    member, pool = a_guild()
    before = everything()
    made = backups.make()
    empty()
    restored = restoring.restore(made.path)
    assert everything() == before
    assert verify() == []
    assert restored.rows["points_ledgerentry"] == 3
    assert append_only.all_missing(connection) == []
    assert member.check_password("nothing worth stealing")
    # And the guild goes on: new rows get numbers that are free.
    adjust_points(user_ids=[member.pk], pool=pool, amount="1", reason="after the restore", actor=None)
    assert str(UserPointsSummary.objects.get(user=member).balance) == "113.35"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_database_with_people_in_it_is_never_overwritten(where: Path) -> None:
    a_guild()
    made = backups.make()
    before = everything()
    with pytest.raises(Conflict, match="not empty"):
        restoring.restore(made.path)
    assert everything() == before


def rewritten(path: Path, name: str, change: Any) -> Path:
    """A copy of the backup with one of its files changed."""
    target = path.with_name("guildhall-20200101T000000Z.ghb")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.namelist():
            content = old.read(item)
            new.writestr(item, change(content) if item == name else content)
    return target


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["row changed", "row lost", "file lost", "cut off"])
def test_a_damaged_backup_is_refused_and_nothing_is_kept(where: Path, how: str) -> None:
    a_guild()
    path = backups.make().path
    if how == "row changed":
        path = rewritten(path, "points_dkppool.jsonl", lambda content: content.replace(b"Velious", b"Kunark!"))
    elif how == "row lost":
        path = rewritten(path, "points_dkppool.jsonl", lambda content: b"")
    elif how == "file lost":
        with zipfile.ZipFile(path) as old, zipfile.ZipFile(where / "other.ghb", "w") as new:
            for item in old.namelist():
                if item != "points_ledgerentry.jsonl":
                    new.writestr(item, old.read(item))
        path = where / "other.ghb"
    else:
        path.write_bytes(path.read_bytes()[:-200])
    empty()
    with pytest.raises(BadInput, match=r"damaged|no whole"):
        restoring.restore(path)
    assert not User.objects.exists()
    assert not LedgerEntry.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_backup_whose_ledger_does_not_add_up_is_refused(where: Path) -> None:
    a_guild()

    def other_total(content: bytes) -> bytes:
        manifest = json.loads(content)
        manifest["ledger"] = dict.fromkeys(manifest["ledger"], "1.00")
        return json.dumps(manifest).encode()

    path = rewritten(backups.make().path, "manifest.json", other_total)
    empty()
    with pytest.raises(Conflict, match="does not add up"):
        restoring.restore(path)
    assert not User.objects.exists()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_backup_of_another_version_says_which(where: Path) -> None:
    a_guild()

    def newer(content: bytes) -> bytes:
        manifest = json.loads(content)
        manifest["migrations"].append("core.0999_future")
        return json.dumps(manifest).encode()

    path = rewritten(backups.make().path, "manifest.json", newer)
    empty()
    with pytest.raises(Conflict, match="newer version of Guildhall than this Guildhall") as refused:
        restoring.restore(path)
    assert refused.value.figures["only_in_backup"] == ["core.0999_future"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 but no more", b"-- MariaDB dump 10.19"])
def test_what_is_no_backup_is_refused_in_words(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.ghb"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="not a complete Guildhall backup"):
        restoring.read_manifest(path)
    with pytest.raises(BadInput, match="no file"):
        restoring.read_manifest(tmp_path / "nowhere.ghb")


@pytest.mark.django_db
def test_a_backup_is_for_its_owner_alone_and_leaves_nothing_unfinished(where: Path, monkeypatch: Any) -> None:
    a_guild()
    made = backups.make(label="before-upgrade")
    assert made.path.stat().st_mode & 0o077 == 0
    assert made.path.name.endswith("-before-upgrade.ghb")

    def breaks() -> Any:
        raise OSError("no space left on device")

    monkeypatch.setattr(backups, "ledger_totals", breaks)
    with clock.frozen(NOON), pytest.raises(BadInput, match="no space left"):
        backups.make()
    assert [path.name for path in where.iterdir()] == [made.path.name]


@pytest.mark.django_db
def test_old_backups_are_forgotten_but_labelled_ones_stay(where: Path) -> None:
    with clock.frozen(NOON) as held:
        backups.make(label="before-upgrade")
        for _ in range(4):
            held.advance(dt.timedelta(days=1))
            backups.make()
        gone = backups.delete_expired(keep=2)
    assert len(gone) == 2
    assert [backup.made_at.day for backup in backups.existing()] == [23, 26, 27]
    with pytest.raises(BadInput):
        backups.delete_expired(keep=0)


@pytest.mark.django_db
def test_a_label_that_is_no_word_is_refused(where: Path) -> None:
    with pytest.raises(BadInput, match="label"):
        backups.make(label="../../etc")


@pytest.mark.slow
@pytest.mark.every_database
@pytest.mark.django_db(transaction=True)
def test_the_databases_own_dump_lies_beside_it(where: Path) -> None:
    if connection.vendor != "sqlite" and not shutil.which(
        {"postgresql": "pg_dump", "mysql": "mariadb-dump"}[connection.vendor]
    ):
        pytest.skip("the dump tool is not installed")
    a_guild()
    made = backups.make(native=True)
    suffix = ".sqlite3" if connection.vendor == "sqlite" else ".sql"
    dump = made.path.with_suffix(suffix)
    assert b"points_ledgerentry" in dump.read_bytes()
    assert dump.stat().st_mode & 0o077 == 0


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_commands_say_what_they_did(where: Path) -> None:
    a_guild()
    out = StringIO()
    call_command("backup", "--keep", "7", stdout=out)
    path = Path(out.getvalue().strip())
    assert path.exists()
    with pytest.raises(CommandError, match="not empty"):
        call_command("restore", str(path))
    empty()
    out = StringIO()
    call_command("restore", str(path), stdout=out)
    assert "The ledger adds up." in out.getvalue()
    out = StringIO()
    call_command("backup", "--if-migrations", stdout=out)
    assert "No migration waits" in out.getvalue()


@pytest.mark.slow
@pytest.mark.every_database
@pytest.mark.django_db(transaction=True)
def test_a_backup_is_of_one_moment_though_people_go_on(where: Path, monkeypatch: Any) -> None:
    """A writer that commits while the backup is read is in it wholly or not at all, and does not wait for it."""
    import threading

    from django.db import connections

    member, pool = a_guild()
    original = backups._lines
    wrote: list[bool] = []

    def write() -> None:
        try:
            adjust_points(user_ids=[member.pk], pool=pool, amount="5", reason="meanwhile", actor=None)
            wrote.append(True)
        finally:
            connections.close_all()

    def lines(model: Any) -> Any:
        if model is UserPointsSummary and not wrote:
            thread = threading.Thread(target=write)
            thread.start()
            thread.join(20)
        return original(model)

    monkeypatch.setattr(backups, "_lines", lines)
    made = backups.make()
    assert wrote == [True]
    empty()
    restoring.restore(made.path)  # would refuse a summary that does not match its entries
    assert AuditEvent.objects.filter(summary__contains="meanwhile").count() == 0
