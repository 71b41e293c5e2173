"""Each committed write changes its table's revision, and nothing else does (`core/databases/revised.py`)."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from guildhall.accounts.models import APIKey, User
from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot
from guildhall.core import revisions
from guildhall.core.databases import revised
from guildhall.core.models import OutboxMessage
from guildhall.points.models import UserPointsSummary
from guildhall.roster.models import Rank

WRITES = [
    ('INSERT INTO "roster_rank" ("name") VALUES (%s)', ["roster_rank"]),
    ("INSERT INTO `roster_rank` (`name`) VALUES (%s)", ["roster_rank"]),
    ('INSERT OR IGNORE INTO "roster_rank" ("name") VALUES (%s)', ["roster_rank"]),
    ("INSERT IGNORE INTO `roster_rank` (`name`) VALUES (%s)", ["roster_rank"]),
    ('UPDATE "roster_rank" SET "name" = %s', ["roster_rank"]),
    ("update roster_rank set name = 'x'", ["roster_rank"]),
    ('  DELETE FROM "roster_rank" WHERE 1', ["roster_rank"]),
    ("DELETE `roster_rank` FROM `roster_rank` INNER JOIN x", ["roster_rank"]),
    ('TRUNCATE TABLE "roster_rank"', ["roster_rank"]),
    ('WITH t AS (SELECT 1) INSERT INTO "roster_rank" SELECT * FROM t', ["roster_rank"]),
    ('WITH t AS (DELETE FROM "roster_rank" RETURNING 1) SELECT * FROM t', ["roster_rank"]),
    ('UPDATE "accounts_user" SET "last_login" = %s WHERE "accounts_user"."id" = %s', []),
    ('UPDATE "accounts_user" SET "last_login" = %s, "email" = %s WHERE "id" = 1', ["accounts_user"]),
    ('UPDATE "accounts_apikey" SET "usage_count" = ("usage_count" + 1), "last_used_at" = %s', []),
    ('UPDATE "core_jobrun" SET "name" = %s', []),
    ('INSERT INTO "roster_historicalrank" ("name") VALUES (%s)', []),
    ('SELECT "roster_rank"."name" FROM "roster_rank" FOR UPDATE', []),
    ('INSERT INTO "points_userpointssummary" ("held_sealed") VALUES (1) ON CONFLICT DO UPDATE', []),
    ('UPDATE "points_userpointssummary" SET "is_closed" = true', ["points_userpointssummary"]),
    ("", []),
]


@pytest.mark.parametrize(("sql", "tables"), WRITES)
def test_what_a_statement_writes_to(sql: str, tables: list[str]) -> None:
    assert revised.written_tables(sql) == tables


def of(model: Any) -> int | None:
    return revisions.read().get(model._meta.db_table)


@pytest.mark.django_db(transaction=True)
@pytest.mark.every_database
class TestCommitted:
    def test_each_kind_of_write_outside_a_transaction(self) -> None:
        seen = {of(Rank)}
        rank = Rank.objects.create(name="Raider", order=1)
        assert rank.pk
        seen.add(of(Rank))
        Rank.objects.filter(pk=rank.pk).update(order=2)
        seen.add(of(Rank))
        Rank.objects.bulk_create([Rank(name="Trial", order=3), Rank(name="Alt", order=4)])
        seen.add(of(Rank))
        Rank.objects.filter(name="Alt").delete()
        seen.add(of(Rank))
        with connection.cursor() as cursor:
            cursor.execute("UPDATE roster_rank SET name = 'Raiders' WHERE name = 'Raider'")
        seen.add(of(Rank))
        assert len(seen) == 6
        assert set(Rank.objects.values_list("name", flat=True)) == {"Raiders", "Trial"}

    def test_it_comes_with_the_commit_and_not_before(self) -> None:
        Rank.objects.create(name="Raider", order=1)
        before = of(Rank)
        with transaction.atomic():
            Rank.objects.update(order=2)
            assert in_another_connection(lambda: of(Rank)) == before
        after = in_another_connection(lambda: of(Rank))
        assert after not in (before, None)

    def test_nothing_is_left_of_a_rollback(self) -> None:
        Rank.objects.create(name="Raider", order=1)
        before = of(Rank)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            Rank.objects.update(order=2)
            _ = 1 / 0
        OutboxMessage.objects.create(topic="x")  # a later transaction has nothing of it to say
        with transaction.atomic():
            User.objects.update(email="")
        assert of(Rank) == before

    def test_what_is_written_at_every_request_is_not_counted(self) -> None:
        key, _ = create_api_key(user=get_or_create_bot(name="b"), name="b", scopes=["roster:read"], kind="bot")
        before = of(APIKey), of(User)
        APIKey.objects.filter(pk=key.pk).update(usage_count=5, last_used_at=None)
        User.objects.update(last_login=None)
        assert (of(APIKey), of(User)) == before
        APIKey.objects.filter(pk=key.pk).update(name="c")
        assert of(APIKey) != before[0]

    def test_a_refused_write_changes_nothing_and_breaks_nothing(self) -> None:
        person = create_person(display_name="Aeli")
        before = of(User)
        with pytest.raises(Exception):  # noqa: B017 - each database has its own
            User.objects.create(username=person.username)
        assert of(User) == before
        assert create_person(display_name="Borel").pk

    def test_change_all(self) -> None:
        Rank.objects.create(name="Raider", order=1)
        before = revisions.read()
        revisions.change_all()
        after = revisions.read()
        assert [table for table, value in before.items() if after[table] == value] == []
        assert "points_userpointssummary" in after


def in_another_connection(function: Any) -> Any:
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(function())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(20)
    return found[0]


def test_a_model_without_a_revision_is_refused() -> None:
    with pytest.raises(ValueError, match="core_outboxmessage has no revision"):
        revisions.tables_of(OutboxMessage)
    assert revisions.tables_of(UserPointsSummary) == ("points_userpointssummary",)
