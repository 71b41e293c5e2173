"""Tokens are refreshed before they lapse, once, and a lost one is said so."""

from __future__ import annotations

import datetime as dt

import pytest

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core import clock, leases
from guildhall.discord.client import Rejected, default_client
from guildhall.discord.crypto import decrypt
from guildhall.discord.models import DiscordToken
from guildhall.discord.tokens import TokenPair, access_token_of, keep_tokens, reencrypt_all, refresh_lapsing
from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.state import DEMO_CLIENT_ID

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna(fake_discord: FakeDiscordServer) -> User:
    account = fake_discord.state.add_person("anna")
    user = create_person(display_name="Anna", discord_id=account.id)
    issued = fake_discord.state.issue_token(client_id=DEMO_CLIENT_ID, user_id=account.id, scopes=["identify"])
    keep_tokens(
        user=user,
        tokens=TokenPair(issued.token, issued.refresh_token, clock.now() + dt.timedelta(days=7), "identify"),
    )
    return user


def test_a_fresh_token_is_left_alone(anna: User) -> None:
    assert refresh_lapsing(client=default_client()) == (0, 0)


def test_a_token_about_to_lapse_is_refreshed(anna: User, fake_discord: FakeDiscordServer) -> None:
    before = access_token_of(anna, client=default_client())
    with clock.frozen(clock.now() + dt.timedelta(days=6, hours=1)):
        assert refresh_lapsing(client=default_client()) == (1, 0)
        after = access_token_of(anna, client=default_client())
    assert after != before
    assert after in fake_discord.state.tokens
    assert DiscordToken.objects.get().expires_at > clock.now() + dt.timedelta(days=12)


def test_it_can_be_refreshed_again_and_again(anna: User) -> None:
    with clock.frozen(clock.now()) as held:
        for _ in range(3):
            held.advance(dt.timedelta(days=6, hours=12))
            assert refresh_lapsing(client=default_client()) == (1, 0)


def test_a_leased_token_is_not_refreshed_by_a_second_worker(anna: User) -> None:
    with clock.frozen(clock.now() + dt.timedelta(days=6, hours=12)):
        DiscordToken.objects.update(leased_until=clock.now() + dt.timedelta(minutes=1))
        assert refresh_lapsing(client=default_client()) == (0, 1)


def test_a_refresh_that_lost_its_lease_leaves_the_tokens_of_a_new_sign_in(
    anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = default_client()
    with clock.frozen(clock.now() + dt.timedelta(days=6, hours=12)):

        def meanwhile(refresh_token: str) -> dict[str, object]:
            keep_tokens(user=anna, tokens=TokenPair("new", "newer", clock.now() + dt.timedelta(days=7)))
            raise Rejected("this refresh token was used")

        monkeypatch.setattr(client, "refresh", meanwhile)
        assert refresh_lapsing(client=client) == (0, 1)
        row = DiscordToken.objects.get()
        assert (decrypt(row.access_token), row.problem) == ("new", "")


def test_a_token_that_was_refreshed_since_it_was_read_is_not_used_again(anna: User) -> None:
    read = DiscordToken.objects.select_related("user").get()
    keep_tokens(user=anna, tokens=TokenPair("new", "newer", clock.now() + dt.timedelta(days=7)))
    assert leases.acquire(read) is None


def test_a_refused_refresh_says_what_to_do_and_is_not_repeated(anna: User, fake_discord: FakeDiscordServer) -> None:
    for issued in fake_discord.state.tokens.values():
        issued.revoked = True
    with clock.frozen(clock.now() + dt.timedelta(days=6, hours=12)):
        assert refresh_lapsing(client=default_client()) == (0, 1)
        assert "signs in once more" in DiscordToken.objects.get().problem
        assert refresh_lapsing(client=default_client()) == (0, 0)


def test_discord_being_down_puts_it_off(anna: User, fake_discord: FakeDiscordServer) -> None:
    fake_discord.faults.down = True
    with clock.frozen(clock.now() + dt.timedelta(days=6, hours=12)):
        assert refresh_lapsing(client=default_client()) == (0, 1)
    assert DiscordToken.objects.get().problem == ""


def test_keys_can_be_rotated(anna: User, settings: object) -> None:
    clear = decrypt(DiscordToken.objects.get().access_token)
    settings.DISCORD_TOKEN_KEYS = ["new", settings.SECRET_KEY]  # type: ignore[attr-defined]
    assert reencrypt_all() == 1
    settings.DISCORD_TOKEN_KEYS = ["new"]  # type: ignore[attr-defined]
    assert decrypt(DiscordToken.objects.get().access_token) == clear


def test_without_the_key_nothing_is_readable(anna: User, settings: object) -> None:
    settings.DISCORD_TOKEN_KEYS = ["another"]  # type: ignore[attr-defined]
    assert access_token_of(anna, client=default_client()) is None
