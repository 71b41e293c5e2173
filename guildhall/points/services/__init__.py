"""Every change to points that is not a raid's, an award's or an auction's own: one verb each, one transaction.

`pools` (the pools themselves), `adjustments` (give, take, undo), `rules` (decay, caps, bonuses, penalties),
`start_points`, `merging` (two people who are one). The movements themselves are written by `points.ledger` alone.
"""

from .adjustments import (
    AdjustmentPreview,
    adjust_points,
    preview_adjustment,
    reverse_adjustment,
    reverse_entry,
)
from .merging import MergePreview, merge_people, merge_source, preview_merge
from .pools import check_amount, create_pool, delete_pool, update_pool
from .rules import (
    RuleStep,
    bids_at_risk_of,
    create_rule,
    delete_rule,
    period_key,
    preview_rule,
    reverse_rule_run,
    rule_with,
    run_due_rules,
    run_rule,
    shown_now,
    update_rule,
)
from .start_points import grant_start_points, preview_start_points, start_points_shown

__all__ = [
    "AdjustmentPreview",
    "MergePreview",
    "RuleStep",
    "adjust_points",
    "bids_at_risk_of",
    "check_amount",
    "create_pool",
    "create_rule",
    "delete_pool",
    "delete_rule",
    "grant_start_points",
    "merge_people",
    "merge_source",
    "period_key",
    "preview_adjustment",
    "preview_merge",
    "preview_rule",
    "preview_start_points",
    "reverse_adjustment",
    "reverse_entry",
    "reverse_rule_run",
    "rule_with",
    "run_due_rules",
    "run_rule",
    "shown_now",
    "start_points_shown",
    "update_pool",
    "update_rule",
]
