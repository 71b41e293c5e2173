"""A whole night through the site: attendance, loot and points are the truth, also sent twice, by both loggers, in pieces.

``NIGHT_SEED=4711 pytest tests/whole_night`` plays another night.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from itertools import pairwise

import pytest
from django.test import Client

from guildhall.auctions.models import BidHistory, BidSession
from guildhall.loot.models import LootDistribution
from guildhall.loot.offers import loot_offers
from guildhall.loot.services import create_item
from guildhall.points.verification import verify
from guildhall.raids import services
from guildhall.raids.log_selectors import presence_of
from guildhall.raids.models import AttendanceCheck, Raid, RaidAttendance
from guildhall.raids.tests.api_client import client_of
from guildhall.raids.tests.scenario import balance, officer, person, pool

from .night import LOGGERS, NAMES, ROLLED, SOLD, WORTH, Night, Tick

pytestmark = pytest.mark.django_db
SEEDS = [int(os.environ["NIGHT_SEED"])] if "NIGHT_SEED" in os.environ else [1, 2]


class Site:
    """The guild of a night, with its raids and checks made, and the ways in."""

    def __init__(self, night: Night) -> None:
        self.night, self.api = night, client_of()
        self.people = {name: person(name, role="officer" if name == "Tannik" else "member") for name in NAMES}
        for item in (*SOLD, *ROLLED):
            create_item(name=item, actor=None)
        event = services.create_event(name="Permafrost", pools=[pool(allow_negative=True)], default_points=WORTH)
        self.raids: list[Raid] = []
        self.checks: list[tuple[Raid, AttendanceCheck, Tick]] = []
        for truth in night.raids:
            made = services.create_raid(event=event, started_at=truth.starts, ended_at=truth.ends)
            self.raids.append(made)
            for tick in truth.ticks:
                check = services.add_check(raid=made, taken_at=tick.at, points=WORTH, actor=None)
                self.checks.append((made, check, tick))

    def send(self, logger: str, since: dt.datetime | None = None, until: dt.datetime | None = None) -> None:
        """Send what a logger has between two moments to every check whose roster is in it, and to each raid."""
        text = self.night.log(logger, since, until)
        name, zone = f"eqlog_{logger}_server.txt", LOGGERS[logger][0]
        sent = {"text": text, "file_name": name, "time_zone": zone}
        for made, check, tick in self.checks:
            near = dt.timedelta(minutes=2)
            if (since or tick.at) <= tick.at < (until or tick.at + near):
                around = {
                    "since": (tick.at - near).isoformat(),
                    "until": (tick.at + near).isoformat(),
                    "check": check.pk,
                }
                done = self.api.post(f"/api/raids/{made.pk}/attendance/", {**sent, **around}, format="json")
                assert done.status_code == 200, done.content
                assert not done.json()["unmatched"]
        for made in self.raids:
            done = self.api.post(f"/api/raids/{made.pk}/log/", sent, format="json")
            assert done.status_code == 200, done.content

    def speak(self, logger: str, since: dt.datetime | None = None, until: dt.datetime | None = None) -> None:
        """Send what a logger has of each raid's time as chat, to be applied."""
        for made, truth in zip(self.raids, self.night.raids, strict=True):
            begins, ends = max(since or truth.starts, truth.starts), min(until or truth.ends, truth.ends)
            if begins < ends:
                sent = {
                    "text": self.night.log(logger, begins, ends),
                    "logger": logger,
                    "raid_id": made.pk,
                    "apply": True,
                }
                done = self.api.post("/api/bidding/parse-chat/", sent, format="json")
                assert done.status_code == 200, done.content

    def sold_as_said(self) -> None:
        """Compare the bids that stood and who won the rolls with what was said."""
        for made, truth in zip(self.raids, self.night.raids, strict=True):
            for item, bids in truth.bids.items():
                auction = BidSession.objects.filter(raid=made, item_name=item).order_by("started_at")[0]
                taken = BidHistory.objects.filter(session=auction, outcome="accepted").order_by("pk")
                assert [(bid.character_name, int(bid.amount)) for bid in taken] == bids
            for item, rolls in truth.rolls.items():
                (auction,) = BidSession.objects.filter(raid=made, item_name=item)
                assert {roll.character_name: roll.result for roll in auction.rolls.filter(counts=True)} == rolls
                (winner,) = auction.winners.all()
                assert winner.character_name == max(rolls, key=lambda name: rolls[name])
        # The second copy of the first item of each raid is an auction of its own, which nobody opened.
        opened = sum(len(truth.bids) + len(truth.rolls) for truth in self.night.raids)
        assert BidSession.objects.count() == opened + len(self.raids)

    def award(self) -> None:
        """Award what is offered, each line for what the truth says it went for."""
        for made, truth in zip(self.raids, self.night.raids, strict=True):
            prices = {(who, item): price for _, who, item, price in truth.loot}
            left = Counter((who, item, price) for _, who, item, price in truth.loot)
            for offer in loot_offers(made.pk):
                who = (offer.character_name, offer.item)
                price = next((p for (w, i, p), count in left.items() if (w, i) == who and count), prices[who])
                left[*who, price] -= 1
                bought = {"item_name": offer.item, "character_name": offer.character_name, "points_spent": str(price)}
                done = self.api.post(f"/api/raids/{made.pk}/loot/", {**bought, "is_new": True}, format="json")
                if done.status_code == 400:
                    done = self.api.post(f"/api/raids/{made.pk}/loot/", bought, format="json")
                assert done.status_code in (200, 201), done.content

    def is_the_truth(self) -> None:
        """Compare everything with what happened."""
        for _, check, tick in self.checks:
            rows = RaidAttendance.objects.filter(attendance_check=check, reversed_at=None)
            assert {row.character_name for row in rows} == tick.there
        for made, truth in zip(self.raids, self.night.raids, strict=True):
            away = presence_of(made).away
            for of, check, tick in self.checks:
                if of == made:
                    seen = {one.character_name for one in away.get(check.pk, []) if one.why == "linkdead"}
                    assert tick.linkdead <= seen
            awards = LootDistribution.objects.filter(raid=made, reversed_at=None)
            got = Counter((row.character_name, row.item_name, int(row.points_spent)) for row in awards)
            assert got == Counter((who, item, price) for _, who, item, price in truth.loot)
            assert loot_offers(made.pk) == []
        expected = self.night.balances()
        assert {name: int(balance(user)) for name, user in self.people.items()} == {n: expected[n] for n in NAMES}
        assert verify() == []


@pytest.mark.parametrize("seed", SEEDS)
def test_a_night_is_the_truth_however_often_and_by_whomever_it_is_sent(seed: int) -> None:
    night = Night(seed)
    site = Site(night)
    site.send("Tannik")
    site.award()
    site.is_the_truth()
    site.send("Sorrel")
    site.award()
    site.is_the_truth()


def test_a_night_in_pieces_and_again_is_the_truth() -> None:
    night = Night(3)
    site = Site(night)
    # Cut where the clocks are not ambiguous: a piece that begins in the hour that comes twice says not which of the two it is.
    cuts = [night.raids[0].starts - dt.timedelta(hours=1), *(raid.starts for raid in night.raids[1:]), None]
    for since, until in pairwise(cuts):
        site.send("Tannik", since, until)
        site.award()
    site.send("Tannik")
    site.award()
    site.is_the_truth()


def test_a_night_of_auctions_in_chat_is_the_truth_however_often_and_by_whomever_it_is_sent() -> None:
    """Two loggers in two time zones, in pieces, the later one first, and again."""
    night = Night(5, auctions=True)
    site = Site(night)
    site.send("Tannik")
    site.award()
    middle = night.raids[0].starts + dt.timedelta(minutes=25)
    site.speak("Tannik", None, middle)
    site.speak("Sorrel")
    site.speak("Tannik", middle)
    for logger in ("Tannik", "Sorrel"):
        site.speak(logger)
    site.speak("Sorrel", middle)
    site.sold_as_said()
    site.is_the_truth()


def test_a_tick_of_the_night_on_the_page(client: Client) -> None:
    night = Night(4)
    site = Site(night)
    made, check, tick = site.checks[0]
    client.force_login(officer("Boss"))
    minutes = dt.timedelta(minutes=5)
    text = night.log("Tannik", tick.at - minutes, tick.at + minutes, zone="UTC")  # the page reads the guild's clock
    sent = {"form": "import", "target": f"raid:{made.pk}", "check": str(check.pk), "blocks": "latest"}
    page = client.post("/raids/import/", {**sent, "once": "a", "text": text, "step": "preview"})
    carried, digest = page.context["carried"], page.context["preview"].digest
    assert not page.context["unread"]
    names = [row.name for row in page.context["rows"]]
    client.post(
        "/raids/import/",
        {**sent, "once": "b", "carried": carried, "digest": digest, "step": "commit", "name": names},
    )
    rows = RaidAttendance.objects.filter(attendance_check=check)
    assert {row.character_name for row in rows} == tick.there
