"""Who may call each operation: every operation of the schema × every role and scope × one's own and somebody else's objects.

`who_may.csv` is the expected table. A cell says what a good request gets: ``+`` it is let through, else the status of the
refusal (401, 403, 404). ``RECORD_WHO_MAY=1 pytest tests/contract/test_who_may.py`` writes it anew; read its difference before
committing it. A new operation without a row fails, and so does a row of an operation that is gone. What must hold whatever
the table says is checked beside it, so that a careless recording does not make a mistake the rule.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from rest_framework.test import APIClient

from guildhall.accounts.models import APIKey, PermissionGroup, RoleGroup, User
from guildhall.accounts.permissions import NOT_FOR_BOTS, SCOPES
from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot, give_group, set_role_group

from . import responses
from .good_requests import bodies, url
from .guild import Guild

TABLE = Path(__file__).with_name("who_may.csv")
ENDLESS = "get /api/bidding/stream/"
NOBODY, ADMIN = "nobody", "administrator"
ROLES = ["guest", "applicant", "member", "developer", "recruiter", "officer"]
OTHERS = [NOBODY, *ROLES, ADMIN]
OWN = [f"{role} (own)" for role in ROLES]
GROUPS = ["Raid leader", "Loot officer", "Recruiter", "Treasurer"]
"""Members who were given one of the groups that a guild begins with."""
TRIAL = "on trial"
"""An applicant, whose own objects the guild's places are, with the group of the role."""
HOLDERS = [*GROUPS, TRIAL]
BOTS = [f"bot {scope}" for scope in SCOPES if scope not in NOT_FOR_BOTS]
COLUMNS = [*OTHERS, *OWN, *HOLDERS, *BOTS]
WEAKER = [
    ("guest", "member"),
    ("applicant", "member"),
    ("member", "recruiter"),
    ("recruiter", "officer"),
    ("officer", ADMIN),
]
"""Whoever has the second role may do all that the first may."""


def client_of(column: str, guild: Guild) -> APIClient:
    """Somebody as the column says: a new person, the person whose objects the guild's places are, or a bot."""
    api = APIClient(raise_request_exception=False)
    if column == NOBODY:
        return api
    if column.startswith("bot "):
        bot = get_or_create_bot(name=column)
        _, key = create_api_key(user=bot, name="k", scopes=[column.split()[1]], kind=APIKey.Kind.BOT)
        api.credentials(HTTP_AUTHORIZATION=f"Token {key}")
        return api
    if column in GROUPS:
        user = create_person(display_name="Onlooker", role_group="member")
        give_group(user=user, group=PermissionGroup.objects.get(name=column), actor=None)
        api.force_login(User.objects.get(pk=user.pk))
        return api
    if column == TRIAL:
        set_role_group(user=User.objects.get(pk=guild.ids["aeli"]), role_group="applicant", actor=None)
        api.force_login(User.objects.get(pk=guild.ids["aeli"]))
        return api
    role, _, own = column.partition(" ")
    if own:
        user = User.objects.get(pk=guild.ids["aeli"])
        User.objects.filter(pk=user.pk).update(role_group=role)
    else:
        user = create_person(display_name="Onlooker", role_group="guest" if role == ADMIN else role)
        if role == ADMIN:
            User.objects.filter(pk=user.pk).update(is_superuser=True)
    assert role in RoleGroup.values or role == ADMIN
    api.force_login(User.objects.get(pk=user.pk))
    return api


def cell(api: APIClient, method: str, where: str, body: Any) -> str:
    """What a good request gets, undone afterwards."""
    with transaction.atomic():
        send = getattr(api, method)
        response = send(where, body) if body is not None else send(where)
        transaction.set_rollback(True)
    assert response.status_code < 500, (method, where, response.content[:300])
    return str(response.status_code) if response.status_code in (401, 403, 404) else "+"


def found(guild: Guild, columns: list[str]) -> dict[str, dict[str, str]]:
    """The cells of `columns` by operation, as things are."""
    good = bodies(guild)
    rows: dict[str, dict[str, str]] = {}
    for column in columns:
        with transaction.atomic():
            api = client_of(column, guild)
            for method, path, described in responses.operations():
                operation = f"{method} {path}"
                if operation != ENDLESS:
                    given = good.get(operation)
                    body = given[-1] if isinstance(given, list) else given
                    rows.setdefault(operation, {})[column] = cell(api, method, url(guild, operation, described), body)
            transaction.set_rollback(True)
    return rows


def table() -> dict[str, dict[str, str]]:
    """`who_may.csv` by operation."""
    with TABLE.open(encoding="utf-8", newline="") as file:
        return {row.pop("operation"): row for row in csv.DictReader(file)}


@pytest.mark.records("RECORD_WHO_MAY")
def test_record(guild: Guild) -> None:
    rows = found(guild, COLUMNS)
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["operation", *COLUMNS], lineterminator="\n")
        writer.writeheader()
        for operation in sorted(rows, key=lambda one: (one.split()[1], one)):
            writer.writerow({"operation": operation, **rows[operation]})


@pytest.mark.slow
@pytest.mark.parametrize(
    "columns", [OTHERS, OWN, HOLDERS, BOTS], ids=["others' objects", "own objects", "groups", "bots"]
)
def test_it_is_as_the_table_says(guild: Guild, columns: list[str]) -> None:
    expected = table()
    wrong = [
        f"{operation} as {column}: {row[column]}, expected {expected.get(operation, {}).get(column, 'no row')}"
        for operation, row in found(guild, columns).items()
        for column in columns
        if expected.get(operation, {}).get(column) != row[column]
    ]
    assert wrong == []


def test_every_operation_has_a_row() -> None:
    known = {f"{method} {path}" for method, path, _ in responses.operations()} - {ENDLESS}
    assert known ^ set(table()) == set()


def test_strangers_get_in_only_where_the_schema_says_so() -> None:
    for operation, row in table().items():
        method, path = operation.split(" ")
        free = {} in (responses.schema()["paths"][path][method].get("security") or [{}])
        assert row[NOBODY] == "401" or free, operation


def test_a_bot_gets_in_only_with_a_scope_that_the_schema_names() -> None:
    for operation, row in table().items():
        method, path = operation.split(" ")
        scopes = responses.schema()["paths"][path][method]["x-required-scopes"]
        for column in BOTS:
            if scopes and column.split()[1] not in scopes and row[column] == "+":
                assert {} in responses.schema()["paths"][path][method].get("security", []), (operation, column)


@pytest.mark.parametrize(("weaker", "stronger"), WEAKER)
def test_more_power_never_opens_less(weaker: str, stronger: str) -> None:
    for operation, row in table().items():
        for suffix in ("", " (own)"):
            if weaker + suffix in row and stronger + suffix in row and row[weaker + suffix] == "+":
                assert row[stronger + suffix] != "403" or operation in ONLY_FOR.get(weaker, ()), operation


ONLY_FOR: dict[str, set[str]] = {}
"""Operations that a weaker role has and a stronger one has not, with the reason in `docs/officer.md`."""


def test_whom_a_list_is_refused_reads_none_of_its_things() -> None:
    """Nobody reads one of a kind of things where they may not read the list of them; their own they may."""
    rows = table()
    wrong = [
        f"{operation} as {column}, who may not read the list {above}"
        for operation, row in rows.items()
        if operation.startswith("get ")
        for above in [operation.partition("{")[0]]
        if above != operation and above in rows
        for column in [*OTHERS, *BOTS]
        if row[column] == "+" and rows[above][column] != "+" and (operation, column) not in WITHOUT_THE_LIST
    ]
    assert wrong == []


WITHOUT_THE_LIST = {
    ("get /api/raids/{raid_id}/loot/", "bot bidding:read"),  # awards belong to auctions too: as /api/loot/
    ("get /api/raids/{raid_id}/closing/", "bot raids:write"),  # what stands in the way of what it may do
    ("get /api/raids/{raid_id}/presence/", "bot raids:write"),  # what the logs that it sent said
    ("get /api/raids/{raid_id}/log/", "bot raids:write"),  # as above, and what is offered there it settles
    ("get /api/raids/{raid_id}/log/", "bot loot:write"),
    ("get /api/raids/{raid_id}/standby/", "applicant"),  # their own entries alone: on trial one checks in
    ("get /api/raids/{raid_id}/standby/", "bot raids:signup"),
}


def test_developers_are_members() -> None:
    for operation, row in table().items():
        assert row["developer"] == row["member"], operation
        assert row["developer (own)"] == row["member (own)"], operation


def test_what_guests_and_members_may_change_of_others_is_named() -> None:
    """A write that a guest or a member may make though the object is somebody else's: each is here for a reason."""
    writes = {
        operation
        for operation, row in table().items()
        if not operation.startswith("get ") and "{" in operation and "+" in (row["guest"], row["member"])
    }
    assert writes == MEMBERS_CHANGE


MEMBERS_CHANGE = {
    *(
        f"{method} /api/applications/{{app_id}}/vote/" for method in ("post", "put", "patch", "delete")
    ),  # their own vote
    "post /api/raids/{id}/preview/",  # stores nothing
}


def opened_by(group: str) -> set[str]:
    """What a member may do with `group` and not without it."""
    return {operation for operation, row in table().items() if row[group] == "+" and row["member"] != "+"}


@pytest.mark.parametrize("group", GROUPS)
def test_a_group_closes_nothing_and_opens_less_than_an_officer_has(group: str) -> None:
    for operation, row in table().items():
        assert row[group] == "+" or row["member"] != "+", operation
    assert opened_by(group)
    assert all(table()[operation]["officer"] == "+" for operation in opened_by(group))


def test_a_raid_leader_runs_the_night_and_nothing_of_the_guilds_books() -> None:
    opened = opened_by("Raid leader")
    assert {
        "post /api/raids/", "post /api/raids/{raid_id}/attendance/", "post /api/raids/{raid_id}/loot/",
        "post /api/bidding/start-bid/", "post /api/bidding/award-item/",
    } <= opened  # fmt: skip
    for closed in ("/api/points/adjustments/", "/api/points/rules/", "/api/users/", "/api/ranks/", "/api/dkp-pools/"):
        assert f"post {closed}" not in opened
    assert "post /api/users/{user_id}/merge/" not in opened
    assert "post /api/points/entries/{id}/reverse/" not in opened


def test_a_loot_officer_gives_loot_and_no_attendance() -> None:
    opened = opened_by("Loot officer")
    assert {"post /api/raids/{raid_id}/loot/", "post /api/loot/{id}/correct/", "post /api/bidding/start-bid/"} <= opened
    assert opened < opened_by("Raid leader")
    assert not any("attendance" in operation or "check" in operation for operation in opened)


def test_somebody_on_trial_reads_their_own_and_the_calendar() -> None:
    rows = table()
    opened = {operation for operation, row in rows.items() if row[TRIAL] == "+" != row["applicant (own)"]}
    assert {"get /api/points/user/{user_id}/", "get /api/attendance/{user_id}/explain/"} & opened
    assert rows["get /api/points/user/{user_id}/"]["applicant"] != "+"
