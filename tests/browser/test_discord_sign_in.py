"""Signing in with Discord in a real Chromium, from our button over Discord's consent page and back.

The server is the fake, reached by the settings that point at Discord; everything on our side is what runs for a guild.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as site

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person, deactivate_person
from guildhall.discord.models import DiscordToken
from guildhall.points.models import DKPPool
from guildhall.points.services import adjust_points
from tests.browser.people import PASSWORD
from tests.fake_discord import FakeDiscordServer
from tests.fake_discord.state import Person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def anna(fake_discord: FakeDiscordServer) -> Person:
    return fake_discord.state.add_person("anna.b", global_name="Anna", email="anna@example.invalid")


def test_the_first_sign_in_makes_a_guest_with_a_token_and_leads_back(visitor: Any, anna: Person) -> None:
    assert not site.DEBUG  # the demo sign-in plays no part in this
    anna_here = visitor()
    anna_here.sign_in("Anna", "/sign-in/?next=/me/discord/")
    assert anna_here.page.url.endswith("/me/discord/")
    assert anna_here.is_in
    assert "anna.b" in anna_here.page.locator("main").inner_text()
    person = User.objects.get(discord_id=anna.id)
    assert (person.display_name, person.role_group, person.email) == ("Anna", RoleGroup.GUEST, "anna@example.invalid")
    assert DiscordToken.objects.filter(user=person).exists()


def test_who_returns_is_the_same_person_brought_up_to_date(visitor: Any, anna: Person) -> None:
    visitor().sign_in("Anna")
    anna.username, anna.global_name = "anna.new", "Anna the Bold"
    again = visitor()
    again.sign_in("Anna the Bold")
    assert again.is_in
    person = User.objects.get(discord_id=anna.id)
    assert (person.discord_username, person.discord_global_name) == ("anna.new", "Anna the Bold")
    again.go("/me/discord/")
    assert "anna.new" in again.page.locator("main").inner_text()


def test_who_came_with_an_import_finds_their_points(visitor: Any, anna: Person) -> None:
    pool = DKPPool.objects.create(name="Main", is_default=True)
    waiting = create_person(
        display_name="Anna of old", discord_id=anna.id, role_group=RoleGroup.MEMBER, is_placeholder=True
    )
    adjust_points(user_ids=[waiting.pk], pool=pool, amount=417, reason="brought over", actor=None)
    anna_here = visitor()
    anna_here.sign_in("Anna", "/sign-in/?next=/me/")
    assert "417" in anna_here.page.locator("main").inner_text()
    waiting.refresh_from_db()
    assert not waiting.is_placeholder
    assert User.objects.filter(is_bot=False).count() == 1


def test_saying_no_at_discord_leads_back_in_words(visitor: Any, anna: Person) -> None:
    anna_here = visitor()
    anna_here.ask_discord("/sign-in/?next=/me/discord/")
    anna_here.agree("Cancel")
    assert "did not agree" in anna_here.told
    assert not anna_here.is_in
    assert not User.objects.exists()
    # Where they wanted to go is not forgotten.
    anna_here.page.get_by_role("button", name="Continue with Discord").click()
    anna_here.agree("Anna")
    assert anna_here.page.url.endswith("/me/discord/")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [("state", "forged", "not begun in this browser"), ("code_challenge", "forged", "did not confirm")],
)
def test_what_was_tampered_with_lets_nobody_in(visitor: Any, anna: Person, name: str, value: str, words: str) -> None:
    anna_here = visitor()
    anna_here.ask_discord()
    anna_here.tamper(name, value)
    anna_here.agree("Anna")
    assert words in anna_here.told
    assert not anna_here.is_in
    assert not User.objects.exists()
    anna_here.page.get_by_role("button", name="Continue with Discord").wait_for()


def test_a_link_alone_begins_no_sign_in(visitor: Any, anna: Person) -> None:
    anna_here = visitor()
    anna_here.go("/accounts/discord/login/?next=/me/")
    assert anna_here.page.url.endswith("/sign-in/?next=%2Fme%2F")
    anna_here.go("/accounts/login/?next=/me/")
    assert "/sign-in/?next=" in anna_here.page.url


def test_discord_that_goes_down_half_way_is_said(
    visitor: Any,
    anna: Person,
    fake_discord: FakeDiscordServer,
) -> None:
    anna_here = visitor()
    anna_here.ask_discord()
    fake_discord.faults.cut_rate, fake_discord.faults.only = 1.0, "/oauth2/token"
    anna_here.agree("Anna")
    assert "does not answer" in anna_here.told
    assert not anna_here.is_in


def test_a_taken_discord_account_is_refused_in_words(visitor: Any, anna: Person) -> None:
    visitor().sign_in("Anna")
    other = create_person(display_name="Bert", role_group=RoleGroup.MEMBER, password=PASSWORD)
    bert = visitor()
    bert.with_password(other.username)
    bert.go("/me/discord/")
    bert.page.get_by_role("button", name="Link my Discord account").click()
    bert.agree("Anna")
    assert "linked to Anna already" in bert.told
    other.refresh_from_db()
    assert other.discord_id is None


def test_a_closed_account_stays_out_and_is_told(visitor: Any, anna: Person) -> None:
    visitor().sign_in("Anna")
    deactivate_person(user=User.objects.get(discord_id=anna.id), actor=None)
    anna_here = visitor()
    anna_here.sign_in("Anna")
    assert "has been closed" in anna_here.told
    assert not anna_here.is_in
