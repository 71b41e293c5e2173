"""Tables that the database itself keeps append-only, whoever asks and however: triggers on SQLite, PostgreSQL, MySQL.

Invariant: nothing deletes a row of such a table, and nothing updates one, with at most one exception that the table
names (another owner, while two people are merged). SQLite drops a table's triggers when a migration rebuilds the table,
so they are put back after every migrate; `verify_ledger`, `/api/health/` and `serve` name one that is missing.
An app declares its table in `triggers.py`; `points/tests/test_triggers.py` and `auctions/tests/test_triggers.py` fail
without them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.signals import post_migrate
from django.dispatch import receiver


@dataclass(frozen=True, slots=True)
class OwnerMayChange:
    """The exception: `column` may change from `source` to `target` of a row of `table` that is open, nothing else with it."""

    column: str
    table: str
    source: str = "source_id"
    target: str = "target_id"
    is_open: str = "is_open"


@dataclass(frozen=True, slots=True)
class AppendOnly:
    """One table's triggers.

    Attributes:
        table: its name.
        prefix: what the triggers' names begin with.
        refusal: the words of the refusal; what to do instead. No quotes.
        app_label: the app it belongs to: after that app's migrations the triggers are put back.
        exception: what an update may do all the same, if anything.
        columns: every column that may not change even then.
    """

    table: str
    prefix: str
    refusal: str
    app_label: str
    exception: OwnerMayChange | None = None
    columns: Sequence[str] = ()

    def names(self, connection: BaseDatabaseWrapper) -> set[str]:
        """Return the triggers that belong there."""
        kinds = ["update", "delete", *(["truncate"] if connection.vendor == "postgresql" else [])]
        return {f"{self.prefix}_no_{kind}" for kind in kinds}

    def installed(self, connection: BaseDatabaseWrapper) -> set[str]:
        """Return the names of the table's triggers that the database has."""
        with connection.cursor() as cursor:
            cursor.execute(_LISTING[connection.vendor], [self.table])
            return {row[0] for row in cursor.fetchall()}

    def missing(self, connection: BaseDatabaseWrapper) -> list[str]:
        """Return the names of the triggers that should be there and are not."""
        return sorted(self.names(connection) - self.installed(connection))

    def remove(self, connection: BaseDatabaseWrapper) -> None:
        """Take the triggers away: for a migration backwards, and for a test's clean-up. Nothing else calls it."""
        suffix = f" ON {self.table}" if connection.vendor == "postgresql" else ""
        with connection.cursor() as cursor:
            for name in sorted(self.installed(connection) & self.names(connection)):
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}{suffix}")

    def ensure(self, connection: BaseDatabaseWrapper) -> None:
        """Put the triggers there, all of them, where any is missing. Safe to repeat."""
        if not self.missing(connection):
            return
        self.remove(connection)
        with connection.cursor() as cursor:
            for statement in _CREATE[connection.vendor](self):
                cursor.execute(statement)

    def is_there(self, connection: BaseDatabaseWrapper) -> bool:
        """Return whether the table is there: not before its app's first migration."""
        return self.table in connection.introspection.table_names()

    def _allowed(self, same: str, true: str) -> str:
        """Return the condition under which an update passes, in the database's own words for "is the same" and "true"."""
        rule = self.exception
        if rule is None:
            return ""
        unchanged = " AND ".join(f"NEW.{column} {same} OLD.{column}" for column in self.columns)
        return (
            f"{unchanged} AND EXISTS (SELECT 1 FROM {rule.table} m WHERE m.{rule.is_open} = {true} "  # noqa: S608 - constants
            f"AND m.{rule.source} = OLD.{rule.column} AND m.{rule.target} = NEW.{rule.column})"
        )


_LISTING = {
    "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
    "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal"
    " AND tgenabled <> 'D'",
    "mysql": "SELECT trigger_name FROM information_schema.triggers"
    " WHERE event_object_table = %s AND trigger_schema = DATABASE()",
}


def _sqlite(one: AppendOnly) -> list[str]:
    allowed = one._allowed("IS", "1")
    refuse = f"BEGIN SELECT RAISE(ABORT, '{one.refusal}'); END"
    unless = f" WHEN NOT ({allowed})" if allowed else ""
    return [
        f"CREATE TRIGGER {one.prefix}_no_update BEFORE UPDATE ON {one.table}{unless} {refuse}",
        f"CREATE TRIGGER {one.prefix}_no_delete BEFORE DELETE ON {one.table} {refuse}",
    ]


def _postgresql(one: AppendOnly) -> list[str]:
    allowed = one._allowed("IS NOT DISTINCT FROM", "true")
    passing = f"IF TG_OP = 'UPDATE' THEN IF {allowed} THEN RETURN NEW; END IF; END IF; " if allowed else ""
    execute = f"EXECUTE FUNCTION {one.prefix}_refuse()"
    return [
        f"CREATE OR REPLACE FUNCTION {one.prefix}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {passing}"
        f"RAISE EXCEPTION '{one.refusal}' USING ERRCODE = 'restrict_violation'; END $$",
        f"CREATE TRIGGER {one.prefix}_no_update BEFORE UPDATE ON {one.table} FOR EACH ROW {execute}",
        f"CREATE TRIGGER {one.prefix}_no_delete BEFORE DELETE ON {one.table} FOR EACH ROW {execute}",
        f"CREATE TRIGGER {one.prefix}_no_truncate BEFORE TRUNCATE ON {one.table} {execute}",
    ]


def _mysql(one: AppendOnly) -> list[str]:
    allowed = one._allowed("<=>", "1")
    refuse = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{one.refusal}'"
    update = f"IF NOT ({allowed}) THEN {refuse}; END IF" if allowed else refuse
    return [
        f"CREATE TRIGGER {one.prefix}_no_update BEFORE UPDATE ON {one.table} FOR EACH ROW BEGIN {update}; END",
        f"CREATE TRIGGER {one.prefix}_no_delete BEFORE DELETE ON {one.table} FOR EACH ROW BEGIN {refuse}; END",
    ]


_CREATE = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql}
_TABLES: list[AppendOnly] = []


def declare(table: AppendOnly) -> AppendOnly:
    """Make a table known to what puts triggers back and what looks for them."""
    _TABLES.append(table)
    return table


def declared() -> tuple[AppendOnly, ...]:
    """Return every declared table."""
    return tuple(_TABLES)


def all_missing(connection: BaseDatabaseWrapper) -> list[str]:
    """Return the triggers of every declared table that should be there and are not."""
    return [name for table in _TABLES for name in table.missing(connection)]


def ensure_all(connection: BaseDatabaseWrapper) -> None:
    """Put every declared table's triggers there, where the table is."""
    for table in _TABLES:
        if table.is_there(connection):
            table.ensure(connection)


def remove_all(connection: BaseDatabaseWrapper) -> None:
    """Take the triggers of every declared table away: for a test's clean-up alone."""
    for table in _TABLES:
        table.remove(connection)


@receiver(post_migrate, dispatch_uid="core.append_only")
def _put_back(sender: object, app_config: Any = None, using: str = "default", **kwargs: Any) -> None:
    """Keep the triggers in place, also where SQLite rebuilt a table."""
    connection = connections[using]
    for table in _TABLES:
        if app_config is not None and app_config.label == table.app_label and table.is_there(connection):
            table.ensure(connection)
