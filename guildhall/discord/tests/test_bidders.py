"""What bidders are told alone, in Discord and on their page, and `/auction mine` and `/auction withdraw`."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F
from django.test import Client

from guildhall.accounts.models import User
from guildhall.auctions.models import BidSession, ItemBid
from guildhall.auctions.services import (
    BidRequest,
    NewSession,
    award_session,
    close_session,
    place_bid,
    start_session,
    void_bid,
)
from guildhall.core.models import OutboxMessage
from guildhall.discord.messages import bidders
from guildhall.discord.messages.embeds import escape
from guildhall.discord.models import DiscordPost
from guildhall.discord.tests.people import Guild, deliver, make_guild
from guildhall.discord.tests.talking import Talk, text_of
from guildhall.loot.models import LootDistribution
from guildhall.points.models import DKPPool, Hold
from guildhall.points.services import adjust_points
from guildhall.roster.services import create_character
from tests.fake_discord.state import Person

pytestmark = pytest.mark.django_db


@pytest.fixture
def guild(talk: Talk) -> Guild:
    DKPPool.objects.create(name="Main", is_default=True)
    talk.fake.state.add_channel("general")
    return make_guild(talk.fake)


def give(user: User, amount: int) -> None:
    adjust_points(user_ids=[user.pk], pool=DKPPool.objects.get(), amount=amount, reason="test", actor=None)


def rich(guild: Guild, name: str, amount: int = 100) -> tuple[User, Person]:
    user, account, _ = guild.join(name)
    give(user, amount)
    return user, account


def auction(mode: str = "sealed", minimum: int = 5) -> BidSession:
    return start_session(
        session=NewSession(
            item_name="Cloak *of* Flames", minimum_bid=minimum, increment=5, mode=mode, duration_seconds=600
        ),
        actor=None,
    )


def bid(session: BidSession, who: User, amount: int) -> None:
    place_bid(session_id=session.pk, request=BidRequest(amount=amount, sees_sealed=True), bidder=who, actor=who)


def told(talk: Talk, who: Person) -> list[str]:
    """The direct messages that somebody got; each once, however often they are delivered."""
    deliver()
    deliver()
    state = talk.fake.state
    ids = [channel.id for channel in state.channels.values() if channel.kind == 1 and channel.recipients == [who.id]]
    return [text_of(one) for channel in ids for one in state.messages_in(channel)]


def outcome(topic: str) -> str:
    return OutboxMessage.objects.get(topic=topic).outcome


def home(user: User) -> str:
    browser = Client()
    browser.force_login(user)
    return browser.get("/").content.decode()


# -- what the messages say ----------------------------------------------------------------------------------------------
@pytest.mark.parametrize("mode", ["open", "sealed"])
@pytest.mark.parametrize("reason", ["misclick", ""])
def test_whose_bid_an_officer_took_back_is_told_by_whom_and_why(
    talk: Talk, guild: Guild, mode: str, reason: str
) -> None:
    anna, account = rich(guild, "Anna")
    olaf, other = rich(guild, "Olaf")
    session = auction(mode)
    bid(session, anna, 40)
    void_bid(session_id=session.pk, user=anna, actor=olaf, reason=reason)
    (text,) = told(talk, account)
    assert "Olaf voided your bid on" in text
    assert ("misclick" in text) is bool(reason)
    assert "40" not in text
    assert told(talk, other) == []
    page = home(anna)
    assert "was voided by Olaf" in page
    assert (reason or "no reason was given") in page
    assert "was voided" not in home(olaf)


def test_whose_bid_counted_for_less_is_told_for_how_much(talk: Talk, guild: Guild) -> None:
    anna, account = rich(guild, "Anna")
    session = auction()
    bid(session, anna, 90)
    give(anna, -30)
    close_session(session_id=session.pk, actor=None)
    text = told(talk, account)[-1]
    assert "of 90.00 on" in text or "of 90.00 counted" in text
    assert "counted for 70.00" in text
    assert "points were taken after you bid" in text
    page = home(anna)
    assert "of 90.00 counted for 70.00, because:" in page


def test_whose_bid_was_passed_over_is_told_why(talk: Talk, guild: Guild) -> None:
    anna, account = rich(guild, "Anna")
    session = auction(minimum=20)
    bid(session, anna, 90)
    give(anna, -95)
    close_session(session_id=session.pk, actor=None)
    assert "was passed over: only 5.00 left" in told(talk, account)[-1]
    assert "was passed over, because: only 5.00 left" in home(anna)


def test_a_message_whose_trace_says_nothing_is_still_delivered(talk: Talk, guild: Guild) -> None:
    anna, account = rich(guild, "Anna")
    session = auction(minimum=20)
    bid(session, anna, 90)
    give(anna, -95)
    close_session(session_id=session.pk, actor=None)
    BidSession.objects.update(trace=[])
    assert "was passed over: it was not covered" in told(talk, account)[-1]


@pytest.mark.parametrize("mode", ["open", "sealed"])
def test_from_whom_points_are_taken_while_they_bid_is_told_what_is_left(talk: Talk, guild: Guild, mode: str) -> None:
    anna, account = rich(guild, "Anna")
    bert, other = rich(guild, "Bert")
    session = auction(mode)
    bid(session, anna, 90)
    assert "Points were taken" not in home(anna)
    adjust_points(
        user_ids=[anna.pk, bert.pk], pool=DKPPool.objects.get(), amount=Decimal(-30), reason="tax", actor=None
    )
    (text,) = told(talk, account)
    assert "You have **70.00**; your bids hold 90.00" in text
    assert told(talk, other) == []
    assert "you have 70.00, your bids hold 90.00" in home(anna)
    assert "Points were taken" not in home(bert)
    assert outcome("points.taken_while_bidding") == "1 of 1 told"


def test_who_has_no_discord_reads_it_on_their_page(talk: Talk, guild: Guild) -> None:
    anna, account = rich(guild, "Anna")
    session = auction()
    bid(session, anna, 90)
    User.objects.filter(pk=anna.pk).update(discord_id=None)
    give(anna, -30)
    close_session(session_id=session.pk, actor=None)
    assert told(talk, account) == []
    assert "their pages say it" in outcome("auction.bid_short")
    assert outcome("points.taken_while_bidding") == "0 of 1 told"
    assert "counted for 70.00" in home(anna)


def test_without_a_bot_nothing_is_sent(talk: Talk, guild: Guild, settings: Any) -> None:
    anna, account = rich(guild, "Anna")
    session = auction()
    bid(session, anna, 90)
    settings.DISCORD_BOT_TOKEN = ""
    void_bid(session_id=session.pk, user=anna, actor=None)
    assert told(talk, account) == []
    assert "was voided by the system" in home(anna)


def test_a_message_that_was_sent_is_not_sent_again(talk: Talk, guild: Guild) -> None:
    anna, account = rich(guild, "Anna")
    session = auction()
    bid(session, anna, 90)
    void_bid(session_id=session.pk, user=anna, actor=None)
    assert len(told(talk, account)) == 1
    message = OutboxMessage.objects.get(topic="auction.bid_voided")
    assert bidders.bid_voided(message) == "sent before"
    assert len(told(talk, account)) == 1
    assert DiscordPost.objects.filter(kind="direct").count() == 1


def test_each_pool_is_told_of_by_itself(talk: Talk, guild: Guild) -> None:
    anna, account = rich(guild, "Anna")
    other = DKPPool.objects.create(name="Second")
    adjust_points(user_ids=[anna.pk], pool=other, amount=50, reason="x", actor=None)
    bid(auction(), anna, 90)
    second = start_session(
        session=NewSession(item_name="Ring", pool=other, minimum_bid=5, increment=5, mode="sealed"), actor=None
    )
    bid(second, anna, 40)
    deliver()
    OutboxMessage.objects.create(
        topic="points.taken_while_bidding",
        payload={"people": [[anna.pk, DKPPool.objects.get(name="Main").pk], [anna.pk, other.pk]]},
    )
    texts = told(talk, account)
    assert len(texts) == 2
    assert {"Main" in text for text in texts} == {True, False}


# -- /auction mine ------------------------------------------------------------------------------------------------------
def test_mine_shows_ones_own_sealed_bid_to_oneself_alone_with_a_way_back(talk: Talk, guild: Guild) -> None:
    anna, account = rich(guild, "Anna")
    _, bert = rich(guild, "Bert")
    session = auction()
    bid(session, anna, 40)
    answer = talk.slash(account, "auction", sub="mine", auction=str(session.pk))
    assert answer["data"]["flags"] == 64
    assert "**40.00** with Anna" in text_of(answer)
    (back,) = answer["data"]["components"][0]["components"]
    assert back["label"] == "Take it back"
    assert "You have none" in text_of(talk.slash(bert, "auction", sub="mine", auction=str(session.pk)))
    pressed = talk.press(account, back["custom_id"])
    assert "is withdrawn" in text_of(pressed)
    assert pressed["data"]["components"] == []
    assert not ItemBid.objects.exists()


def test_mine_of_an_open_auction_has_no_way_back(talk: Talk, guild: Guild) -> None:
    anna, account = rich(guild, "Anna")
    session = auction("open")
    bid(session, anna, 40)
    answer = talk.slash(account, "auction", sub="mine", auction="Cloak *of* Flames")
    assert "**40.00**" in text_of(answer)
    assert not answer["data"].get("components")


def test_mine_without_a_character_says_the_amount_alone(talk: Talk, guild: Guild) -> None:
    anna, account = rich(guild, "Anna")
    session = auction()
    bid(session, anna, 40)
    ItemBid.objects.update(character_name="", character=None)
    text = text_of(talk.slash(account, "auction", sub="mine", auction=str(session.pk)))
    assert "**40.00**" in text
    assert " with " not in text


@pytest.mark.parametrize("sub", ["mine", "withdraw"])
@pytest.mark.parametrize("role_group", ["guest", "applicant"])
def test_guests_are_told_whom_auctions_are_for(talk: Talk, guild: Guild, sub: str, role_group: str) -> None:
    _, account, _ = guild.join("Gast", role_group=role_group)
    session = auction()
    assert "members of the guild" in text_of(talk.slash(account, "auction", sub=sub, auction=str(session.pk)))


@pytest.mark.parametrize("sub", ["mine", "withdraw"])
def test_an_auction_that_is_not_there_is_named(talk: Talk, guild: Guild, sub: str) -> None:
    _, account = rich(guild, "Anna")
    text = text_of(talk.slash(account, "auction", sub=sub, auction="Sword of Nothing"))
    assert "Sword of Nothing" in text
    stranger = talk.fake.state.add_person("stranger")
    assert "not linked" in text_of(talk.slash(stranger, "auction", sub=sub, auction="x"))


# -- /auction withdraw --------------------------------------------------------------------------------------------------
def test_withdraw_takes_a_sealed_bid_back_and_frees_what_it_held(talk: Talk, guild: Guild) -> None:
    anna, account = rich(guild, "Anna")
    session = auction()
    bid(session, anna, 40)
    answer = talk.slash(account, "auction", sub="withdraw", auction=str(session.pk))
    assert answer["data"]["flags"] == 64
    assert "is withdrawn" in text_of(answer)
    assert "free again" in text_of(answer)
    assert not Hold.objects.exists()
    again = text_of(talk.slash(account, "auction", sub="withdraw", auction=str(session.pk)))
    assert "has no bid on" in again


def test_withdraw_leaves_an_open_bid_and_says_why(talk: Talk, guild: Guild) -> None:
    anna, account = rich(guild, "Anna")
    session = auction("open")
    bid(session, anna, 40)
    assert "stands, as others bid against it" in text_of(
        talk.slash(account, "auction", sub="withdraw", auction=str(session.pk))
    )
    assert ItemBid.objects.get().amount == 40


def test_withdraw_after_the_end_is_too_late(talk: Talk, guild: Guild) -> None:
    anna, account = rich(guild, "Anna")
    create_character(name="Annie", user=anna, actor=None)
    session = auction()
    bid(session, anna, 40)
    close_session(session_id=session.pk, actor=None)
    text = text_of(talk.slash(account, "auction", sub="withdraw", auction=str(session.pk)))
    assert "is over" in text or "No auction" in text or "runs" in text
    assert Hold.objects.exists()


def test_withdraw_is_ones_own_alone(talk: Talk, guild: Guild) -> None:
    anna, _ = rich(guild, "Anna")
    _, olaf, _ = guild.join("Olaf", role_group="officer")
    session = auction()
    bid(session, anna, 40)
    assert "has no bid on" in text_of(talk.slash(olaf, "auction", sub="withdraw", auction=str(session.pk)))
    assert ItemBid.objects.exists()


# -- /auction undo ------------------------------------------------------------------------------------------------------
def awarded(guild: Guild) -> User:
    """Anna has two cloaks, for 40 and for 25."""
    anna, _ = rich(guild, "Anna")
    session = start_session(session=NewSession(item_name="Cloak", minimum_bid=5, increment=5, quantity=2), actor=None)
    bid(session, anna, 40)
    close_session(session_id=session.pk, actor=None)
    award_session(session_id=session.pk, actor=None)
    award_session(session_id=session.pk, actor=None, winner=anna, amount="25", another=True)
    return anna


def test_undo_takes_the_chosen_copy_back_and_no_other(talk: Talk, guild: Guild) -> None:
    awarded(guild)
    _, olaf, _ = guild.join("Olaf", role_group="officer")
    offered = talk.complete(olaf, "auction", "award", "clo", sub="undo")
    dear, cheap = (LootDistribution.objects.get(points_spent=price) for price in (40, 25))
    assert offered == [str(cheap.pk), str(dear.pk)]
    text = text_of(talk.slash(olaf, "auction", sub="undo", award=str(cheap.pk), reason="misclick"))
    assert "Cloak to Anna for 25.00" in text
    dear.refresh_from_db()
    cheap.refresh_from_db()
    assert (dear.reversed_at, cheap.reversal_reason) == (None, "misclick")
    assert talk.complete(olaf, "auction", "award", "", sub="undo") == [str(dear.pk)]


def test_undo_by_a_name_that_means_two_awards_names_them(talk: Talk, guild: Guild) -> None:
    awarded(guild)
    _, olaf, _ = guild.join("Olaf", role_group="officer")
    text = text_of(talk.slash(olaf, "auction", sub="undo", award="cloak", reason="x"))
    assert "Cloak to Anna for 40.00" in text
    assert "Cloak to Anna for 25.00" in text
    assert "No award" in text_of(talk.slash(olaf, "auction", sub="undo", award="Sword", reason="x"))
    assert "No award" in text_of(talk.slash(olaf, "auction", sub="undo", award="9" * 30, reason="x"))
    assert LootDistribution.objects.filter(reversed_at=None).count() == 2


def test_undo_is_for_officers(talk: Talk, guild: Guild) -> None:
    awarded(guild)
    _, bert, _ = guild.join("Bert")
    assert "Only an officer" in text_of(talk.slash(bert, "auction", sub="undo", award="cloak", reason="x"))
    assert talk.complete(bert, "auction", "award", "clo", sub="undo") == []


# -- a worker that is slow or dies --------------------------------------------------------------------------------------
def test_a_worker_that_lost_the_message_says_nothing(talk: Talk, guild: Guild, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, account = rich(guild, "Anna")
    session = auction()
    bid(session, anna, 40)

    def slowly(text: str) -> str:  # while it writes the message its lease runs out, and another worker has it
        OutboxMessage.objects.exclude(leased_until=None).update(lease_token=F("lease_token") + 1)
        return escape(text)

    void_bid(session_id=session.pk, user=anna, actor=None)
    with monkeypatch.context() as stalled:
        stalled.setattr(bidders, "escape", slowly)
        assert deliver().lost == 1
    assert told(talk, account) == []


def test_what_a_worker_sent_and_did_not_note_is_shown_once(talk: Talk, guild: Guild) -> None:
    """Discord drops the repeat by its nonce."""
    anna, account = rich(guild, "Anna")
    session = auction()
    bid(session, anna, 40)
    void_bid(session_id=session.pk, user=anna, actor=None)
    deliver()
    DiscordPost.objects.update(message_id="")  # it died before it wrote down that it was sent
    OutboxMessage.objects.update(state=OutboxMessage.State.PENDING, delivered_at=None)
    assert len(told(talk, account)) == 1
    assert DiscordPost.objects.filter(message_id="").count() == 0
