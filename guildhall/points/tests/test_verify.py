"""`verify_ledger` finds what is wrong, names it and fails."""

from __future__ import annotations

import io
import uuid
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from guildhall.accounts.models import User
from guildhall.core import audit, clock
from guildhall.core.models import AuditEvent
from guildhall.points.models import Bucket, EntryKind, Hold, LedgerEntry, PointAdjustment, UserPointsSummary
from guildhall.points.services import adjust_points
from guildhall.points.tasks import verify_ledger_nightly
from guildhall.points.verification import verify

pytestmark = [pytest.mark.django_db, pytest.mark.broken_ledger]


def found(check):
    return [difference for difference in verify() if difference.check == check]


def test_right_books_are_said_to_be_right(member, pool, post):
    post(member, pool, "10")
    out = io.StringIO()
    call_command("verify_ledger", stdout=out)
    assert "adds up: 1 entries, 1 balances" in out.getvalue()
    assert verify_ledger_nightly() == "the ledger adds up"


def test_a_balance_that_is_not_its_entries(member, pool, post):
    post(member, pool, "10")
    UserPointsSummary.objects.update(earned=Decimal("11"), balance=Decimal("11"))
    assert {d.check for d in verify()} == {"summary earned", "summary balance"}
    err = io.StringIO()
    with pytest.raises(CommandError, match="2 differences"):
        call_command("verify_ledger", stderr=err)
    assert "expected 10.00, found 11.00" in err.getvalue()
    with pytest.raises(RuntimeError):
        verify_ledger_nightly()
    assert AuditEvent.objects.filter(action="points.verify_failed").exists()


def test_the_database_itself_refuses_a_balance_that_does_not_add_up(member, pool, post):
    post(member, pool, "10")
    with pytest.raises(IntegrityError), transaction.atomic():
        UserPointsSummary.objects.update(balance=Decimal("11"))
    with pytest.raises(IntegrityError), transaction.atomic():
        UserPointsSummary.objects.update(held=Decimal("-1"))


def test_entries_without_a_summary(member, pool, post):
    post(member, pool, "10")
    UserPointsSummary.objects.all().delete()
    assert found("summary")


def test_a_reversal_that_is_not_the_opposite(member, pool, post):
    entry = post(member, pool, "10")
    LedgerEntry.objects.create(
        user=member, pool=pool, kind=EntryKind.REVERSAL, bucket=Bucket.EARNED, amount=Decimal("-9"),
        occurred_at=clock.now(), created_at=clock.now(), reverses=entry,
    )  # fmt: skip
    assert found("reversal")


def test_points_held_for_nothing_and_holds_that_hold_nothing(member, officer, pool, post):
    post(member, pool, "10")
    UserPointsSummary.objects.update(held=Decimal("3"))
    assert found("held")
    UserPointsSummary.objects.update(held=0)
    Hold.objects.create(user=officer, pool=pool, reference=uuid.uuid4(), amount=Decimal("1"))
    assert found("held")


def test_an_adjustment_that_its_entry_does_not_match(member, officer, pool):
    adjust_points(user_ids=[member.pk], pool=pool, amount=5, reason="x", actor=officer)
    PointAdjustment.objects.update(amount=Decimal("6"))
    assert found("adjustment")


def test_each_adjustment_is_named_with_its_figures(member, officer, pool):
    kept, undone, unpaid = (
        adjust_points(user_ids=[member.pk], pool=pool, amount=5, reason="x", actor=officer)[0] for _ in range(3)
    )
    assert found("adjustment") == []
    PointAdjustment.objects.filter(pk=kept.pk).update(amount=Decimal("6"))
    PointAdjustment.objects.filter(pk=undone.pk).update(reversed_at=clock.now())
    PointAdjustment.objects.filter(pk=unpaid.pk).update(document=uuid.uuid4())
    assert [str(difference) for difference in found("adjustment")] == [
        f"adjustment: adjustment {kept.pk}: expected 6.00, found 5.00",
        f"adjustment: adjustment {undone.pk}: expected 0.00, found 5.00",
        f"adjustment: adjustment {unpaid.pk}: expected 5.00, found 0.00",
    ]


def test_the_audit_trail_says_who(member, officer, pool):
    adjust_points(user_ids=[member.pk], pool=pool, amount=5, reason="x", actor=officer)
    event = AuditEvent.objects.get(action="points.adjust")
    assert event.actor == officer
    assert "5.00" in str(event)
    assert audit.record(action="x.y", summary="z" * 900).summary == "z" * 500


def test_points_left_with_somebody_who_was_merged(member, officer, pool, post):
    post(member, pool, "10")
    User.objects.filter(pk=member.pk).update(merged_into=officer)
    assert found("merged")
