"""What goes out: at least once, in order per key, nothing lost to a killed worker, dead letters that can be resent."""

from __future__ import annotations

import copy
import datetime as dt

import pytest
from django.db import transaction

from guildhall.core import clock, leases, outbox
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
    assert deliver_outbox() == "12 delivered, 0 postponed, 0 failed"
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
        claimed = outbox.claim()
        assert outbox.deliver_due().total == 0
        at.advance(leases.duration())
        assert outbox.deliver_due().delivered == 1
        # The worker was only slow: what it says now no longer counts.
        assert outbox._finish(claimed, "dead", state=OutboxMessage.State.DEAD) == "lost"
        assert OutboxMessage.objects.get().state == OutboxMessage.State.DELIVERED


def seen_by_a_slow_worker(monkeypatch):
    """What a worker read as claimable, before others went on."""
    seen = list(outbox._claimable())
    monkeypatch.setattr(outbox, "_claimable", lambda lane: [copy.copy(message) for message in seen])


def test_of_two_workers_that_saw_the_same_message_one_gets_it(sent, monkeypatch):
    put(1)
    with monkeypatch.context() as slow:
        seen_by_a_slow_worker(slow)
        first = outbox.claim()
        assert outbox.claim() is None
    assert OutboxMessage.objects.get().lease_token == first.lease_token


@pytest.mark.parametrize("end", ["delivered", "postponed", "failed"])
def test_a_worker_that_saw_a_message_that_another_has_dealt_with_since_leaves_it(sent, monkeypatch, end):
    put(1)
    with monkeypatch.context() as slow:
        seen_by_a_slow_worker(slow)
        claimed = outbox.claim()
        sent.fail = {"postponed": outbox.RetryLater("busy"), "failed": outbox.PermanentFailure("gone")}.get(end)
        outbox.deliver(claimed)
        assert outbox.claim() is None
    assert OutboxMessage.objects.get().attempts == 1


def test_what_cannot_be_delivered_becomes_a_dead_letter_and_can_be_resent(sent):
    put(1)
    sent.fail = outbox.PermanentFailure("the channel was deleted")
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


def test_a_wish_that_a_worker_has_taken_meanwhile_is_not_replaced(sent):
    put(1, dedupe_key="roles:1")
    outbox.claim()
    assert put(2, dedupe_key="roles:1") is not None
    assert list(OutboxMessage.objects.values_list("payload__n", flat=True)) == [1, 2]


def test_what_was_settled_since_a_worker_read_it_is_not_delivered(sent, monkeypatch):
    put(1)
    with monkeypatch.context() as slow:
        seen_by_a_slow_worker(slow)
        assert outbox.settle_pending(outcome="long past") == 1
        assert outbox.claim() is None
    assert sent == []


@pytest.fixture
def lanes(monkeypatch):
    """Topics ``answer`` and ``t`` whose messages are kept; ``answer`` has a secret."""
    order = []
    for topic, lane, secrets in (("answer", outbox.Lane.INTERACTIONS, ("token",)), ("t", outbox.Lane.MAIL, ())):
        monkeypatch.setitem(outbox._handlers, topic, lambda message: order.append(message.topic))
        monkeypatch.setitem(outbox._lanes, topic, lane)
        monkeypatch.setitem(outbox._secrets, topic, secrets)
    return order


def answer():
    with transaction.atomic():
        return outbox.put(topic="answer", payload={"token": "secret", "task": "t"})


def test_answers_to_interactions_come_before_what_waits_longer(lanes):
    put(1)
    answer()
    outbox.deliver_due()
    assert lanes == ["answer", "t"]


def test_a_lane_takes_what_is_its_own(lanes):
    put(1)
    answer()
    with transaction.atomic():
        outbox.put(topic="nobody", payload={})
    assert outbox.lanes_due() == {outbox.Lane.INTERACTIONS, outbox.Lane.MAIL, outbox.Lane.OTHER}
    for lane, topic in ((outbox.Lane.MAIL, "t"), (outbox.Lane.OTHER, "nobody"), (outbox.Lane.ROLES, None)):
        message = outbox.claim(lane)
        assert (message and message.topic) == topic
    assert outbox.lanes_due() == {outbox.Lane.INTERACTIONS}


def test_the_order_of_a_key_holds_across_lanes(lanes):
    put(1, order_key="k")
    with transaction.atomic():
        outbox.put(topic="answer", payload={}, order_key="k")
    assert outbox.claim(outbox.Lane.INTERACTIONS) is None
    outbox.deliver_due()
    assert lanes == ["t", "answer"]


@pytest.mark.parametrize(
    ("failure", "state"),
    [
        (None, "delivered"),
        (outbox.NotSent("no way"), "skipped"),
        (outbox.PermanentFailure("gone"), "dead"),
        (outbox.RetryLater("busy"), "pending"),
    ],
)
def test_secrets_are_deleted_once_a_message_was_delivered_or_has_failed(lanes, monkeypatch, failure, state):
    def handle(message):
        if failure is not None:
            raise failure

    monkeypatch.setitem(outbox._handlers, "answer", handle)
    answer()
    outbox.deliver_due()
    message = OutboxMessage.objects.get()
    assert message.state == state
    kept = {"token": "secret"} if state == "pending" else {}
    assert message.payload == {"task": "t", **kept}


def test_secrets_are_deleted_with_what_is_settled(lanes):
    answer()
    outbox.settle_pending(outcome="long past")
    assert OutboxMessage.objects.get().payload == {"task": "t"}


def test_an_answer_whose_token_is_deleted_is_not_sent_again():
    with transaction.atomic():
        outbox.put(topic="discord.follow_up", payload={"task": "t", "arguments": {}})
    assert outbox.deliver_due().dead == 1
    assert "token was deleted" in OutboxMessage.objects.get().last_error
