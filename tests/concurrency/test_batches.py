"""Two officers undo one batch at once: one undoes it, the other is told; nothing is undone twice.

Each meeting is arranged at the moment where it hurts: both have read the batch before either writes. Take `kind.lock` out
of `batches.undo_batch` and this fails.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from django.db import connections, transaction

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core import batches, clock
from guildhall.core.errors import GuildhallError
from guildhall.core.models import AuditEvent, Batch
from guildhall.points.models import DKPPool, LedgerEntry, UserPointsSummary
from guildhall.points.services import adjust_points, create_pool, create_rule, run_rule
from guildhall.points.verification import verify
from guildhall.raids.services import award_attendance, create_event, create_raid
from guildhall.roster.models import Character, RankChange
from guildhall.roster.services import (
    DumpChoices,
    DumpMember,
    apply_guild_dump,
    bulk_set_rank,
    create_character,
    create_rank,
)

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.every_database,
    pytest.mark.usefixtures("server_database"),
]


@pytest.fixture
def people() -> list[User]:
    found = [create_person(display_name=name) for name in ("Aelric", "Borin", "Calla")]
    for person in found:
        create_character(name=str(person), user=person, level=50, character_class="Cleric")
    return found


@pytest.fixture
def pool() -> DKPPool:
    return create_pool(name="Velious")


def adjustment(people: list[User], pool: DKPPool) -> UUID | None:
    return adjust_points(user_ids=[one.pk for one in people], pool=pool, amount=10, reason="x", actor=None)[0].batch


def run(people: list[User], pool: DKPPool) -> UUID:
    rule = create_rule(name="Gift", pool=pool, kind="bonus", amount=5, actor=None)
    return run_rule(rule=rule, actor=None).document


def attendance(people: list[User], pool: DKPPool) -> UUID:
    event = create_event(name="Temple", pools=[pool], default_points=10)
    raid = create_raid(event=event, started_at=clock.now() - dt.timedelta(hours=1))
    award_attendance(raid=raid, attendees=[str(one) for one in people], actor=None)
    return Batch.objects.get(kind="attendance").pk


def ranks(people: list[User], pool: DKPPool) -> UUID | None:
    ids = list(Character.objects.values_list("pk", flat=True))
    return bulk_set_rank(character_ids=ids, rank=create_rank(name="Raider", actor=None), actor=None).batch


def dump(people: list[User], pool: DKPPool) -> UUID:
    members = [DumpMember(str(one), 60, "Cleric", "") for one in people]
    apply_guild_dump(members=members, is_partial=True, choices=DumpChoices(), actor=people[0])
    return Batch.objects.get(kind="guild_dump").pk


KINDS: dict[str, Callable[[list[User], DKPPool], UUID | None]] = {
    "adjustment": adjustment, "rule_run": run, "attendance": attendance, "rank_change": ranks, "guild_dump": dump,
}  # fmt: skip


def undo(batch: Batch, reason: str) -> Any:
    return batches.undo_batch(batch=batch, actor=None, reason=reason)


def undone_once(batch: Batch) -> None:
    batch = batches.find(batch.pk)
    assert batch.undone_at is not None
    assert AuditEvent.objects.filter(action="batches.undo").count() == 1
    assert set(UserPointsSummary.objects.values_list("balance", flat=True)) <= {0}
    reversals = LedgerEntry.objects.filter(kind="reversal").count()
    assert reversals in (0, 3)
    assert RankChange.objects.filter(to_rank=None).count() in (0, 3)
    assert {one.level for one in Character.objects.all()} == {50}
    assert [str(difference) for difference in verify()] == []


@pytest.mark.parametrize("kind", KINDS)
def test_who_comes_while_it_is_being_undone_waits_and_is_told(people: list[User], pool: DKPPool, kind: str) -> None:
    batch = batches.find(KINDS[kind](people, pool) or UUID(int=0))
    outcomes: list[Any] = []

    def second() -> None:
        try:
            outcomes.append(undo(batch, "second"))
        except GuildhallError as error:
            outcomes.append((error.status, error.code))
        except Exception as error:
            outcomes.append(error)
        finally:
            connections.close_all()

    with transaction.atomic():
        undo(batch, "first")
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(timeout=0.3)
        assert thread.is_alive(), f"it did not wait: {outcomes}"
    thread.join(timeout=30)
    assert outcomes == [(409, "already_reversed")]
    assert batches.find(batch.pk).undo_reason == "first"
    undone_once(batch)


@pytest.mark.parametrize("kind", KINDS)
def test_many_at_once_undo_it_once(
    people: list[User], pool: DKPPool, kind: str, in_threads: Callable[..., list[Any]]
) -> None:
    batch = batches.find(KINDS[kind](people, pool) or UUID(int=0))
    outcomes = in_threads(6, lambda number: undo(batch, f"number {number}"))
    done = [one for one in outcomes if isinstance(one, batches.BatchView)]
    refused = [(one.status, one.code) for one in outcomes if isinstance(one, GuildhallError)]
    assert (len(done), refused) == (1, [(409, "already_reversed")] * 5), outcomes
    undone_once(batch)
