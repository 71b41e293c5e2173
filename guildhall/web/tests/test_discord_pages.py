"""The Discord pages: an officer tests the connection, maps roles, decides claims; a member links and claims."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.test import Client

from guildhall.core import outbox
from guildhall.core.models import OutboxMessage
from guildhall.discord.client import rest, store
from guildhall.discord.models import Claim, DiscordRoleMapping
from guildhall.roster.models import Rank
from guildhall.roster.services import create_character
from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.fixtures import fake_discord  # noqa: F401 - a fixture

from .conftest import ROLES, Guild

PAGE = "/officers/discord/"


@pytest.fixture(autouse=True)
def _fresh_client() -> Iterator[None]:
    store._memory._states.clear()
    rest.close()
    yield
    rest.close()


def as_(guild: Guild, role: str) -> Client:
    client = Client()
    client.force_login(guild.person(role))
    return client


@pytest.mark.parametrize("role", [r for r in ROLES if r != "officer"])
def test_the_page_is_for_officers(guild: Guild, role: str) -> None:
    assert as_(guild, role).get(PAGE).status_code == 403


def test_it_works_with_nothing_set_up(guild: Guild) -> None:
    response = as_(guild, "officer").get(PAGE)
    assert response.status_code == 200
    assert b"No bot is set up" in response.content


def test_the_connection_is_tested_by_hand(guild: Guild, fake_discord: FakeDiscordServer) -> None:  # noqa: F811
    officer = as_(guild, "officer")
    assert b"Signed in as" not in officer.get(PAGE).content
    assert not fake_discord.log()  # looking at the page asks Discord nothing
    assert b"Signed in as guildhall-bot" in officer.post(PAGE, {"form": "test"}).content


def test_a_role_is_mapped_and_dropped(guild: Guild, fake_discord: FakeDiscordServer) -> None:  # noqa: F811
    officer = as_(guild, "officer")
    role = fake_discord.state.add_role("Raider", position=5)
    rank = Rank.objects.create(name="Raider")
    officer.post(PAGE, {"form": "test"})
    officer.post(PAGE, {"form": "map", "once": "a", "meaning": f"rank:{rank.pk}", "role_id": role.id})
    made = DiscordRoleMapping.objects.get()
    assert (made.rank, made.role_name) == (rank, "Raider")
    assert b"rank Raider" in officer.get(PAGE).content
    officer.post(PAGE, {"form": "drop", "once": "b", "mapping": made.pk})
    assert not DiscordRoleMapping.objects.exists()


def test_a_refusal_stands_on_the_page(guild: Guild) -> None:
    response = as_(guild, "officer").post(PAGE, {"form": "map", "once": "a", "meaning": "linked:", "role_id": "x"})
    assert response.status_code == 400
    assert b"A role id is a number" in response.content


def test_given_up_messages_are_seen_and_sent_again(guild: Guild) -> None:
    message = OutboxMessage.objects.create(topic="discord.post", state="dead", last_error="The webhook was deleted")
    officer = as_(guild, "officer")
    assert b"The webhook was deleted" in officer.get(PAGE).content
    officer.post(PAGE, {"form": "resend", "once": "a", "message": message.pk})
    message.refresh_from_db()
    assert message.state == "pending"


def test_a_member_claims_and_an_officer_approves(guild: Guild) -> None:
    create_character(name="Lostalt")
    member, officer = as_(guild, "member"), as_(guild, "officer")
    member.post("/me/discord/", {"form": "claim", "once": "a", "character_name": "lostalt"})
    claim = Claim.objects.get()
    assert claim.code.encode() in member.get("/me/discord/").content
    assert claim.code.encode() not in officer.get(PAGE).content
    officer.post(PAGE, {"form": "approve", "once": "b", "claim": claim.pk})
    claim.refresh_from_db()
    assert claim.state == "approved"


@pytest.mark.parametrize("role", ROLES)
def test_everybody_sees_their_own_page(guild: Guild, role: str) -> None:
    assert as_(guild, role).get("/me/discord/").status_code == 200


def test_syncing_everybody_is_queued(guild: Guild, fake_discord: FakeDiscordServer) -> None:  # noqa: F811
    officer = as_(guild, "officer")
    assert officer.post(PAGE, {"form": "sync", "once": "a"}).status_code == 400  # nobody is linked
    account = fake_discord.state.add_person("brakkus")
    guild.officer.discord_id = account.id
    guild.officer.save()
    assert officer.post(PAGE, {"form": "sync", "once": "b"}).status_code == 302
    outbox.deliver_due()
    assert OutboxMessage.objects.filter(topic="discord.reconcile", state="delivered").exists()


def test_a_code_is_looked_for_in_an_officers_log(guild: Guild) -> None:
    member, officer = as_(guild, "member"), as_(guild, "officer")
    create_character(name="Lostone", user=None, actor=guild.officer)
    page = member.get("/me/discord/")
    member.post(
        "/me/discord/", {"form": "claim", "once": page.context["claim"].token, "character_name": "Lostone"}, follow=True
    )
    claim = Claim.objects.get()
    line = f"[Mon Nov 23 20:00:00 2026] {{who}} says, '{claim.code}'"
    for who, words in (("Sorrel", "No code of an open claim"), ("Lostone", "Seen in the log: Lostone (approved)")):
        token = officer.get(PAGE).context["spoken"].token
        answer = officer.post(PAGE, {"form": "spoken", "once": token, "log": line.format(who=who)}, follow=True)
        assert words in answer.content.decode()
    claim.refresh_from_db()
    assert claim.state == Claim.State.APPROVED
