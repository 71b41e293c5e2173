"""What waits to go out, what was undeliverable, and putting it back: for officers."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, Min, Q, QuerySet

from guildhall.accounts.models import User
from guildhall.core import audit, outbox
from guildhall.core.errors import Conflict, NotFound
from guildhall.core.models import OutboxMessage
from guildhall.core.transactions import use_case

State = OutboxMessage.State
# What is announced, what is sent to Discord, and the e-mail to applicants. Attendance's own topic is its app's.
OURS = Q(topic__startswith="discord.") | Q(topic__regex=r"^(member|raid|loot|auction|application|recruitment|points)\.")


@dataclass(frozen=True, slots=True)
class Queue:
    """How the way to Discord stands."""

    waiting: int
    failing: int
    dead: int
    oldest: object | None


def queue() -> Queue:
    """Return counts of what waits, what has failed at least once and is tried again, and what was undeliverable. One query."""
    rows = OutboxMessage.objects.filter(OURS).filter(state__in=[State.PENDING, State.DEAD])
    found = rows.aggregate(
        waiting=Count("pk", filter=Q(state=State.PENDING)),
        failing=Count("pk", filter=Q(state=State.PENDING) & ~Q(last_error="")),
        dead=Count("pk", filter=Q(state=State.DEAD)),
        oldest=Min("created_at", filter=Q(state=State.PENDING)),
    )
    return Queue(**found)


def deliveries(*, reader: User | None = None, state: str = State.DEAD) -> QuerySet[OutboxMessage]:
    """Return messages in a state, newest first, without what is kept from `reader` (None: a bot, which is nobody's eyes)."""
    return _readable(reader).filter(state=state).order_by("-id")


def _readable(reader: User | None) -> QuerySet[OutboxMessage]:
    rows = OutboxMessage.objects.filter(OURS)
    return rows if reader is None else outbox.visible_to(reader, rows)


@use_case
def resend(*, message_id: int, actor: User | None) -> OutboxMessage:
    """Put a message that was undeliverable back in the queue.

    Raises:
        NotFound: ``unknown_delivery``, also for one that is kept from `actor`.
        Conflict: ``not_dead`` where it has not failed.
    """
    found = _readable(actor).select_for_update().filter(pk=message_id).first()
    if found is None:
        raise NotFound(f"There is no delivery {message_id}.", code="unknown_delivery")
    if found.state != State.DEAD:
        raise Conflict("This message has not failed: it is still being sent.", code="not_dead")
    message = outbox.resend(message_id=message_id)
    audit.record(
        action="discord.resend", summary=f"{found.topic} #{found.pk} put back in the queue", actor=actor, target=found
    )
    return message


@use_case
def resend_all(*, actor: User | None) -> int:
    """Put everything that was undeliverable back in the queue, oldest first; returns how many."""
    ids = list(deliveries().order_by("id").values_list("pk", flat=True))
    for message_id in ids:
        outbox.resend(message_id=message_id)
    if ids:
        audit.record(action="discord.resend", summary=f"{len(ids)} deliveries put back in the queue", actor=actor)
    return len(ids)
