"""People over the API (docs/api-contract.md, "Accounts"; PRD 5.2.2)."""

from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from guildhall.accounts.models import APIKey, User
from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot
from guildhall.points.services import create_pool
from guildhall.roster.services import create_character

from .conftest import first

pytestmark = pytest.mark.django_db
ME = "/api/users/me/"


def bot(*scopes: str) -> APIClient:
    _, key = create_api_key(user=get_or_create_bot(name="bot"), name="k", scopes=scopes, kind=APIKey.Kind.BOT)
    found = APIClient()
    found.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return found


def test_me(member: APIClient, aeli: User) -> None:
    create_character(name="Aeli", user=aeli, actor=None)
    me = member.get(ME).json()
    assert {
        "id", "username", "display_name", "discord_id", "discord_username", "avatar_url", "role_group", "preferences",
        "characters",
    } <= me.keys()  # fmt: skip
    assert [one["name"] for one in me["characters"]] == ["Aeli"]
    changed = member.patch(ME, {"display_name": "Aeli the Bold", "preferences": {"dark": True}}).json()
    assert (changed["display_name"], changed["preferences"]) == ("Aeli the Bold", {"dark": True})
    assert member.put(ME, {"preferences": {}}).json()["display_name"] == "Aeli the Bold"
    assert first(member.patch(ME, {"display_name": "  "})) == (400, "blank")


@pytest.mark.parametrize("field", ["role_group", "is_active", "discord_id", "is_superuser", "is_staff"])
def test_nobody_raises_themselves(member: APIClient, aeli: User, field: str) -> None:
    assert first(member.patch(ME, {field: "officer"})) == (403, "not_yours_to_change")
    assert first(member.patch(f"/api/users/{aeli.pk}/", {field: "officer"})) == (403, "permission_denied")
    aeli.refresh_from_db()
    assert aeli.role_group == "member"


def test_a_recruiter_changes_nobody(aeli: User) -> None:
    recruiter = APIClient()
    recruiter.force_authenticate(create_person(display_name="R", role_group="recruiter"))
    assert first(recruiter.patch(f"/api/users/{aeli.pk}/", {"role_group": "guest"})) == (403, "permission_denied")


def test_a_bot_brings_in_somebody_from_discord(officer: APIClient) -> None:
    helper = bot("roster:read", "roster:write")
    body = {
        "discord_id": "80351110224678912",
        "discord_username": "cyra",
        "display_name": "Cyra",
        "role_group": "member",
    }
    made = helper.post("/api/users/", body)
    assert made.status_code == 201, made.content
    assert body.items() <= made.json().items()
    assert helper.get("/api/users/", {"discord_id": "80351110224678912"}).json()["count"] == 1
    assert helper.get(f"/api/users/{made.json()['id']}/").json() == made.json()
    assert first(helper.post("/api/users/", body)) == (409, "discord_id_taken")
    assert first(helper.post("/api/users/", {"display_name": "D", "discord_id": "abc"})) == (400, "invalid_discord_id")
    assert first(helper.post("/api/users/", {"display_name": "D", "role_group": "king"})) == (400, "invalid_choice")
    assert first(helper.post("/api/users/", {})) == (400, "required")
    assert helper.post("/api/users/", {"display_name": "D", "discord_id": None}).json()["discord_id"] is None


def test_who_may_do_less_than_an_officer_makes_no_officer(officer: APIClient, aeli: User, boss: User) -> None:
    helper = bot("roster:read", "roster:write")
    path = f"/api/users/{aeli.pk}/"
    assert first(helper.patch(path, {"role_group": "officer"})) == (403, "role_beyond_yours")
    assert first(helper.post("/api/users/", {"display_name": "X", "role_group": "officer"})) == (
        403, "role_beyond_yours",
    )  # fmt: skip
    assert first(helper.patch(f"/api/users/{boss.pk}/", {"role_group": "guest"})) == (403, "role_beyond_yours")
    assert first(helper.patch(path, {"role_group": "recruiter"})) == (403, "role_beyond_yours")
    assert helper.patch(path, {"role_group": "developer"}).json()["role_group"] == "developer"
    assert officer.patch(path, {"role_group": "officer"}).json()["role_group"] == "officer"


def test_an_officer_closes_accounts_but_not_their_own(officer: APIClient, aeli: User, boss: User) -> None:
    path = f"/api/users/{aeli.pk}/"
    assert officer.patch(path, {"is_active": False, "display_name": "Gone"}).json()["is_active"] is False
    assert officer.patch(path, {"is_active": True}).json()["display_name"] == "Gone"
    assert first(officer.patch(f"/api/users/{boss.pk}/", {"is_active": False})) == (403, "not_yourself")
    assert first(officer.patch(f"/api/users/{boss.pk}/", {"role_group": "guest"})) == (403, "last_officer")
    User.objects.filter(pk=aeli.pk).update(is_superuser=True)
    assert first(officer.patch(path, {"is_active": False})) == (403, "role_beyond_yours")


def test_two_who_are_one_are_merged(officer: APIClient, aeli: User, borel: User) -> None:
    create_pool(name="V")
    create_character(name="Borel", user=borel, actor=None)
    path = f"/api/users/{aeli.pk}/merge/"
    body: dict[str, Any] = {"source_user_id": borel.pk}
    seen = officer.post(path, {**body, "preview": True}).json()
    assert (seen["merged"], seen["characters"]) == (False, ["Borel"])
    assert first(officer.post(path, body)) == (400, "required")
    assert officer.post(path, {**body, "reason": "same person"}).json()["merged"] is True
    assert officer.get(f"/api/users/{borel.pk}/").json()["id"] == aeli.pk
    assert first(officer.post(path, {**body, "reason": "again"})) == (409, "already_merged")
    assert first(officer.post(path, {"source_user_id": aeli.pk, "reason": "x"})) == (400, "same_person")
    assert first(officer.post(path, {"source_user_id": 999, "reason": "x"})) == (404, "unknown_user")
