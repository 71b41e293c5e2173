"""Test databases that are migrated once and copied afterwards.

Migrating from nothing takes about 20 s (MariaDB: 50 s), which every run and every process of pytest-xdist would pay. The first one
migrates and keeps a copy under a name that carries a hash of everything that decides what the empty database looks
like (`SOURCES`); whoever finds a copy under the hash of today's files starts from that. Processes that a test starts
on a SQLite file of their own get such a copy too (`put_migrated_file`). `tests/migrations/` runs the migrations
themselves, on every database.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.backends.base.creation import BaseDatabaseCreation

from . import database_cleaning, statements

#: What decides the content of a freshly migrated database: tables, triggers, groups and permissions, versions.
SOURCES = (
    "guildhall/**/migrations/*.py", "guildhall/**/models.py", "guildhall/**/models/*.py", "guildhall/**/triggers.py",
    "guildhall/**/apps.py", "guildhall/core/append_only.py", "guildhall/core/fields.py", "guildhall/accounts/services/*.py",
    "config/settings.py", "guildhall/core/databases/**/*.py", "requirements/*.txt", "tests/template_database.py",
)  # fmt: skip


def sources_hash(root: Path) -> str:
    """Twelve hexadecimal digits over the names and contents of `SOURCES`."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in SOURCES for path in root.glob(pattern)}):
        if "tests" not in path.relative_to(root).parts[:-1] or path.name == "template_database.py":
            digest.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def install() -> None:
    """Make Django's test runner and pytest-django create test databases from the kept copy. Safe to repeat."""
    original = BaseDatabaseCreation.create_test_db
    if getattr(original, "copies_template", False):
        return

    def create_test_db(
        self: Any, verbosity: int = 1, autoclobber: bool = False, serialize: bool = True, keepdb: bool = False
    ) -> str:
        with statements.paused():
            name = make(self, verbosity, autoclobber, serialize, keepdb)
        database_cleaning.remember(self.connection)
        return name

    def make(self: Any, verbosity: int, autoclobber: bool, serialize: bool, keepdb: bool) -> str:
        template = _TEMPLATES[self.connection.vendor](self, sources_hash(settings.BASE_DIR))
        with _lock(settings.VAR_DIR / "test-template.lock"):
            if not template.exists():
                name = str(original(self, verbosity, autoclobber, serialize, keepdb))
                template.keep(name)
                return name
            name = self._get_test_db_name()
            template.copy_to(name)
        self.connection.close()
        settings.DATABASES[self.connection.alias]["NAME"] = name
        self.connection.settings_dict["NAME"] = name
        if serialize:
            self.connection._test_serialized_contents = self.serialize_db_to_string()
        self.connection.ensure_connection()
        return str(name)

    create_test_db.copies_template = True  # type: ignore[attr-defined]
    BaseDatabaseCreation.create_test_db = create_test_db  # type: ignore[method-assign]


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One process of this checkout at a time."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _SQLiteTemplate:
    """A file in `var/`."""

    def __init__(self, creation: Any, digest: str) -> None:
        self.creation = creation
        self.path = _file(digest)

    def exists(self) -> bool:
        return bool(self.path.exists())

    def keep(self, name: str) -> None:
        for old in settings.VAR_DIR.glob("template-*.sqlite3*"):
            old.unlink(missing_ok=True)
        unfinished = self.path.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        with self.creation.connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(unfinished)])
        unfinished.rename(self.path)

    def copy_to(self, name: str) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            Path(f"{name}{suffix}").unlink(missing_ok=True)
        Path(name).write_bytes(self.path.read_bytes())


class _PostgreSQLTemplate:
    """A database beside the test databases of this checkout."""

    def __init__(self, creation: Any, digest: str) -> None:
        self.creation = creation
        # Named after the checkout, as the test databases are, so that two checkouts do not drop each other's.
        base = settings.DATABASES["default"]["TEST"]["NAME"].split("_gw")[0]
        self.family = f"{base}_template_"
        self.name = f"{self.family}{digest}"

    def exists(self) -> bool:
        with self.creation._nodb_cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.name])
            return cursor.fetchone() is not None

    def keep(self, name: str) -> None:
        self.creation.connection.close()
        with self.creation._nodb_cursor() as cursor:
            cursor.execute("SELECT datname FROM pg_database WHERE datname LIKE %s", [f"{self.family}%"])
            for (old,) in cursor.fetchall():
                cursor.execute(f'DROP DATABASE IF EXISTS "{old}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{self.name}" TEMPLATE "{name}"')
        self.creation.connection.ensure_connection()

    def copy_to(self, name: str) -> None:
        self.creation.connection.close()
        with self.creation._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self.name}"')


class _MariaDBTemplate(_PostgreSQLTemplate):
    """A database beside the test databases, copied table by table: definitions, the few rows, triggers."""

    #: The last table that is made, so that half a copy is none.
    COMPLETE = "template_is_complete"

    def exists(self) -> bool:
        with self.creation._nodb_cursor() as cursor:
            cursor.execute(
                "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND table_name = %s",
                [self.name, self.COMPLETE],
            )
            return cursor.fetchone() is not None

    def keep(self, name: str) -> None:
        with self.creation._nodb_cursor() as cursor:
            cursor.execute(
                "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE %s", [f"{self.family}%"]
            )
            for (old,) in cursor.fetchall():
                cursor.execute(f"DROP DATABASE IF EXISTS `{old}`")
            self._copy(cursor, name, self.name)
            cursor.execute(f"CREATE TABLE `{self.COMPLETE}` (id int)")

    def copy_to(self, name: str) -> None:
        self.creation.connection.close()
        with self.creation._nodb_cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
            self._copy(cursor, self.name, name)

    def _copy(self, cursor: Any, source: str, target: str) -> None:
        cursor.db.execute_wrappers.clear()  # this connection has no database, so what it copies has no revision
        cursor.execute(f"CREATE DATABASE `{target}` {self.creation.sql_table_creation_suffix()}")
        cursor.execute(f"SHOW FULL TABLES FROM `{source}` WHERE Table_type = 'BASE TABLE'")
        tables = [row[0] for row in cursor.fetchall() if row[0] != self.COMPLETE]
        cursor.execute(f"USE `{target}`")
        cursor.execute("SET FOREIGN_KEY_CHECKS = 0")
        for table in tables:
            cursor.execute(f"SHOW CREATE TABLE `{source}`.`{table}`")
            cursor.execute(cursor.fetchone()[1].replace("%", "%%"), [])
            cursor.execute(f"INSERT INTO `{table}` SELECT * FROM `{source}`.`{table}`")
        cursor.execute(f"SHOW TRIGGERS FROM `{source}`")
        for trigger in [row[0] for row in cursor.fetchall()]:
            cursor.execute(f"SHOW CREATE TRIGGER `{source}`.`{trigger}`")
            cursor.execute(cursor.fetchone()[2].replace("%", "%%"), [])
        cursor.execute("SET FOREIGN_KEY_CHECKS = 1")


_TEMPLATES: dict[str, Any] = {
    "sqlite": _SQLiteTemplate, "postgresql": _PostgreSQLTemplate, "mysql": _MariaDBTemplate
}  # fmt: skip


def put_migrated_database(connection: Any, name: str) -> bool:
    """Make a database `name` on the server of `connection` out of the kept copy; False if there is none yet."""
    template = _TEMPLATES[connection.vendor](connection.creation, sources_hash(settings.BASE_DIR))
    if not template.exists():
        return False
    template.copy_to(name)
    return True


def _file(digest: str) -> Path:
    return Path(settings.VAR_DIR) / f"template-{digest}.sqlite3"


def put_migrated_file(target: Path) -> None:
    """Put a migrated SQLite database at `target`, for processes that a test starts; migrates where there is no copy yet."""
    template = _file(sources_hash(settings.BASE_DIR))
    with _lock(settings.VAR_DIR / "test-template.lock"):
        if not template.exists():
            unfinished = template.with_suffix(".migrating")
            unfinished.unlink(missing_ok=True)
            environment = {**os.environ, "DATABASE_URL": f"sqlite:///{unfinished}", "REDIS_URL": ""}
            command = [sys.executable, "manage.py", "migrate", "-v0"]
            subprocess.run(command, cwd=settings.BASE_DIR, env=environment, check=True)
            with contextlib.closing(sqlite3.connect(unfinished)) as database:
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            unfinished.rename(template)
        target.write_bytes(template.read_bytes())
