"""What a transactional test leaves behind: nothing (tests/database_cleaning.py)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction

from guildhall.accounts.models import PermissionGroup
from guildhall.accounts.services import create_person
from guildhall.core import append_only
from guildhall.points.models import LedgerEntry
from guildhall.points.services import adjust_points, create_pool

from . import database_cleaning

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.every_database]


def _content() -> dict[str, Any]:
    with connection.cursor() as cursor:
        tables = set(database_cleaning._tables(connection)) - {"core_revision"}  # changes with every write
        return {table: database_cleaning.rows_of(connection, cursor, table) for table in tables}


def _fill() -> None:
    person = create_person(display_name="Somebody")
    pool = create_pool(name="Main")
    adjust_points(user_ids=[person.pk], pool=pool, amount=Decimal(10), reason="a gift", actor=person)


def test_every_table_is_as_after_the_migrations_and_no_trigger_is_missing() -> None:
    before = _content()
    assert {"django_content_type", "auth_permission", "auth_group"} <= {
        name for name, kept in before.items() if kept.rows
    }
    _fill()
    assert _content() != before
    database_cleaning.clean(connection)
    assert _content() == before
    assert append_only.all_missing(connection) == []
    _fill()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        LedgerEntry.objects.all().delete()


def test_what_the_migrations_left_is_put_back_where_a_test_changed_it() -> None:
    before = _content()
    PermissionGroup.objects.all().delete()
    Group.objects.all().delete()
    Permission.objects.filter(codename__startswith="add_").update(name="changed")
    ContentType.objects.filter(app_label="points").delete()
    database_cleaning.clean(connection)
    assert _content() == before
    assert ContentType.objects.get_for_model(LedgerEntry).app_label == "points"


def test_both_at_once() -> None:
    """On PostgreSQL the foreign keys are checked when the ledger's triggers come back, after all rows are in place."""
    before = _content()
    _fill()
    permission = Permission.objects.filter(group__isnull=False).first()
    assert permission is not None
    permission.delete()
    ContentType.objects.filter(app_label="points").delete()
    database_cleaning.clean(connection)
    assert _content() == before
    assert append_only.all_missing(connection) == []


def test_the_state_after_the_migrations_is_what_djangos_flush_leaves() -> None:
    """So that no test begins with rows that a migration made and another test does not see.

    But for the permission groups that a guild begins with: officers may remove them, and nothing brings them back.
    """
    before = {table: len(kept.rows) for table, kept in _content().items()}
    ready_made = before.pop("accounts_permissiongroup")
    assert ready_made
    append_only.remove_all(connection)
    call_command("flush", interactive=False, verbosity=0)
    after = {table: len(kept.rows) for table, kept in _content().items()}
    before["auth_group"] -= ready_made  # Django's own group of each
    assert {table: (count, after[table]) for table, count in before.items() if count != after[table]} == {}
