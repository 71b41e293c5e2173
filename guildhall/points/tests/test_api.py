"""Points over the API (docs/api-contract.md, "Points"; PRD 5.2.6)."""

from __future__ import annotations

import csv
import datetime as dt
import io
from decimal import Decimal
from typing import Any

import openpyxl
import pytest
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person, deactivate_person
from guildhall.core import clock, kept
from guildhall.points.models import DKPPool, EntryKind, LedgerEntry, UserPointsSummary
from guildhall.points.services import adjust_points, create_pool, update_pool
from guildhall.roster.services import create_character, reassign_character, set_main

from .conftest import Post

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


def first(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["errors"][0]["code"]


@pytest.fixture
def api(officer: User) -> APIClient:
    found = APIClient()
    found.force_authenticate(officer)
    return found


@pytest.fixture
def reader(member: User) -> APIClient:
    found = APIClient()
    found.force_authenticate(member)
    return found


def test_a_balance_has_every_figure(reader: APIClient, member: User, pool: DKPPool, post: Post) -> None:
    post(member, pool, "30")
    post(member, pool, "-12.50", EntryKind.LOOT)
    post(member, pool, "2", EntryKind.ADJUSTMENT)
    found = reader.get(f"/api/points/user/{member.pk}/").json()
    balance = {
        "dkp_pool_id": pool.pk, "dkp_pool": "Velious", "earned": "30.00", "spent": "12.50", "adjusted": "2.00",
        "balance": "19.50", "held": "0.00", "available": "19.50",
    }  # fmt: skip
    assert found == {"user_id": member.pk, "discord_id": None, "display_name": "Member", "pools": [balance]}
    assert reader.get(f"/api/points/user/{member.pk}/pool/{pool.pk}/").json() == balance
    assert first(reader.get("/api/points/user/999/")) == (404, "unknown_user")
    assert first(reader.get(f"/api/points/user/{member.pk}/pool/999/")) == (404, "unknown_pool")


def test_a_balance_as_it_stood(reader: APIClient, member: User, pool: DKPPool, post: Post) -> None:
    with clock.frozen(NOON):
        post(member, pool, "30", occurred_at=NOON - dt.timedelta(days=10))
    day = (NOON - dt.timedelta(days=5)).isoformat()
    for path in (f"/api/points/user/{member.pk}/", f"/api/points/user/{member.pk}/pool/{pool.pk}/"):
        for query, expected in (
            ({"at": day}, "30.00"), ({"at": day, "recorded": "true"}, "0.00"),
            ({"at": "2026-11-01"}, "0.00"), ({"at": NOON.isoformat(), "recorded": "true"}, "30.00"),
        ):  # fmt: skip
            found = reader.get(path, query).json()
            assert (found["pools"][0] if "pools" in found else found)["balance"] == expected, query


def test_a_statement_tells_what_each_movement_left(
    reader: APIClient, member: User, pool: DKPPool, post: Post, officer: User
) -> None:
    other = create_pool(name="Luclin")
    for n, (where, amount, kind) in enumerate(
        ((pool, "10", EntryKind.RAID), (other, "7", EntryKind.RAID), (pool, "-4", EntryKind.LOOT))
    ):
        post(member, where, amount, kind, occurred_at=NOON + dt.timedelta(hours=n), description=f"thing {n}")
    path = f"/api/points/history/user/{member.pk}/"
    rows = reader.get(path).json()["results"]
    assert [(row["amount"], row["balance_after"], row["dkp_pool"]) for row in rows] == [
        ("-4.00", "6.00", "Velious"), ("7.00", "7.00", "Luclin"), ("10.00", "10.00", "Velious"),
    ]  # fmt: skip
    assert {
        "id", "occurred_at", "dkp_pool", "kind", "amount", "balance_after", "character_name", "description", "reverses",
    } <= rows[0].keys()  # fmt: skip
    for query, count in (
        ({"dkp_pool": pool.pk}, 2), ({"dkp_pool_id": other.pk}, 1), ({"kind": "loot"}, 1), ({"search": "THING 1"}, 1),
        ({"since": (NOON + dt.timedelta(minutes=30)).isoformat()}, 2), ({"until": NOON.isoformat()}, 1),
        ({"page_size": 1}, 3), ({"dkp_pool": 999}, 0),
    ):  # fmt: skip
        assert reader.get(path, query).json()["count"] == count, query
    # What is filtered out still counts in the running balance.
    assert reader.get(path, {"kind": "loot"}).json()["results"][0]["balance_after"] == "6.00"


def test_the_standings(reader: APIClient, pool: DKPPool, post: Post) -> None:
    people = [create_person(display_name=name) for name in ("Aeli", "Borel", "Cyra", "Dain")]
    for person, amount in zip(people, ("10", "30", "10", "5"), strict=True):
        create_character(name=person.display_name, user=person, character_class="Cleric", actor=None)
        post(person, pool, amount)
    gone = create_person(display_name="Gone")
    post(gone, pool, "100")
    deactivate_person(user=gone, actor=None)
    path = f"/api/points/leaderboard/{pool.pk}/"
    page = reader.get(path).json()
    assert page["count"] == 4
    assert [(row["rank"], row["display_name"], row["balance"]) for row in page["results"]] == [
        (1, "Borel", "30.00"), (2, "Aeli", "10.00"), (2, "Cyra", "10.00"), (4, "Dain", "5.00"),
    ]  # fmt: skip
    assert page["results"][0].keys() == {
        "rank", "user_id", "discord_id", "display_name", "main_character", "character_class", "earned", "spent",
        "adjusted", "balance", "attendance_30d",
    }  # fmt: skip
    second = reader.get(path, {"page": 2, "page_size": 2}).json()["results"]
    assert [(row["rank"], row["display_name"]) for row in second] == [(2, "Cyra"), (4, "Dain")]
    assert [row["rank"] for row in reader.get(path, {"search": "dain"}).json()["results"]] == [4]
    up = reader.get(path, {"ordering": "balance"}).json()["results"]
    assert [row["rank"] for row in up] == [4, 2, 2, 1]
    assert first(reader.get("/api/points/leaderboard/999/")) == (404, "unknown_pool")


def test_standings_and_statements_as_files(reader: APIClient, member: User, pool: DKPPool, post: Post) -> None:
    create_character(name="Aeli", user=member, actor=None)
    post(member, pool, "10", description="=HYPERLINK(1)")
    board = reader.get(f"/api/points/leaderboard/{pool.pk}/", {"format": "csv"})
    assert [row["balance"] for row in csv.DictReader(io.StringIO(board.content.decode("utf-8-sig")))] == ["10.00"]
    text = reader.get(f"/api/points/history/user/{member.pk}/", {"format": "csv"}).content.decode("utf-8-sig")
    row = next(csv.DictReader(io.StringIO(text)))
    assert (row["balance_after"], row["description"]) == ("10.00", "'=HYPERLINK(1)")
    book = reader.get(f"/api/points/leaderboard/{pool.pk}/", {"format": "xlsx"})
    rows = list(openpyxl.load_workbook(io.BytesIO(book.content)).active.values)
    assert rows[1][rows[0].index("balance")] == 10
    assert reader.get(f"/api/points/leaderboard/{pool.pk}/", {"format": "json"}).json()["count"] == 1


def test_a_poller_pays_almost_nothing_and_learns_of_every_change(
    reader: APIClient, member: User, pool: DKPPool, post: Post, django_assert_max_num_queries: Any
) -> None:
    create_character(name="Aeli", user=member, actor=None)
    alt = create_character(name="Borel", user=member, actor=None)
    post(member, pool, "10")
    paths = (
        f"/api/points/leaderboard/{pool.pk}/", f"/api/points/user/{member.pk}/",
        f"/api/points/user/{member.pk}/pool/{pool.pk}/", f"/api/points/history/user/{member.pk}/",
    )  # fmt: skip
    tags = {path: reader.get(path)["ETag"] for path in paths}
    for path, tag in tags.items():
        with django_assert_max_num_queries(3):
            again = reader.get(path, headers={"If-None-Match": tag})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    post(member, pool, "1")
    for path, tag in tags.items():
        assert reader.get(path, headers={"If-None-Match": tag}).status_code == 200, path
    tag = reader.get(paths[0])["ETag"]
    set_main(character=alt, actor=None)
    changed = reader.get(paths[0], headers={"If-None-Match": tag})
    assert changed.json()["results"][0]["main_character"] == "Borel"


def test_reading_costs_the_same_in_a_small_guild_and_in_a_large_one(
    reader: APIClient, member: User, pool: DKPPool, django_assert_max_num_queries: Any
) -> None:
    def grow(people: int, entries: int) -> None:
        users = User.objects.bulk_create([User(username=f"u{people}-{n}", display_name=f"U{n}") for n in range(people)])
        summaries = [UserPointsSummary(user=user, pool=pool) for user in users]
        UserPointsSummary.objects.bulk_create(summaries)
        adjust_points(user_ids=[member.pk], pool=pool, amount=entries, reason="x", actor=None)
        now = clock.now()
        rows = [
            LedgerEntry(
                user=member, pool=pool, kind=EntryKind.RAID, bucket="earned", amount=Decimal(sign), occurred_at=now,
                created_at=now,
            )
            for _ in range(entries // 2)
            for sign in (1, -1)
        ]  # fmt: skip
        LedgerEntry.objects.bulk_create(rows, batch_size=2000)

    budget = {
        # The revisions are read before an answer is made, and again before it is kept.
        f"/api/points/user/{member.pk}/": 6,  # and the key, whose owner's table was written to
        f"/api/points/user/{member.pk}/pool/{pool.pk}/": 6,
        f"/api/points/history/user/{member.pk}/?page_size=20": 7,  # one walk for all balances of the page
        f"/api/points/leaderboard/{pool.pk}/": 11,  # attendance takes five in a transaction, one at rest
        "/api/points/adjustments/": 3,  # two of them for the ETag
        "/api/points/entries/": 4,
        "/api/dkp-pools/": 3,  # a page that is not full is not counted
    }
    for people, entries in ((50, 1_000), (2_000, 6_000)):
        grow(people, entries)
        kept.clear()
        for path, queries in budget.items():
            with django_assert_max_num_queries(queries):
                assert reader.get(path).status_code == 200, path


def test_writing_costs_the_same_for_one_and_for_many(
    api: APIClient, pool: DKPPool, django_assert_max_num_queries: Any
) -> None:
    for count in (1, 100):
        people = [create_person(display_name=f"P{count}-{n}") for n in range(count)]
        body = {"user_ids": [one.pk for one in people], "amount": "5", "reason": "x"}
        with django_assert_max_num_queries(22):
            assert api.post("/api/points/adjustments/", body).json()["count"] == count


def test_an_adjustment_for_one_and_for_many(
    api: APIClient, reader: APIClient, member: User, officer: User, pool: DKPPool
) -> None:
    body = {
        "user_id": member.pk, "dkp_pool_id": pool.pk, "amount": 12.5, "reason": "Tracking", "notes": "between us",
        "character_name": "Aeli",
    }  # fmt: skip
    made = api.post("/api/points/adjustments/", body)
    assert made.status_code == 201, made.content
    assert made.json().items() >= {**body, "amount": "12.50", "batch": None, "created_by": "Officer"}.items()
    many = api.post("/api/points/adjustments/", {"user_ids": [member.pk, officer.pk], "amount": "-2", "reason": "Late"})
    assert (many.status_code, many.json()["count"], len(many.json()["results"])) == (201, 2, 2)
    missing = {"user_ids": [member.pk, 9999], "amount": "1", "reason": "x"}
    assert first(api.post("/api/points/adjustments/", missing)) == (404, "unknown_user")
    assert LedgerEntry.objects.count() == 3
    listed = reader.get("/api/points/adjustments/", {"user_id": member.pk, "ordering": "-amount"}).json()["results"]
    assert [(row["amount"], row["notes"]) for row in listed] == [("12.50", ""), ("-2.00", "")]
    assert api.get("/api/points/adjustments/", {"search": "track"}).json()["results"][0]["notes"] == "between us"
    assert reader.get("/api/points/adjustments/", {"batch": many.json()["batch"]}).json()["count"] == 2


def test_by_discord_id(api: APIClient, pool: DKPPool) -> None:
    person = create_person(display_name="Aeli", discord_id="80351110224678912")
    body = {"discord_id": "80351110224678912", "amount": 1, "reason": "x"}
    assert api.post("/api/points/adjustments/", body).json()["user_id"] == person.pk
    assert first(api.post("/api/points/adjustments/", {**body, "discord_id": "1"})) == (404, "unknown_user")
    both = {**body, "user_id": person.pk}
    assert first(api.post("/api/points/adjustments/", both)) == (400, "both_given")


def test_an_entry_is_undone_once(api: APIClient, member: User, pool: DKPPool) -> None:
    api.post("/api/points/adjustments/", {"user_id": member.pk, "amount": 5, "reason": "x"})
    entry = LedgerEntry.objects.get()
    path = f"/api/points/entries/{entry.pk}/reverse/"
    assert first(api.post(path, {})) == (400, "required")
    done = api.post(path, {"reason": "typed twice"})
    assert done.status_code == 201
    found = done.json()
    assert (found["reverses"], found["amount"], found["kind"], found["balance_after"]) == (
        entry.pk, "-5.00", "reversal", "0.00",
    )  # fmt: skip
    assert first(api.post(path, {"reason": "again"})) == (409, "already_reversed")
    assert first(api.post(f"/api/points/entries/{found['id']}/reverse/", {"reason": "x"})) == (
        409, "cannot_reverse_reversal",
    )  # fmt: skip
    assert first(api.post("/api/points/entries/999/reverse/", {"reason": "x"})) == (404, "unknown_entry")
    assert api.get(f"/api/points/entries/{entry.pk}/").json()["reversed_by"] == found["id"]
    assert api.get("/api/points/entries/", {"kind": "reversal"}).json()["count"] == 1


def test_pools_are_kept_closed_and_never_lost(api: APIClient, member: User) -> None:
    made = api.post("/api/dkp-pools/", {"name": "Velious", "description": "Main"}).json()
    assert {
        "id", "name", "description", "is_active", "is_default", "allow_negative", "decimal_places",
    } <= made.keys()  # fmt: skip
    assert made["is_default"] is True
    path = f"/api/dkp-pools/{made['id']}/"
    assert first(api.post("/api/dkp-pools/", {"name": "Velious"})) == (409, "name_taken")
    assert first(api.post("/api/dkp-pools/", {"name": "x", "decimal_places": 3})) == (400, "max_value")
    api.post("/api/points/adjustments/", {"user_id": member.pk, "amount": 5, "reason": "x"})
    refused = api.delete(path)
    assert first(refused) == (409, "pool_in_use")
    assert "is_active" in refused.json()["errors"][0]["detail"]
    assert api.patch(path, {"is_active": False}).json()["is_active"] is False
    assert api.put(path, {"name": "Velious", "is_active": True}).json()["is_active"] is True
    spare = api.post("/api/dkp-pools/", {"name": "Spare"}).json()
    assert api.delete(f"/api/dkp-pools/{spare['id']}/").status_code == 204
    assert first(api.get(f"/api/dkp-pools/{spare['id']}/")) == (404, "not_found")


def test_start_points_are_given_once(api: APIClient, member: User, officer: User, pool: DKPPool) -> None:
    path = f"/api/dkp-pools/{pool.pk}/start-points/"
    assert first(api.post(path)) == (400, "no_start_points")
    update_pool(pool=pool, start_points=Decimal("20"), actor=None)
    assert api.get(path).json()["people"] == 2
    assert sorted(api.post(path).json()["user_ids"]) == sorted([member.pk, officer.pk])
    assert api.post(path).json()["people"] == 0


def test_a_rule_is_looked_at_run_and_undone(api: APIClient, member: User, pool: DKPPool, post: Post) -> None:
    post(member, pool, "100")
    body = {"name": "Decay", "dkp_pool_id": pool.pk, "kind": "decay_percent", "percent": "10", "period": "month"}
    rule = api.post("/api/points/rules/", body).json()
    path = f"/api/points/rules/{rule['id']}/"
    seen = api.get(f"{path}preview/").json()
    assert (seen["people"], seen["total"], seen["steps"][0]["after"]) == (1, "-10.00", "90.00")
    run = api.post(f"{path}run/")
    assert (run.status_code, run.json()["people"], run.json()["total"]) == (201, 1, "-10.00")
    assert first(api.post(f"{path}run/")) == (409, "already_run")
    assert first(api.delete(path)) == (409, "rule_in_use")
    back = f"/api/points/rule-runs/{run.json()['id']}/reverse/"
    assert api.post(back, {"reason": "wrong"}).json()["reversed_at"]
    assert first(api.post(back, {"reason": "wrong"})) == (409, "already_reversed")
    assert api.get(f"{path}runs/").json()["count"] == 1
    assert api.patch(path, {"is_active": False}).json()["is_active"] is False
    assert first(api.post(f"{path}run/")) == (409, "rule_inactive")
    assert first(api.post("/api/points/rules/", {**body, "name": "x", "percent": "0"})) == (400, "out_of_range")
    assert first(api.post("/api/points/rules/", {**body, "name": "x", "kind": "theft"})) == (400, "invalid_choice")
    missing = api.post("/api/points/rules/", {**body, "name": "x", "dkp_pool_id": 99})
    assert first(missing) == (400, "does_not_exist")
    assert missing.json()["errors"][0]["detail"] == "There is no DKP pool with the id 99."


def test_who_earned_by_a_name(reader: APIClient, member: User, officer: User, pool: DKPPool, post: Post) -> None:
    character = create_character(name="Aeli", user=member, actor=None)
    post(member, pool, "10", character_name="Aeli")
    reassign_character(character=character, user=officer, actor=None)
    post(officer, pool, "7", character_name="Aeli")
    found = reader.get("/api/points/character-attribution/aELI/").json()
    assert [(row["display_name"], row["earned"]) for row in found["earnings"]] == [
        ("Member", "10.00"), ("Officer", "7.00"),
    ]  # fmt: skip
    assert [row["user_id"] for row in found["owners"]] == [member.pk, officer.pk]
