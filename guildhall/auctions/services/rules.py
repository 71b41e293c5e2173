"""The rules of who may bid, and what sessions start with: data that officers edit."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import TypedDict, Unpack

from guildhall.accounts.models import RoleGroup, User
from guildhall.core import audit
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.model_updates import update_model
from guildhall.core.money import ZERO, parse_points, show_points
from guildhall.core.transactions import use_case
from guildhall.points.models import DKPPool
from guildhall.roster.models import CharacterClass, Rank

from ..models import BiddingPolicy, BiddingRule, Disclosure, Mode
from .sessions import LONGEST, SHORTEST, check_tie_breaks, whole


class RuleValues(TypedDict, total=False):
    """What `save_rule` takes."""

    name: str
    pool: DKPPool | None
    position: int
    is_active: bool
    effect: str
    cap: Decimal | int | str | None
    tier: int | None
    ranks: Sequence[Rank]
    roles: list[str]
    character_kind: str
    is_trial: bool | None
    attendance_below: Decimal | int | None
    character_classes: list[str]
    item_categories: list[str]
    item_not_for_class: bool


class PolicyValues(TypedDict, total=False):
    """What `save_policy` takes."""

    mode: str
    minimum_bid: Decimal | int | str
    increment: Decimal | int | str
    duration_seconds: int
    anti_snipe_seconds: int
    anti_snipe_limit: int
    all_in_breaks_increment: bool
    tie_breaks: list[str]
    disclosure: str


@use_case
def save_rule(
    *, actor: User | None, rule: BiddingRule | None = None, version: str | None = None, **values: Unpack[RuleValues]
) -> BiddingRule:
    """Make a bidding rule, or change one. Sessions that run keep the rules they began with.

    Args:
        version: the `core.versions.row_version` of the rule that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: ``required``, ``invalid_choice``, ``unknown_field``, an amount's codes.
    """
    done = "made" if rule is None else "changed"
    saved = BiddingRule() if rule is None else BiddingRule.objects.select_for_update().get(pk=rule.pk)
    update_model(
        saved, values, fields=RuleValues, actor=actor, action="auctions.save_rule", check=lambda: check_rule(saved),
        seen=version, summary=lambda changed: f"bidding rule {saved} {done}",
    )  # fmt: skip
    return saved


def check_rule(rule: BiddingRule) -> None:
    """Check that a rule makes sense, and normalise its name and cap.

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


def _known(values: object, known: set[str] | None, attr: str) -> None:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BadInput(f"{attr} is a list of names.", code="invalid", attr=attr)
    unknown = sorted(set(values) - known) if known is not None else []
    if unknown:
        raise BadInput(
            f"“{unknown[0]}” is not one of: {', '.join(sorted(value for value in known or () if value))}.",
            code="invalid_choice",
            attr=attr,
        )


@use_case
def delete_rule(*, rule: BiddingRule, actor: User | None) -> None:
    """Take a bidding rule away; sessions that run keep it."""
    audit.record(action="auctions.delete_rule", summary=f"bidding rule {rule} deleted", actor=actor, target=rule)
    rule.delete()


@use_case
def save_policy(
    *, pool: DKPPool, actor: User | None, version: str | None = None, **values: Unpack[PolicyValues]
) -> BiddingPolicy:
    """Say what sessions of `pool` start with.

    Args:
        version: the `core.versions.row_version` of the policy that was being looked at; None: not asked.

    Raises:
        StaleEdit: somebody else changed it since.
        BadInput: ``invalid_choice``, ``invalid``, ``out_of_range``, ``unknown_field``, an amount's codes.
    """
    policy, _ = BiddingPolicy.objects.select_for_update().get_or_create(pool=pool)
    update_model(
        policy, values, fields=PolicyValues, actor=actor, action="auctions.save_policy", seen=version,
        summary=lambda changed: f"bidding in {pool} changed: {changed}", check=lambda: _check_policy(policy, pool),
    )  # fmt: skip
    return policy


def _check_policy(policy: BiddingPolicy, pool: DKPPool) -> None:
    if policy.mode not in Mode.values:
        raise BadInput(f"mode is one of {', '.join(Mode.values)}.", code="invalid_choice", attr="mode")
    if policy.disclosure not in Disclosure.values:
        raise BadInput(
            f"disclosure is one of {', '.join(Disclosure.values)}.", code="invalid_choice", attr="disclosure"
        )
    policy.duration_seconds = whole(policy.duration_seconds, attr="duration_seconds", least=SHORTEST, most=LONGEST)
    policy.anti_snipe_seconds = whole(policy.anti_snipe_seconds, attr="anti_snipe_seconds", least=0, most=3600)
    policy.anti_snipe_limit = whole(policy.anti_snipe_limit, attr="anti_snipe_limit", least=0, most=1000)
    places = pool.decimal_places
    policy.minimum_bid = parse_points(policy.minimum_bid, attr="minimum_bid", places=places, minimum=ZERO)
    policy.increment = parse_points(policy.increment, attr="increment", places=places, minimum=ZERO)
    policy.tie_breaks = check_tie_breaks(policy.tie_breaks)


class StoredRule(TypedDict):
    """A bidding rule as it is kept to be made again: JSON-ready, other rows by their ids."""

    name: str
    pool: int | None
    position: int
    is_active: bool
    effect: str
    cap: str | None
    tier: int | None
    ranks: list[int]
    roles: list[str]
    character_kind: str
    is_trial: bool | None
    attendance_below: str | None
    character_classes: list[str]
    item_categories: list[str]
    item_not_for_class: bool


def stored_rule(rule: BiddingRule) -> StoredRule:
    """Return everything that a rule says, for `restore_rule`. One query."""
    return {
        "name": rule.name,
        "pool": rule.pool_id,
        "position": rule.position,
        "is_active": rule.is_active,
        "effect": rule.effect,
        "cap": None if rule.cap is None else show_points(rule.cap),
        "tier": rule.tier,
        "ranks": sorted(rule.ranks.values_list("pk", flat=True)),
        "roles": rule.roles,
        "character_kind": rule.character_kind,
        "is_trial": rule.is_trial,
        "attendance_below": None if rule.attendance_below is None else str(rule.attendance_below),
        "character_classes": rule.character_classes,
        "item_categories": rule.item_categories,
        "item_not_for_class": rule.item_not_for_class,
    }


@use_case
def restore_rule(*, stored: StoredRule, actor: User | None) -> BiddingRule:
    """Make a rule again that was removed.

    Raises:
        Conflict: ``rule_incomplete`` where its pool or one of its ranks is gone: without them it would be about more people
            than before.
        BadInput: as `save_rule`.
    """
    pool = DKPPool.objects.filter(pk=stored["pool"]).first() if stored["pool"] is not None else None
    ranks = list(Rank.objects.filter(pk__in=stored["ranks"]))
    if len(ranks) < len(stored["ranks"]) or (stored["pool"] is not None and pool is None):
        raise Conflict(
            f"The rule “{stored['name']}” named a pool or a rank that is gone. Make it anew.", code="rule_incomplete"
        )
    below = stored["attendance_below"]
    return save_rule(
        actor=actor, name=stored["name"], pool=pool, position=stored["position"], is_active=stored["is_active"],
        effect=stored["effect"], cap=stored["cap"], tier=stored["tier"], ranks=ranks, roles=stored["roles"],
        character_kind=stored["character_kind"], is_trial=stored["is_trial"],
        attendance_below=None if below is None else Decimal(below), character_classes=stored["character_classes"],
        item_categories=stored["item_categories"], item_not_for_class=stored["item_not_for_class"],
    )  # fmt: skip
