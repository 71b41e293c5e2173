"""The rules of who may bid, and what sessions start with: data that officers edit."""

from __future__ import annotations

from typing import Any

from guildhall.accounts.models import RoleGroup, User
from guildhall.core import audit
from guildhall.core.errors import BadInput
from guildhall.core.money import ZERO, parse_points
from guildhall.core.transactions import use_case
from guildhall.points.models import DKPPool
from guildhall.roster.models import CharacterClass

from ..models import BiddingPolicy, BiddingRule, Mode
from .sessions import LONGEST, SHORTEST, check_tie_breaks, whole

RULE_FIELDS = (
    "name", "pool", "position", "is_active", "effect", "cap", "tier", "ranks", "roles", "character_kind", "is_trial",
    "attendance_below", "character_classes", "item_categories", "item_not_for_class",
)  # fmt: skip


@use_case
def save_rule(*, actor: User | None, rule: BiddingRule | None = None, **values: Any) -> BiddingRule:
    """Make a bidding rule, or change one. Sessions that run keep the rules they began with.

    Raises:
        BadInput: ``required``, ``invalid_choice``, ``unknown_field``, an amount's codes.
    """
    unknown = sorted(set(values) - set(RULE_FIELDS))
    if unknown:
        raise BadInput(f"A bidding rule has no {unknown[0]}.", code="unknown_field", attr=unknown[0])
    ranks = values.pop("ranks", None)
    made = rule is None
    rule = BiddingRule() if rule is None else BiddingRule.objects.select_for_update().get(pk=rule.pk)
    for name, value in values.items():
        setattr(rule, name, value)
    check_rule(rule)
    rule.save()
    if ranks is not None:
        rule.ranks.set(ranks)
    audit.record(
        action="auctions.save_rule",
        summary=f"bidding rule {rule} {'made' if made else 'changed'}",
        actor=actor,
        target=rule,
        data={name: str(value) for name, value in values.items()},
    )
    return rule


def check_rule(rule: BiddingRule) -> None:
    """Whether a rule makes sense; its name and cap are brought into form.

    Raises:
        BadInput: as `save_rule`.
    """
    rule.name = rule.name.strip()
    if not rule.name:
        raise BadInput("Name the rule: whoever it refuses is shown its name.", code="required", attr="name")
    if rule.effect not in BiddingRule.Effect.values:
        raise BadInput("effect is deny, cap or tier.", code="invalid_choice", attr="effect")
    if rule.effect == BiddingRule.Effect.CAP:
        if rule.cap is None:
            raise BadInput("A cap needs its amount.", code="required", attr="cap")
        rule.cap = parse_points(rule.cap, attr="cap", minimum=ZERO)
    if rule.effect == BiddingRule.Effect.TIER and rule.tier is None:
        raise BadInput("A tier needs its number; 1 is where everybody else bids.", code="required", attr="tier")
    _known(rule.roles, set(RoleGroup.values), "roles")
    _known(rule.character_classes, set(CharacterClass.values), "character_classes")
    _known(rule.item_categories, None, "item_categories")


def _known(values: Any, known: set[str] | None, attr: str) -> None:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BadInput(f"{attr} is a list of names.", code="invalid", attr=attr)
    unknown = sorted(set(values) - known) if known is not None else []
    if unknown:
        raise BadInput(
            f"“{unknown[0]}” is none of: {', '.join(sorted(value for value in known or () if value))}.",
            code="invalid_choice",
            attr=attr,
        )


@use_case
def delete_rule(*, rule: BiddingRule, actor: User | None) -> None:
    """Take a bidding rule away; sessions that run keep it."""
    audit.record(action="auctions.delete_rule", summary=f"bidding rule {rule} deleted", actor=actor, target=rule)
    rule.delete()


@use_case
def save_policy(*, pool: DKPPool, actor: User | None, **values: Any) -> BiddingPolicy:
    """Say what sessions of `pool` start with.

    Raises:
        BadInput: ``invalid_choice``, ``invalid``, ``out_of_range``, an amount's codes.
    """
    policy, _ = BiddingPolicy.objects.select_for_update().get_or_create(pool=pool)
    for name, value in values.items():
        setattr(policy, name, value)
    if policy.mode not in Mode.values:
        raise BadInput(f"mode is one of {', '.join(Mode.values)}.", code="invalid_choice", attr="mode")
    policy.duration_seconds = whole(policy.duration_seconds, attr="duration_seconds", least=SHORTEST, most=LONGEST)
    policy.anti_snipe_seconds = whole(policy.anti_snipe_seconds, attr="anti_snipe_seconds", least=0, most=3600)
    policy.anti_snipe_limit = whole(policy.anti_snipe_limit, attr="anti_snipe_limit", least=0, most=1000)
    for attr in ("minimum_bid", "increment"):
        setattr(policy, attr, parse_points(getattr(policy, attr), attr=attr, places=pool.decimal_places, minimum=ZERO))
    policy.tie_breaks = check_tie_breaks(policy.tie_breaks)
    policy.save()
    audit.record(
        action="auctions.save_policy",
        summary=f"bidding in {pool} changed: {', '.join(values)}",
        actor=actor,
        target=policy,
        data={name: str(value) for name, value in values.items()},
    )
    return policy
