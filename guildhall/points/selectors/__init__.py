"""Reading points. Each function says how many queries it costs; none grows with the guild's age.

`balances` (what people have, and why), `entries` (statements, adjustments, rules), `ranking` (the standings), `names`
(whom a character's name earned points for).
"""

from .balances import (
    Balance,
    Part,
    balance_at,
    balance_of,
    balances_at,
    balances_in,
    balances_of,
    default_pool,
    explanation,
    holds_of,
    ledger_version,
    pool_or_default,
    pools,
)
from .entries import (
    adjustments,
    entries_of_document,
    entry,
    ledger_entries,
    rule,
    rule_run,
    rule_runs,
    rule_runs_by_document,
    rules,
    search_entries,
    statement,
)
from .names import Attribution, NameEarnings, attribution, people_named
from .ranking import STANDING_ORDERS, STANDING_VALUES, Standing, standings, standings_list, standings_queryset

__all__ = [
    "STANDING_ORDERS",
    "STANDING_VALUES",
    "Attribution",
    "Balance",
    "NameEarnings",
    "Part",
    "Standing",
    "adjustments",
    "attribution",
    "balance_at",
    "balance_of",
    "balances_at",
    "balances_in",
    "balances_of",
    "default_pool",
    "entries_of_document",
    "entry",
    "explanation",
    "holds_of",
    "ledger_entries",
    "ledger_version",
    "people_named",
    "pool_or_default",
    "pools",
    "rule",
    "rule_run",
    "rule_runs",
    "rule_runs_by_document",
    "rules",
    "search_entries",
    "standings",
    "standings_list",
    "standings_queryset",
    "statement",
]
