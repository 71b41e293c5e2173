"""Every committed write to a table changes the table's revision, in the same transaction (`core.revisions`).

Invariant: a transaction that wrote to a table which has a revision cannot commit without a new one. It is written here, just before
the commit, and not by the services, which could forget it. Before the commit it is also the last lock of the
transaction: PostgreSQL checks foreign keys at the commit, and locks the rows that they name, so it is told to do that first. The
rows of several tables are locked in the order of their names. `tests/concurrency/test_revisions.py` fails without either.

What Django sends is recognised by its text (`written_tables`); what goes round Django's cursor (COPY) says so itself
(`wrote`). `tests/contract/test_revisions.py` compares both with what PostgreSQL counts.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from django.db import transaction

from .running import waits

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper as _Base
else:
    _Base = object

TABLE = "core_revision"
#: Tables of which nothing that is kept is made: what is written all the time, and what nobody is shown.
WITHOUT_REVISION = frozenset(
    {
        TABLE,
        *("core_auditevent", "core_idempotencykey", "core_jobrun", "core_outboxmessage", "core_queuedjob"),
        *("auctions_streamcounter", "auctions_streamevent", "discord_inboundevent", "discord_seeninteraction"),
        *("discord_discordsynclog", "eqdkp_legacychange"),
        *("django_session", "django_admin_log", "django_migrations", "django_content_type", "auth_permission"),
    }
)
#: Columns that are written at every use and change no answer that is kept.
WITHOUT_REVISION_COLUMNS = {
    "accounts_user": frozenset({"last_login"}),
    "accounts_apikey": frozenset({"usage_count", "last_used_at"}),
}
#: Tables whose writers say themselves which of their inserts change an answer (`revisions.wrote`): what sealed auctions hold
#: must not show in anybody's ETag.
SAID_BY_WRITERS = frozenset({"points_userpointssummary"})
_WRITE = re.compile(
    r"""\s*(?:INSERT\s+(?:OR\s+\w+\s+|IGNORE\s+)?INTO|REPLACE\s+INTO|UPDATE(?:\s+ONLY)?|DELETE(?:\s+FROM)?|MERGE\s+INTO|TRUNCATE(?:\s+TABLE)?)
    \s+["`]?(\w+)""",
    re.IGNORECASE | re.VERBOSE,
)
_INNER = re.compile(r"""\b(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM)\s+["`]?(\w+)""", re.IGNORECASE)
_SET = re.compile(r"\bSET\b(.*?)(?:\bWHERE\b|\Z)", re.IGNORECASE | re.DOTALL)
_COLUMN = re.compile(r"""["`](\w+)["`]\s*=""")
_FIRST = frozenset("iIuUdDrRwWmMtT \n\t")


def written_tables(sql: str) -> list[str]:
    """Return the tables with a revision that `sql` writes to; empty for a query."""
    if not sql or sql[0] not in _FIRST:
        return []
    found = _WRITE.match(sql)
    if found is None:
        names = _INNER.findall(sql) if sql.lstrip()[:4].upper() == "WITH" else []
        return [name for name in names if _has_revision(name)]
    table = found[1]
    if not _has_revision(table):
        return []
    if table in SAID_BY_WRITERS and sql.lstrip()[:1] in "iI":
        return []
    quiet = WITHOUT_REVISION_COLUMNS.get(table)
    if quiet is not None and (columns := _SET.search(sql)) is not None and sql.lstrip()[:1] in "uU":
        written = set(_COLUMN.findall(columns[1]))
        if written and written <= quiet:
            return []
    return [table]


#: Databases that were seen to have the table of revisions.
_with_revisions: set[str] = set()


def _has_revision(table: str) -> bool:
    return (
        table not in WITHOUT_REVISION and "_historical" not in table and not table.startswith("new__")
    )  # SQLite remaking one


Context: TypeAlias = dict[str, Any]
"""What Django hands to a wrapper of `execute`: the connection and the cursor."""


class Revised(_Base):
    """A mixin for Django's `DatabaseWrapper`."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type] # whatever Django gives
        self.written: set[str] = set()
        self.execute_wrappers.append(self._watch)

    def wrote(self, table: str) -> None:
        """Note a write that went round the cursor (COPY), in the caller's transaction."""
        if _has_revision(table):
            self.written.add(table)

    def _watch(
        self, execute: Callable[..., object], sql: object, params: object, many: bool, context: Context
    ) -> object:
        tables = written_tables(sql if isinstance(sql, str) else str(sql))
        if not tables or self.in_atomic_block or not self.get_autocommit():
            self.written.update(tables)
            with waits(self):
                return execute(sql, params, many, context)
        with transaction.atomic(using=self.alias):  # the write and its revision together
            self.written.update(tables)
            done = execute(sql, params, many, context)
            self.finish_reading(context)
            return done

    def finish_reading(self, context: Context) -> None:
        """Read what a statement returned, where the database commits nothing before."""

    def store_revisions(self, *, before_commit: bool = False) -> None:
        """Give the tables written so far a new revision, in the transaction that wrote them."""
        if not self.written:
            return
        tables, self.written = sorted(self.written), set()
        if not self._has_revisions():
            return
        # One statement, which locks the rows in the order of their names. A random number and not the next one: a
        # database that is put back to an earlier backup must not come to a number that once stood for something else.
        value = secrets.randbits(62)
        marks = ", ".join(["(%s, %s)"] * len(tables))
        clash = (
            "ON DUPLICATE KEY UPDATE value = VALUES(value)"
            if self.vendor == "mysql"
            else "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        )
        checks = "SET CONSTRAINTS ALL IMMEDIATE; " if before_commit and self.vendor == "postgresql" else ""
        with self.cursor() as cursor:
            cursor.execute(
                f"{checks}INSERT INTO {TABLE} (name, value) VALUES {marks} {clash}",  # noqa: S608 - our own names
                [part for table in tables for part in (table, value)],
            )

    def _has_revisions(self) -> bool:
        """Return whether the table of revisions is there; the migrations before the one that makes it write too."""
        name = str(self.settings_dict["NAME"])
        if name not in _with_revisions and TABLE in self.introspection.table_names():
            _with_revisions.add(name)
        return name in _with_revisions

    def _commit(self) -> None:
        if self.connection is not None:
            self.store_revisions(before_commit=True)
        with waits(self):
            super()._commit()  # type: ignore[misc]

    def savepoint_commit(self, sid: str) -> None:
        # Django's TestCase holds a transaction round each test: the test's own transactions end as savepoints of it.
        if self.written and all(getattr(block, "_from_testcase", False) for block in self.atomic_blocks):
            self.store_revisions()
        super().savepoint_commit(sid)

    def _rollback(self) -> None:
        self.written.clear()
        super()._rollback()  # type: ignore[misc]

    def close(self) -> None:
        self.written.clear()
        super().close()
