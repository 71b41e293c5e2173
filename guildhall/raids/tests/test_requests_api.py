"""Members' requests over the API."""

from __future__ import annotations

from typing import Any

import pytest

from guildhall.accounts.models import APIKey
from guildhall.accounts.services import create_api_key, get_or_create_bot
from guildhall.raids.models import MemberRequest
from guildhall.raids.services.requests import edit_request_policy

from .api_client import client_of
from .scenario import balance, character, person, raid

pytestmark = pytest.mark.django_db

REQUESTS = "/api/requests/"
MEMBER = ["own:read", "raids:signup", "account:write"]


def errors(response: Any) -> list[tuple[str, str | None]]:
    return [(one["code"], one["attr"]) for one in response.json()["errors"]]


def ids(response: Any) -> list[int]:
    return [row["id"] for row in response.json()["results"]]


def test_everybody_sees_their_own_and_what_they_decide() -> None:
    aelric, borin = person("Aelric"), person("Borin")
    check = raid().checks.get()
    hers, his = client_of(aelric, scopes=MEMBER), client_of(borin, scopes=MEMBER)
    alt = hers.post(REQUESTS, {"kind": "alt", "name": "dawn", "character_class": "bard", "level": 5})
    assert alt.status_code == 201, alt.content
    assert (alt.json()["state"], alt.json()["character_name"], alt.json()["user_id"]) == ("open", "Dawn", aelric.pk)
    there = his.post(
        REQUESTS, {"kind": "attendance", "character_id": character("Borin").pk, "check_id": check.pk}
    ).json()
    assert (there["check_id"], there["raid_id"]) == (check.pk, check.raid_id)
    assert ids(hers.get(REQUESTS)) == [alt.json()["id"]]
    assert his.get(f"{REQUESTS}{alt.json()['id']}/").status_code == 404
    assert ids(client_of(scopes=["roster:write"]).get(REQUESTS)) == [alt.json()["id"]]
    leader = client_of(scopes=["raids:write"])
    assert ids(leader.get(REQUESTS)) == [there["id"]]
    assert leader.post(f"{REQUESTS}{alt.json()['id']}/approve/").status_code == 404
    everything = client_of(scopes=["roster:write", "raids:write"])
    assert ids(everything.get(REQUESTS, {"state": "open", "kind": "alt"})) == [alt.json()["id"]]
    assert ids(everything.get(REQUESTS, {"user_id": borin.pk})) == [there["id"]]


def test_one_is_approved_once_and_paid() -> None:
    borin = person("Borin")
    check = raid().checks.get()
    his, officers = client_of(borin, scopes=MEMBER), client_of(scopes=["raids:write"])
    made = his.post(REQUESTS, {"kind": "attendance", "character": character("Borin").pk, "check": check.pk}).json()
    one = f"{REQUESTS}{made['id']}/"
    assert his.post(f"{one}approve/").status_code == 403
    done = officers.post(f"{one}approve/")
    assert (done.status_code, done.json()["state"]) == (200, "approved")
    assert balance(borin) == 10
    assert errors(officers.post(f"{one}refuse/", {"reason": "late"})) == [("already_decided", None)]
    assert errors(his.post(f"{one}withdraw/")) == [("already_decided", None)]


def test_one_is_refused_with_a_reason_or_taken_back() -> None:
    his, officers = client_of(person("Borin"), scopes=MEMBER), client_of(scopes=["roster:write"])
    made = his.post(REQUESTS, {"kind": "alt", "name": "Dawn"}, headers={"Idempotency-Key": "a"})
    again = his.post(REQUESTS, {"kind": "alt", "name": "Dawn"}, headers={"Idempotency-Key": "a"})
    assert (made.json(), MemberRequest.objects.count()) == (again.json(), 1)
    assert errors(his.post(REQUESTS, {"kind": "alt", "name": "Dawn"})) == [("already_asked", None)]
    refused = officers.post(f"{REQUESTS}{made.json()['id']}/refuse/", {"reason": "not in the guild"}).json()
    assert (refused["state"], refused["decision"]) == ("refused", "not in the guild")
    second = his.post(REQUESTS, {"kind": "alt", "name": "Dawn"}).json()
    assert officers.post(f"{REQUESTS}{second['id']}/withdraw/").status_code == 403
    assert his.post(f"{REQUESTS}{second['id']}/withdraw/").json()["state"] == "withdrawn"


def test_what_is_missing_or_of_somebody_else_is_refused_under_its_name() -> None:
    person("Aelric")
    his = client_of(person("Borin"), scopes=MEMBER)
    assert errors(his.post(REQUESTS, {"kind": "main"})) == [("required", "character")]
    assert errors(his.post(REQUESTS, {"kind": "gold"})) == [("invalid_choice", "kind")]
    stolen = his.post(REQUESTS, {"kind": "transfer", "character_id": character("Aelric").pk})
    assert (stolen.status_code, errors(stolen)) == (403, [("not_yours", None)])


def test_a_key_without_account_write_changes_no_characters_of_its_owner() -> None:
    """Also where the guild lets it through by itself, which nobody else would look at."""
    edit_request_policy(actor=None, alt=True, transfer=True)
    borin, aelric = person("Borin"), person("Aelric")
    given = {"kind": "transfer", "character_id": character("Borin").pk, "to_user_id": aelric.pk}
    refused = client_of(borin, scopes=["raids:signup"]).post(REQUESTS, given)
    assert (refused.status_code, errors(refused)) == (403, [("account_scope_needed", None)])
    done = client_of(borin, scopes=MEMBER).post(REQUESTS, given).json()
    assert (done["state"], done["by_itself"], character("Borin").user) == ("approved", True, aelric)


def test_a_bot_asks_for_nothing() -> None:
    bot = get_or_create_bot(name="helper")
    _, key = create_api_key(user=bot, name="k", scopes=["raids:signup", "roster:write"], kind=APIKey.Kind.BOT)
    client = client_of()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    assert errors(client.post(REQUESTS, {"kind": "alt", "name": "Dawn"})) == [("not_for_bots", None)]


@pytest.mark.parametrize("method", ["patch", "put"])
def test_officers_say_which_kinds_need_none(method: str) -> None:
    policy = f"{REQUESTS}policy/"
    officers, his = client_of(scopes=["roster:write"]), client_of(person("Borin"), scopes=MEMBER)
    assert his.get(policy).json() == dict.fromkeys(["alt", "main", "transfer", "attendance"], False)
    assert getattr(his, method)(policy, {"alt": True}).status_code == 403
    assert getattr(officers, method)(policy, {"alt": True}).json()["alt"] is True
    assert his.post(REQUESTS, {"kind": "alt", "name": "Dawn"}).json()["by_itself"] is True
    assert character("Dawn").is_main is False
