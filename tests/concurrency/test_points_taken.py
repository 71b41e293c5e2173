"""Rules run, officers fine and bidders bid at once: no balance is paid below zero, and the best bid that is left wins."""

from __future__ import annotations

from decimal import Decimal

import pytest

from guildhall.auctions.models import ItemBid
from guildhall.auctions.services import award_session, close_session
from guildhall.auctions.tests import build
from guildhall.core.errors import GuildhallError
from guildhall.points.models import UserPointsSummary
from guildhall.points.services import adjust_points, create_rule, run_rule

NAMES = ["Aeli", "Borel", "Cress", "Dorn", "Ebba", "Fenn"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.usefixtures("server_database")]


@pytest.mark.parametrize("mode", ["open", "sealed"])
def test_points_are_taken_while_people_bid_and_the_session_closes(in_threads, mode):
    pool = build.pool()
    people = [build.person(name, points=100, pool=pool) for name in NAMES]
    rules = [
        create_rule(name=f"Cap {top}", pool=pool, kind="cap_upper", amount=Decimal(top), period="week", actor=None)
        for top in (80, 60)
    ]
    cloak = build.session(mode=mode)

    def act(number):
        try:
            if number < 6:
                for amount in (10 + number, 30 + number, 70 + number):
                    build.bid(cloak, people[number], amount)
            elif number < 8:
                run_rule(rule=rules[number - 6], actor=None)
            else:
                adjust_points(user_ids=[people[number - 8].pk], pool=pool, amount=-15, reason="fine", actor=None)
        except GuildhallError as refusal:
            assert refusal.code in {"insufficient_points", "below_increment"}

    in_threads(12, act)
    bids = {bid.user_id: bid.amount for bid in ItemBid.objects.filter(session=cloak)}
    counting = {
        user_id: amount
        for user_id, amount in bids.items()
        if mode == "sealed" or ItemBid.objects.get(session=cloak, user_id=user_id).leads
    }
    balances = dict(UserPointsSummary.objects.filter(pool=pool).values_list("user_id", "balance"))
    closed = close_session(session_id=cloak.pk, actor=None)
    winner = closed.winners.get()
    worth = {user_id: min(amount, balances[user_id]) for user_id, amount in counting.items()}
    others = [amount for user_id, amount in bids.items() if user_id not in counting and amount <= balances[user_id]]
    assert winner.amount == max([*worth.values(), *others])
    award_session(session_id=cloak.pk, actor=None)
    assert min(UserPointsSummary.objects.filter(pool=pool).values_list("balance", flat=True)) >= 0
