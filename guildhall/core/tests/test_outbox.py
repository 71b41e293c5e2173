"""What goes out: at least once, in order per key, nothing lost to a killed worker, dead letters that can be resent."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import transaction

from guildhall.core import clock, outbox
from guildhall.core.models import OutboxMessage
from guildhall.core.tasks import deliver_outbox

pytestmark = pytest.mark.django_db
NOON = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


@pytest.fixture
def sent(monkeypatch):
    """A topic ``t`` whose handler keeps what it was given; ``sent.fail`` makes it raise."""

    class Sent(list):
        fail: Exception | None = None

    kept = Sent()

    def handle(message):
        if kept.fail is not None:
            raise kept.fail
        kept.append(message.payload["n"])
        return "done"

    monkeypatch.setitem(outbox._handlers, "t", handle)
    return kept


def put(n, **more):
    with transaction.atomic():
        return outbox.put(topic="t", payload={"n": n}, **more)


def test_it_delivers_in_order_and_once(sent):
    for n in range(12):
        put(n)
    assert deliver_outbox() == "12 delivered, 0 put off, 0 given up"
    assert sent == list(range(12))
    assert outbox.deliver_due().total == 0
    assert set(OutboxMessage.objects.values_list("state", "outcome")) == {("delivered", "done")}


def test_a_rolled_back_change_sends_nothing(sent):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        outbox.put(topic="t", payload={"n": 1})
        _ = 1 / 0
    assert outbox.deliver_due().total == 0


@pytest.mark.django_db(transaction=True)
def test_outside_a_transaction_it_is_a_mistake():
    with pytest.raises(RuntimeError):
        outbox.put(topic="t", payload={})


def test_a_failing_message_holds_up_its_own_key_alone(sent):
    with clock.frozen(NOON) as at:
        put(1, order_key="member:1")
        sent.fail = RuntimeError("down")
        assert outbox.deliver_due().retried == 1
        sent.fail = None
        put(2, order_key="member:1")
        put(3, order_key="member:2")
        outbox.deliver_due()
        assert sent == [3]
        at.advance(dt.timedelta(seconds=3))
        outbox.deliver_due()
        assert sent == [3, 1, 2]


def test_the_far_side_says_when_to_come_again(sent):
    with clock.frozen(NOON) as at:
        put(1)
        sent.fail = outbox.RetryLater("rate limited", after=7.5, counts=False)
        outbox.deliver_due()
        message = OutboxMessage.objects.get()
        assert (message.due_at - NOON, message.attempts) == (dt.timedelta(seconds=7.5), 0)
        sent.fail = None
        at.advance(dt.timedelta(seconds=7))
        assert outbox.deliver_due().total == 0
        at.advance(dt.timedelta(seconds=1))
        assert outbox.deliver_due().delivered == 1


def test_a_killed_workers_message_comes_again(sent):
    with clock.frozen(NOON) as at:
        put(1)
        (claimed,) = outbox.claim()
        assert outbox.deliver_due().total == 0
        at.advance(outbox.LEASE)
        assert outbox.deliver_due().delivered == 1
        # The worker was only slow: what it says now no longer counts.
        outbox._finish(claimed, state=OutboxMessage.State.DEAD)
        assert OutboxMessage.objects.get().state == OutboxMessage.State.DELIVERED


def test_what_cannot_be_delivered_becomes_a_dead_letter_and_can_be_resent(sent):
    put(1)
    sent.fail = outbox.GiveUp("the channel was deleted")
    assert outbox.deliver_due().dead == 1
    message = OutboxMessage.objects.get()
    assert (message.state, message.last_error) == ("dead", "the channel was deleted")
    sent.fail = None
    outbox.resend(message_id=message.pk)
    outbox.resend(message_id=message.pk)
    assert outbox.deliver_due().delivered == 1


def test_it_gives_up_after_many_attempts_and_waits_longer_each_time(sent):
    sent.fail = RuntimeError("down")
    with clock.frozen(NOON) as at:
        put(1)
        for _ in range(outbox.MAX_ATTEMPTS):
            outbox.deliver_due()
            at.advance(outbox.LONGEST_RETRY)
    assert OutboxMessage.objects.get().state == "dead"
    assert outbox.backoff(1) <= dt.timedelta(seconds=2) < outbox.backoff(3) <= dt.timedelta(seconds=8)
    assert outbox.backoff(60) <= outbox.LONGEST_RETRY


def test_an_unknown_topic_is_a_dead_letter():
    with transaction.atomic():
        outbox.put(topic="nobody", payload={})
    assert outbox.deliver_due().dead == 1
    assert "nobody" in OutboxMessage.objects.get().last_error


def test_a_newer_wish_replaces_one_that_waits(sent):
    put(1, dedupe_key="roles:1")
    put(2, dedupe_key="roles:1")
    outbox.claim()
    put(3, dedupe_key="roles:1")  # the first is under way: this one must come after it
    assert OutboxMessage.objects.count() == 2
