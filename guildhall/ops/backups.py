"""Backups: one file that holds the whole guild and restores on any of the databases (`ops/restoring.py`).

Invariant: a backup is one consistent moment of the database, and is complete or is not there (it is written beside its
place and renamed). `ops/tests/test_backups.py` compares every table and every ledger total after a restore.

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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.apps.registry import Apps
from django.conf import settings
from django.db import connection, models, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict

FORMAT = 1
SUFFIX = ".ghb"
BATCH = 2000
NAME = re.compile(r"^guildhall-(\d{8}T\d{6}Z)(?:-[\w-]+)?\.ghb$")
# Rows of no worth after a restore, or that the new database makes by itself.
LEFT_OUT = {"django_session", "django_migrations", "django_content_type", "auth_permission", "core_revision"}


@dataclass(frozen=True, slots=True)
class Backup:
    """A finished backup: where it lies and when its moment was."""

    path: Path
    made_at: dt.datetime


def directory() -> Path:
    """Return where backups lie: `BACKUP_DIR`, else `var/backups`."""
    return Path(settings.BACKUP_DIR)


def existing(where: Path | None = None) -> list[Backup]:
    """Return the finished backups, oldest first."""
    where = where or directory()
    found = []
    for path in where.glob(f"*{SUFFIX}") if where.is_dir() else ():
        match = NAME.match(path.name)
        if match:
            made_at = dt.datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=dt.UTC)
            found.append(Backup(path, made_at))
    return sorted(found, key=lambda backup: (backup.made_at, backup.path.name))


def newest() -> Backup | None:
    """Return the newest finished backup, or None."""
    found = existing()
    return found[-1] if found else None


# ---- tables and values ------------------------------------------------------------------------------------------


def backed_up_models(registry: Apps = apps) -> list[type[models.Model]]:
    """Return every table of ours and of the libraries', each once, those that others point to first."""
    chosen = [
        model
        for model in registry.get_models(include_auto_created=True)
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


def stored_fields(model: type[models.Model]) -> list[models.Field[object, object]]:
    """Return the fields that somebody wrote. What the database works out by itself it works out again
    (`roster.main_user`)."""
    return [field for field in model._meta.concrete_fields if not field.generated]


def columns_of(model: type[models.Model]) -> list[str]:
    """Return the names of the columns in a backup's table, in their order."""
    return [str(field.column) for field in stored_fields(model)]


def _points_to(model: type[models.Model]) -> set[object]:
    return {field.related_model for field in model._meta.concrete_fields if field.is_relation}


def _models_as_migrated() -> Apps:
    """Return the models as this database has them: while migrations wait (before an upgrade), those of before.

    Raises:
        Conflict: ``other_version``, the database was migrated by a version that knows more than this one.
    """
    loader = MigrationExecutor(connection).loader
    applied = [node for node in loader.applied_migrations if node in loader.graph.nodes]
    if not applied:
        raise Conflict("This database was never migrated: there is nothing to back up.", code="not_migrated")
    replaced = {node for one in loader.disk_migrations.values() for node in one.replaces}
    unknown = sorted(set(loader.applied_migrations) - set(loader.disk_migrations) - replaced)
    if unknown:
        raise Conflict(
            "A newer version of Guildhall has migrated this database; only that one can back it up whole.",
            code="other_version",
            figures={"only_in_database": [f"{app}.{name}" for app, name in unknown]},
        )
    if len(applied) == len(loader.graph.nodes):
        return apps
    return loader.project_state(applied).apps


def _portable(value: object) -> object:
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


def numbered_by_django() -> dict[type[models.Model], dict[int, str]]:
    """Return rows that `migrate` makes, with other numbers in each database, and what they are called in all of
    them."""
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
        Conflict: the database was never migrated, or by a newer version (``not_migrated``, ``other_version``).
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
            for model in backed_up_models(_models_as_migrated()):
                table = model._meta.db_table
                digest, count = hashlib.sha256(), 0
                with archive.open(f"{table}.jsonl", "w", force_zip64=True) as out:
                    for line in _lines(model):
                        out.write(line)
                        digest.update(line)
                        count += 1
                tables[table] = {"rows": count, "sha256": digest.hexdigest(), "columns": columns_of(model)}
            manifest = {
                "format": FORMAT,
                "made_at": made_at.isoformat(),
                "database": connection.vendor,
                "migrations": sorted(
                    f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()
                ),
                "numbered_by_django": {
                    model._meta.db_table: {str(pk): name for pk, name in names.items()}
                    for model, names in numbered_by_django().items()
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


def _lines(model: type[models.Model]) -> Iterator[bytes]:
    names = [field.attname for field in stored_fields(model)]
    rows = model._base_manager.order_by("pk").values_list(*names)
    for row in rows.iterator(chunk_size=BATCH):
        yield (json.dumps([_portable(value) for value in row], ensure_ascii=False) + "\n").encode()


def ledger_totals() -> dict[str, str]:
    """Sum of the ledger per pool id, as text with two places; what a restore must find again."""
    from guildhall.points.models import LedgerEntry

    rows = LedgerEntry.objects.order_by().values_list("pool_id").annotate(total=models.Sum("amount"))
    return {str(pool): f"{total:.2f}" for pool, total in rows}


def _native_dump(base: Path) -> None:
    """Write the database's own dump, beside the portable one, where its tool is installed."""
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


def delete_expired(*, keep: int, where: Path | None = None) -> list[Path]:
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
