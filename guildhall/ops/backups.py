"""Backups: one file that holds the whole guild, restores on any of the databases, and is proven after a restore.

Invariant: a backup is one consistent moment of the database, is complete or is not there (it is written beside its
place and renamed), and a restore either brings back every row of it, with a ledger that adds up, or changes nothing.
`ops/tests/test_backups.py` compares every table and every ledger total after a restore.

The file (`guildhall-<time>.ghb`) is a ZIP with a `manifest.json` and one `<table>.jsonl` a table, all rows read inside
one transaction that sees one state (REPEATABLE READ; SQLite's read transaction). It is portable: what was backed up on
SQLite restores on PostgreSQL, which is also how a guild moves to a bigger server. With `--native` the database's own
dump (`pg_dump`, `mariadb-dump`, SQLite's backup) is written beside it, for who prefers those tools.
docs/decisions/0009-backups.md says why.
"""

from __future__ import annotations

import base64
import datetime as dt
import decimal
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import uuid
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.management.color import no_style
from django.db import connection, models, transaction
from django.db.migrations.recorder import MigrationRecorder

from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict

FORMAT = 1
SUFFIX = ".ghb"
BATCH = 2000
NAME = re.compile(r"^guildhall-(\d{8}T\d{6}Z)(?:-[\w-]+)?\.ghb$")
# Rows of no worth after a restore, or that the new database makes by itself.
LEFT_OUT = {"django_session", "django_migrations", "django_content_type", "auth_permission"}


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup: where it lies and when its moment was."""

    path: Path
    made_at: dt.datetime


def directory() -> Path:
    """Where backups lie: `BACKUP_DIR`, else `var/backups`."""
    return Path(settings.BACKUP_DIR)


def existing(where: Path | None = None) -> list[Backup]:
    """The finished backups, oldest first."""
    where = where or directory()
    found = []
    for path in where.glob(f"*{SUFFIX}") if where.is_dir() else ():
        match = NAME.match(path.name)
        if match:
            made_at = dt.datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
            found.append(Backup(path, made_at))
    return sorted(found, key=lambda backup: (backup.made_at, backup.path.name))


def newest() -> Backup | None:
    """The newest finished backup, or None."""
    found = existing()
    return found[-1] if found else None


# ---- tables and values ------------------------------------------------------------------------------------------


def backed_up_models() -> list[type[models.Model]]:
    """Every table of ours and of the libraries', each once, those that others point to first."""
    chosen = [
        model
        for model in apps.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy and model._meta.db_table not in LEFT_OUT
    ]
    placed: list[type[models.Model]] = []
    waiting = sorted(chosen, key=lambda model: model._meta.db_table)
    while waiting:
        ready = [model for model in waiting if not (_points_to(model) & set(waiting)) - {model}]
        # A circle of foreign keys: any order will do, constraints are checked at the end.
        for model in ready or waiting[:1]:
            placed.append(model)
            waiting.remove(model)
    return placed


def _points_to(model: type[models.Model]) -> set[Any]:
    return {field.related_model for field in model._meta.concrete_fields if field.is_relation}


def _portable(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.isoformat()
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, decimal.Decimal | uuid.UUID):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return base64.b64encode(bytes(value)).decode()
    return value


def _reader(field: models.Field[Any, Any]) -> Callable[[Any], Any]:
    """How the portable value of `field` becomes what Django wants."""
    if isinstance(field, models.BinaryField):
        return base64.b64decode
    if isinstance(field, models.DurationField):
        return lambda seconds: dt.timedelta(seconds=seconds)
    if isinstance(field, models.JSONField):
        return lambda value: value
    return field.to_python


def _numbered_by_django() -> dict[type[models.Model], dict[int, str]]:
    """Rows that `migrate` makes, with other numbers in each database, and what they are called in all of them."""
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    kinds = {row.pk: f"{row.app_label}.{row.model}" for row in ContentType.objects.all()}
    rows = Permission.objects.values_list("pk", "content_type_id", "codename")
    return {ContentType: kinds, Permission: {pk: f"{kinds[kind]}.{codename}" for pk, kind, codename in rows}}


# ---- making one -------------------------------------------------------------------------------------------------


def make(*, label: str = "", where: Path | None = None, native: bool = False) -> Backup:
    """Write a backup of this moment.

    Args:
        label: a word that is added to the file's name, e.g. ``before-upgrade``.
        where: the directory; `BACKUP_DIR` otherwise. It is made if it is missing.
        native: also write the database's own dump beside it.

    Raises:
        BadInput: the label is not a word, or the directory cannot be written (``bad_label``, ``cannot_write``).
    """
    if label and not re.fullmatch(r"[\w-]{1,40}", label):
        raise BadInput("A label is letters, digits and dashes, at most 40.", code="bad_label", attr="label")
    where = where or directory()
    made_at = clock.now().astimezone(dt.UTC).replace(microsecond=0)
    path = where / f"guildhall-{made_at:%Y%m%dT%H%M%SZ}{f'-{label}' if label else ''}{SUFFIX}"
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        where.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            _write(unfinished, made_at)
            os.replace(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
        if native:
            _native_dump(path.with_suffix(""))
    except OSError as error:
        raise BadInput(f"The backup cannot be written to {where}: {error}.", code="cannot_write") from error
    return Backup(path, made_at)


def _write(path: Path, made_at: dt.datetime) -> None:
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)  # it holds personal data
    with (
        os.fdopen(descriptor, "wb") as raw,
        zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
    ):
        tables = {}
        with _one_state():
            for model in backed_up_models():
                table = model._meta.db_table
                digest, count = hashlib.sha256(), 0
                with archive.open(f"{table}.jsonl", "w", force_zip64=True) as out:
                    for line in _lines(model):
                        out.write(line)
                        digest.update(line)
                        count += 1
                tables[table] = {"rows": count, "sha256": digest.hexdigest(), "columns": _columns(model)}
            manifest = {
                "format": FORMAT,
                "made_at": made_at.isoformat(),
                "database": connection.vendor,
                "migrations": sorted(
                    f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()
                ),
                "numbered_by_django": {
                    model._meta.db_table: {str(pk): name for pk, name in names.items()}
                    for model, names in _numbered_by_django().items()
                },
                "ledger": ledger_totals(),
                "tables": tables,
            }
        archive.writestr("manifest.json", json.dumps(manifest, indent=1, ensure_ascii=False))
        archive.close()
        raw.flush()
        os.fsync(raw.fileno())


@contextmanager
def _one_state() -> Iterator[None]:
    """Everything read in the block is of one moment, and nobody who writes waits for it.

    Inside a transaction of the caller's (a test) it is that transaction.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        # `atomic` would begin IMMEDIATE and keep every writer out; WAL lets a plain reader see one state.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    elif connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # of the next transaction, this one:
        with transaction.atomic():
            yield
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield


def _columns(model: type[models.Model]) -> list[str]:
    return [str(field.column) for field in model._meta.concrete_fields]


def _lines(model: type[models.Model]) -> Iterator[bytes]:
    names = [field.attname for field in model._meta.concrete_fields]
    rows = model._base_manager.order_by("pk").values_list(*names)
    for row in rows.iterator(chunk_size=BATCH):
        yield (json.dumps([_portable(value) for value in row], ensure_ascii=False) + "\n").encode()


def ledger_totals() -> dict[str, str]:
    """Sum of the ledger per pool id, as text with two places; what a restore must find again."""
    from guildhall.points.models import LedgerEntry

    rows = LedgerEntry.objects.order_by().values_list("pool_id").annotate(total=models.Sum("amount"))
    return {str(pool): f"{total:.2f}" for pool, total in rows}


def _native_dump(base: Path) -> None:
    """The database's own dump, beside the portable one, where its tool is installed."""
    config = connection.settings_dict
    target = base.with_name(base.name + (".sqlite3" if connection.vendor == "sqlite" else ".sql"))
    if connection.vendor == "sqlite":
        connection.ensure_connection()
        copy = sqlite3.connect(target)
        try:
            connection.connection.backup(copy)
        finally:
            copy.close()
        target.chmod(0o600)
        return
    environment = dict(os.environ)
    if connection.vendor == "postgresql":
        tool, environment["PGPASSWORD"] = "pg_dump", str(config["PASSWORD"] or "")
        flags = ["--no-owner", "--dbname", str(config["NAME"])]
        pairs = [("--host", "HOST"), ("--port", "PORT"), ("--username", "USER")]
    else:
        tool, environment["MYSQL_PWD"] = "mariadb-dump", str(config["PASSWORD"] or "")
        flags = ["--single-transaction", "--routines", "--triggers", str(config["NAME"])]
        pairs = [("--host", "HOST"), ("--port", "PORT"), ("--user", "USER")]
    if shutil.which(tool) is None:
        raise BadInput(f"--native needs {tool}, which is not installed.", code="no_tool")
    options = [part for flag, key in pairs if config.get(key) for part in (flag, str(config[key]))]
    with open(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as out:
        done = subprocess.run([tool, *options, *flags], stdout=out, stderr=subprocess.PIPE, env=environment)
    if done.returncode:
        target.unlink(missing_ok=True)
        raise BadInput(f"{tool} failed: {done.stderr.decode(errors='replace').strip()[:500]}", code="dump_failed")


def forget_old(*, keep: int, where: Path | None = None) -> list[Path]:
    """Delete all but the newest `keep` backups that carry no label; a labelled one stays until somebody deletes it.

    Raises:
        BadInput: `keep` is less than one.
    """
    if keep < 1:
        raise BadInput("Keep at least one backup.", code="bad_keep", attr="keep")
    plain = [backup for backup in existing(where) if backup.path.stem.count("-") == 1]
    gone = []
    for backup in plain[:-keep]:
        for path in backup.path.parent.glob(f"{backup.path.stem}.*"):
            path.unlink()
            gone.append(path)
    return gone


# ---- bringing one back ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore brought back: rows per table and the backup's moment."""

    made_at: str
    rows: dict[str, int]


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the backup at `path`.

    Raises:
        BadInput: there is no such file, or it is no whole backup of ours (``not_a_backup``).
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest: dict[str, Any] = json.loads(archive.read("manifest.json"))
    except FileNotFoundError:
        raise BadInput(f"There is no file {path}.", code="not_a_backup") from None
    except (zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise BadInput(f"{path} is no whole Guildhall backup ({error}).", code="not_a_backup") from None
    if manifest.get("format") != FORMAT:
        raise BadInput(
            f"{path} has format {manifest.get('format')}; this Guildhall reads format {FORMAT}.", code="not_a_backup"
        )
    return manifest


def restore(path: Path) -> Restored:
    """Bring the backup at `path` into this database, which must be migrated and empty. All of it, or nothing.

    Raises:
        BadInput: the file is damaged or not a backup (``not_a_backup``).
        Conflict: the database is not empty (``not_empty``), was migrated differently (``other_version``), or what
            came back does not add up (``does_not_add_up``); nothing is kept then.
    """
    manifest = read_manifest(path)
    _check_version(manifest)
    chosen = backed_up_models()
    _check_empty(chosen)
    rows: dict[str, int] = {}
    with zipfile.ZipFile(path) as archive, transaction.atomic():
        with connection.constraint_checks_disabled():
            _empty_what_migrations_made(chosen)
            for model in chosen:
                table = model._meta.db_table
                if table in manifest["tables"]:
                    rows[table] = _load(archive, model, manifest)
        connection.check_constraints()
        _reset_sequences(chosen)
        _check_result(manifest)
    return Restored(manifest["made_at"], rows)


def _check_version(manifest: dict[str, Any]) -> None:
    applied = {f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()}
    wanted = set(manifest["migrations"])
    if applied != wanted:
        more, fewer = sorted(applied - wanted), sorted(wanted - applied)
        raise Conflict(
            "The backup was made by another version of Guildhall. Check out the version that made it, migrate an "
            "empty database, restore, then upgrade.",
            code="other_version",
            figures={"only_in_database": more, "only_in_backup": fewer},
        )


def _check_empty(chosen: list[type[models.Model]]) -> None:
    from guildhall.accounts.models import User
    from guildhall.points.models import LedgerEntry

    for model in (User, LedgerEntry):
        if model._base_manager.exists():
            raise Conflict(
                "This database is not empty. Restore into a new one and point DATABASE_URL at it; nothing here is "
                "overwritten.",
                code="not_empty",
                figures={"table": model._meta.db_table},
            )


def _empty_what_migrations_made(chosen: list[type[models.Model]]) -> None:
    """Rows that data migrations and signals put into a new database give way to the backup's."""
    for model in reversed(chosen):
        if model._base_manager.exists():
            model._base_manager.all()._raw_delete(connection.alias)


def _load(archive: zipfile.ZipFile, model: type[models.Model], manifest: dict[str, Any]) -> int:
    table = model._meta.db_table
    about = manifest["tables"][table]
    fields = list(model._meta.concrete_fields)
    if about["columns"] != _columns(model):
        raise Conflict(f"The table {table} has other columns in the backup.", code="other_version")
    readers = [_reader(field) for field in fields]
    renumber = _renumber(model, manifest)
    digest, count, batch = hashlib.sha256(), 0, []
    insert = _inserter(table, fields)
    try:
        with archive.open(f"{table}.jsonl") as lines:
            for line in lines:
                digest.update(line)
                values = [
                    None if value is None else read(value)
                    for read, value in zip(readers, json.loads(line), strict=True)
                ]
                batch.append(renumber(values))
                count += 1
                if len(batch) >= BATCH:
                    insert(batch)
                    batch = []
    except (KeyError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise BadInput(f"The backup is damaged in {table} ({error}); use another.", code="not_a_backup") from None
    insert(batch)
    if (count, digest.hexdigest()) != (about["rows"], about["sha256"]):
        raise BadInput(f"The backup is damaged in {table}: use another.", code="not_a_backup")
    return count


def _inserter(table: str, fields: list[models.Field[Any, Any]]) -> Callable[[list[list[Any]]], None]:
    """Inserts rows exactly as they are: no `auto_now`, no `save`, no signal."""
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {quote(table)} ({columns}) VALUES ({marks})"  # noqa: S608 - names of our own models

    def insert(rows: list[list[Any]]) -> None:
        prepared = [
            [field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)]
            for row in rows
        ]
        if prepared:
            with connection.cursor() as cursor:
                cursor.executemany(statement, prepared)

    return insert


def _renumber(model: type[models.Model], manifest: dict[str, Any]) -> Callable[[list[Any]], list[Any]]:
    """Rows that point to content types or permissions are told the numbers that those have in this database."""
    places: dict[int, dict[str, int]] = {}
    for index, field in enumerate(model._meta.concrete_fields):
        for target, names in _numbered_by_django().items():
            if field.related_model is target:
                here = {name: pk for pk, name in names.items()}
                there: dict[str, str] = manifest["numbered_by_django"][target._meta.db_table]
                places[index] = {number: here[name] for number, name in there.items() if name in here}

    def renumber(row: list[Any]) -> list[Any]:
        for index, numbers in places.items():
            if row[index] is not None:
                row[index] = numbers[str(row[index])]
        return row

    return renumber


def _reset_sequences(chosen: list[type[models.Model]]) -> None:
    """The next row gets a number that is free."""
    statements = connection.ops.sequence_reset_sql(no_style(), chosen)
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _check_result(manifest: dict[str, Any]) -> None:
    from guildhall.points.verification import verify

    totals = ledger_totals()
    differences = [str(difference) for difference in verify()]
    if totals != manifest["ledger"] or differences:
        raise Conflict(
            "What came back does not add up, so nothing was kept. Try an older backup, and keep this file.",
            code="does_not_add_up",
            figures={"expected": manifest["ledger"], "found": totals, "differences": differences[:20]},
        )
