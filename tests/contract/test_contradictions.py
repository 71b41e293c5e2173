"""Two fields of one body that name one thing and do not agree are refused, and both are named (400)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.loot.services import ensure_items
from guildhall.points.models import LedgerEntry, PointRule
from guildhall.points.services import create_pool
from guildhall.raids.services import create_event, create_raid
from guildhall.roster.services import create_character

pytestmark = pytest.mark.django_db


@pytest.fixture
def ids() -> dict[str, Any]:
    pool = create_pool(name="Main")
    officer = create_person(display_name="Ophelia", role_group="officer", discord_id="90000000000000111")
    officer.set_password("a usable password")
    officer.save()
    other = create_person(display_name="Borel")
    aeli, borin = create_character(name="Aeli", user=officer), create_character(name="Borin", user=other)
    items = ensure_items(["Cloak of Flames", "Rusty Dagger"])
    cloak = next(item.pk for item in items.values() if item.name == "Cloak of Flames")
    raid = create_raid(event=create_event(name="Raid", pools=[pool]), actor=None)
    return {
        "officer": officer.pk, "other": other.pk, "aeli": aeli.pk, "borin": borin.pk, "cloak": cloak, "raid": raid.pk,
        "pool": pool.pk,
    }  # fmt: skip


@pytest.fixture
def api(ids: dict[str, Any]) -> APIClient:
    client = APIClient()
    client.force_login(User.objects.get(pk=ids["officer"]))
    return client


def filled(value: Any, ids: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {name: filled(one, ids) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, ids) for one in value]
    return ids[value[1:]] if isinstance(value, str) and value.startswith("$") else value


ADJUST = {"amount": "5", "reason": "x"}
RULE = {"name": "R", "dkp_pool_id": "$pool", "period": "month", "scope": "all"}
ROW = {"character_name": "Aeli", "character_id": "$borin"}
#: path, body, code, the fields that the refusal names.
REFUSED: list[tuple[str, dict[str, Any], str, tuple[str, ...]]] = [
    ("raids/{raid}/attendance/", {"text": "Aeli", "attendees": ["Borin"]}, "both_given", ("text", "attendees")),
    ("raids/{raid}/attendance/", {"attendees": [ROW]}, "contradiction", ("character_name", "character_id")),
    ("raids/{raid}/amend/", {"attendees": [ROW]}, "contradiction", ("character_name", "character_id")),
    ("bidding/start-bid/", {"item_name": "Rusty Dagger", "item_id": "$cloak"}, "contradiction", ("item_name", "item_id")),
    (
        "raids/{raid}/loot/",
        {"item_name": "Rusty Dagger", "item_id": "$cloak", "character_name": "Aeli", "points_spent": "1"},
        "contradiction", ("item_name", "item_id"),
    ),
    ("points/adjustments/", {**ADJUST, "user_id": "$officer", "character_name": "borin"}, "character_not_theirs", ()),
    (
        "points/adjustments/",
        {**ADJUST, "user_id": "$officer", "character_name": "Borin", "preview": True}, "character_not_theirs", (),
    ),
    (
        "points/adjustments/",
        {**ADJUST, "user_ids": ["$officer"], "character_name": "Borin"}, "character_not_theirs", (),
    ),
    (
        "points/adjustments/",
        {**ADJUST, "user_id": "$other", "discord_id": "90000000000000111"}, "both_given", ("user_id", "discord_id"),
    ),
    (
        "points/adjustments/",
        {**ADJUST, "user_id": "$other", "user_ids": ["$officer"]}, "both_given", ("user_id", "user_ids"),
    ),
    (
        "points/rules/",
        {**RULE, "kind": "decay_percent", "percent": "10", "amount": "5"}, "contradiction", ("amount", "kind"),
    ),
    ("points/rules/", {**RULE, "kind": "cap_upper", "amount": "5", "percent": "10"}, "contradiction", ("percent", "kind")),
    ("discord/claims/", {"character_name": "Borin", "user_id": "$other"}, "both_given", ("character_name", "user_id")),
]  # fmt: skip
ACCEPTED: list[tuple[str, dict[str, Any]]] = [
    ("raids/{raid}/attendance/", {"attendees": [{**ROW, "character_id": "$aeli"}]}),
    ("raids/{raid}/attendance/", {"attendees": [{**ROW, "character_name": "Nobodyhere"}]}),
    ("bidding/start-bid/", {"item_name": "cloak of  flames", "item_id": "$cloak", "minimum_bid": "1"}),
    ("points/adjustments/", {**ADJUST, "user_id": "$other", "character_name": "borin"}),
    ("points/adjustments/", {**ADJUST, "user_id": "$other", "character_name": "Of old"}),
    ("points/adjustments/", {**ADJUST, "user_ids": ["$officer", "$other"], "character_name": "Borin"}),
    ("points/rules/", {**RULE, "kind": "decay_percent", "percent": "10", "amount": None}),
    ("points/rules/", {**RULE, "kind": "attendance_bonus", "percent": "10", "amount": "5"}),
]


@pytest.mark.parametrize(("path", "body", "code", "named"), REFUSED, ids=range(len(REFUSED)))
def test_what_contradicts_itself_is_refused(
    api: APIClient, ids: dict[str, Any], path: str, body: dict[str, Any], code: str, named: tuple[str, ...]
) -> None:
    answer = api.post(f"/api/{path.format(**ids)}", filled(body, ids), format="json")
    assert answer.status_code == 400, answer.content
    error = answer.json()["errors"][0]
    assert error["code"] == code, error
    assert all(f"“{name}”" in error["detail"] for name in named), error
    assert not LedgerEntry.objects.exists()
    assert not PointRule.objects.exists()


@pytest.mark.parametrize(("path", "body"), ACCEPTED, ids=range(len(ACCEPTED)))
def test_what_agrees_is_taken(api: APIClient, ids: dict[str, Any], path: str, body: dict[str, Any]) -> None:
    answer = api.post(f"/api/{path.format(**ids)}", filled(body, ids), format="json")
    assert answer.status_code in (200, 201), answer.content


def test_a_rule_that_changes_its_kind_loses_the_figure_of_the_former_one(api: APIClient, ids: dict[str, Any]) -> None:
    body = filled({**RULE, "kind": "decay_percent", "percent": "10"}, ids)
    made = api.post("/api/points/rules/", body, format="json").json()
    path = f"/api/points/rules/{made['id']}/"
    assert api.put(path, made, format="json").status_code == 200  # what was read may be sent back
    assert api.patch(path, {"amount": "5"}, format="json").json()["errors"][0]["code"] == "contradiction"
    changed = api.patch(path, {"kind": "cap_upper", "amount": "500"}, format="json").json()
    assert (changed["amount"], changed["percent"]) == ("500.00", None)
    assert api.patch(path, {"percent": "5"}, format="json").json()["errors"][0]["code"] == "contradiction"


def test_the_pages_refuse_the_same(ids: dict[str, Any]) -> None:
    client = Client()
    client.force_login(User.objects.get(pk=ids["officer"]))
    rule = {
        "name": "R",
        "kind": "decay_percent",
        "period": "month",
        "scope": "all",
        "percent": "10",
        "pool": ids["pool"],
    }
    for amount, expected in (("5", False), ("", True)):
        client.post("/officers/rules/", {"form": "create", "once": f"once{amount}", **rule, "amount": amount})
        assert PointRule.objects.exists() == expected
