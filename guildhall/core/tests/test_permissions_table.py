"""Who may do what: every endpoint of these apps, for every role, and for keys with one scope each.

A cell says whether access is granted, not what the response contains: 401 and 403 are closed, anything else is open.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.urls import get_resolver
from rest_framework.test import APIClient

from guildhall.accounts.models import APIKey, RoleGroup, User
from guildhall.accounts.permissions import ACCOUNT_SCOPES, NOT_FOR_BOTS, SCOPES
from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot
from guildhall.core.errors import BadInput

pytestmark = pytest.mark.django_db
NOBODY = "stranger"
ADMIN = "administrator"
ROLES = [NOBODY, *RoleGroup.values, ADMIN]
EVERYBODY = set(RoleGroup.values) | {ADMIN}
MEMBERS = {"officer", "recruiter", "developer", "member", ADMIN}
OFFICERS = {"officer", ADMIN}
ID = uuid.UUID(int=1)

# path, method, the roles that may, the scopes of which one opens it to a bot's key (none: any key)
TABLE: list[tuple[str, str, set[str], set[str]]] = [
    ("/api/auth/token/", "post", EVERYBODY | {NOBODY}, set()),
    ("/api/guild/visitor-access/", "get", EVERYBODY, set()),
    ("/api/guild/visitor-access/", "patch", OFFICERS, {"roster:write"}),
    ("/api/auth/api-keys/", "get", EVERYBODY, {"account:read"}),
    ("/api/auth/api-keys/", "post", EVERYBODY, {"account:write"}),
    (f"/api/auth/api-keys/{ID}/", "delete", EVERYBODY, {"account:write"}),
    (f"/api/auth/api-keys/{ID}/rotate/", "post", EVERYBODY, {"account:write"}),
    ("/api/users/me/access-history/", "get", EVERYBODY, {"account:read"}),
    ("/api/auth/bot-keys/", "get", {ADMIN}, {"admin"}),
    ("/api/auth/bot-keys/", "post", {ADMIN}, {"admin"}),
    (f"/api/auth/bot-keys/{ID}/", "delete", {ADMIN}, {"admin"}),
    (f"/api/auth/bot-keys/{ID}/permissions/", "put", {ADMIN}, {"admin"}),
    (f"/api/auth/bot-keys/{ID}/permissions/", "patch", {ADMIN}, {"admin"}),
    ("/api/users/me/", "get", EVERYBODY, set()),
    ("/api/users/me/", "patch", EVERYBODY, {"account:write"}),
    ("/api/users/me/", "put", EVERYBODY, {"account:write"}),
    ("/api/users/", "get", OFFICERS, {"roster:write"}),
    ("/api/users/", "post", OFFICERS, {"roster:write"}),
    ("/api/users/0/", "get", OFFICERS, {"roster:write"}),
    ("/api/users/0/", "patch", OFFICERS, {"roster:write"}),
    ("/api/users/0/", "put", OFFICERS, {"roster:write"}),
    ("/api/users/0/merge/", "post", OFFICERS, {"points:write"}),
    ("/api/roster/guild-dump/", "post", OFFICERS, {"roster:write"}),
    ("/api/roster/note-patterns/", "get", OFFICERS, {"roster:write"}),
    ("/api/roster/note-patterns/", "patch", OFFICERS, {"roster:write"}),
    ("/api/permission-groups/", "get", OFFICERS, {"roster:write"}),
    ("/api/permission-groups/0/", "get", OFFICERS, {"roster:write"}),
    *[(f"/api/permission-groups/{path}", method, OFFICERS, {"roster:write"}) for path, method in (
        ("", "post"), ("0/", "patch"), ("0/", "delete"), ("0/members/", "post"), ("0/members/0/", "delete"))],
    ("/api/admin/roster-audit/", "get", OFFICERS, {"roster:write", "admin"}),
    ("/api/admin/bulk-rank-update/", "post", OFFICERS, {"roster:write", "admin"}),
    *[(f"/api/{path}/", "get", EVERYBODY, {"roster:read"}) for path in (
        "ranks", "ranks/0", "characters", "characters/0", "characters/by-name/Xyz", "characters/hierarchy",
        "characters/0/ownership-history", "characters/0/rank-history", "characters/0/aliases")],
    *[(f"/api/{path}/", method, OFFICERS, {"roster:write"}) for path, method in (
        ("ranks", "post"), ("ranks/0", "put"), ("ranks/0", "patch"), ("ranks/0", "delete"),
        ("characters", "post"), ("characters/0", "put"), ("characters/0", "patch"), ("characters/0", "delete"),
        ("characters/0/reassign", "post"), ("characters/0/aliases", "post"), ("characters/0/aliases/0", "delete"),
        ("characters/0/make-main", "post"), ("characters/0/rename", "post"))],
    *[(f"/api/{path}/", "get", MEMBERS, {"points:read"}) for path in (
        "dkp-pools", "dkp-pools/0", "dkp-pools/0/start-points", "points/user/0", "points/user/0/pool/0",
        "points/history/user/0", "points/leaderboard/0", "points/adjustments", "points/entries", "points/entries/0",
        "points/character-attribution/Xyz", "points/rules", "points/rules/0", "points/rules/0/preview",
        "points/rules/0/runs", "points/rule-runs")],
    *[(f"/api/{path}/", method, OFFICERS, {"points:write"}) for path, method in (
        ("dkp-pools", "post"), ("dkp-pools/0", "put"), ("dkp-pools/0", "patch"), ("dkp-pools/0", "delete"),
        ("dkp-pools/0/start-points", "post"), ("points/adjustments", "post"), ("points/entries/0/reverse", "post"),
        ("points/rules", "post"), ("points/rules/0", "put"), ("points/rules/0", "patch"), ("points/rules/0", "delete"),
        ("points/rules/0/run", "post"), ("points/rule-runs/0/reverse", "post"))],
]  # fmt: skip


def opens(client: APIClient, path: str, method: str) -> bool:
    response = getattr(client, method)(path)
    assert response.status_code < 500, (path, method, response.content)
    if path == "/api/users/0/merge/":  # it asks for a second scope inside
        return response.status_code != 401 and "permission_denied" not in response.content.decode()
    return response.status_code not in (401, 403)


def someone(role: str) -> User:
    user = create_person(display_name=role, role_group="guest" if role == ADMIN else role)
    if role == ADMIN:
        User.objects.filter(pk=user.pk).update(is_superuser=True)
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize("role", ROLES)
def test_by_role(role: str) -> None:
    client = APIClient()
    if role != NOBODY:
        client.force_authenticate(someone(role))
    found = {(path, method): opens(client, path, method) for path, method, _, _ in TABLE}
    assert found == {(path, method): role in roles for path, method, roles, _ in TABLE}


@pytest.mark.parametrize("scope", [scope for scope in SCOPES if scope not in NOT_FOR_BOTS])
def test_by_the_one_scope_of_a_bots_key(scope: str, settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    bot = get_or_create_bot(name="bot")
    _, key = create_api_key(user=bot, name="k", scopes=[scope], kind=APIKey.Kind.BOT)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    for path, method, _, scopes in TABLE:
        if path == "/api/users/0/merge/":
            continue  # a merge needs two scopes
        assert opens(client, path, method) == (not scopes or scope in scopes), (path, method)


@pytest.mark.parametrize("scope", SCOPES)
def test_by_the_one_scope_of_an_administrators_own_key(scope: str, settings: Any) -> None:
    """A `points:read` key neither lists nor ends its owner's keys, and changes nothing of the account."""
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    _, key = create_api_key(user=someone(ADMIN), name="k", scopes=[scope])
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    for path, method, _, scopes in TABLE:
        if path != "/api/users/0/merge/":
            assert opens(client, path, method) == (not scopes or scope in scopes), (path, method)


@pytest.mark.parametrize("scope", sorted(ACCOUNT_SCOPES))
def test_a_bot_has_no_account_of_its_own_to_look_after(scope: str) -> None:
    with pytest.raises(BadInput, match="does not allow"):
        create_api_key(user=get_or_create_bot(name="bot"), name="k", scopes=[scope], kind=APIKey.Kind.BOT)


@pytest.mark.parametrize("role", RoleGroup.values)
def test_a_personal_key_never_does_more_than_its_owners_role(role: str, settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    key, plain = create_api_key(user=someone(role), name="k")
    APIKey.objects.filter(pk=key.pk).update(scopes=list(SCOPES))  # as if the role had been higher once
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {plain}")
    for path, method, roles, _ in TABLE:
        assert opens(client, path, method) == (role in roles), (path, method)


def test_a_key_without_scopes_opens_nothing_that_needs_one(settings: Any) -> None:
    settings.RATE_LIMITS = dict.fromkeys(settings.RATE_LIMITS, 0)
    key, plain = create_api_key(user=someone("officer"), name="k", scopes=["roster:read"])
    APIKey.objects.filter(pk=key.pk).update(scopes=[])  # none is made so any more; old ones are
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {plain}")
    for path, method, _, scopes in TABLE:
        if scopes:
            assert not opens(client, path, method), (path, method)


def test_the_table_names_every_endpoint_of_these_rooms() -> None:
    """A new endpoint must be put into the table, with who may use it."""
    prefixes = ("guildhall.accounts.", "guildhall.roster.", "guildhall.points.")
    seen = set()

    def walk(patterns: Any) -> None:
        for pattern in patterns:
            if hasattr(pattern, "url_patterns"):
                walk(pattern.url_patterns)
                continue
            view = pattern.callback
            made_of = getattr(view, "cls", None) or getattr(view, "view_class", None)
            if made_of is not None and made_of.__module__.startswith(prefixes) and ".api." in made_of.__module__:
                methods = getattr(view, "actions", None) or [
                    name for name in ("get", "post", "put", "patch", "delete") if hasattr(made_of, name)
                ]
                seen.update((made_of.__name__, pattern.name, method) for method in methods if method != "head")

    walk(get_resolver().url_patterns)
    from django.urls import resolve

    listed = set()
    for path, method, _, _ in TABLE:
        match = resolve(path)
        made_of = getattr(match.func, "cls", None) or getattr(match.func, "view_class", None)
        listed.add((made_of.__name__, match.url_name, method))
    assert seen - listed == set()
