"""What people type and press in Discord, and what they may."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest
from django.urls import resolve

import guildhall.discord
from guildhall.accounts.models import User
from guildhall.accounts.services import deactivate_person
from guildhall.auctions.models import BidSession, ItemBid
from guildhall.auctions.services import NewSession, start_session
from guildhall.core import clock
from guildhall.core.api.errors import api_not_found
from guildhall.discord.interactions.registry import commands, definitions
from guildhall.discord.models import Claim
from guildhall.discord.tests.people import Guild, deliver, make_guild
from guildhall.discord.tests.talking import Talk, text_of
from guildhall.loot.services import NewAward, award_item
from guildhall.points.models import DKPPool
from guildhall.points.services import adjust_points
from guildhall.raids.models import Event, EventPool, RaidAttendance
from guildhall.raids.services.raids import create_raid
from guildhall.recruitment.models import Application, ApplicationVote
from guildhall.recruitment.services import edit_policy
from guildhall.recruitment.services.applying import apply
from guildhall.recruitment.services.voting import start_voting
from tests.fake_discord.wire import check_command

pytestmark = pytest.mark.django_db


@pytest.fixture
def guild(talk: Talk) -> Guild:
    DKPPool.objects.create(name="Main", is_default=True)
    talk.fake.state.add_channel("general")
    return make_guild(talk.fake)


def give(user: User, amount: int) -> None:
    adjust_points(user_ids=[user.pk], pool=DKPPool.objects.get(name="Main"), amount=amount, reason="test", actor=None)


def test_every_definition_is_one_that_discord_takes() -> None:
    for command in definitions():
        check_command(command)
    assert {
        "dkp", "standings", "history", "item", "bid", "auction", "raid", "attendance", "apply", "vote", "link", "whois",
    } == set(commands)  # fmt: skip


def test_dkp_shows_ones_own_points(talk: Talk, guild: Guild) -> None:
    user, anna, _ = guild.join("Anna")
    give(user, 50)
    answer = talk.slash(anna, "dkp")
    assert "50.00" in text_of(answer)
    assert answer["data"]["flags"] == 64  # for the asker's eyes alone


def test_dkp_of_somebody_else_by_character_or_mention(talk: Talk, guild: Guild) -> None:
    _, anna, _ = guild.join("Anna")
    bert_user, bert, _ = guild.join("Bert")
    give(bert_user, 70)
    assert "70.00" in text_of(talk.slash(anna, "dkp", who="bert"))
    assert "70.00" in text_of(talk.slash(anna, "dkp", member=bert.id))
    assert "Did you mean Bert" in text_of(talk.slash(anna, "dkp", who="Berty"))


def test_a_stranger_is_told_how_to_link_and_gets_a_button_that_works(talk: Talk, guild: Guild, settings: Any) -> None:
    settings.SITE_URL = "https://guild.example"
    stranger = talk.fake.state.add_person("stranger")
    answer = talk.slash(stranger, "dkp")
    assert "not linked" in text_of(answer)
    # In the text an address would be broken on purpose, as whatever people type is.
    assert answer["data"]["components"][0]["components"][0]["url"] == "https://guild.example/sign-in/"


def test_whose_account_is_closed_is_told_that_and_not_that_nobody_knows_them(talk: Talk, guild: Guild) -> None:
    user, anna, _ = guild.join("Anna")
    deactivate_person(user=user, actor=None)
    for name in ("dkp", "link", "apply", "whois"):
        assert "has been closed" in text_of(talk.slash(anna, name)), name


def test_an_account_that_nobody_has_is_named_in_a_persons_words(talk: Talk, guild: Guild) -> None:
    _, anna, _ = guild.join("Anna")
    text = text_of(talk.slash(anna, "dkp", member="123456789012345678"))
    assert "Nobody here is linked to that Discord account." in text


def test_every_page_that_a_message_links_to_is_there() -> None:
    folder = Path(guildhall.discord.__file__).parent
    paths = {
        re.sub(r"\{[^}]+\}", "1", found)
        for file in folder.rglob("*.py")
        if "tests" not in file.parts
        for found in re.findall(r'\bpage\(f?"([^"]+)"\)', file.read_text())
    }
    assert {"/", "/apply/", "/people/1/"} <= paths
    for path in paths:
        assert resolve(path).func is not api_not_found, path


@pytest.mark.parametrize("role_group", ["guest", "applicant"])
def test_guests_see_no_points(talk: Talk, guild: Guild, role_group: str) -> None:
    _, gast, _ = guild.join("Gast", role_group=role_group)
    guild.join("Bert")
    given = [("dkp", {"who": "Bert"}), ("standings", {}), ("history", {"who": "Bert"}), ("item", {"name": "x"})]
    given += [("dkp", {}), ("history", {})] if role_group == "guest" else []  # who applies sees their own
    for name, options in given:
        assert "members of the guild" in text_of(talk.slash(gast, name, **options))
    for name, sub in (("raid", "list"), ("raid", "start"), ("auction", "list"), ("auction", "start")):
        text = text_of(talk.slash(gast, name, sub=sub))
        assert "members of the guild" in text, (name, sub)
        assert ":read" not in text, (name, sub)


def test_a_member_is_told_what_only_officers_do(talk: Talk, guild: Guild) -> None:
    _, anna, _ = guild.join("Anna")
    assert "Only officers may do this." in text_of(talk.slash(anna, "raid", sub="start", event="x"))
    assert "Only an officer runs auctions." in text_of(talk.slash(anna, "auction", sub="start", item="x"))
    assert "You are a member already." in text_of(talk.slash(anna, "apply"))


def test_standings_and_history(talk: Talk, guild: Guild) -> None:
    user, anna, _ = guild.join("Anna")
    give(user, 30)
    assert "**30.00** Anna" in text_of(talk.slash(anna, "standings"))
    assert "**+30.00** → 30.00 test" in text_of(talk.slash(anna, "history"))
    assert talk.complete(anna, "standings", "pool", "ma") == ["Main"]


def test_where_there_are_several_pools_the_history_says_which_balance_is_which(talk: Talk, guild: Guild) -> None:
    user, anna, _ = guild.join("Anna")
    give(user, 30)
    other = DKPPool.objects.create(name="Side")
    adjust_points(user_ids=[user.pk], pool=other, amount=7, reason="test", actor=None)
    text = text_of(talk.slash(anna, "history"))
    assert "→ 7.00 Side: test" in text
    assert "→ 30.00 Main: test" in text
    assert "Side:" not in text_of(talk.slash(anna, "history", pool="Side"))


def test_item_shows_what_it_went_for(talk: Talk, guild: Guild) -> None:
    user, anna, character = guild.join("Anna")
    give(user, 100)
    for price in (10, 20, 30):
        award_item(
            award=NewAward(item_name="Cloak of Flames", character_name=character.name, points_spent=price), actor=None
        )
    text = text_of(talk.slash(anna, "item", name="cloak of flames"))
    assert "Median 20.00" in text
    assert "10.00 – 30.00" in text
    assert talk.complete(anna, "item", "name", "clo") == ["Cloak of Flames"]


def test_whois_shows_characters(talk: Talk, guild: Guild) -> None:
    _, anna, _ = guild.join("Anna")
    guild.join("Bert")
    assert "Cleric" in text_of(talk.slash(anna, "whois", who="Bert"))
    assert talk.complete(anna, "whois", "who", "be") == ["Bert"]


def test_link_makes_a_guest_of_a_stranger_and_takes_a_claim(talk: Talk, guild: Guild) -> None:
    guild.join("Bert")
    stranger = talk.fake.state.add_person("stranger", global_name="Stranger")
    assert "You are **Stranger**" in text_of(talk.slash(stranger, "link"))
    text = text_of(talk.slash(stranger, "link", character="Bert"))
    assert Claim.objects.get().code in text


# -- auctions ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def cloak(guild: Guild) -> BidSession:
    return start_session(
        session=NewSession(item_name="Cloak of Flames", minimum_bid=5, increment=5, duration_seconds=600), actor=None
    )


def test_bidding_by_command_button_and_form(talk: Talk, guild: Guild, cloak: BidSession) -> None:
    anna_user, anna, _ = guild.join("Anna")
    bert_user, bert, _ = guild.join("Bert")
    give(anna_user, 100)
    give(bert_user, 40)
    assert talk.complete(anna, "bid", "auction", "cloak", amount="1") == [str(cloak.pk)]
    assert "You lead" in text_of(talk.slash(anna, "bid", auction=str(cloak.pk), amount="10"))
    assert "**15.00**" in text_of(talk.press(bert, f"bid:{cloak.pk}:step"))
    assert talk.press(anna, f"bid:{cloak.pk}:form")["type"] == 9
    assert "**30.00**" in text_of(talk.fill_in(anna, f"bid:{cloak.pk}", amount="30"))
    confirm = talk.press(bert, f"bid:{cloak.pk}:allin")
    assert confirm["data"]["components"][0]["components"][0]["custom_id"] == f"bid:{cloak.pk}:allin:yes"
    assert ItemBid.objects.get(user=bert_user).amount == 15
    assert talk.press(bert, f"bid:{cloak.pk}:allin:yes")["type"] == 7
    assert ItemBid.objects.get(user=bert_user).amount == 40


def test_a_bid_too_high_is_refused_with_the_figures(talk: Talk, guild: Guild, cloak: BidSession) -> None:
    user, anna, _ = guild.join("Anna")
    give(user, 20)
    text = text_of(talk.slash(anna, "bid", auction="Cloak of Flames", amount="20.01"))
    assert "20.00 available" in text
    assert not ItemBid.objects.exists()


def test_nobody_bids_without_being_a_member(talk: Talk, guild: Guild, cloak: BidSession) -> None:
    _, gast, _ = guild.join("Gast", role_group="guest")
    stranger = talk.fake.state.add_person("stranger")
    for person in (gast, stranger):
        talk.press(person, f"bid:{cloak.pk}:step")
        talk.slash(person, "bid", auction=str(cloak.pk), amount="10")
    assert not ItemBid.objects.exists()


def test_nobody_bids_with_somebody_elses_character(talk: Talk, guild: Guild, cloak: BidSession) -> None:
    user, anna, _ = guild.join("Anna")
    guild.join("Bert")
    give(user, 20)
    talk.slash(anna, "bid", auction=str(cloak.pk), amount="10", character="Bert")
    assert not ItemBid.objects.exists()


def test_officers_run_auctions_and_members_do_not(talk: Talk, guild: Guild) -> None:
    _, olaf, _ = guild.join("Olaf", role_group="officer")
    _, anna, _ = guild.join("Anna")
    assert "Only an officer" in text_of(talk.slash(anna, "auction", sub="start", item="Sword of Truth"))
    assert not BidSession.objects.exists()
    answer = talk.slash(olaf, "auction", sub="start", item="Sword of Truth", minimum="7", duration=300)
    assert "flags" not in answer["data"]  # for everybody to see
    session = BidSession.objects.get()
    assert session.minimum_bid == 7
    assert "Nobody bid" in text_of(talk.slash(olaf, "auction", sub="close", auction=str(session.pk)))
    talk.slash(olaf, "auction", sub="start", item="Sword of Truth")
    assert "Called off" in text_of(talk.slash(olaf, "auction", sub="cancel", auction="Sword of Truth"))
    assert "None runs" in text_of(talk.slash(anna, "auction", sub="list"))


# -- raids ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def event(guild: Guild) -> Event:
    event = Event.objects.create(name="Plane of Fear", default_points=10)
    EventPool.objects.create(event=event, pool=DKPPool.objects.get(name="Main"))
    return event


def test_an_officer_starts_a_raid(talk: Talk, guild: Guild, event: Event) -> None:
    _, olaf, _ = guild.join("Olaf", role_group="officer")
    _, anna, _ = guild.join("Anna")
    talk.slash(anna, "raid", sub="start", event="Plane of Fear")
    assert event.raids.count() == 0
    assert talk.complete(olaf, "raid", "event", "fear", sub="start") == ["Plane of Fear"]
    talk.slash(olaf, "raid", sub="start", event="plane of fear")
    assert event.raids.count() == 1
    assert "Plane of Fear" in text_of(talk.slash(anna, "raid", sub="show"))
    assert "Plane of Fear" in text_of(talk.slash(anna, "raid", sub="list"))


def test_attendance_from_a_log_is_awarded_by_the_worker(talk: Talk, guild: Guild, event: Event) -> None:
    _, olaf, _ = guild.join("Olaf", role_group="officer")
    guild.join("Anna")
    raid = create_raid(event=event, started_at=clock.now() - dt.timedelta(minutes=5), actor=None)
    url = talk.fake.state.add_file(b"Anna\nOlaf\nNobodyknows\n", base=talk.fake.url)
    attachment = {"id": "55", "url": url, "filename": "who.txt", "size": 20}
    answer = talk.slash(olaf, "attendance", attachment=attachment)
    assert answer == {"type": 5, "data": {"flags": 64}}
    deliver()
    assert RaidAttendance.objects.filter(attendance_check__raid=raid, reversed_at=None).count() >= 2
    (interaction,) = [i for i in talk.fake.state.interactions.values() if i.get("edited")]
    assert "Awarded 2" in text_of(interaction["original"])
    assert "Nobodyknows" in text_of(interaction["original"])


def test_attendance_needs_the_right_to_write_raids(talk: Talk, guild: Guild, event: Event) -> None:
    _, anna, _ = guild.join("Anna")
    create_raid(event=event, actor=None)
    attachment = {"id": "55", "url": talk.fake.url + "/x", "filename": "who.txt", "size": 20}
    assert talk.slash(anna, "attendance", attachment=attachment)["type"] == 4


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/secret", "https://cdn.discordapp.com.evil.example/x", "file:///etc/passwd"]
)
def test_files_are_fetched_from_discord_alone(talk: Talk, guild: Guild, event: Event, url: str) -> None:
    _, olaf, _ = guild.join("Olaf", role_group="officer")
    create_raid(event=event, actor=None)
    attachment = {"id": "55", "url": url, "filename": "who.txt", "size": 20}
    assert "is not hosted by Discord" in text_of(talk.slash(olaf, "attendance", attachment=attachment))


# -- recruitment ------------------------------------------------------------------------------------------------------


def test_a_stranger_applies_by_a_form(talk: Talk, guild: Guild) -> None:
    finn = talk.fake.state.add_person("finn")
    assert talk.slash(finn, "apply")["type"] == 9
    said = {"character_name": "Finnius", "class_level": "Shadow Knight 60"}
    assert "Say your time zone" in text_of(talk.fill_in(finn, "apply", **said, availability="evenings"))
    answer = talk.fill_in(finn, "apply", **said, availability="evenings, CET")
    assert "We have your application" in text_of(answer)
    application = Application.objects.get()
    assert (application.character_class, application.level, application.timezone) == ("Shadow Knight", 60, "CET")
    assert application.discord_id == finn.id
    again = talk.slash(finn, "apply")  # no form to fill in for nothing
    assert "You have an open application already." in text_of(again)


def test_no_form_is_shown_while_the_guild_takes_no_applications(talk: Talk, guild: Guild) -> None:
    edit_policy(actor=None, is_open=False)
    assert "takes no applications" in text_of(talk.slash(talk.fake.state.add_person("finn"), "apply"))


@pytest.fixture
def vote(guild: Guild) -> Application:
    application, _ = apply(
        user=None, character_name="Finnius", character_class="Bard", level=60, availability="x", timezone="CET",
        discord_username="finn",
    )  # fmt: skip
    return start_voting(application=application, actor=None)


def test_voting_by_command_and_button(talk: Talk, guild: Guild, vote: Application) -> None:
    user, anna, _ = guild.join("Anna")
    assert talk.complete(anna, "vote", "applicant", "fin") == [str(vote.pk)]
    assert "You voted pass" in text_of(talk.slash(anna, "vote", applicant="Finnius", vote="pass"))
    answer = talk.press(anna, f"vote:{vote.pk}:fail")
    assert "You voted fail" in text_of(answer)
    assert answer["data"]["flags"] == 64
    cast = ApplicationVote.objects.get(voter=user)
    assert (cast.vote, cast.vote_changes) == ("fail", 1)


@pytest.mark.parametrize("role_group", ["guest", "applicant"])
def test_guests_and_applicants_learn_nothing_of_votes(
    talk: Talk, guild: Guild, vote: Application, role_group: str
) -> None:
    _, gast, _ = guild.join("Gast", role_group=role_group)
    assert talk.complete(gast, "vote", "applicant", "") == []
    told = {
        text_of(talk.slash(gast, "vote", applicant="Finnius", vote="pass")),
        text_of(talk.slash(gast, "vote", applicant="Nobody", vote="pass")),
        text_of(talk.press(gast, f"vote:{vote.pk}:pass")),
        text_of(talk.press(gast, "vote:999:pass")),
    }
    assert len(told) == 1
    assert not ApplicationVote.objects.exists()


def test_a_closed_account_can_do_nothing(talk: Talk, guild: Guild, cloak: BidSession) -> None:
    from guildhall.accounts.services import deactivate_person

    user, anna, _ = guild.join("Anna")
    deactivate_person(user=user, actor=None)
    talk.slash(anna, "bid", auction=str(cloak.pk), amount="10")
    assert "has been closed" in text_of(talk.slash(anna, "dkp"))
    assert not ItemBid.objects.exists()
