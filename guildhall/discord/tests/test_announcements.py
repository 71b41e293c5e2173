"""What the channels show: one message each, changed as things change, and nothing to whom it is not meant for."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from rest_framework.test import APIClient

from guildhall.accounts.services import set_role_group
from guildhall.auctions.services import BidRequest, NewSession, close_session, place_bid, start_session
from guildhall.core import clock, outbox
from guildhall.core.models import OutboxMessage
from guildhall.discord import deliveries
from guildhall.discord.messages.auctions import follow_auctions
from guildhall.discord.tests.people import Guild, deliver, make_guild, officer
from guildhall.discord.tests.talking import text_of
from guildhall.loot.services import NewAward, award_item, reverse_award
from guildhall.points.models import DKPPool
from guildhall.points.services import adjust_points
from guildhall.raids.models import Event, EventPool
from guildhall.raids.services.awarding import award_attendance
from guildhall.raids.services.raids import create_raid
from guildhall.raids.services.reversing import reverse_raid
from guildhall.recruitment.models import Application
from guildhall.recruitment.services.applying import apply, withdraw
from guildhall.recruitment.services.reviewing import accept_trial, add_comment, reject
from guildhall.recruitment.services.trials import remind_due_trials
from guildhall.recruitment.services.voting import cast_vote, close_vote, start_voting
from tests.fake_discord import FakeDiscordServer

pytestmark = pytest.mark.django_db

KINDS = ["STATUS", "RAIDS", "AWARDS", "AUCTIONS", "APPLICATIONS", "VOTES"]


class Channels:
    """The channels behind the webhooks."""

    def __init__(self, fake: FakeDiscordServer, settings: Any) -> None:
        self.fake = fake
        self.ids = {}
        for kind in KINDS:
            channel = fake.state.add_channel(kind.lower())
            hook = fake.state.add_webhook(channel)
            setattr(settings, f"DISCORD_WEBHOOK_{kind}", f"{fake.url}/api/webhooks/{hook.id}/{hook.token}")
            self.ids[kind.lower()] = channel.id

    def __getitem__(self, kind: str) -> list[str]:
        deliver()
        return [text_of(m) for m in self.fake.state.messages_in(self.ids[kind])]

    def raw(self, kind: str) -> list[dict]:
        deliver()
        return self.fake.state.messages_in(self.ids[kind])


@pytest.fixture
def channels(fake_discord: FakeDiscordServer, settings: Any) -> Channels:
    return Channels(fake_discord, settings)


@pytest.fixture
def guild(channels: Channels) -> Guild:
    DKPPool.objects.create(name="Main", is_default=True)
    return make_guild(channels.fake)


def test_people_who_come_and_rise_are_told_of(guild: Guild, channels: Channels) -> None:
    user, _, _ = guild.join("Anna")
    set_role_group(user=user, role_group="recruiter", actor=None)
    told = channels["status"]
    assert "New in the guild" in told[0]
    assert "Before member" in told[1]
    assert "Now recruiter" in told[1]


def test_a_raid_is_one_message_that_changes(guild: Guild, channels: Channels) -> None:
    guild.join("Anna")
    guild.join("Bert")
    event = Event.objects.create(name="Plane of Fear", default_points=10)
    EventPool.objects.create(event=event, pool=DKPPool.objects.get())
    raid = create_raid(event=event, started_at=clock.now() - dt.timedelta(minutes=1), actor=None)
    award_attendance(raid=raid, attendees=["Anna", "Stranger"], actor=None)
    assert "People 1" in channels["raids"][0]
    assert "Stranger" in channels["raids"][0]
    award_attendance(raid=raid, attendees=["Bert"], actor=None)
    assert len(channels["raids"]) == 1
    assert "People 2" in channels["raids"][0]
    reverse_raid(raid=raid, reason="wrong night", actor=None)
    assert "Undone: wrong night" in channels["raids"][0]


def test_an_award_is_struck_through_when_it_is_undone(guild: Guild, channels: Channels) -> None:
    user, _, character = guild.join("Anna")
    adjust_points(user_ids=[user.pk], pool=DKPPool.objects.get(), amount=50, reason="x", actor=None)
    award = award_item(
        award=NewAward(item_name="Cloak of Flames", character_name=character.name, points_spent=30), actor=None
    )
    assert "30.00 Main" in channels["awards"][0]
    reverse_award(award=award, actor=None, reason="misclick")
    assert channels["awards"][0].startswith("\n~~Cloak of Flames~~")


def test_an_auction_is_one_message_with_buttons_until_it_is_over(guild: Guild, channels: Channels) -> None:
    user, account, _ = guild.join("Anna")
    adjust_points(user_ids=[user.pk], pool=DKPPool.objects.get(), amount=50, reason="x", actor=None)
    session = start_session(
        session=NewSession(item_name="Cloak of Flames", minimum_bid=5, increment=5, duration_seconds=600), actor=None
    )
    (shown,) = channels.raw("auctions")
    assert [b["label"] for b in shown["components"][0]["components"]] == ["+1 step", "Bid…", "All in"]
    assert follow_auctions() == 0
    place_bid(session_id=session.pk, request=BidRequest(amount="15"), bidder=user, actor=user)
    assert follow_auctions() == 1
    assert "**15.00** Anna" in channels["auctions"][0]
    assert follow_auctions() == 0
    close_session(session_id=session.pk, actor=None)
    (shown,) = channels.raw("auctions")
    assert shown["components"] == []
    assert f"<@{account.id}>" in text_of(shown)
    assert shown["allowed_mentions"] == {"parse": []}


def test_a_sealed_auction_shows_no_amount_and_no_name(guild: Guild, channels: Channels) -> None:
    user, _, _ = guild.join("Anna")
    adjust_points(user_ids=[user.pk], pool=DKPPool.objects.get(), amount=50, reason="x", actor=None)
    session = start_session(
        session=NewSession(item_name="Cloak", minimum_bid=5, increment=5, duration_seconds=600, mode="sealed"),
        actor=None,
    )
    place_bid(session_id=session.pk, request=BidRequest(amount="17"), bidder=user, actor=user)
    deliver()
    follow_auctions()
    (text,) = channels["auctions"]
    assert "Anna" not in text
    assert "17.00" not in text
    assert "Bids 1" in text


# -- recruitment: who is told what (PRD 3.10.5) -----------------------------------------------------------------------


@pytest.fixture
def applicant(guild: Guild) -> Any:
    return guild.join("Finn", role_group="applicant")


@pytest.fixture
def application(applicant: Any) -> Application:
    made, _ = apply(
        user=applicant[0], character_name="Finnius", character_class="Bard", level=60, availability="evenings",
        timezone="CET", references="**Anna** @everyone", discord_username="finn",
    )  # fmt: skip
    return made


def applicant_notified(guild: Guild, account: Any) -> list[str]:
    deliver()
    found = [c for c in guild.fake.state.channels.values() if c.recipients == [account.id]]
    return [text_of(m) for c in found for m in guild.fake.state.messages_in(c.id)]


def test_an_application_is_shown_to_recruiters_and_follows_its_status(
    guild: Guild, channels: Channels, application: Application
) -> None:
    (text,) = channels["applications"]
    assert "New application" in text
    assert "@everyone" not in text
    accept_trial(application=application, actor=None)
    texts = channels["applications"]
    assert any("On trial" in t for t in texts)
    assert any("Trial accepted" in t for t in texts)


def test_a_vote_is_announced_with_buttons_and_its_result_is_totals_alone(
    guild: Guild, channels: Channels, application: Application
) -> None:
    voter, _, _ = guild.join("Secretvoter")
    start_voting(application=application, actor=None)
    (shown,) = channels.raw("votes")
    assert len(shown["components"][0]["components"]) == 3
    cast_vote(application=application, voter=voter, vote="pass", comment="a secret comment")
    with clock.frozen(clock.now() + dt.timedelta(hours=49)):
        close_vote(application=Application.objects.get(pk=application.pk))
        (shown,) = channels.raw("votes")
    text = text_of(shown)
    assert shown["components"] == []
    assert "counted of 1" in text
    for kind in KINDS:
        said = " ".join(t for t in channels[kind.lower()] if "New in the guild" not in t)
        assert "Secretvoter" not in said
        assert "secret comment" not in said


def test_the_applicant_is_never_told_of_a_vote(
    guild: Guild, channels: Channels, application: Application, applicant: Any
) -> None:
    accept_trial(application=application, actor=None)
    start_voting(application=application, actor=None)
    with clock.frozen(clock.now() + dt.timedelta(hours=49)):
        close_vote(application=Application.objects.get(pk=application.pk))
        told = applicant_notified(guild, applicant[1])
    assert any("Your trial begins" in t for t in told)
    assert not any("vot" in t.lower() or "quorum" in t.lower() for t in told)


def test_internal_notes_do_not_reach_the_applicant(
    guild: Guild, channels: Channels, application: Application, applicant: Any
) -> None:
    recruiter, _, _ = guild.join("Rita", role_group="recruiter")
    add_comment(application=application, author=recruiter, body="smells of trouble", visible_to_applicant=False)
    add_comment(application=application, author=recruiter, body="when can you raid?", visible_to_applicant=True)
    told = " ".join(applicant_notified(guild, applicant[1]))
    assert "smells of trouble" not in told
    assert "when can you raid?" in told


def test_a_rejection_tells_its_reason(
    guild: Guild, channels: Channels, application: Application, applicant: Any
) -> None:
    reject(application=application, actor=None, reason="We are full of bards.")
    assert any("We are full of bards." in t for t in applicant_notified(guild, applicant[1]))


def test_an_id_typed_into_a_form_is_no_address(guild: Guild, channels: Channels) -> None:
    victim = guild.fake.state.add_person("victim")
    apply(
        user=None, character_name="Finnius", character_class="Bard", level=60, availability="x", timezone="CET",
        discord_username="victim", discord_id=victim.id,
    )  # fmt: skip
    assert applicant_notified(guild, victim) == []


def test_nothing_is_given_up_where_no_channel_is_set_up(fake_discord: FakeDiscordServer) -> None:
    DKPPool.objects.create(name="Main", is_default=True)
    guild = make_guild(fake_discord)
    user, _, character = guild.join("Anna")
    adjust_points(user_ids=[user.pk], pool=DKPPool.objects.get(), amount=50, reason="x", actor=None)
    award_item(award=NewAward(item_name="Cloak", character_name=character.name, points_spent=3), actor=None)
    start_session(session=NewSession(item_name="Cloak", minimum_bid=5, increment=5, duration_seconds=600), actor=None)
    apply(user=None, character_name="Finnius", character_class="Bard", level=60, availability="x", timezone="CET",
          discord_username="finn")  # fmt: skip
    deliver()
    assert not OutboxMessage.objects.filter(state="dead").exists()


def test_a_deleted_message_is_shown_again(guild: Guild, channels: Channels) -> None:
    session = start_session(
        session=NewSession(item_name="Cloak", minimum_bid=5, increment=5, duration_seconds=600), actor=None
    )
    deliver()
    channels.fake.state.messages[channels.ids["auctions"]].clear()
    close_session(session_id=session.pk, actor=None)
    assert "Nobody bid" in channels["auctions"][0]


def test_a_deleted_webhook_is_given_up_with_words(guild: Guild, channels: Channels) -> None:
    channels.fake.state.webhooks.clear()
    guild.join("Anna")
    deliver()
    dead = OutboxMessage.objects.filter(state="dead").first()
    assert dead is not None
    assert "Make a new one" in dead.last_error


def test_with_a_channels_id_the_bot_itself_posts_once_though_the_connection_is_cut(
    guild: Guild, channels: Channels, settings: Any
) -> None:
    settings.DISCORD_WEBHOOK_AUCTIONS = channels.ids["auctions"]
    channels.fake.faults.cut_after_rate = 0.5
    channels.fake.faults.only = "/channels/"
    session = start_session(
        session=NewSession(item_name="Cloak", minimum_bid=5, increment=5, duration_seconds=600), actor=None
    )
    deliver()
    channels.fake.faults.reset()
    OutboxMessage.objects.filter(state="pending").update(due_at=clock.now())
    assert len(channels["auctions"]) == 1
    close_session(session_id=session.pk, actor=None)
    (shown,) = channels.raw("auctions")
    assert shown["components"] == []
    assert shown["author"]["username"] == "guildhall-bot"


def test_a_summary_that_is_asked_for_is_posted_each_time(channels: Channels) -> None:
    found, _ = apply(
        user=None, character_name="Finnius", character_class="Bard", level=60, availability="x", timezone="CET",
        discord_username="finnius",
    )  # fmt: skip
    client = APIClient()
    client.force_authenticate(officer())
    before = len(channels["applications"])
    for _ in range(2):
        assert client.post(f"/api/applications/{found.pk}/discord-webhook/").status_code == 202
    shown = channels["applications"]
    assert len(shown) == before + 2
    assert "Finnius" in shown[-1]
    assert not OutboxMessage.objects.filter(state=OutboxMessage.State.DEAD).exists()


def test_the_applicant_is_reminded_and_told_of_a_withdrawal(
    guild: Guild, channels: Channels, application: Application, applicant: Any
) -> None:
    accept_trial(application=application, actor=None)
    with clock.frozen(clock.now() + dt.timedelta(days=28)):
        assert remind_due_trials() == 1
        withdraw(application=application, actor=None)
        told = applicant_notified(guild, applicant[1])
    assert "Your trial ends soon" in told[-2]
    assert "has been withdrawn" in told[-1]
    assert "vot" not in "".join(told).lower()


def test_mail_that_was_given_up_is_seen_and_sent_again_by_an_officer(settings: Any) -> None:
    """The mail server is not there: it is tried again, then failed, then seen among the deliveries."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9  # nobody listens there
    apply(
        user=None, character_name="Finnius", character_class="Bard", level=60, availability="x", timezone="CET",
        discord_username="finnius", email="finnius@example.org",
    )  # fmt: skip
    mail = OutboxMessage.objects.get(topic="recruitment.email")
    deliver()
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == ("pending", 1)
    assert "ConnectionRefused" in mail.last_error
    assert deliveries.queue().failing == 1
    for _ in range(outbox.MAX_ATTEMPTS):
        OutboxMessage.objects.filter(pk=mail.pk).update(due_at=clock.now())
        deliver()
    assert list(deliveries.deliveries()) == [mail]
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    deliveries.resend(message_id=mail.pk, actor=officer())
    deliver()
    mail.refresh_from_db()
    assert (mail.state, mail.outcome) == ("delivered", "to finnius@example.org")


def test_where_no_mail_server_is_set_the_record_says_so(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    apply(
        user=None, character_name="Finnius", character_class="Bard", level=60, availability="x", timezone="CET",
        discord_username="finnius", email="finnius@example.org",
    )  # fmt: skip
    deliver()
    mail = OutboxMessage.objects.get(topic="recruitment.email")
    assert (mail.state, mail.attempts) == ("skipped", 1)
    assert mail.outcome == "not sent: no mail server is set (EMAIL_URL)"
    assert outbox.deliver_due().total == 0


def test_the_vote_on_an_application_that_was_withdrawn_shows_no_result(
    guild: Guild, channels: Channels, application: Application
) -> None:
    accept_trial(application=application, actor=None)
    start_voting(application=application, actor=None)
    cast_vote(application=application, voter=guild.join("Anna")[0], vote="pass")
    withdraw(application=application, actor=None)
    (shown,) = channels.raw("votes")
    text = text_of(shown)
    assert shown["components"] == []
    assert "withdrawn" in text
    assert not any(word in text for word in ("Voted", "Too few", "counted")), text
