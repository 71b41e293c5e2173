"""Whoever's access is changed sees it on their own page, is told of it, and is told where they were reached before."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.access_history import ACTIONS
from guildhall.accounts.models import APIKey, User
from guildhall.accounts.permissions import principal_for
from guildhall.accounts.services import (
    create_api_key,
    create_person,
    deactivate_person,
    make_sign_in_key,
    reactivate_person,
    revoke_api_key,
    set_role_group,
    update_person,
)
from guildhall.core import outbox
from guildhall.core.models import AuditEvent, OutboxMessage
from guildhall.discord.linking.services import link_discord, unlink_discord
from guildhall.points.services import merge_people
from tests.fake_discord import FakeDiscordServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def boss() -> User:
    made = create_person(display_name="Boss", role_group="officer")
    User.objects.filter(pk=made.pk).update(is_superuser=True)
    return User.objects.get(pk=made.pk)


@pytest.fixture
def anna(fake_discord: FakeDiscordServer) -> User:
    account = fake_discord.state.add_person("anna", global_name="Anna")
    return create_person(
        display_name="Anna", discord_id=account.id, email="anna@example.org", password="a usable one 7"
    )


def told(fake: FakeDiscordServer) -> tuple[set[str], set[str]]:
    """Deliver what waits; the Discord ids and the addresses that a change of access was told to."""
    outbox.deliver_due(limit=500)
    notes = AuditEvent.objects.filter(action__in=ACTIONS)
    assert notes.exists()
    rows = OutboxMessage.objects.filter(topic="discord.direct_message")
    ids = {row.payload["discord_id"] for row in rows if row.payload["build"] == "access_changed"}
    assert all(row.state == "delivered" for row in rows)
    return ids, {address for message in mail.outbox for address in message.to}


def session_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def key_client(plain: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {plain}")
    return client


def lives(*clients: Any) -> list[bool]:
    return [client.get("/api/users/me/").status_code == 200 for client in clients]


def _revoke(user: User, boss: User) -> None:
    key, _ = create_api_key(user=user, name="k", by=principal_for(user), actor=user)
    revoke_api_key(key=key, actor=boss)


def _merge(user: User, boss: User) -> None:
    merge_people(source=create_person(display_name="Double"), target=user, actor=boss, reason="same")


def _set_password(user: User, boss: User) -> None:
    user.set_password("another one 8")
    user.save()


CHANGES: dict[str, Any] = {
    "discord.unlink": lambda user, boss: unlink_discord(user=user, actor=boss),
    "accounts.set_role": lambda user, boss: set_role_group(user=user, role_group="developer", actor=boss),
    "accounts.deactivated": lambda user, boss: deactivate_person(user=user, actor=boss),
    "accounts.set_email": lambda user, boss: update_person(user=user, actor=boss, email="thief@example.org"),
    "accounts.set_name": lambda user, boss: update_person(user=user, actor=boss, display_name="Another"),
    "accounts.set_password": _set_password,
    "accounts.create_key": lambda user, boss: create_api_key(user=user, name="theirs", actor=boss),
    "accounts.revoke_key": _revoke,
    "points.merge_people": _merge,
}


@pytest.mark.parametrize("action", CHANGES)
def test_whoever_is_changed_sees_it_and_is_told(
    action: str,
    anna: User,
    boss: User,
    fake_discord: FakeDiscordServer,
) -> None:
    former = anna.discord_id
    CHANGES[action](anna, boss)
    event = AuditEvent.objects.filter(action=action).latest("pk")
    assert (event.target_type, event.target_id) == ("accounts.user", str(anna.pk))
    assert (event.actor == boss) == (action != "accounts.set_password")
    ids, addresses = told(fake_discord)
    assert former in ids
    assert "anna@example.org" in addresses
    anna.refresh_from_db()
    if anna.is_active:
        seen = session_of(anna).get("/api/users/me/access-history/").json()["results"]
        assert action in [row["action"] for row in seen]
        page = session_of(anna).get("/me/account/").content.decode()
        assert "What was done to your access" in page


def test_a_new_link_is_told_to_the_one_that_was_linked_before(
    anna: User,
    boss: User,
    fake_discord: FakeDiscordServer,
) -> None:
    """Who takes an account over with a Discord account of their own cannot keep its owner from hearing of it."""
    former = anna.discord_id
    unlink_discord(user=anna, actor=boss)
    outbox.deliver_due(limit=500)
    OutboxMessage.objects.all().delete()
    thief = fake_discord.state.add_person("thief")
    link_discord(user=User.objects.get(pk=anna.pk), discord_id=thief.id, actor=boss)
    ids, addresses = told(fake_discord)
    assert ids == {former, thief.id}
    assert "anna@example.org" in addresses


def test_a_password_set_on_the_command_line_is_told(
    anna: User,
    fake_discord: FakeDiscordServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("getpass.getpass", lambda *args, **kwargs: "a third one 9")
    call_command("changepassword", anna.username)
    assert told(fake_discord) == ({anna.discord_id}, {"anna@example.org"})


def test_closing_ends_sessions_and_keys_for_good(anna: User, boss: User) -> None:
    session = session_of(anna)
    own = key_client(create_api_key(user=anna, name="own", actor=anna)[1])
    signed_in = key_client(make_sign_in_key(user=anna, origin="password"))
    assert lives(session, own, signed_in) == [True] * 3
    deactivate_person(user=anna, actor=boss)
    assert lives(session, own, signed_in) == [False] * 3
    reactivate_person(user=anna, actor=boss)
    assert lives(session, own, signed_in) == [False] * 3
    assert not APIKey.objects.filter(user=anna, revoked_at=None).exists()
    assert lives(session_of(User.objects.get(pk=anna.pk))) == [True]


def test_unlinking_ends_what_came_by_discord(anna: User, boss: User) -> None:
    by_discord = key_client(make_sign_in_key(user=anna, origin="discord"))
    by_password = key_client(make_sign_in_key(user=anna, origin="password"))
    made = by_discord.post("/api/auth/api-keys/", {"name": "made with it"}).json()
    session = Client()
    session.force_login(anna, backend="allauth.account.auth_backends.AuthenticationBackend")
    page = session.post("/me/keys/", {"form": "personal", "once": "x"}, follow=True).content.decode()
    found = re.search(r'id="the-key">([^<]+)<', page)
    assert found is not None
    child, personal = key_client(made["key"]), key_client(found.group(1))
    assert lives(by_discord, by_password, child, personal, session) == [True] * 5
    unlink_discord(user=anna, actor=boss)
    assert lives(by_discord, by_password, child, personal, session) == [False, True, False, False, False]


def test_who_unlinks_themselves_stays_signed_in_where_they_did_it(anna: User) -> None:
    here, elsewhere = session_of(anna), session_of(anna)
    here.post("/me/discord/", {"form": "unlink", "once": "x"})
    assert User.objects.get(pk=anna.pk).discord_id is None
    assert lives(here, elsewhere) == [True, False]


def test_a_personal_key_is_offered_where_discord_is_linked_and_shown_once(anna: User) -> None:
    """PRD 3.1.1."""
    session = session_of(anna)
    assert "Make my personal key" in session.get("/me/discord/").content.decode()
    page = session.post("/me/keys/", {"form": "personal", "once": "x"}, follow=True).content.decode()
    found = re.search(r'id="the-key">([^<]+)<', page)
    assert found is not None
    assert found.group(1) not in session.get("/me/keys/").content.decode()
    scopes = set(key_client(found.group(1)).get("/api/users/me/").json()["scopes"])
    assert "bidding:write" in scopes
    assert not scopes & {"account:read", "account:write"}
    assert "Make my personal key" not in session.get("/me/discord/").content.decode()
