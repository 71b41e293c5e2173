"""Of several faults in one bid the same one is always named: bots rely on which code they get (docs/api-contract.md).

Each case has every fault from its own place in the order on, as far as they can be had at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from guildhall.accounts.models import User
from guildhall.auctions.models import BidSession
from guildhall.auctions.services import BidRequest, pause_session, place_bid, save_rule
from guildhall.core.errors import GuildhallError
from guildhall.points.models import DKPPool

from . import build

pytestmark = pytest.mark.django_db


@dataclass(slots=True)
class Bid:
    """A bid to be sent, and the guild that it is sent in."""

    pool: DKPPool
    bidder: User
    officer: User
    session: BidSession
    values: dict[str, Any] = field(default_factory=dict)


def paused(bid: Bid) -> None:
    pause_session(session_id=bid.session.pk, actor=None)


def stranger(bid: Bid) -> None:
    bid.values |= {"bidder": None, "bidder_name": "4711"}


def closed_pool(bid: Bid) -> None:
    DKPPool.objects.filter(pk=bid.pool.pk).update(is_active=False)


def closed_account(bid: Bid) -> None:
    User.objects.filter(pk=bid.bidder.pk).update(is_active=False)
    bid.bidder.refresh_from_db()


def others_character(bid: Bid) -> None:
    bid.values["character_name"] = "Rival"


def kept_out(bid: Bid) -> None:
    bid.session.rules = [*bid.session.rules, _rule("Nobody", effect="deny")]
    bid.session.save(update_fields=["rules"])


def bid_by_an_officer(bid: Bid) -> None:
    bid.values |= {"actor": bid.officer, "amount": None, "all_in": True}


def three_decimals(bid: Bid) -> None:
    bid.values["amount"] = "0.125"


def too_little(bid: Bid) -> None:
    bid.values["amount"] = "1"


def too_small_a_step(bid: Bid) -> None:
    bid.values["amount"] = "12.50"


def lower(bid: Bid) -> None:
    bid.values["amount"] = "9"


def above_the_cap(bid: Bid) -> None:
    bid.session.rules = [*bid.session.rules, _rule("At most 500", effect="cap", cap="500")]
    bid.session.save(update_fields=["rules"])
    bid.values["amount"] = "1000"


def not_covered(bid: Bid) -> None:
    bid.values["amount"] = "1000"


def _rule(name: str, **values: Any) -> dict[str, Any]:
    from guildhall.auctions.eligibility import snapshot

    return snapshot(save_rule(actor=None, name=name, **values))


Fault = tuple[Callable[[Bid], None], str, dict[str, Any]]
BEFORE_THE_AMOUNT: list[Fault] = [
    (paused, "session_closed", {}),
    (stranger, "unknown_bidder", {}),
    (closed_pool, "pool_closed", {}),
    (closed_account, "not_eligible", {"rule": "account"}),
    (others_character, "not_eligible", {"rule": "character", "character_name": "Rival"}),
    (kept_out, "not_eligible", {"rule": "Nobody"}),
    (bid_by_an_officer, "amount_required", {}),
]
AMOUNTS: dict[str, list[Fault]] = {
    "open": [
        (three_decimals, "too_many_decimals", {}),
        (too_little, "below_minimum", {"amount": "1.00", "minimum_bid": "5.00"}),
        (too_small_a_step, "below_increment", {}),
        (above_the_cap, "not_eligible", {"rule": "At most 500", "cap": "500.00"}),
        (not_covered, "insufficient_points", {}),
    ],
    "sealed": [
        (three_decimals, "too_many_decimals", {}),
        (too_little, "below_minimum", {"amount": "1.00", "minimum_bid": "5.00"}),
        (lower, "lower_than_standing", {}),
        (above_the_cap, "not_eligible", {"rule": "At most 500", "cap": "500.00"}),
        (not_covered, "insufficient_points", {}),
    ],
}
CHAINS = {mode: BEFORE_THE_AMOUNT + amounts for mode, amounts in AMOUNTS.items()}


@pytest.mark.parametrize(
    ("mode", "place"),
    [(mode, place) for mode, chain in CHAINS.items() for place in range(len(chain))],
    ids=[f"{mode}-{fault.__name__}" for mode, chain in CHAINS.items() for fault, _, _ in chain],
)
def test_the_first_fault_is_named(mode: str, place: int) -> None:
    pool = build.pool()
    save_rule(actor=None, name="Alts last", effect="tier", tier=2, character_kind="alt")
    bidder, rival = build.person("Bidder", points=100, pool=pool), build.person("Rival", points=100, pool=pool)
    build.alt("Twink", bidder)
    session = build.session(mode=mode, minimum_bid=5, increment=2)
    build.bid(session, rival, 12)
    if mode == "sealed":
        build.bid(session, bidder, 20)
    bid = Bid(pool, bidder, build.person("Officer", role="officer"), session)
    bid.values = {"bidder": bidder, "actor": bidder, "amount": "30"}
    chain = CHAINS[mode]
    for fault, _, _ in reversed(chain[place:]):  # the amount of the first of them is the one that is sent
        fault(bid)
    _, code, figures = chain[place]
    people = {"bidder": bid.values.pop("bidder"), "actor": bid.values.pop("actor")}
    with pytest.raises(GuildhallError) as refused:
        place_bid(session_id=session.pk, request=BidRequest(**bid.values), **people)
    assert refused.value.code == code
    assert {**refused.value.figures, **figures} == refused.value.figures


def test_a_bid_by_a_worse_character_is_refused_for_its_tier() -> None:
    pool = build.pool()
    save_rule(actor=None, name="Alts last", effect="tier", tier=2, character_kind="alt")
    bidder, rival = build.person("Bidder", points=100, pool=pool), build.person("Rival", points=100, pool=pool)
    build.alt("Twink", bidder)
    cloak, ring = build.session(), build.session("Ring")
    build.bid(cloak, rival, 12)
    refusal = build.refused(cloak, bidder, 1000, character_name="Twink")
    assert (refusal.code, refusal.figures["rule"]) == ("not_eligible", "Alts last")
    build.bid(ring, bidder, 12)
    assert build.refused(ring, bidder, 1000, character_name="Twink").code == "lower_than_standing"


def test_an_officer_does_not_change_a_sealed_bid_whatever_the_amount() -> None:
    pool = build.pool()
    bidder, officer = build.person("Bidder", points=100, pool=pool), build.person("Officer", role="officer")
    ring = build.session("Ring", mode="sealed")
    build.bid(ring, bidder, 12)
    with pytest.raises(GuildhallError) as refused:
        place_bid(session_id=ring.pk, request=BidRequest(amount="0.125"), bidder=bidder, actor=officer)
    assert refused.value.code == "bid_is_theirs"


def test_all_in_with_nothing_is_refused_for_what_is_missing() -> None:
    build.pool()
    poor = build.person("Poor")
    assert build.refused(build.session(minimum_bid=5), poor, None, all_in=True).code == "insufficient_points"
