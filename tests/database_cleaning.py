"""Bring a test database back to what it was after its migrations, at the end of a transactional test.

Django's flush empties every table, used or not, and emits `post_migrate`, which makes content types, permissions and
groups again: 4 s a test on PostgreSQL. Here the tables that hold anything are found with one query, those alone are
emptied, and the rows that the migrations left (`remember`) are compared and put back only where a test changed them.
The triggers of append-only tables are passed by for that one transaction; `tests/test_database_cleaning.py` proves that
the state afterwards is the state before, triggers included.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib.contenttypes.models import ContentType
from django.db import connections, transaction
from django.test import TransactionTestCase

from guildhall.core import append_only


@dataclass(frozen=True, slots=True)
class KeptRows:
    """The rows of one table after the migrations."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]


def install() -> None:
    """Make every transactional test end with `clean` in place of Django's flush. Safe to repeat."""

    def _fixture_teardown(self: Any) -> None:
        for alias in self._databases_names(include_mirrors=False):
            clean(connections[alias])

    TransactionTestCase._fixture_teardown = _fixture_teardown  # type: ignore[method-assign]


def remember(connection: Any) -> None:
    """Keep the rows of a database that was migrated just now, for `clean`."""
    with connection.cursor() as cursor:
        connection.creation.rows_after_migrating = {
            table: rows_of(connection, cursor, table) for table in _filled(connection, cursor, _tables(connection))
        }


def clean(connection: Any) -> None:
    """Empty every table that holds anything, and leave the rows that were there after the migrations."""
    kept: dict[str, KeptRows] = connection.creation.rows_after_migrating
    with (
        connection.constraint_checks_disabled(),
        transaction.atomic(using=connection.alias),
        connection.cursor() as cursor,
    ):
        filled = _filled(connection, cursor, _tables(connection))
        changed = [table for table in kept if rows_of(connection, cursor, table, kept[table].columns) != kept[table]]
        to_empty = sorted({table for table in filled if table not in kept} | set(changed))
        guarded = {one.table for one in append_only.declared()}.intersection(to_empty)
        # PostgreSQL checks the deferred foreign keys when the triggers come back: all rows must be in place by then.
        with _TRIGGERS_PASSED_BY[connection.vendor](cursor, sorted(guarded)):
            for table in to_empty:
                _empty(connection, cursor, table, is_guarded=table in guarded)
            for table in changed:
                put_back(connection, cursor, table, kept[table])
    if changed:
        ContentType.objects.clear_cache()
    if append_only.all_missing(connection):
        append_only.ensure_all(connection)


def _tables(connection: Any) -> list[str]:
    names: list[str] = connection.introspection.django_table_names(only_existing=True, include_views=False)
    return sorted(names)


def filled_tables(connection: Any, cursor: Any) -> list[str]:
    """Return the tables that hold at least one row."""
    return _filled(connection, cursor, _tables(connection))


def _filled(connection: Any, cursor: Any, tables: Sequence[str]) -> list[str]:
    """Return the tables that hold at least one row."""
    quote = connection.ops.quote_name
    cursor.execute(
        " UNION ALL ".join(f"SELECT '{table}' WHERE EXISTS (SELECT 1 FROM {quote(table)})" for table in tables)
    )
    return [row[0] for row in cursor.fetchall()]


def rows_of(connection: Any, cursor: Any, table: str, columns: Sequence[str] = ()) -> KeptRows:
    """Return every row of a table, in an order that does not depend on how they were written."""
    quote = connection.ops.quote_name
    cursor.execute(f"SELECT {', '.join(map(quote, columns)) or '*'} FROM {quote(table)}")
    return KeptRows(tuple(column[0] for column in cursor.description), sorted(cursor.fetchall(), key=repr))


def put_back(connection: Any, cursor: Any, table: str, kept: KeptRows) -> None:
    """Insert the rows of a table that `rows_of` read."""
    quote = connection.ops.quote_name
    written = [number for number, name in enumerate(kept.columns) if (table, name) not in _generated()]
    places = ", ".join(["%s"] * len(written))
    names = ", ".join(quote(kept.columns[number]) for number in written)
    rows = [[row[number] for number in written] for row in kept.rows]
    cursor.executemany(f"INSERT INTO {quote(table)} ({names}) VALUES ({places})", rows)


@functools.cache
def _generated() -> set[tuple[str, str]]:
    """Return the table and name of each column that the database computes."""
    return {
        (model._meta.db_table, one.column)
        for model in apps.get_models(include_auto_created=True)
        for one in model._meta.concrete_fields
        if one.generated
    }


def _empty(connection: Any, cursor: Any, table: str, *, is_guarded: bool) -> None:
    # MariaDB has no way to switch a trigger off, but its TRUNCATE calls none.
    verb = "TRUNCATE" if connection.vendor == "mysql" and is_guarded else "DELETE FROM"
    cursor.execute(f"{verb} {connection.ops.quote_name(table)}")


@contextmanager
def _dropped(cursor: Any, tables: Sequence[str]) -> Iterator[None]:
    """Take the triggers of `tables` away and put the same ones back (SQLite, where that is part of the transaction)."""
    found = []
    for table in tables:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s", [table])
        found += cursor.fetchall()
    for name, _ in found:
        cursor.execute(f"DROP TRIGGER {name}")
    yield
    for _, statement in found:
        cursor.execute(statement)


@contextmanager
def _disabled(cursor: Any, tables: Sequence[str]) -> Iterator[None]:
    """Switch the triggers of `tables` off and on again (PostgreSQL)."""
    for table in tables:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    if tables:  # a table whose foreign keys wait to be checked cannot be altered
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    for table in tables:
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


@contextmanager
def _left_alone(cursor: Any, tables: Sequence[str]) -> Iterator[None]:
    yield


_TRIGGERS_PASSED_BY = {"sqlite": _dropped, "postgresql": _disabled, "mysql": _left_alone}
