"""The outbox: what goes out is written with the change and delivered later, at least once, in order per key.

Invariant (docs/architecture.md, "What goes out"): nothing calls the outside world inside a request. `put` writes a row in the
caller's transaction; a worker claims one message, calls the topic's handler outside any transaction, and writes the
outcome if it still has the lease (`core.leases`). Of two workers one gets a message. A worker that dies between the
call and the note of it leaves a message that is delivered again, so handlers must bear being called twice. Messages
with one `order_key` never overtake each other. Each topic has a `Lane`, so that what is slow keeps nothing else
waiting (`core.outbox_workers`). `core/tests/test_outbox.py` and `tests/concurrency/test_deliveries.py` kill workers,
run two, and fail if anything is lost, delivered twice or overtaken.
"""

from __future__ import annotations

import datetime as dt
import enum
import logging
import random
from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import TypedDict, Unpack

from django.db import connection, models, transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When

from . import clock, leases
from .leases import Lease, LeaseLost
from .models import OutboxMessage
from .row_visibility import RowVisibility

log = logging.getLogger(__name__)

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


class NotSent(Exception):
    """There is nothing here to send it by, and that is how this guild is set up; the message ends with these words."""


class PermanentFailure(Exception):
    """The handler knows that trying again cannot help; the message goes to the dead letters with these words."""


class Lane(enum.Enum):
    """What is delivered one after another, beside the other lanes; by what it waits for."""

    INTERACTIONS = "answers to Discord's interactions"
    MESSAGES = "messages in Discord"
    ROLES = "roles in Discord"
    MAIL = "e-mail"
    OTHER = "what waits for nothing outside"


Handler = Callable[[OutboxMessage], str | None]
_handlers: dict[str, Handler] = {}
_lanes: dict[str, Lane] = {}
_secrets: dict[str, tuple[str, ...]] = {}

_readers = RowVisibility()
exclude_rows = _readers.exclude_rows
visible_to = _readers.visible_to


def handler(topic: str, *, lane: Lane = Lane.OTHER, secrets: tuple[str, ...] = ()) -> Callable[[Handler], Handler]:
    """Register the decorated function for `topic`. It returns a line for the record, or raises to be retried.

    Args:
        lane: what its messages are delivered beside; a handler that calls the outside world names one.
        secrets: names in the payload that are deleted once the message was delivered or has failed.
    """

    def register(function: Handler) -> Handler:
        _handlers[topic] = function
        _lanes[topic] = lane
        _secrets[topic] = secrets
        return function

    return register


def lane_of(topic: str) -> Lane:
    """Return the lane of a topic; what no handler knows fails in the one that waits for nothing."""
    return _lanes.get(topic, Lane.OTHER)


def _topics_of(lane: Lane) -> Q:
    if lane is Lane.OTHER:
        return ~Q(topic__in=[topic for topic, its in _lanes.items() if its is not Lane.OTHER])
    return Q(topic__in=[topic for topic, its in _lanes.items() if its is lane])


def put(
    *,
    topic: str,
    payload: dict[str, object],
    order_key: str = "",
    dedupe_key: str = "",
    target: models.Model | None = None,
) -> OutboxMessage | None:
    """Write a message in the caller's transaction, and return it; None where one that waits stands for it.

    Args:
        topic: chooses the handler.
        payload: JSON-ready; ids rather than copies, so that the handler reads the state of its own moment.
        order_key: messages with the same key are delivered one after another.
        dedupe_key: while one with this key waits untouched, no second one is written.
        target: the row it is about; whoever may not read about that row is not shown the message (`exclude_rows`).
    """
    if not connection.in_atomic_block:
        raise RuntimeError("outbox.put belongs in the transaction of the change it speaks of")
    if dedupe_key:
        waiting = OutboxMessage.objects.filter(
            state=OutboxMessage.State.PENDING, dedupe_key=dedupe_key, leased_until=None, attempts=0
        )
        # Only a message that nobody has begun may stand for the new wish; a write to it makes a worker that is about to
        # claim it wait for our commit.
        if waiting.update(payload=payload):
            return None
    return OutboxMessage.objects.create(
        topic=topic,
        payload=payload,
        order_key=order_key,
        dedupe_key=dedupe_key,
        target_type=target._meta.label_lower if target is not None else "",
        target_id=str(target.pk) if target is not None else "",
    )


def _claimable(lane: Lane | None = None) -> QuerySet[OutboxMessage]:
    """Return the messages to deliver now: the oldest of their key, due and free; answers to interactions first."""
    earlier = OutboxMessage.objects.filter(
        state=OutboxMessage.State.PENDING, order_key=OuterRef("order_key"), id__lt=OuterRef("id")
    ).exclude(order_key="")
    rows = (
        OutboxMessage.objects.filter(state=OutboxMessage.State.PENDING, due_at__lte=clock.now())
        .filter(leases.free())
        .filter(~Exists(earlier))
    )
    if lane is not None:
        return rows.filter(_topics_of(lane)).order_by("id")
    return rows.order_by(Case(When(_topics_of(Lane.INTERACTIONS), then=Value(0)), default=Value(1)), "id")


def has_due() -> bool:
    """Return whether there is a message to deliver now. One query, nothing is written."""
    return bool(_claimable().order_by().exists())


def lanes_due() -> set[Lane]:
    """Return the lanes that have a message to deliver now. One query, nothing is written."""
    return {lane_of(topic) for topic in _claimable().order_by().values_list("topic", flat=True).distinct()}


def claim(lane: Lane | None = None) -> OutboxMessage | None:
    """Return the first message that is due, in `lane` or anywhere, leased to the caller; None if there is none.

    Safe in any number of workers. A message that was the oldest of its key when it was read is so as long as it waits,
    so taking one that was read a moment ago overtakes nothing.
    """
    for message in _claimable(lane)[:20]:
        if leases.acquire(message) is not None:
            message.refresh_from_db()
            return message
    return None


@dataclass(frozen=True, slots=True)
class Delivery:
    """How many messages one round delivered, did not send, postponed, failed, and lost to another worker."""

    delivered: int = 0
    skipped: int = 0
    retried: int = 0
    dead: int = 0
    lost: int = 0

    @property
    def total(self) -> int:
        """Return how many messages the round worked on."""
        return self.delivered + self.skipped + self.retried + self.dead + self.lost

    def __add__(self, other: Delivery) -> Delivery:
        return Delivery(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


def backoff(attempts: int) -> dt.timedelta:
    """Return how long to wait after `attempts` failures: doubling from two seconds to fifteen minutes, with jitter."""
    full: dt.timedelta = min(FIRST_RETRY * 2 ** min(attempts - 1, 12), LONGEST_RETRY)
    share: float = random.uniform(0.5, 1.0)  # noqa: S311 - jitter, not a secret
    return full * share


class Outcome(TypedDict, total=False):
    """What a delivery leaves in its message's row."""

    state: str
    outcome: str
    last_error: str
    attempts: int
    delivered_at: dt.datetime
    due_at: dt.datetime
    payload: dict[str, object]


def _finish(message: OutboxMessage, how: str, **changes: Unpack[Outcome]) -> str:
    """Write the outcome and return `how`; ``lost`` where the lease is not ours any more: another's outcome stands."""
    if "state" in changes and any(name in message.payload for name in _secrets.get(message.topic, ())):
        changes["payload"] = _without_secrets(message)
    lease = Lease(OutboxMessage, message.pk, message.lease_token)
    return how if lease.release(**changes) else "lost"


def _without_secrets(message: OutboxMessage) -> dict[str, object]:
    secrets = _secrets.get(message.topic, ())
    return {name: value for name, value in message.payload.items() if name not in secrets}


def deliver(message: OutboxMessage) -> str:
    """Call the handler for one claimed message and write the outcome: ``delivered``, ``skipped``, ``retried``,
    ``dead``, or ``lost`` where the lease ran out meanwhile and another worker has the message."""
    known = _handlers.get(message.topic)
    attempts = message.attempts + 1
    now = clock.now()
    State = OutboxMessage.State
    try:
        if known is None:
            raise PermanentFailure(f"no handler is registered for “{message.topic}”")
        with leases.holding(Lease(OutboxMessage, message.pk, message.lease_token)):
            outcome = known(message)
    except LeaseLost as lost:
        log.warning("the delivery of outbox message %s (%s) was stopped: %s", message.pk, message.topic, lost)
        return "lost"
    except NotSent as why:
        return _finish(
            message, "skipped", state=State.SKIPPED, outcome=str(why)[:500], last_error="", attempts=attempts,
            delivered_at=clock.now(),
        )  # fmt: skip
    except PermanentFailure as error:
        return _finish(message, "dead", state=State.DEAD, attempts=attempts, last_error=str(error)[:2000])
    except RetryLater as error:
        counted = attempts if error.counts else message.attempts
        wait = dt.timedelta(seconds=error.after) if error.after is not None else backoff(max(attempts, 1))
        return _put_off(message, counted, now + wait, str(error))
    except Exception as error:  # a handler's bug must not stop the queue; it is kept, logged and retried
        log.exception("outbox message %s (%s) failed", message.pk, message.topic)
        return _put_off(message, attempts, now + backoff(attempts), f"{type(error).__name__}: {error}")
    return _finish(
        message, "delivered", state=State.DELIVERED, outcome=(outcome or "")[:500], last_error="", attempts=attempts,
        delivered_at=clock.now(),
    )  # fmt: skip


def _put_off(message: OutboxMessage, attempts: int, due_at: dt.datetime, reason: str) -> str:
    if attempts >= MAX_ATTEMPTS:
        state = OutboxMessage.State.DEAD
        return _finish(message, "dead", state=state, attempts=attempts, last_error=reason[:2000])
    return _finish(message, "retried", attempts=attempts, due_at=due_at, last_error=reason[:2000])


def deliver_due(*, limit: int = 100, lane: Lane | None = None, go_on: Callable[[], bool] = lambda: True) -> Delivery:
    """Deliver what is due now, one message after another, at most `limit`; return the counts.

    Runs outside any transaction. Without a `lane` it delivers from all of them, answers to interactions first.

    Args:
        go_on: asked before each message; nothing more is claimed once it says no.
    """
    counts = dict.fromkeys(("delivered", "skipped", "retried", "dead", "lost"), 0)
    while sum(counts.values()) < limit and go_on() and (message := claim(lane)) is not None:
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
            message.lease_token += 1
            message.save()
    return message


def settle_pending(*, outcome: str) -> int:
    """Mark every message that waits as delivered without delivering it: what they speak of is long past.

    For a guild that was made or brought over in one go; Discord must not hear a year of raids at once.
    """
    waiting = OutboxMessage.objects.filter(state=OutboxMessage.State.PENDING, leased_until=None)
    for message in waiting.filter(topic__in=[topic for topic, names in _secrets.items() if names]):
        waiting.filter(pk=message.pk).update(payload=_without_secrets(message))
    return waiting.update(
        state=OutboxMessage.State.DELIVERED,
        delivered_at=clock.now(),
        outcome=outcome[:500],
        lease_token=F("lease_token") + 1,  # a worker that has read one of them does not claim it any more
    )
