"""Who may bid, how far, and in which tier: the rules of a session applied to one bidder. No query here.

A rule comes as a plain dictionary (`snapshot`), stored with the session, so that an officer's edit changes the next
session and not the one that is running.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from guildhall.core.money import show_points

from .models import BiddingRule

DEFAULT_TIER = 1


@dataclass(frozen=True, slots=True)
class Bidder:
    """What rules ask about the person and the character that bids."""

    role_group: str
    rank_id: int | None = None
    is_trial: bool = False
    is_main: bool = True
    character_class: str = ""
    attendance: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules say: `denied_by` names the rule that forbids it; `cap` is the most that may be bid."""

    denied_by: str = ""
    cap: Decimal | None = None
    cap_rule: str = ""
    tier: int = DEFAULT_TIER
    tier_rule: str = ""


def snapshot(rule: BiddingRule) -> dict[str, object]:
    """Return a rule as a session keeps it. Prefetch `ranks`."""
    return {
        "id": rule.pk,
        "name": rule.name,
        "effect": rule.effect,
        "cap": show_points(rule.cap) if rule.cap is not None else None,
        "tier": rule.tier,
        "ranks": [rank.pk for rank in rule.ranks.all()],
        "roles": rule.roles,
        "character_kind": rule.character_kind,
        "is_trial": rule.is_trial,
        "attendance_below": str(rule.attendance_below) if rule.attendance_below is not None else None,
        "character_classes": rule.character_classes,
        "item_categories": rule.item_categories,
        "item_not_for_class": rule.item_not_for_class,
    }


def asks_attendance(rules: Iterable[Mapping[str, object]]) -> bool:
    """Return whether any rule needs the bidder's attendance."""
    return any(rule["attendance_below"] is not None for rule in rules)


def _folded(values: Iterable[object]) -> set[str]:
    return {str(value).casefold() for value in values}


def _applies(rule: Mapping[str, Any], bidder: Bidder, category: str, item_classes: set[str]) -> bool:
    own_class = bidder.character_class.casefold()
    conditions = [
        not rule["ranks"] or bidder.rank_id in rule["ranks"],
        not rule["roles"] or bidder.role_group in rule["roles"],
        not rule["character_kind"] or (rule["character_kind"] == "main") == bidder.is_main,
        rule["is_trial"] is None or rule["is_trial"] == bidder.is_trial,
        # Nobody's attendance is known before there were raids: then nobody is below anything.
        rule["attendance_below"] is None
        or (bidder.attendance is not None and bidder.attendance < Decimal(rule["attendance_below"])),
        not rule["character_classes"] or own_class in _folded(rule["character_classes"]),
        not rule["item_categories"] or category.casefold() in _folded(rule["item_categories"]),
        not rule["item_not_for_class"] or (bool(item_classes) and own_class not in item_classes),
    ]
    return all(conditions)


def judge(
    rules: Iterable[Mapping[str, Any]], *, bidder: Bidder, item_category: str, item_classes: Iterable[str] = ()
) -> Verdict:
    """Return what `rules`, in their order, say about `bidder` and this item."""
    classes = _folded(item_classes)
    denied_by, cap, cap_rule, tier, tier_rule = "", None, "", DEFAULT_TIER, ""
    for rule in rules:
        if not _applies(rule, bidder, item_category, classes):
            continue
        if rule["effect"] == BiddingRule.Effect.DENY:
            denied_by = denied_by or rule["name"]
        elif rule["effect"] == BiddingRule.Effect.CAP:
            limit = Decimal(rule["cap"])
            if cap is None or limit < cap:
                cap, cap_rule = limit, rule["name"]
        elif not tier_rule:
            tier, tier_rule = int(rule["tier"]), rule["name"]
    return Verdict(denied_by, cap, cap_rule, tier, tier_rule)
