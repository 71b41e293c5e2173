"""What is kept for an `Idempotency-Key` opens nothing, and nobody is told what somebody else was answered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from rest_framework.test import APIClient

from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.core.api.idempotency import without_secrets
from guildhall.core.models import IdempotencyKey
from guildhall.points.models import LedgerEntry
from guildhall.points.services import create_pool
from guildhall.recruitment.models import Application

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _strangers_may_apply(db: None) -> None:
    edit_visitor_access(actor=None, recruitment=True)


APPLY = "/api/applications/"
ADJUST = "/api/points/adjustments/"
FORM = {
    "character_name": "Aelinor", "character_class": "Cleric", "level": 60, "availability": "Tue", "timezone": "UTC",
    "discord_username": "aelinor",
}  # fmt: skip


def apply(*, address: str = "192.0.2.1", agent: str = "curl", key: str = "apply-1", **more: Any) -> Any:
    client = APIClient(raise_request_exception=False, REMOTE_ADDR=address, HTTP_USER_AGENT=agent)
    return client.post(APPLY, {**FORM, **more}, headers={"Idempotency-Key": key})


def test_a_strangers_private_link_is_in_the_first_answer_alone_and_kept_nowhere() -> None:
    first, again = apply(), apply()
    secret = first.json()["link_token"]
    assert (first.status_code, again.status_code, again["Idempotent-Replayed"]) == (201, 201, "true")
    assert "link_token" not in again.json()
    assert again.json()["withheld"] | {"detail": ""} == {
        "code": "secret_shown_once", "fields_withheld": ["link_token"], "detail": "",
    }  # fmt: skip
    assert again.json()["id"] == first.json()["id"]
    assert secret not in json.dumps(list(IdempotencyKey.objects.values()), default=str)
    assert Application.objects.count() == 1


@pytest.mark.parametrize("other", [{"address": "198.51.100.7"}, {"agent": "Mozilla/5.0"}])
def test_another_stranger_with_the_same_key_is_not_told_the_firsts_answer(other: dict[str, Any]) -> None:
    first = apply()
    second = apply(**other)
    assert "Idempotent-Replayed" not in second
    assert (second.status_code, second.json()["errors"][0]["code"]) == (409, "already_applied")
    assert str(first.json()["id"]) not in second.content.decode()
    third = apply(**other, key="apply-1b", character_name="Borelim", discord_username="borel")
    assert third.status_code == 201


def test_two_strangers_may_use_the_same_key_for_different_applications() -> None:
    assert apply().status_code == 201
    assert apply(address="198.51.100.7", character_name="Borelim", discord_username="borel").status_code == 201
    assert IdempotencyKey.objects.filter(owner__startswith="stranger:").count() == 2
    assert not IdempotencyKey.objects.filter(owner__contains="192.0.2").exists()


def keyed(key: str) -> APIClient:
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return client


def test_an_answer_to_a_strong_key_is_not_repeated_to_a_weak_one_of_the_same_owner() -> None:
    boss, bot = create_person(display_name="Boss", role_group="officer"), get_or_create_bot(name="tool")
    create_pool(name="V")
    strong = create_api_key(user=bot, name="strong", scopes=["points:read", "points:write"], kind="bot")[1]
    weak = create_api_key(user=bot, name="weak", scopes=["points:read"], kind="bot")[1]
    other = create_api_key(user=bot, name="other", scopes=["points:write"], kind="bot")[1]
    body, headers = {"user_id": boss.pk, "amount": "5", "reason": "x"}, {"Idempotency-Key": "one"}
    assert keyed(strong).post(ADJUST, body, headers=headers).status_code == 201
    assert keyed(strong).post(ADJUST, body, headers=headers)["Idempotent-Replayed"] == "true"
    refused = keyed(weak).post(ADJUST, body, headers=headers)
    assert (refused.status_code, "Idempotent-Replayed" in refused) == (403, False)
    # Another key's keys are its own, as another person's are.
    again = keyed(other).post(ADJUST, body, headers=headers)
    assert (again.status_code, "Idempotent-Replayed" in again) == (201, False)
    assert LedgerEntry.objects.count() == 2


def test_secrets_are_taken_out_wherever_they_stand() -> None:
    kept = without_secrets({"id": 1, "key": "gh_x", "rows": [{"token": "t", "name": "n"}], "link_token": None})
    assert (kept["id"], kept["rows"]) == (1, [{"name": "n"}])
    assert kept["withheld"]["fields_withheld"] == ["key", "token"]
    assert without_secrets([{"key": "x", "a": 1}]) == [{"a": 1}]
    assert without_secrets({"a": [1, None, "x"]}) == {"a": [1, None, "x"]}


@pytest.mark.django_db(transaction=True)
@pytest.mark.slow
def test_upgrading_takes_the_secrets_out_of_what_was_kept_before() -> None:
    call_command("migrate", "core", "0002", verbosity=0)
    try:
        rows = [
            IdempotencyKey(owner="user:None", key="a", request_hash="x", status_code=201, body={"link_token": "T"}),
            IdempotencyKey(
                owner="user:7", key="a", request_hash="x", status_code=200, body={"id": 3, "link_token": "T"}
            ),
            IdempotencyKey(owner="user:7", key="b", request_hash="x", status_code=200, body=[1]),
            IdempotencyKey(owner="user:7", key="c", request_hash="x"),
        ]
        IdempotencyKey.objects.bulk_create(rows)
    finally:
        call_command("migrate", verbosity=0)
    assert list(IdempotencyKey.objects.order_by("key").values_list("key", "body")) == [
        ("a", {"id": 3}), ("b", [1]), ("c", None),
    ]  # fmt: skip
