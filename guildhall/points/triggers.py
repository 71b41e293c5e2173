"""The triggers that make the ledger append-only, per database, and how to tell that they are there.

Invariant (DESIGN.md 2): nothing updates or deletes a `LedgerEntry`. The one exception is a merge of two people: while
a `UserMerge` row is open, entries of its source may get its target as owner, and nothing else of them may change.
SQLite drops a table's triggers when a migration rebuilds the table, so `ensure` also runs after every migrate, and
`verify_ledger` names a missing trigger. `points/tests/test_triggers.py` fails without them.
"""

from __future__ import annotations

from typing import Any

TABLE = "points_ledgerentry"
MERGES = "points_usermerge"
REFUSAL = "the ledger is append-only: reverse the entry instead"
NAMES = ("ledger_no_update", "ledger_no_delete")
_COLUMNS = (
    "id", "pool_id", "kind", "bucket", "amount", "occurred_at", "created_at", "created_by_id",
    "character_name", "description", "document", "context", "reverses_id",
)  # fmt: skip


def _unchanged(operator: str) -> str:
    return " AND ".join(f"NEW.{column} {operator} OLD.{column}" for column in _COLUMNS)


def _merging(true: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM {MERGES} m WHERE m.is_open = {true} "  # noqa: S608 - constants of this module
        "AND m.source_id = OLD.user_id AND m.target_id = NEW.user_id)"
    )


def _sqlite() -> list[str]:
    return [
        f"CREATE TRIGGER ledger_no_update BEFORE UPDATE ON {TABLE} "
        f"WHEN NOT ({_unchanged('IS')} AND {_merging('1')}) BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
        f"CREATE TRIGGER ledger_no_delete BEFORE DELETE ON {TABLE} BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END",
    ]


def _postgresql() -> list[str]:
    return [
        "CREATE OR REPLACE FUNCTION ledger_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF TG_OP = 'UPDATE' THEN IF {_unchanged('IS NOT DISTINCT FROM')} AND {_merging('true')} "
        "THEN RETURN NEW; END IF; END IF; "
        f"RAISE EXCEPTION '{REFUSAL}' USING ERRCODE = 'restrict_violation'; END $$",
        f"CREATE TRIGGER ledger_no_update BEFORE UPDATE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION ledger_refuse()",
        f"CREATE TRIGGER ledger_no_delete BEFORE DELETE ON {TABLE} FOR EACH ROW EXECUTE FUNCTION ledger_refuse()",
        f"CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON {TABLE} EXECUTE FUNCTION ledger_refuse()",
    ]


def _mysql() -> list[str]:
    refuse = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{REFUSAL}'"
    return [
        f"CREATE TRIGGER ledger_no_update BEFORE UPDATE ON {TABLE} FOR EACH ROW "
        f"BEGIN IF NOT ({_unchanged('<=>')} AND {_merging('1')}) THEN {refuse}; END IF; END",
        f"CREATE TRIGGER ledger_no_delete BEFORE DELETE ON {TABLE} FOR EACH ROW BEGIN {refuse}; END",
    ]


_CREATE = {"sqlite": _sqlite, "postgresql": _postgresql, "mysql": _mysql}


def _names(connection: Any) -> tuple[str, ...]:
    return (*NAMES, "ledger_no_truncate") if connection.vendor == "postgresql" else NAMES


def installed(connection: Any) -> set[str]:
    """The names of the ledger's triggers that the database has."""
    queries = {
        "sqlite": "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
        "postgresql": "SELECT tgname FROM pg_trigger WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal"
        " AND tgenabled <> 'D'",
        "mysql": "SELECT trigger_name FROM information_schema.triggers"
        " WHERE event_object_table = %s AND trigger_schema = DATABASE()",
    }
    with connection.cursor() as cursor:
        cursor.execute(queries[connection.vendor], [TABLE])
        return {row[0] for row in cursor.fetchall()}


def missing(connection: Any) -> list[str]:
    """The names of the triggers that should be there and are not."""
    return sorted(set(_names(connection)) - installed(connection))


def remove(connection: Any) -> None:
    """Take the triggers away: for a migration backwards, and for a test's clean-up. Nothing else calls it."""
    suffix = f" ON {TABLE}" if connection.vendor == "postgresql" else ""
    with connection.cursor() as cursor:
        for name in sorted(installed(connection)):
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{suffix}")


def ensure(connection: Any) -> None:
    """Put the triggers there, all of them, where any is missing. Safe to repeat."""
    if not missing(connection):
        return
    remove(connection)
    with connection.cursor() as cursor:
        for statement in _CREATE[connection.vendor]():
            cursor.execute(statement)
