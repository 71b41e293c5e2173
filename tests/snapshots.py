"""Rows that a fixture made, kept in memory and put into the next test's transaction in place of making them again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests import database_cleaning
from tests.database_cleaning import KeptRows


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The rows of every table that differs from the migrated database."""

    tables: dict[str, KeptRows]


def take(connection: Any) -> Snapshot:
    """Return what stands in the database now beyond what its migrations left."""
    migrated: dict[str, KeptRows] = connection.creation.rows_after_migrating
    with connection.cursor() as cursor:
        filled = database_cleaning.filled_tables(connection, cursor)
        found = {table: database_cleaning.rows_of(connection, cursor, table) for table in filled}
    found.pop("core_revision", None)  # putting the rows back is a write like any other
    return Snapshot({table: rows for table, rows in found.items() if migrated.get(table) != rows})


def restore(connection: Any, snapshot: Snapshot) -> None:
    """Put the rows back, within the transaction of a test whose database is as migrated.

    Sequences are not touched: on PostgreSQL and MariaDB no rollback takes them back, and SQLite follows the rows.
    """
    migrated: dict[str, KeptRows] = connection.creation.rows_after_migrating
    with connection.constraint_checks_disabled(), connection.cursor() as cursor:
        for table, rows in snapshot.tables.items():
            if table in migrated:
                cursor.execute(f"DELETE FROM {connection.ops.quote_name(table)}")
            database_cleaning.put_back(connection, cursor, table, rows)
