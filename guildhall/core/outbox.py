"""The outbox: what goes out is written with the change and delivered later, at least once, in order per key.

Invariant (DESIGN.md, "What goes out"): nothing calls the outside world inside a request. `put` writes a row in the
caller's transaction; `deliver_due` claims few rows under a lease, calls the topic's handler outside any transaction,
and writes the outcome. A lease outlives the slowest handler, so a killed worker's messages come again: handlers must
bear being called twice. Messages with one `order_key` never overtake each other. `core/tests/test_outbox.py` kills
workers, runs two, and fails if anything is lost or overtaken.
"""

from __future__ import annotations

import datetime as dt
import logging
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from . import clock
from .kept_back import KeptBack
from .models import OutboxMessage

log = logging.getLogger(__name__)

LEASE = dt.timedelta(minutes=2)
MAX_ATTEMPTS = 25
FIRST_RETRY = dt.timedelta(seconds=2)
LONGEST_RETRY = dt.timedelta(minutes=15)


class RetryLater(Exception):
    """The handler could not deliver yet. `after` seconds, where the far side named them; else back-off applies.

    With `counts=False` the attempt is not held against the message: a rate limit or a far side that is down for
    everybody says nothing about this message.
    """

    def __init__(self, reason: str, *, after: float | None = None, counts: bool = True) -> None:
        super().__init__(reason)
        self.after = after
        self.counts = counts


class GiveUp(Exception):
    """The handler knows that trying again cannot help; the message goes to the dead letters with these words."""


Handler = Callable[[OutboxMessage], str | None]
_handlers: dict[str, Handler] = {}

_readers = KeptBack()
keep_back = _readers.keep_back
readable_by = _readers.readable_by


def handler(topic: str) -> Callable[[Handler], Handler]:
    """Register the decorated function for `topic`. It answers a line for the record, or raises to be retried."""

    def register(function: Handler) -> Handler:
        _handlers[topic] = function
        return function

    return register


def put(*, topic: str, payload: dict[str, Any], order_key: str = "", dedupe_key: str = "") -> OutboxMessage:
    """Write a message in the caller's transaction.

    Args:
        topic: chooses the handler.
        payload: JSON-ready; ids rather than copies, so that the handler reads the state of its own moment.
        order_key: messages with the same key are delivered one after another.
        dedupe_key: while one with this key waits untouched, no second one is written.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("outbox.put belongs in the transaction of the change it speaks of")
    if dedupe_key:
        waiting = OutboxMessage.objects.filter(
            state=OutboxMessage.State.PENDING, dedupe_key=dedupe_key, leased_until=None, attempts=0
        ).first()
        if waiting is not None:
            # Only a message that nobody has begun may stand for the new wish; a write to it makes a worker that is
            # about to claim it wait for our commit.
            if OutboxMessage.objects.filter(pk=waiting.pk, leased_until=None, attempts=0).update(payload=payload):
                return waiting
    return OutboxMessage.objects.create(topic=topic, payload=payload, order_key=order_key, dedupe_key=dedupe_key)


def _claimable(now: dt.datetime) -> Any:
    earlier = OutboxMessage.objects.filter(
        state=OutboxMessage.State.PENDING, order_key=OuterRef("order_key"), id__lt=OuterRef("id")
    ).exclude(order_key="")
    return (
        OutboxMessage.objects.filter(state=OutboxMessage.State.PENDING, due_at__lte=now)
        .filter(Q(leased_until=None) | Q(leased_until__lte=now))
        .filter(~Exists(earlier))
        .order_by("id")
    )


def claim(limit: int = 5) -> list[OutboxMessage]:
    """Take up to `limit` messages that are due, each under a lease of `LEASE`. Safe in any number of workers.

    A compare-and-set on the lease counts its rows: of two workers that saw the same message one gets it.
    """
    now = clock.now()
    claimed = []
    for message in list(_claimable(now)[:limit]):
        token = uuid.uuid4().hex
        taken = OutboxMessage.objects.filter(
            pk=message.pk,
            state=OutboxMessage.State.PENDING,
            lease_token=message.lease_token,
            leased_until=message.leased_until,
        ).update(leased_until=now + LEASE, lease_token=token)
        if taken:
            message.refresh_from_db()
            claimed.append(message)
    return claimed


@dataclass(frozen=True, slots=True)
class Delivery:
    """How many messages one round delivered, put off and gave up."""

    delivered: int = 0
    retried: int = 0
    dead: int = 0

    @property
    def total(self) -> int:
        return self.delivered + self.retried + self.dead


def backoff(attempts: int) -> dt.timedelta:
    """How long to wait after `attempts` failures: doubling from two seconds to fifteen minutes, with jitter."""
    full: dt.timedelta = min(FIRST_RETRY * 2 ** min(attempts - 1, 12), LONGEST_RETRY)
    share: float = random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
    return full * share


def _finish(message: OutboxMessage, **changes: Any) -> bool:
    """Write the outcome if the lease is still ours; another worker's outcome stands otherwise."""
    return bool(
        OutboxMessage.objects.filter(pk=message.pk, lease_token=message.lease_token).update(
            leased_until=None, lease_token="", **changes
        )
    )


def deliver(message: OutboxMessage) -> str:
    """Call the handler for one claimed message and write the outcome: ``delivered``, ``retried`` or ``dead``."""
    known = _handlers.get(message.topic)
    attempts = message.attempts + 1
    now = clock.now()
    try:
        if known is None:
            raise GiveUp(f"nothing here handles “{message.topic}”")
        outcome = known(message)
    except GiveUp as error:
        _finish(message, state=OutboxMessage.State.DEAD, attempts=attempts, last_error=str(error)[:2000])
        return "dead"
    except RetryLater as error:
        counted = attempts if error.counts else message.attempts
        wait = dt.timedelta(seconds=error.after) if error.after is not None else backoff(max(attempts, 1))
        return _put_off(message, counted, now + wait, str(error))
    except Exception as error:  # a handler's bug must not stop the queue; it is kept, logged and retried
        log.exception("outbox message %s (%s) failed", message.pk, message.topic)
        return _put_off(message, attempts, now + backoff(attempts), f"{type(error).__name__}: {error}")
    _finish(
        message,
        state=OutboxMessage.State.DELIVERED,
        attempts=attempts,
        delivered_at=clock.now(),
        last_error="",
        outcome=(outcome or "")[:500],
    )
    return "delivered"


def _put_off(message: OutboxMessage, attempts: int, due_at: dt.datetime, reason: str) -> str:
    if attempts >= MAX_ATTEMPTS:
        _finish(message, state=OutboxMessage.State.DEAD, attempts=attempts, last_error=reason[:2000])
        return "dead"
    _finish(message, attempts=attempts, due_at=due_at, last_error=reason[:2000])
    return "retried"


def deliver_due(*, limit: int = 100, batch: int = 5) -> Delivery:
    """Deliver what is due now, at most `limit` messages; answers the counts. Runs outside any transaction."""
    counts = {"delivered": 0, "retried": 0, "dead": 0}
    while sum(counts.values()) < limit:
        messages = claim(min(batch, limit - sum(counts.values())))
        if not messages:
            break
        for message in messages:
            counts[deliver(message)] += 1
    return Delivery(**counts)


def resend(*, message_id: int) -> OutboxMessage:
    """Put a dead letter back in the queue with a clean count."""
    with transaction.atomic():
        message = OutboxMessage.objects.select_for_update().get(pk=message_id)
        if message.state == OutboxMessage.State.DEAD:
            message.state = OutboxMessage.State.PENDING
            message.attempts = 0
            message.due_at = clock.now()
            message.leased_until = None
            message.lease_token = ""
            message.save()
    return message


def settle_pending(*, outcome: str) -> int:
    """Mark every message that waits as delivered without delivering it: what they speak of is long past.

    For a guild that was made or brought over in one go; Discord must not hear a year of raids at once.
    """
    waiting = OutboxMessage.objects.filter(state=OutboxMessage.State.PENDING, leased_until=None)
    return waiting.update(state=OutboxMessage.State.DELIVERED, delivered_at=clock.now(), outcome=outcome[:500])
