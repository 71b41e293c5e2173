"""A table's revision is the last lock of a transaction, so it adds no deadlock (`core/databases/revised.py`)."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.roster.models import Character, Rank

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("server_database")]


def test_a_foreign_key_is_checked_before_it(in_threads: Any) -> None:
    """One transaction holds a person and will write to a table; another has written to it and names that person."""
    person = create_person(display_name="Aeli")
    is_locked, is_committing = threading.Event(), threading.Event()

    def holds_the_person() -> None:
        with transaction.atomic():
            User.objects.select_for_update().get(pk=person.pk)
            is_locked.set()
            is_committing.wait(10)
            time.sleep(0.5)  # it waits for the person by now
            Character.objects.filter(name="Nobody").update(level=1)

    def names_the_person() -> None:
        is_locked.wait(10)
        with transaction.atomic():
            Character.objects.bulk_create([Character(name="Aeli", name_key="aeli", user=person, joined_at=clock.now())])
            is_committing.set()

    found = in_threads(2, lambda number: (holds_the_person, names_the_person)[number]())
    assert [one for one in found if isinstance(one, Exception)] == []
    assert Character.objects.filter(user=person).exists()


def test_many_tables_are_locked_in_one_order(in_threads: Any) -> None:
    for number in range(4):
        Rank.objects.create(name=f"Rank {number}", order=number)
        create_person(display_name=f"P{number}")

    def work(number: int) -> None:
        people = list(User.objects.order_by("pk").values_list("pk", flat=True))
        for _ in range(40):
            with transaction.atomic():  # the tables in either order, no row twice
                steps = [
                    lambda: Rank.objects.filter(order=number).update(name=f"Rank {number}"),
                    lambda: User.objects.filter(pk=people[number]).update(email=""),
                ]
                for step in steps if number % 2 else reversed(steps):
                    step()

    found = in_threads(4, work)
    assert [one for one in found if isinstance(one, DatabaseError)] == []
    assert [one for one in found if one is not None] == []
    assert connection.in_atomic_block is False
