"""What makes the ledger append-only in the database (`core.append_only`).

Invariant (docs/architecture.md, "The ledger", 2): nothing updates or deletes a `LedgerEntry`. The one exception is a merge of two
people: while
a `UserMerge` row is open, entries of its source may get its target as owner, and nothing else of them may change.
`points/tests/test_triggers.py` fails without the triggers.
"""

from __future__ import annotations

from guildhall.core.append_only import AppendOnly, OwnerMayChange, declare

MERGE = OwnerMayChange(column="user_id", table="points_usermerge")
"""Rows that belong to a person go with them when two are merged."""

LEDGER = declare(
    AppendOnly(
        table="points_ledgerentry",
        prefix="ledger",
        refusal="the ledger is append-only: reverse the entry instead",
        app_label="points",
        exception=MERGE,
        columns=(
            "id", "pool_id", "kind", "bucket", "amount", "occurred_at", "created_at", "created_by_id",
            "character_name", "description", "document", "context", "reverses_id",
        ),
    )
)  # fmt: skip
