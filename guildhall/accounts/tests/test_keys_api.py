"""Keys over the API: shown once, hashed, scoped, expiring, rotating, never stronger than what made them."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest

from guildhall.accounts.keys import hash_key, store_usage
from guildhall.accounts.models import APIKey, RoleGroup, User
from guildhall.accounts.permissions import principal_for
from guildhall.accounts.services import create_api_key, create_bot_key, set_role_group
from guildhall.accounts.services.keys import KeyIssuer
from guildhall.core import clock
from guildhall.core.errors import BadInput

from .conftest import Client, first

pytestmark = pytest.mark.django_db
MINE = "/api/auth/api-keys/"
BOTS = "/api/auth/bot-keys/"
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def make(client: Any, path: str = MINE, **body: Any) -> dict[str, Any]:
    response = client.post(path, {"name": "stats", **body})
    assert response.status_code == 201, response.content
    found: dict[str, Any] = response.json()
    return found


def test_a_key_is_shown_once_and_stored_as_its_hash(as_user: Client, member: User) -> None:
    made = make(as_user(member), scopes=["points:read"])
    assert made["key"].startswith(f"{made['prefix']}_")
    assert made["scopes"] == ["points:read"]
    row = APIKey.objects.get()
    assert (row.key_hash, row.prefix) == (hash_key(made["key"]), made["prefix"])
    assert made["key"] not in str(APIKey.objects.values().get())
    listed = as_user(member).get(MINE).json()["results"]
    assert [one["id"] for one in listed] == [made["id"]]
    assert "key" not in listed[0]


@pytest.mark.parametrize("scheme", ["Token", "Bearer", "token", "bEARER"])
def test_it_opens_what_its_scopes_say(as_user: Client, member: User, scheme: str) -> None:
    key = make(as_user(member), scopes=["roster:read"])["key"]
    client = as_user(key=key, scheme=scheme)
    assert client.get("/api/characters/").status_code == 200
    assert client.get("/api/users/me/").json()["scopes"] == ["roster:read"]
    assert first(client.get("/api/dkp-pools/")) == (403, "permission_denied")


@pytest.mark.parametrize("text", ["gh_", "gh_deadbeef_nothing", "x" * 40, "", "two words here", "gh_ümlaut"])
def test_a_bad_key_is_401_and_says_what_to_do(as_user: Client, db: None, text: str) -> None:
    response = as_user(key=text).get("/api/users/me/")
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Token"


def test_without_scopes_it_may_what_its_owner_may(as_user: Client, member: User) -> None:
    made = make(as_user(member))
    mine = set(as_user(member).get("/api/users/me/").json()["scopes"])
    assert set(made["scopes"]) == mine - {"account:read", "account:write"}  # those must be asked for


def test_more_than_the_role_is_refused(as_user: Client, member: User) -> None:
    client = as_user(member)
    assert first(client.post(MINE, {"name": "x", "scopes": ["points:write"]})) == (400, "scope_not_allowed")
    assert first(client.post(MINE, {"name": "x", "scopes": ["points:fly"]})) == (400, "unknown_scope")
    assert first(client.post(MINE, {"name": "", "scopes": []})) == (400, "blank")
    assert first(client.post(MINE, {"name": "x", "scopes": "points:read"})) == (400, "not_a_list")
    past = (clock.now() - dt.timedelta(days=1)).isoformat()
    assert first(client.post(MINE, {"name": "x", "expires_at": past})) == (400, "expires_in_past")
    assert not APIKey.objects.exists()


def test_nobody_is_given_a_key_that_does_more_than_their_role(member: User) -> None:
    """Also by the command line, whose own permissions limit nothing."""
    with pytest.raises(BadInput) as refusal:
        create_api_key(user=member, name="x", scopes=["points:write"])
    assert refusal.value.code == "scope_not_allowed"
    assert not APIKey.objects.exists()


def test_the_refusal_says_whether_the_role_or_the_key_in_use_limits(as_user: Client, member: User) -> None:
    key = make(as_user(member), scopes=["points:read", "account:write"])["key"]
    by_key = as_user(key=key).post(MINE, {"name": "x", "scopes": ["raids:read"]}).json()["errors"][0]
    assert "key you use does not have raids:read" in by_key["detail"]
    assert "role" not in by_key["detail"]
    by_role = as_user(key=key).post(MINE, {"name": "x", "scopes": ["points:write"]}).json()["errors"][0]
    assert "owner's role does not allow points:write" in by_role["detail"]


def test_a_key_without_scopes_is_refused_and_told_what_there_is(as_user: Client, member: User, admin: User) -> None:
    weak = as_user(key=make(as_user(member), scopes=["account:write"])["key"])
    bot = make(as_user(admin), BOTS, name="b", scopes=["points:read"])
    for response in (
        as_user(member).post(MINE, {"name": "x", "scopes": []}),
        weak.post(MINE, {"name": "x"}),  # what is left of its own without account:…
        as_user(admin).post(BOTS, {"name": "c", "scopes": []}),
        as_user(admin).put(f"{BOTS}{bot['id']}/permissions/", {"scopes": []}),
    ):
        error = response.json()["errors"][0]
        assert (response.status_code, error["code"], error["attr"]) == (400, "required", "scopes")
        assert "points:read" in error["detail"]
    assert not User.objects.filter(username="c").exists()
    assert APIKey.objects.count() == 2


def test_a_role_that_is_lost_takes_the_keys_power_with_it(as_user: Client, officer: User) -> None:
    key = make(as_user(officer), scopes=["points:write", "points:read"])["key"]
    assert as_user(key=key).post("/api/dkp-pools/", {"name": "V"}).status_code == 201
    set_role_group(user=officer, role_group=RoleGroup.GUEST, actor=None)
    assert first(as_user(key=key).post("/api/dkp-pools/", {"name": "W"})) == (403, "permission_denied")
    assert first(as_user(key=key).get("/api/dkp-pools/")) == (403, "permission_denied")


def test_a_key_makes_none_stronger_and_none_longer_lived(as_user: Client, officer: User) -> None:
    with clock.frozen(NOON):
        end = NOON + dt.timedelta(days=2)
        weak = make(as_user(officer), scopes=["points:read", "account:write"], expires_at=end.isoformat())
        client = as_user(key=weak["key"])
        assert first(client.post(MINE, {"name": "x", "scopes": ["points:write"]})) == (400, "scope_not_allowed")
        late = (end + dt.timedelta(days=1)).isoformat()
        assert first(client.post(MINE, {"name": "x", "expires_at": late})) == (400, "outlives_granter")
        child = make(client)
        assert (child["scopes"], child["expires_at"]) == (["points:read"], weak["expires_at"])


def test_a_weak_key_cannot_rotate_a_strong_one(as_user: Client, officer: User) -> None:
    strong = make(as_user(officer))
    weak = make(as_user(officer), scopes=["points:read", "account:write"])
    client = as_user(key=weak["key"])
    assert first(client.post(f"{MINE}{strong['id']}/rotate/")) == (403, "stronger_key")
    assert first(client.delete(f"{MINE}{strong['id']}/")) == (403, "stronger_key")
    assert as_user(key=strong["key"]).get("/api/users/me/").status_code == 200
    assert client.post(f"{MINE}{weak['id']}/rotate/").status_code == 200


def test_a_short_lived_key_cannot_rotate_one_that_lives_longer(as_user: Client, officer: User) -> None:
    """Though it may do the same: its new text would outlive it."""
    scopes = ["points:read", "account:write"]
    with clock.frozen(NOON):
        lasting = make(as_user(officer), scopes=scopes)
        end = (NOON + dt.timedelta(days=2)).isoformat()
        client = as_user(key=make(as_user(officer), scopes=scopes, expires_at=end)["key"])
        assert first(client.post(f"{MINE}{lasting['id']}/rotate/")) == (403, "stronger_key")
        assert first(client.delete(f"{MINE}{lasting['id']}/")) == (403, "stronger_key")


def test_a_key_is_made_with_its_audit_row_or_not_at_all(
    member: User, admin: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One transaction: where the audit row cannot be written there is no key, and no bot that was made for it."""

    def fail(**said: Any) -> None:
        raise RuntimeError("the audit row cannot be written")

    monkeypatch.setattr("guildhall.accounts.services.keys.record_access_change", fail)
    with pytest.raises(RuntimeError):
        create_api_key(user=member, name="stats")
    assert not APIKey.objects.exists()
    with pytest.raises(RuntimeError):
        create_bot_key(issuer=KeyIssuer.of(principal_for(admin)), name="tool", actor=admin, scopes=["points:read"])
    assert not APIKey.objects.exists()
    assert not User.objects.filter(username="tool").exists()


def test_rotation_stops_the_old_text_at_once(as_user: Client, member: User) -> None:
    made = make(as_user(member))
    turned = as_user(member).post(f"{MINE}{made['id']}/rotate/").json()
    assert turned["id"] == made["id"]
    assert as_user(key=made["key"]).get("/api/users/me/").status_code == 401
    assert as_user(key=turned["key"]).get("/api/users/me/").status_code == 200


def test_rotation_with_grace_lets_both_live_for_a_while(as_user: Client, member: User) -> None:
    with clock.frozen(NOON) as at:
        made = make(as_user(member))
        turned = as_user(member).post(f"{MINE}{made['id']}/rotate/", {"grace_seconds": 3600}).json()
        at.advance(dt.timedelta(minutes=59))
        assert as_user(key=made["key"]).get("/api/users/me/").status_code == 200
        at.advance(dt.timedelta(minutes=1))
        assert as_user(key=made["key"]).get("/api/users/me/").status_code == 401
        assert as_user(key=turned["key"]).get("/api/users/me/").status_code == 200
    for bad in (-1, 86_401, "soon"):
        assert as_user(member).post(f"{MINE}{made['id']}/rotate/", {"grace_seconds": bad}).status_code == 400


def test_a_key_expires(as_user: Client, member: User) -> None:
    with clock.frozen(NOON) as at:
        made = make(as_user(member), expires_at=(NOON + dt.timedelta(hours=1)).isoformat())
        assert as_user(key=made["key"]).get("/api/users/me/").status_code == 200
        at.advance(dt.timedelta(hours=1))
        assert as_user(key=made["key"]).get("/api/users/me/").status_code == 401


def test_a_deleted_key_stops_and_stays_on_the_record(as_user: Client, member: User) -> None:
    made = make(as_user(member))
    assert as_user(member).delete(f"{MINE}{made['id']}/").status_code == 204
    assert as_user(key=made["key"]).get("/api/users/me/").status_code == 401
    assert APIKey.objects.get().revoked_at is not None
    assert first(as_user(member).delete(f"{MINE}{made['id']}/")) == (404, "unknown_key")


def test_others_keys_do_not_exist_for_you(as_user: Client, member: User, officer: User) -> None:
    made = make(as_user(member))
    assert as_user(officer).get(MINE).json()["count"] == 0
    assert first(as_user(officer).delete(f"{MINE}{made['id']}/")) == (404, "unknown_key")
    assert first(as_user(officer).post(f"{MINE}{made['id']}/rotate/")) == (404, "unknown_key")
    assert first(as_user(officer).delete(f"{MINE}{uuid.uuid4()}/")) == (404, "unknown_key")
    assert first(as_user(officer).delete(f"{MINE}not-a-uuid/")) == (404, "not_found")


def test_uses_are_counted_without_a_write_for_each(
    as_user: Client, member: User, django_assert_num_queries: Any
) -> None:
    key = make(as_user(member))["key"]
    client = as_user(key=key)
    with django_assert_num_queries(4):  # the revisions; the key with its owner; the person with their characters
        client.get("/api/users/me/")
    client.get("/api/users/me/")
    assert APIKey.objects.get().usage_count == 0
    assert store_usage() == 1
    row = APIKey.objects.get()
    assert row.usage_count == 2
    assert row.last_used_at is not None
    assert store_usage() == 0


def test_bot_keys_are_for_administrators(as_user: Client, admin: User, officer: User, member: User) -> None:
    body = {"name": "bidbot", "scopes": ["bidding:read", "bidding:write"]}
    for person in (officer, member):
        assert first(as_user(person).post(BOTS, body)) == (403, "permission_denied")
        assert first(as_user(person).get(BOTS)) == (403, "permission_denied")
    made = make(as_user(admin), BOTS, **body)
    assert made["key"].startswith("ghb_")
    bot = User.objects.get(username="bidbot")
    assert bot.is_bot
    assert as_user(key=made["key"]).get("/api/users/me/").json()["scopes"] == ["bidding:read", "bidding:write"]
    assert first(as_user(key=made["key"]).post(MINE, {"name": "mine"})) == (403, "permission_denied")
    assert first(as_user(key=made["key"]).get(BOTS)) == (403, "permission_denied")


def test_a_bots_permissions_are_replaced(as_user: Client, admin: User) -> None:
    made = make(as_user(admin), BOTS, scopes=["points:read"])
    for method in ("put", "patch"):
        changed = getattr(as_user(admin), method)(f"{BOTS}{made['id']}/permissions/", {"scopes": ["roster:read"]})
        assert changed.json()["scopes"] == ["roster:read"]
        assert "key" not in changed.json()
    assert first(as_user(key=made["key"]).get("/api/dkp-pools/")) == (403, "permission_denied")
    refused = as_user(admin).put(f"{BOTS}{made['id']}/permissions/", {"scopes": ["nothing"]})
    assert first(refused) == (400, "unknown_scope")
    assert first(as_user(admin).put(f"{BOTS}{made['id']}/permissions/", {})) == (400, "required")


def test_a_bot_must_be_told_what_it_may(as_user: Client, admin: User, member: User) -> None:
    assert first(as_user(admin).post(BOTS, {"name": "bot"})) == (400, "required")
    assert first(as_user(admin).post(BOTS, {"name": member.username, "scopes": ["roster:read"]})) == (
        409,
        "username_taken",
    )
    assert not User.objects.filter(is_bot=True).exists()


def test_an_administrating_bot_hands_out_no_more_than_it_has(as_user: Client, admin: User) -> None:
    key = make(as_user(admin), BOTS, scopes=["admin", "points:read"])["key"]
    client = as_user(key=key)
    assert first(client.post(BOTS, {"name": "b", "scopes": ["points:write"]})) == (400, "scope_not_allowed")
    made = make(client, BOTS, scopes=["points:read"])
    assert as_user(admin).delete(f"{BOTS}{made['id']}/").status_code == 204


def test_a_refusal_names_the_permission_and_says_what_lacks_it(as_user: Client, member: User, officer: User) -> None:
    _, weak = create_api_key(user=officer, name="weak", scopes=["points:read"])
    _, own = create_api_key(user=member, name="own")
    answers = [
        as_user(key=weak).post("/api/dkp-pools/", {"name": "W"}),
        as_user(key=own).post("/api/dkp-pools/", {"name": "W"}),
        as_user(member).post("/api/dkp-pools/", {"name": "W"}),
    ]
    assert [answer.json()["errors"][0]["detail"] for answer in answers] == [
        "This needs the permission points:write, which this key does not have. Use a key that has it.",
        "This needs the permission points:write, which neither this key nor its owner's role has. Ask an officer.",
        "This needs the permission points:write, which your role does not have. Ask an officer.",
    ]
