"""What the outbox's worker calls for each topic of this app. Handlers bear being called twice."""

from __future__ import annotations

from guildhall.accounts.models import User
from guildhall.accounts.services import MEMBER_CHANGED
from guildhall.core import outbox
from guildhall.core.ids import DiscordId
from guildhall.core.models import OutboxMessage
from guildhall.core.outbox import Lane

from .client import default_client
from .delivery import outbox_errors
from .interactions import dispatch
from .messages import posting, standing
from .roles import reconcile as reconciling
from .roles import sync


def connect() -> None:
    """Register the handlers. Called once when the app is ready."""
    outbox.handler(sync.SYNC_MEMBER, lane=Lane.ROLES)(sync_member)
    outbox.handler(sync.RECONCILE, lane=Lane.ROLES)(reconcile)
    outbox.handler(posting.POST, lane=Lane.MESSAGES)(posting.deliver_post)
    outbox.handler(posting.DIRECT, lane=Lane.MESSAGES)(posting.deliver_direct)
    outbox.handler(dispatch.FOLLOW_UP, lane=Lane.INTERACTIONS, secrets=("token",))(dispatch.follow_up)
    outbox.handler(MEMBER_CHANGED)(member_changed)


def sync_member(message: OutboxMessage) -> str:
    """Put one member's roles right."""
    payload = message.payload
    with outbox_errors():
        result = sync.sync_member(
            discord_id=payload["discord_id"],
            client=default_client(),
            source=payload.get("source", ""),
            reason=payload.get("reason", ""),
            actor_id=payload.get("actor_id"),
        )
    return str(result)


def reconcile(message: OutboxMessage) -> str:
    """Compare everybody and queue what differs."""
    payload = message.payload
    with outbox_errors():
        report = reconciling.reconcile(
            client=default_client(),
            source=payload.get("source", ""),
            actor_id=payload.get("actor_id"),
            reason=payload.get("reason", ""),
        )
    return str(report)


def member_changed(message: OutboxMessage) -> str:
    """Queue what follows a change of somebody's standing: their roles, and a message to the status channel."""
    payload = message.payload
    person = User.objects.filter(pk=payload["user_id"]).first()
    if person is None:
        return "nobody"
    change = str(payload.get("change", ""))
    done = []
    if person.discord_id and sync.request_member_sync(
        discord_id=DiscordId(person.discord_id), source="change", reason=_why(change, payload)
    ):
        done.append("sync")
    if change in standing.NEWS and not person.is_bot:
        posted = posting.post(
            kind="status",
            build="standing",
            key=f"standing:{message.uid}",
            order_key=f"standing:{person.pk}",
            user_id=person.pk,
            change=change,
            before=str(payload.get("before", "")),
            after=str(payload.get("after", "")),
        )
        if posted:
            done.append("post")
    return " and ".join(done) or "nothing to do"


def _why(change: str, payload: dict[str, object]) -> str:
    words = change.replace("_", " ")
    before, after = payload.get("before") or "", payload.get("after") or ""
    return f"{words}: {before or 'none'} → {after or 'none'}" if before or after else words
