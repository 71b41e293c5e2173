"""POST /api/auth/token/, the command that prints a key, and limits per kind of caller."""

from __future__ import annotations

import datetime as dt
import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from guildhall.accounts.models import APIKey, RoleGroup, User
from guildhall.accounts.services import deactivate_person, reactivate_person
from guildhall.core import clock
from guildhall.core.models import AuditEvent

from .conftest import Client, first

pytestmark = pytest.mark.django_db
TOKEN = "/api/auth/token/"


def test_a_username_and_password_give_the_token(as_user: Client, member: User) -> None:
    body = {"username": "member", "password": "sword of pain 9"}
    tokens = [APIClient().post(TOKEN, body).json()["token"] for _ in range(2)]
    assert tokens[0] != tokens[1]
    for token in tokens:
        for scheme in ("Token", "Bearer"):
            assert as_user(key=token, scheme=scheme).get("/api/users/me/").json()["username"] == "member"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"username": "member", "password": "wrong"}, (401, "invalid_credentials")),
        ({"username": "nobody", "password": "sword of pain 9"}, (401, "invalid_credentials")),
        ({"username": "member"}, (400, "required")),
        ({"username": "", "password": "x"}, (400, "blank")),
        ({"username": "member", "password": ["x"]}, (400, "invalid")),
        ({"username": "mem\x00ber", "password": "x"}, (400, "control_character")),
        ([], (400, "invalid")),
    ],
)
def test_what_is_wrong_is_said(member: User, body: Any, expected: tuple[int, str]) -> None:
    assert first(APIClient().post(TOKEN, body)) == expected


def test_a_closed_account_gets_none_and_its_token_stops(as_user: Client, member: User) -> None:
    body = {"username": "member", "password": "sword of pain 9"}
    token = APIClient().post(TOKEN, body).json()["token"]
    deactivate_person(user=member, actor=None)
    assert first(APIClient().post(TOKEN, body)) == (401, "invalid_credentials")
    assert as_user(key=token).get("/api/users/me/").status_code == 401
    reactivate_person(user=member, actor=None)
    assert as_user(key=token).get("/api/users/me/").status_code == 401


def test_a_token_is_one_of_the_persons_keys(as_user: Client, member: User, settings: Any) -> None:
    """Hashed, listed, expiring, revocable, and the oldest gives way above the cap."""
    settings.SIGN_IN_KEYS, settings.SIGN_IN_KEY_DAYS = 2, 30
    body = {"username": "member", "password": "sword of pain 9"}
    with clock.frozen(dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)) as at:
        tokens = []
        for _ in range(3):
            tokens.append(APIClient().post(TOKEN, body).json()["token"])
            at.advance(dt.timedelta(minutes=1))
        assert [as_user(key=token).get("/api/users/me/").status_code for token in tokens] == [401, 200, 200]
        assert not any(token in str(APIKey.objects.values()) for token in tokens)
        client = as_user(key=tokens[2])
        listed = client.get("/api/auth/api-keys/").json()["results"]
        assert [(key["kind"], key["origin"], key["is_live"]) for key in listed] == [("sign_in", "password", True)] * 2
        assert client.delete(f"/api/auth/api-keys/{listed[1]['id']}/").status_code == 204
        assert as_user(key=tokens[1]).get("/api/users/me/").status_code == 401
        at.advance(dt.timedelta(days=30))
        assert client.get("/api/users/me/").status_code == 401


def test_a_new_password_ends_what_the_old_one_opened(as_user: Client, member: User) -> None:
    token = APIClient().post(TOKEN, {"username": "member", "password": "sword of pain 9"}).json()["token"]
    person = User.objects.get(pk=member.pk)
    person.set_password("another sword 7")
    person.save()
    assert as_user(key=token).get("/api/users/me/").status_code == 401
    history = as_user(person).get("/api/users/me/access-history/").json()["results"]
    assert [event["action"] for event in history][:2] == ["accounts.end_access", "accounts.set_password"]


def test_hashing_a_password_anew_is_no_change_of_it(member: User, settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher", *settings.PASSWORD_HASHERS]
    assert APIClient().post(TOKEN, {"username": "member", "password": "sword of pain 9"}).status_code == 200
    assert User.objects.get().password.startswith("scrypt")
    assert not AuditEvent.objects.filter(action="accounts.set_password").exists()


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("create_api_key", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_prints_the_key_and_nothing_else(as_user: Client, member: User) -> None:
    printed = run("--user", "member", "--scopes", "points:read,roster:read", "--expires", "7")
    key = printed.strip()
    assert printed == f"{key}\n"
    assert as_user(key=key).get("/api/users/me/").json()["scopes"] == ["points:read", "roster:read"]
    row = APIKey.objects.get()
    assert row.expires_at is not None
    assert abs(row.expires_at - clock.now() - dt.timedelta(days=7)) < dt.timedelta(minutes=1)


@pytest.mark.parametrize(
    "wrong", [("--scopes", "points:fly"), ("--scopes", ""), ("--expires", "-1"), ("--name", "")], ids=" ".join
)
def test_a_refused_command_leaves_no_bot_behind(db: None, wrong: tuple[str, str]) -> None:
    with pytest.raises(CommandError):
        run("--bot", "newbot", *wrong)
    assert not User.objects.filter(username="newbot").exists()
    assert not AuditEvent.objects.filter(action="accounts.create_bot").exists()


def test_the_history_says_with_what_and_from_where_a_program_signed_in(as_user: Client, member: User) -> None:
    sent = {"username": "member", "password": "sword of pain 9"}
    token = APIClient().post(TOKEN, sent, REMOTE_ADDR="192.0.2.7").json()["token"]
    row = as_user(key=token).get("/api/users/me/access-history/").json()["results"][0]
    assert row["action"] == "accounts.sign_in_key"
    assert row["came_with"] == "password over the API, from 192.0.2.7"


def test_a_bot_is_made_where_there_is_none(as_user: Client, db: None) -> None:
    first_key, second_key = run("--bot", "raidbot").strip(), run("--bot", "raidbot", "--scopes", "all").strip()
    assert User.objects.get(is_bot=True).username == "raidbot"
    for key in (first_key, second_key):
        assert "admin" in as_user(key=key).get("/api/users/me/").json()["scopes"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--user", "nobody"),
        ("--user", "member", "--scopes", "points:write"),
        ("--user", "member", "--scopes", "fly"),
        ("--bot", "member"),
        ("--user", "member", "--expires", "-1"),
        ("--user", "member", "--bot", "b"),
        (),
    ],
)
def test_the_command_refuses_in_words(member: User, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as refusal:
        run(*arguments)
    assert str(refusal.value)
    assert not APIKey.objects.exists()


def test_too_many_requests_are_429_with_headers(as_user: Client, member: User, settings: Any) -> None:
    settings.RATE_LIMITS = {"anonymous": 2, "session": 3, "personal": 4, "bot": 5}
    person, bot = as_user(key=run("--user", "member").strip()), as_user(key=run("--bot", "b").strip())
    for client, limit in ((APIClient(), 2), (person, 4), (bot, 5)):
        answers = [client.get("/api/ranks/") for _ in range(limit + 1)]
        assert [answer["X-RateLimit-Limit"] for answer in answers] == [str(limit)] * (limit + 1)
        assert [int(answer["X-RateLimit-Remaining"]) for answer in answers] == [*range(limit - 1, -1, -1), 0]
        assert answers[-2].status_code != 429
        assert first(answers[-1]) == (429, "throttled")
        assert 0 < int(answers[-1]["Retry-After"]) <= 61
        assert int(answers[-1]["X-RateLimit-Reset"]) == int(answers[-1]["Retry-After"])


def test_guessing_keys_is_limited_however_many_are_tried(as_user: Client, db: None, settings: Any) -> None:
    settings.RATE_LIMITS = {"anonymous": 3, "session": 100, "personal": 100, "bot": 100}
    seen = [as_user(key=f"gh_aaaaaaaa_{n}").get("/api/ranks/").status_code for n in range(5)]
    assert seen == [401, 401, 401, 429, 429]


def test_limits_are_per_key_and_can_be_switched_off(as_user: Client, member: User, settings: Any) -> None:
    settings.RATE_LIMITS = {"anonymous": 100, "session": 100, "personal": 1, "bot": 0}
    one, other = as_user(key=run("--user", "member").strip()), as_user(key=run("--user", "member").strip())
    assert [one.get("/api/ranks/").status_code, other.get("/api/ranks/").status_code] == [200, 200]
    assert one.get("/api/ranks/").status_code == 429
    bot = as_user(key=run("--bot", "b").strip())
    assert {bot.get("/api/ranks/").status_code for _ in range(5)} == {200}


@pytest.mark.parametrize("role", RoleGroup.values)
def test_roles_are_mirrored_in_groups(role: str, officer: User, member: User) -> None:
    from guildhall.accounts.services import set_role_group

    set_role_group(user=member, role_group=role, actor=officer)
    assert [group.name for group in member.groups.filter(permission_group=None)] == [role]
    assert User.objects.get(pk=member.pk).is_staff == (role in ("officer", "recruiter"))
