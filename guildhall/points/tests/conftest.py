from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

import pytest
from django.db import transaction

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.core import clock
from guildhall.points import hooks, ledger
from guildhall.points.models import DKPPool, EntryKind, LedgerEntry
from guildhall.points.services import create_pool

Post = Callable[..., LedgerEntry]


@pytest.fixture(autouse=True, scope="package")
def _points_alone() -> Iterator[None]:
    """These tests make entries and holds without the documents of later apps, so their checks are left out here."""
    registered = list(hooks._checks)
    hooks._checks[:] = [check for check in registered if check.__module__.startswith("guildhall.points")]
    yield
    hooks._checks[:] = registered


@pytest.fixture
def officer(db: None) -> User:
    return create_person(display_name="Officer", role_group=RoleGroup.OFFICER)


@pytest.fixture
def member(db: None) -> User:
    return create_person(display_name="Member")


@pytest.fixture
def pool(db: None) -> DKPPool:
    return create_pool(name="Velious")


@pytest.fixture
def post() -> Post:
    """Write one movement: ``post(user, pool, "12.50", kind=…, must_cover=…)``."""

    def write(
        user: User,
        pool: DKPPool,
        amount: str,
        kind: EntryKind = EntryKind.RAID,
        must_cover: bool = False,
        **more: object,
    ) -> LedgerEntry:
        posting = ledger.Posting(
            user.pk,
            pool.pk,
            kind,
            Decimal(amount),
            more.pop("occurred_at", None) or clock.now(),
            **more,  # type: ignore[arg-type]
        )
        with transaction.atomic():
            return ledger.post(postings=[posting], actor=None, must_cover=must_cover)[0]

    return write
