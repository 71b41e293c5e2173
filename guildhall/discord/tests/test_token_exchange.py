"""`POST /api/auth/token/discord/`: our token for a Discord token, and for nobody else's."""

from __future__ import annotations

import pytest
from rest_framework.test import APIClient

from guildhall.accounts.services import deactivate_person
from guildhall.roster.selectors import find_person
from tests.fake_discord import FakeDiscordServer

pytestmark = pytest.mark.django_db


def exchange(token: str) -> tuple[int, dict]:
    response = APIClient(raise_request_exception=False).post("/api/auth/token/discord/", {"access_token": token})
    return response.status_code, response.json()


def code(body: dict) -> str:
    return body["errors"][0]["code"]


def test_it_works(fake_discord: FakeDiscordServer) -> None:
    anna = fake_discord.state.add_person("anna", global_name="Anna")
    status, body = exchange(fake_discord.state.token_for(anna))
    assert status == 200
    assert body["user"]["discord_id"] == anna.id
    assert body["user"]["role_group"] == "guest"
    client = APIClient(headers={"Authorization": f"Token {body['token']}"})
    assert client.get("/api/discord/roster/").status_code in (200, 403)
    assert exchange(fake_discord.state.token_for(anna))[1]["token"] != body["token"]
    listed = client.get("/api/auth/api-keys/").json()["results"]
    assert [(key["kind"], key["origin"]) for key in listed] == [("sign_in", "discord")] * 2
    came_with = client.get("/api/users/me/access-history/").json()["results"][0]["came_with"]
    assert came_with == "Discord over the API, from 127.0.0.1"


def test_a_token_issued_to_another_application_is_refused(fake_discord: FakeDiscordServer) -> None:
    anna = fake_discord.state.add_person("anna")
    other = fake_discord.state.add_application("evil")
    status, body = exchange(fake_discord.state.token_for(anna, client_id=other.id))
    assert (status, code(body)) == (401, "token_not_ours")


def test_a_token_that_does_not_say_who_it_is_is_refused(fake_discord: FakeDiscordServer) -> None:
    anna = fake_discord.state.add_person("anna")
    assert exchange(fake_discord.state.token_for(anna, scopes="guilds"))[0] == 401


@pytest.mark.parametrize("token", ["made-up", "with space", "naïve", "line\nbreak"])
def test_a_made_up_token_is_refused(fake_discord: FakeDiscordServer, token: str) -> None:
    status, body = exchange(token)
    assert (status, code(body)) == (401, "invalid_token")


def test_a_revoked_token_is_refused(fake_discord: FakeDiscordServer) -> None:
    token = fake_discord.state.token_for(fake_discord.state.add_person("anna"))
    fake_discord.state.tokens[token].revoked = True
    assert exchange(token)[0] == 401


def test_a_closed_account_stays_closed(fake_discord: FakeDiscordServer) -> None:
    anna = fake_discord.state.add_person("anna")
    exchange(fake_discord.state.token_for(anna))
    deactivate_person(user=find_person(discord_id=anna.id), actor=None)
    status, body = exchange(fake_discord.state.token_for(anna))
    assert (status, code(body)) == (403, "account_closed")


def test_discord_being_down_is_said(fake_discord: FakeDiscordServer) -> None:
    token = fake_discord.state.token_for(fake_discord.state.add_person("anna"))
    fake_discord.faults.down = True
    status, body = exchange(token)
    assert (status, code(body)) == (503, "discord_unavailable")


def test_a_bad_token_does_not_stop_the_bot(fake_discord: FakeDiscordServer) -> None:
    from guildhall.discord.client import default_client

    exchange("made-up")
    default_client().roles()


def test_nothing_sent_is_a_plain_400(fake_discord: FakeDiscordServer) -> None:
    assert APIClient().post("/api/auth/token/discord/", {}).status_code == 400
