"""Signing in with Discord, the whole round trip against the fake: consent, code, PKCE, profile, tokens."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person, deactivate_person
from guildhall.discord.models import DiscordToken
from guildhall.discord.tokens import access_token_of
from guildhall.points.services.merging import merge_people
from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.state import Person

pytestmark = pytest.mark.django_db


def start(client: Client, *, process: str = "login") -> dict[str, str]:
    """Press the button; answers the query with which Discord's page was opened."""
    response = client.post(f"/accounts/discord/login/?process={process}")
    assert response.status_code == 302, response.content
    return {k: v[0] for k, v in parse_qs(urlsplit(response["Location"]).query).items()}


def consent(fake: FakeDiscordServer, query: dict[str, str], person: Person, **extra: str) -> dict[str, str]:
    """The person says yes on the fake's page; answers what comes back to us."""
    response = requests.post(
        f"{fake.url}/oauth2/authorize", data={**query, "user_id": person.id, **extra}, allow_redirects=False, timeout=5
    )
    assert response.status_code == 302, response.text
    return {k: v[0] for k, v in parse_qs(urlsplit(response.headers["Location"]).query).items()}


def sign_in(client: Client, fake: FakeDiscordServer, person: Person, *, process: str = "login") -> User | None:
    back = consent(fake, start(client, process=process), person)
    client.get("/accounts/discord/login/callback/", back)
    user_id = client.session.get("_auth_user_id")
    return User.objects.get(pk=user_id) if user_id else None


@pytest.fixture
def anna(fake_discord: FakeDiscordServer) -> Person:
    return fake_discord.state.add_person(
        "anna.b", global_name="Anna", email="anna@example.invalid", avatar="a_1234", discriminator="0"
    )


def test_it_works(client: Client, fake_discord: FakeDiscordServer, anna: Person) -> None:
    user = sign_in(client, fake_discord, anna)
    assert user is not None
    assert user.discord_id == anna.id
    assert (user.discord_username, user.discord_global_name, user.discord_discriminator) == ("anna.b", "Anna", "")
    assert user.avatar_url.endswith(f"/{anna.id}/a_1234.gif?size=128")
    assert user.email == "anna@example.invalid"
    assert user.role_group == RoleGroup.GUEST


def test_the_page_says_what_is_asked_and_offers_the_people(
    client: Client, fake_discord: FakeDiscordServer, anna: Person
) -> None:
    query = start(client)
    page = requests.get(f"{fake_discord.url}/oauth2/authorize", params=query, timeout=5)
    assert page.status_code == 200
    assert "Anna" in page.text


def test_a_returning_person_is_found_and_brought_up_to_date(
    client: Client, fake_discord: FakeDiscordServer, anna: Person
) -> None:
    first = sign_in(client, fake_discord, anna)
    anna.username, anna.avatar, anna.global_name = "anna.new", None, "Anna the Bold"
    again = sign_in(Client(), fake_discord, anna)
    assert first is not None
    assert again is not None
    assert again.pk == first.pk
    assert (again.discord_username, again.discord_global_name, again.avatar_url) == ("anna.new", "Anna the Bold", "")


def test_a_person_brought_in_under_this_discord_id_is_found(
    client: Client, fake_discord: FakeDiscordServer, anna: Person
) -> None:
    waiting = create_person(display_name="Anna of the roster", discord_id=anna.id, role_group="member")
    user = sign_in(client, fake_discord, anna)
    assert user == waiting
    assert user is not None
    assert user.display_name == "Anna of the roster"


def test_somebody_who_was_merged_is_who_they_were_merged_into(
    client: Client, fake_discord: FakeDiscordServer, anna: Person
) -> None:
    first = sign_in(client, fake_discord, anna)
    assert first is not None
    target = create_person(display_name="Anna as imported", is_placeholder=True)
    merge_people(source=first, target=target, actor=None, reason="the same")
    again = sign_in(Client(), fake_discord, anna)
    assert again == target
    assert DiscordToken.objects.get().user_id == target.pk


def test_an_email_address_never_decides_who_somebody_is(
    client: Client, fake_discord: FakeDiscordServer, anna: Person
) -> None:
    other = create_person(display_name="Other", email="anna@example.invalid")
    user = sign_in(client, fake_discord, anna)
    assert user is not None
    assert user != other


def test_an_unverified_address_is_not_taken_over(client: Client, fake_discord: FakeDiscordServer, anna: Person) -> None:
    anna.verified = False
    user = sign_in(client, fake_discord, anna)
    assert user is not None
    assert user.email == ""


def test_a_closed_account_stays_out(client: Client, fake_discord: FakeDiscordServer, anna: Person) -> None:
    user = sign_in(client, fake_discord, anna)
    assert user is not None
    deactivate_person(user=user, actor=None)
    stranger = Client()
    back = consent(fake_discord, start(stranger), anna)
    response = stranger.get("/accounts/discord/login/callback/", back)
    assert "_auth_user_id" not in stranger.session
    assert "closed" in str(next(iter(get_messages(response.wsgi_request))))


def test_state_is_checked(client: Client, fake_discord: FakeDiscordServer, anna: Person) -> None:
    back = consent(fake_discord, start(client), anna)
    for state in ("", "forged"):
        client.get("/accounts/discord/login/callback/", {**back, "state": state})
        assert "_auth_user_id" not in client.session


def test_somebody_elses_state_is_no_good(fake_discord: FakeDiscordServer, anna: Person) -> None:
    attacker, victim = Client(), Client()
    back = consent(fake_discord, start(attacker), anna)
    victim.get("/accounts/discord/login/callback/", back)
    assert "_auth_user_id" not in victim.session


def test_pkce_is_used_and_checked(client: Client, fake_discord: FakeDiscordServer, anna: Person) -> None:
    query = start(client)
    assert query["code_challenge_method"] == "S256"
    back = consent(fake_discord, query, anna)
    grant = fake_discord.state.grants[back["code"]]
    grant.challenge = "another"
    client.get("/accounts/discord/login/callback/", back)
    assert "_auth_user_id" not in client.session


def test_a_code_works_once(client: Client, fake_discord: FakeDiscordServer, anna: Person) -> None:
    back = consent(fake_discord, start(client), anna)
    fake_discord.state.grants[back["code"]].used = True
    client.get("/accounts/discord/login/callback/", back)
    assert "_auth_user_id" not in client.session


def test_saying_no_signs_nobody_in(client: Client, fake_discord: FakeDiscordServer, anna: Person) -> None:
    back = consent(fake_discord, start(client), anna, cancel="1")
    assert back["error"] == "access_denied"
    client.get("/accounts/discord/login/callback/", back)
    assert "_auth_user_id" not in client.session


def test_discord_being_down_is_no_server_error(client: Client, fake_discord: FakeDiscordServer, anna: Person) -> None:
    back = consent(fake_discord, start(client), anna)
    fake_discord.faults.down = True
    assert client.get("/accounts/discord/login/callback/", back).status_code < 500


def test_tokens_are_stored_encrypted(client: Client, fake_discord: FakeDiscordServer, anna: Person) -> None:
    user = sign_in(client, fake_discord, anna)
    assert user is not None
    issued = next(iter(fake_discord.state.tokens.values()))
    with connection.cursor() as cursor:
        cursor.execute("select * from discord_discordtoken")
        row = " ".join(str(value) for value in cursor.fetchone())
        cursor.execute("select count(*) from socialaccount_socialtoken")
        assert cursor.fetchone()[0] == 0
    assert issued.token not in row
    assert issued.refresh_token not in row
    from guildhall.discord.client import default_client

    assert access_token_of(user, client=default_client()) == issued.token


def test_a_signed_in_person_links_their_account(client: Client, fake_discord: FakeDiscordServer, anna: Person) -> None:
    user = create_person(display_name="Anna by name", role_group="member", password="a long password")
    client.force_login(user)
    sign_in(client, fake_discord, anna, process="connect")
    user.refresh_from_db()
    assert user.discord_id == anna.id
    assert sign_in(Client(), fake_discord, anna) == user


def test_linking_an_account_that_is_taken_is_refused(
    client: Client, fake_discord: FakeDiscordServer, anna: Person
) -> None:
    holder = sign_in(Client(), fake_discord, anna)
    user = create_person(display_name="Somebody else", role_group="member", password="a long password")
    client.force_login(user)
    back = consent(fake_discord, start(client, process="connect"), anna)
    response = client.get("/accounts/discord/login/callback/", back)
    user.refresh_from_db()
    assert user.discord_id is None
    assert "linked to" in str(next(iter(get_messages(response.wsgi_request))))
    assert holder is not None
    holder.refresh_from_db()
    assert holder.discord_id == anna.id


def test_without_credentials_there_is_no_discord_sign_in(client: Client, settings: object) -> None:
    settings.DISCORD_CLIENT_ID = ""  # type: ignore[attr-defined]
    assert client.post("/accounts/discord/login/").status_code < 500
