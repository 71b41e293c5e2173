"""A bidding rule in words: about whom it is, and what it does."""

from __future__ import annotations

from guildhall.accounts.models import RoleGroup
from guildhall.core.money import show_points

from .models import BiddingRule

ROLES = {value: label.lower() for value, label in RoleGroup.choices}


def about(rule: BiddingRule) -> str:
    """Return about whom and what a rule is; every condition must be met. Prefetch `ranks`."""
    kind = rule.character_kind
    parts = [
        "mains" if kind == BiddingRule.Kind.MAIN else "alts" if kind == BiddingRule.Kind.ALT else "",
        "of rank " + " or ".join(rank.name for rank in rule.ranks.all()) if rule.ranks.all() else "",
        "with the role " + " or ".join(ROLES.get(role, role) for role in rule.roles) if rule.roles else "",
        "" if rule.is_trial is None else "on trial" if rule.is_trial else "not on trial",
        "" if rule.attendance_below is None else f"with less than {rule.attendance_below} % attendance",
        "playing " + " or ".join(rule.character_classes) if rule.character_classes else "",
        "bidding for " + " or ".join(rule.item_categories) if rule.item_categories else "",
        "whose class the item does not name" if rule.item_not_for_class else "",
    ]
    return ", ".join(part for part in parts if part) or "everybody"


def does(rule: BiddingRule) -> str:
    """Return what a rule does to whoever it is about."""
    if rule.effect == BiddingRule.Effect.DENY:
        return "may not bid"
    if rule.effect == BiddingRule.Effect.CAP:
        return f"may bid at most {show_points(rule.cap)}" if rule.cap is not None else "may bid at most …"
    return f"bids in tier {rule.tier}; 1 beats 2, whatever the amounts, and everybody else bids in tier 1"
