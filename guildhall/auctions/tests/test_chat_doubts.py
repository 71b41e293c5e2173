"""A line that was not understood whole is kept for a person, who applies it as they say, once, or dismisses it."""

from __future__ import annotations

from typing import Any

import pytest

from guildhall.auctions.models import BidHistory, BidSession, ChatLine
from guildhall.auctions.services.chat_doubts import Correction, apply_doubt, dismiss_doubt, reopen_doubt
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.core.models import AuditEvent
from guildhall.loot.services import create_item

from . import build
from .build import balance, session
from .test_api import client, first
from .test_chat import say

pytestmark = pytest.mark.django_db
DOUBTS = "/api/bidding/chat-doubts/"


@pytest.fixture
def pool() -> Any:
    return build.pool()


@pytest.fixture
def people(pool: Any) -> Any:
    build.person("Fenn", role="officer")
    create_item(name="Bixie Royal Jelly", actor=None)
    return build.person("Aeli", points=100, pool=pool), build.person("Borel", points=100, pool=pool)


@pytest.fixture
def officer(pool: Any) -> Any:
    return build.person("Boss", role="officer")


@pytest.fixture
def bot(officer: Any) -> Any:
    return client(officer)


def doubt(
    bot: Any, words: str = "Gratz Aeli on the Bixie Royal Jelly, 1st one in 6 months", by: str = "Fenn"
) -> dict[str, Any]:
    (heard,) = say(bot, f"[Mon Nov 23 20:15:02 2026] {by} tells the raid,  '{words}'")
    assert heard["kind"] == "ambiguous"
    return heard


def test_a_doubt_is_kept_once_and_says_what_was_left_over(bot: Any, pool: Any, people: Any) -> None:
    assert doubt(bot)["doubt"]["state"] == "open"
    doubt(bot)
    (row,) = bot.get(DOUBTS).json()["results"]
    understood = row["understood"]
    assert (understood["meant"], understood["item"], understood["amount"]) == ("award", "Bixie Royal Jelly", "6.00")
    assert understood["left_over"] == ["1st", "on", "the", "one", "in", "months"]
    assert (understood["reason"], row["state"], row["speaker"]) == ("left_over", "open", "Fenn")
    assert balance(people[0], pool) == "100.00/0.00"


@pytest.mark.every_database
def test_a_doubt_is_applied_as_one_says_and_once(bot: Any, pool: Any, people: Any) -> None:
    fingerprint = doubt(bot)["doubt"]["fingerprint"]
    said = {"kind": "award", "item": "Bixie Royal Jelly", "character_name": "Aeli", "amount": "3"}
    applied = bot.post(f"{DOUBTS}{fingerprint}/apply/", said)
    assert applied.status_code == 200, applied.content
    assert (applied.json()["state"], balance(people[0], pool)) == ("applied", "97.00/0.00")
    assert first(bot.post(f"{DOUBTS}{fingerprint}/apply/", said)) == (409, "doubt_decided")
    assert first(bot.post(f"{DOUBTS}{fingerprint}/dismiss/")) == (409, "doubt_decided")
    again = doubt(bot)
    assert (again["applied"]["outcome"], again["applied"]["repeated"]) == ("applied", True)
    assert again["doubt"]["state"] == "applied"
    assert balance(people[0], pool) == "97.00/0.00"


def test_a_dismissed_doubt_stays_so_and_can_be_opened_again(bot: Any, officer: Any, pool: Any, people: Any) -> None:
    fingerprint = doubt(bot)["doubt"]["fingerprint"]
    assert bot.post(f"{DOUBTS}{fingerprint}/dismiss/").json()["state"] == "dismissed"
    again = doubt(bot)
    assert (again["applied"], again["doubt"]["state"]) == (None, "dismissed")
    assert [row["fingerprint"] for row in bot.get(DOUBTS, {"state": "dismissed"}).json()["results"]] == [fingerprint]
    assert bot.get(DOUBTS, {"state": "open"}).json()["results"] == []
    reopen_doubt(fingerprint=fingerprint, actor=officer)
    assert first(bot.post(f"{DOUBTS}{fingerprint}/reopen/")) == (409, "doubt_not_dismissed")
    bot.post(f"{DOUBTS}{fingerprint}/dismiss/")
    assert bot.post(f"{DOUBTS}{fingerprint}/reopen/").json()["state"] == "open"
    with pytest.raises(Conflict) as refusal:
        reopen_doubt(fingerprint=fingerprint, actor=officer)
    assert refusal.value.code == "doubt_not_dismissed"
    assert ChatLine.objects.get().decided_by is None
    told = AuditEvent.objects.filter(target_id=str(ChatLine.objects.get().pk), action__endswith="_doubt").order_by("pk")
    assert [one.action for one in told] == ["auctions.dismiss_doubt", "auctions.reopen_doubt"] * 2
    assert told[1].actor == officer


def test_a_doubt_becomes_whatever_it_is_said_to_be(bot: Any, officer: Any, pool: Any, people: Any) -> None:
    def decide(words: str, kind: str, **values: Any) -> ChatLine:
        fingerprint = doubt(bot, words)["doubt"]["fingerprint"]
        return apply_doubt(fingerprint=fingerprint, correction=Correction(kind, **values), actor=officer)

    jelly = {"item": "Bixie Royal Jelly"}
    opened = decide("!grats Bixie Royal Jelly Aeli 5 or so", "open", **jelly, quantity=2)
    assert BidSession.objects.get(pk=opened.result["bid_session_id"]).quantity == 2
    decide("!grats Bixie Royal Jelly Aeli 5 perhaps", "bid", **jelly, character_name="Aeli", amount="5")
    assert BidHistory.objects.get().character_name == "Aeli"
    decide("!grats Bixie Royal Jelly Aeli 5 maybe", "close", **jelly)
    decide("!grats Bixie Royal Jelly Aeli 5 indeed", "award", **jelly, character_name="Aeli", amount="5")
    assert balance(people[0], pool) == "95.00/0.00"
    decide("!grats Bixie Royal Jelly Aeli 5 not", "undo", **jelly, character_name="Aeli")
    assert balance(people[0], pool) == "100.00/0.00"
    session("Copper Disc")
    decide("!grats Bixie Royal Jelly Aeli 5 no", "cancel", item="Copper Disc")
    assert BidSession.objects.get(item_name="Copper Disc").status == "cancelled"


def test_what_is_refused_leaves_the_doubt_open(bot: Any, officer: Any, pool: Any, people: Any) -> None:
    fingerprint = doubt(bot)["doubt"]["fingerprint"]

    def refused(kind: str, **values: Any) -> str:
        with pytest.raises((BadInput, Conflict, NotFound)) as refusal:
            apply_doubt(fingerprint=fingerprint, correction=Correction(kind, **values), actor=officer)
        return refusal.value.code

    jelly = {"item": "Bixie Royal Jelly"}
    assert refused("award", item="") == "required"
    assert refused("award", **jelly, amount="5") == "required"
    assert refused("award", **jelly, character_name="Aeli") == "required"
    assert refused("award", **jelly, character_name="Nobody", amount="5") == "unknown_character"
    assert refused("award", **jelly, character_name="Aeli", amount="500") == "insufficient_points"
    assert refused("bid", **jelly, character_name="Aeli", amount="5") == "no_session"
    assert refused("close", **jelly) == "no_session"
    assert refused("shout", **jelly) == "unknown_kind"
    assert ChatLine.objects.get().state == "open"
    with pytest.raises(NotFound):
        dismiss_doubt(fingerprint="nothing", actor=officer)


def test_only_officers_doubts_are_kept_and_only_officers_read_them(bot: Any, people: Any) -> None:
    assert doubt(bot, by="Borel")["doubt"] is None
    assert doubt(bot)["doubt"] is not None
    member = client(people[0])
    assert first(member.get(DOUBTS)) == (403, "permission_denied")
    fingerprint = ChatLine.objects.get().fingerprint
    for act in ("dismiss", "reopen"):
        assert first(member.post(f"{DOUBTS}{fingerprint}/{act}/")) == (403, "permission_denied")


def test_a_doubtful_bid_is_kept_unless_it_may_be_under_seal(bot: Any, people: Any) -> None:
    session("Copper Disc")
    assert doubt(bot, "Coper Disc 40", by="Aeli")["doubt"]["state"] == "open"
    session("Bixie Royal Jelly", mode="sealed")
    assert doubt(bot, "Coper Disc 50", by="Aeli")["doubt"] is None


def test_without_apply_no_doubt_is_kept(bot: Any, people: Any) -> None:
    heard = say(bot, "[Mon Nov 23 20:15:02 2026] Fenn tells the raid,  '!grats Bixie Royal Jelly'", apply=False)
    assert heard[0]["doubt"] is None
    assert not ChatLine.objects.exists()
