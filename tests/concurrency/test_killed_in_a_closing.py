"""A process that dies in the middle of a closing leaves nothing half-done; after the restart it closes once."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import Any

import pytest

from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot
from guildhall.auctions.models import BidSession, SessionWinner, StreamEvent
from guildhall.auctions.services import BidRequest, NewSession, award_session, close_due, place_bid, start_session
from guildhall.core.models import OutboxMessage
from guildhall.loot.models import LootDistribution
from guildhall.points.models import DKPPool, Hold, UserPointsSummary
from guildhall.points.services import adjust_points
from guildhall.points.verification import verify

from .processes import ROOT, environment

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.usefixtures("server_database")]

# Everything is written and nothing committed yet when the process is killed: `announce` is the last thing a closing does.
PROGRAM = """
import os, sys, time
import django
django.setup()
from django.conf import settings
settings.ALLOWED_HOSTS = ["*"]
from guildhall.auctions.services import closing
honest = closing.announce
def announce(*args, **values):
    honest(*args, **values)
    print("in the middle", flush=True)
    time.sleep(120)
closing.announce = announce
if sys.argv[1] == "worker":
    from guildhall.auctions.tasks import close_due_sessions
    close_due_sessions()
else:
    from rest_framework.test import APIClient
    client = APIClient(HTTP_AUTHORIZATION="Token " + sys.argv[3])
    client.post("/api/bidding/" + sys.argv[1] + "/", {"bid_session_id": sys.argv[2]}, HTTP_IDEMPOTENCY_KEY="k")
"""


def _kill_in_the_middle(*arguments: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *arguments], cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "in the middle"
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()


@pytest.fixture
def session() -> Any:
    pool = DKPPool.objects.create(name="Hot", is_default=True)
    people = [create_person(display_name=f"Bidder{number}", discord_id=f"8000000{number:03}") for number in range(3)]
    adjust_points(user_ids=[person.pk for person in people], pool=pool, amount=100, reason="bidder_balance", actor=None)
    made = start_session(
        session=NewSession(
            item_name="Cloak", pool=pool, minimum_bid=1, increment=1, duration_seconds=5, anti_snipe_seconds=0
        ),
        actor=None,
    )
    for amount, person in enumerate(people, start=10):
        place_bid(session_id=made.pk, request=BidRequest(amount=amount), bidder=person, actor=None)
    return made


@pytest.mark.parametrize("who", ["worker", "close-bid", "award-item"])
def test_it_closes_once_after_the_restart(session: Any, who: str) -> None:
    _, key = create_api_key(user=get_or_create_bot(name="bot"), name="k", scopes=["bidding:write"], kind="bot")
    time.sleep(5.2)  # its time is up
    events = StreamEvent.objects.count()
    _kill_in_the_middle(who, str(session.pk), key)
    until = time.monotonic() + 20
    while close_due() == 0 and time.monotonic() < until:
        time.sleep(0.1)
    assert close_due() == 0
    session.refresh_from_db()
    assert session.status == "closed"
    winner = SessionWinner.objects.get()
    assert (str(winner.amount), winner.state) == ("12.00", "won")
    assert StreamEvent.objects.count() == events + 1
    assert OutboxMessage.objects.filter(topic="auction.closed").count() == 1
    assert Hold.objects.count() == 1
    award_session(session_id=session.pk, actor=None)
    award_session(session_id=session.pk, actor=None)
    assert LootDistribution.objects.count() == 1
    assert str(UserPointsSummary.objects.get(user=winner.user).balance) == "88.00"
    assert BidSession.objects.get().status == "awarded"
    assert verify() == []
