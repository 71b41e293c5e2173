"""Bringing a backup back: into an empty database, all of it and proven, or nothing.

Invariant: a restore brings back every row of the backup, with a ledger that adds up, or changes nothing. What can be known
from the file is asked before the database is touched (`check`: is it whole, is it of this version, is the database
empty), also before it is migrated; the rest is asked inside the one transaction that fills it.
`ops/tests/test_restoring.py` cuts and spoils backups at every place.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import json
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.color import no_style
from django.db import DatabaseError, connection, models, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from guildhall.core.errors import BadInput, Conflict

from .backups import BATCH, FORMAT, backed_up_models, columns_of, ledger_totals, numbered_by_django, stored_fields

# What `migrate` and a worker that ran on the new database put there; it gives way to the backup's.
MADE_UNASKED = {"accounts_permissiongroup", "accounts_setupcode", "auth_group", "auth_group_permissions", "core_jobrun"}
# Whatever a file may do to `zipfile` and to what is read out of it.
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, KeyError, ValueError, RuntimeError)
_SHAPE = {"made_at": str, "migrations": list, "numbered_by_django": dict, "ledger": dict, "tables": dict}


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore brought back: rows per table and the backup's moment."""

    made_at: str
    rows: dict[str, int]


def restore(path: Path) -> Restored:
    """Bring the backup at `path` into this database, which must be migrated and empty. All of it, or nothing.

    Raises:
        BadInput: the file is damaged or not a backup (``not_a_backup``).
        Conflict: the database is not empty (``not_empty``), was migrated differently (``other_version``), takes a row of
            the backup amiss (``refused_by_database``), or what came back does not add up (``does_not_add_up``).
    """
    manifest = check(path)
    applied = {f"{app}.{name}" for app, name in MigrationRecorder(connection).applied_migrations()}
    _refuse_other_version(set(manifest["migrations"]), applied, "this database")
    chosen = backed_up_models()
    rows: dict[str, int] = {}
    with zipfile.ZipFile(path) as archive, transaction.atomic():
        try:
            with connection.constraint_checks_disabled():
                _empty_what_migrations_made(chosen)
                _make_numbered_by_django(manifest)
                for model in chosen:
                    table = model._meta.db_table
                    rows[table] = _load(archive, model, manifest)
            connection.check_constraints()
            _reset_sequences(chosen)
        except DatabaseError as error:
            raise Conflict(
                f"The database refused what is in the backup, so nothing was kept: {error}", code="refused_by_database"
            ) from error
        _check_result(manifest)
    return Restored(manifest["made_at"], rows)


# ---- what is asked before anything is written ---------------------------------------------------------------------


def check(path: Path) -> dict[str, Any]:
    """Return whether the backup at `path` can go into this database, which need not be migrated yet; returns its
    manifest.

    Raises:
        BadInput: ``not_a_backup``.
        Conflict: ``other_version``, ``not_empty``.
    """
    manifest = read_manifest(path)
    loader = MigrationLoader(None)
    # A migration that stands for others is recorded together with them.
    ours = {f"{app}.{name}" for app, name in loader.disk_migrations}
    ours |= {f"{app}.{name}" for one in loader.disk_migrations.values() for app, name in one.replaces}
    _refuse_other_version(set(manifest["migrations"]), ours, "this Guildhall")
    _check_whole(path, manifest)
    _check_empty()
    return manifest


def read_manifest(path: Path) -> dict[str, Any]:
    """Return the manifest of the backup at `path`.

    Raises:
        BadInput: there is no such file, or it is not a whole backup of ours (``not_a_backup``).
    """
    try:
        with zipfile.ZipFile(path) as archive:
            manifest: Any = json.loads(archive.read("manifest.json"))
    except FileNotFoundError:
        raise BadInput(f"There is no file {path}.", code="not_a_backup") from None
    except _UNREADABLE as error:
        raise BadInput(f"{path} is not a complete Guildhall backup ({error}).", code="not_a_backup") from None
    if not isinstance(manifest, dict) or "format" not in manifest:
        raise BadInput(f"{path} is not a complete Guildhall backup (its manifest is another).", code="not_a_backup")
    if manifest["format"] != FORMAT:
        raise BadInput(
            f"{path} has format {manifest['format']}; this Guildhall reads format {FORMAT}.", code="not_a_backup"
        )
    if any(not isinstance(manifest.get(name), kind) for name, kind in _SHAPE.items()):
        raise BadInput(f"{path} is not a complete Guildhall backup (its manifest is damaged).", code="not_a_backup")
    return manifest


def _refuse_other_version(backup: set[str], here: set[str], where: str) -> None:
    if backup == here:
        return
    newer, older = sorted(backup - here), sorted(here - backup)
    what = (
        "a newer version" if newer and not older else "an older version" if older and not newer else "another version"
    )
    raise Conflict(
        f"The backup was made by {what} of Guildhall than {where}. Check out the version that made it, restore into an "
        "empty database, then upgrade.",
        code="other_version",
        figures={"only_here": older, "only_in_backup": newer},
    )


def _check_whole(path: Path, manifest: dict[str, Any]) -> None:
    """Check that every table is there, with the rows and the hash that the manifest says."""
    tables: dict[str, Any] = manifest["tables"]
    wanted = {model._meta.db_table for model in backed_up_models()}
    if set(tables) != wanted:
        names = ", ".join(sorted(wanted ^ set(tables))[:5])
        raise BadInput(
            f"The backup is damaged: its tables are not those of its version ({names}).", code="not_a_backup"
        )
    with zipfile.ZipFile(path) as archive:
        for table in sorted(wanted):
            digest, count = hashlib.sha256(), 0
            try:
                with archive.open(f"{table}.jsonl") as lines:
                    for line in lines:
                        digest.update(line)
                        count += 1
                same = (count, digest.hexdigest()) == (tables[table]["rows"], tables[table]["sha256"])
            except (*_UNREADABLE, TypeError) as error:
                raise BadInput(
                    f"The backup is damaged in {table} ({error}); use another.", code="not_a_backup"
                ) from None
            if not same:
                raise BadInput(f"The backup is damaged in {table}; use another.", code="not_a_backup")


def _check_empty() -> None:
    """Check that this database is empty: no rows of ours, no tables of something else."""
    there = set(connection.introspection.table_names())
    if there and "django_migrations" not in there:
        raise _not_empty(min(there))
    for model in backed_up_models():
        table = model._meta.db_table
        if table in there and table not in MADE_UNASKED and model._base_manager.values("pk").exists():
            raise _not_empty(table)


def _not_empty(table: str) -> Conflict:
    return Conflict(
        f"This database is not empty: there is something in {table}. Restore into a new one and point DATABASE_URL at it; "
        "nothing here is overwritten.",
        code="not_empty",
        figures={"table": table},
    )


# ---- filling it -----------------------------------------------------------------------------------------------------


def _empty_what_migrations_made(chosen: list[type[models.Model]]) -> None:
    """Delete rows that data migrations and signals put into a new database: the backup's take their place."""
    for model in reversed(chosen):
        if model._base_manager.exists():
            model._base_manager.all()._raw_delete(connection.alias)


def _make_numbered_by_django(manifest: dict[str, Any]) -> None:
    """Create content types and permissions of models that are gone: rows of the backup may still point to them."""
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    there, here = manifest["numbered_by_django"], numbered_by_django()
    for name in set(there[ContentType._meta.db_table].values()) - set(here[ContentType].values()):
        app_label, model = name.split(".", 1)
        ContentType.objects.create(app_label=app_label, model=model)
    kinds = {name: pk for pk, name in numbered_by_django()[ContentType].items()}
    for name in set(there[Permission._meta.db_table].values()) - set(here[Permission].values()):
        app_label, model, codename = name.split(".", 2)
        Permission.objects.create(content_type_id=kinds[f"{app_label}.{model}"], codename=codename, name=codename)


def _load(archive: zipfile.ZipFile, model: type[models.Model], manifest: dict[str, Any]) -> int:
    table = model._meta.db_table
    fields = stored_fields(model)
    readers = [_reader(field) for field in fields]
    places = _places(model, manifest["tables"][table]["columns"])
    renumber = _renumber(model, manifest)
    count, batch = 0, []
    insert = _inserter(table, fields)
    try:
        with archive.open(f"{table}.jsonl") as lines:
            for line in lines:
                row = json.loads(line)
                values = [
                    None if row[place] is None else read(row[place])
                    for read, place in zip(readers, places, strict=True)
                ]
                batch.append(renumber(values))
                count += 1
                if len(batch) >= BATCH:
                    insert(batch)
                    batch = []
        insert(batch)
    except (*_UNREADABLE, TypeError, IndexError, ArithmeticError, ValidationError) as error:
        raise BadInput(f"The backup is damaged in {table} ({error}); use another.", code="not_a_backup") from None
    return count


def _places(model: type[models.Model], columns: object) -> list[int]:
    """Return where in a row of the backup each column of ours stands."""
    wanted = columns_of(model)
    known = {str(field.column) for field in model._meta.concrete_fields}
    if not isinstance(columns, list) or not set(wanted) <= set(columns) <= known:
        raise Conflict(f"The table {model._meta.db_table} has other columns in the backup.", code="other_version")
    return [columns.index(name) for name in wanted]


def _reader(field: models.Field[object, object]) -> Callable[[Any], object]:
    """Return how the portable value of `field` becomes what Django wants."""
    if isinstance(field, models.BinaryField):
        return base64.b64decode
    if isinstance(field, models.DurationField):
        return lambda seconds: dt.timedelta(seconds=seconds)
    if isinstance(field, models.JSONField):
        return lambda value: value
    return field.to_python


def _inserter(table: str, fields: list[models.Field[object, object]]) -> Callable[[list[list[object]]], None]:
    """Inserts rows exactly as they are: no `auto_now`, no `save`, no signal."""
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["%s"] * len(fields))
    statement = f"INSERT INTO {quote(table)} ({columns}) VALUES ({marks})"  # noqa: S608 - names of our own models

    def insert(rows: list[list[object]]) -> None:
        prepared = [
            [field.get_db_prep_save(value, connection) for field, value in zip(fields, row, strict=True)]
            for row in rows
        ]
        if prepared:
            with connection.cursor() as cursor:
                cursor.executemany(statement, prepared)

    return insert


def _renumber(model: type[models.Model], manifest: dict[str, Any]) -> Callable[[list[object]], list[object]]:
    """Return rows that point to content types or permissions are told the numbers that those have in this database."""
    places: dict[int, dict[str, int]] = {}
    for index, field in enumerate(stored_fields(model)):
        for target, names in numbered_by_django().items():
            if field.related_model is target:
                here = {name: pk for pk, name in names.items()}
                there: dict[str, str] = manifest["numbered_by_django"][target._meta.db_table]
                places[index] = {number: here[name] for number, name in there.items()}

    def renumber(row: list[object]) -> list[object]:
        for index, numbers in places.items():
            if row[index] is not None:
                row[index] = numbers[str(row[index])]
        return row

    return renumber


def _reset_sequences(chosen: list[type[models.Model]]) -> None:
    """Reset the sequences: the next row gets a number that is free."""
    statements = connection.ops.sequence_reset_sql(no_style(), chosen)
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _check_result(manifest: dict[str, object]) -> None:
    from guildhall.points.verification import verify

    totals = ledger_totals()
    differences = [str(difference) for difference in verify()]
    if totals != manifest["ledger"] or differences:
        raise Conflict(
            "What came back does not add up, so nothing was kept. Try an older backup, and keep this file.",
            code="does_not_add_up",
            figures={"expected": manifest["ledger"], "found": totals, "differences": differences[:20]},
        )
