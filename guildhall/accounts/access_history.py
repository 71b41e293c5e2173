"""What was done to a person's access: on record, on their own page, and told to them.

Invariant: each change of how somebody gets in, what they may do or who they are is one audit row whose target is that
person and whose action is in `ACTIONS`, written in the transaction of the change. The person's own page and
`GET /api/users/me/access-history/` show these rows. Where it is not something they did with their own key or in their
own session a moment ago anyway, they are told as well: by e-mail, and by whatever other way an app has registered with
`on_access_event` (Discord's direct messages). Former addresses are told too: whoever takes an account over cannot keep the
owner from hearing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from django.conf import settings
from django.db.models import QuerySet

from guildhall.core import audit, mail, outbox
from guildhall.core.guild import guild_name
from guildhall.core.models import AuditEvent, OutboxMessage

from .models import User
from .permissions import Principal

#: The audit actions that a person's access history consists of.
ACTIONS = (
    "accounts.create_key",
    "accounts.rotate_key",
    "accounts.revoke_key",
    "accounts.sign_in_key",
    "accounts.end_access",
    "accounts.set_role",
    "accounts.give_group",
    "accounts.take_group",
    "accounts.group_changed",
    "accounts.set_email",
    "accounts.set_name",
    "accounts.set_password",
    "accounts.make_sign_in_link",
    "accounts.use_sign_in_link",
    "accounts.activated",
    "accounts.deactivated",
    "discord.link",
    "discord.unlink",
    "points.merge_people",
)
TOPIC = "accounts.email"

#: Called in the transaction of the change with the event, the person, and the addresses that they had before.
Teller = Callable[[AuditEvent, User, frozenset[str]], None]
_tellers: list[Teller] = []


def on_access_event(teller: Teller) -> Teller:
    """Register another way to tell people what was done to their access: ``teller(event, user,
    former_discord_ids)``."""
    _tellers.append(teller)
    return teller


def record_access_change(
    *,
    action: str,
    user: User,
    summary: str,
    actor: User | None,
    by: Principal | None = None,
    came: str = "",
    data: dict[str, object] | None = None,
    tell: bool = True,
    former_discord_ids: Iterable[str] = (),
    former_emails: Iterable[str] = (),
) -> AuditEvent:
    """Write the audit row of a change of `user`'s access, and tell them. Joins the caller's transaction.

    Args:
        action: one of `ACTIONS`.
        summary: one line for the person and the officers. No secret belongs there.
        by: what the change was asked for with; the row says so.
        came: what the row says in place of that, where somebody has just signed in.
        tell: False where the person is told in another way, or did it themselves and it opens nothing new.
        former_discord_ids, former_emails: where the person was reached before this change.
    """
    if action not in ACTIONS:
        raise ValueError(f"{action} is not in ACTIONS, so the person would never see it")
    event = audit.record(
        action=action,
        summary=summary,
        actor=actor,
        target=user,
        data={**(data or {}), "user_id": user.pk, "with": came or came_with(by)},
    )
    if tell and not user.is_bot:
        for address in sorted({user.email, *former_emails} - {""}):
            outbox.put(
                topic=TOPIC,
                payload={"to": address, "event_id": event.pk},
                order_key=f"access-email:{user.pk}",
            )
        for teller in _tellers:
            teller(event, user, frozenset(former_discord_ids) - {""})
    return event


def came_with(by: Principal | None) -> str:
    """Return what somebody came with, in a few words: in person, a key by its name and prefix, or the server itself."""
    if by is None or by.is_system:
        return "the server"
    if by.key is not None:
        return f"the key {by.key}"
    return "in person" if by.in_person else by.key_kind


def access_history(user: User) -> QuerySet[AuditEvent]:
    """Return what was done to `user`'s access, also while they had another account that was merged into this one;
    newest first. Two queries."""
    ids = [str(user.pk), *(str(pk) for pk in User.objects.filter(merged_into=user).values_list("pk", flat=True))]
    found = AuditEvent.objects.select_related("actor").filter(target_type="accounts.user", target_id__in=ids)
    return found.filter(action__in=ACTIONS).order_by("-at", "-id")


def as_text(event: AuditEvent, user: User) -> tuple[str, str]:
    """Return subject and text of the message that tells `user` of `event`."""
    done_with = str(event.data.get("with", ""))
    who = "you" if event.actor_id == user.pk else str(event.actor) if event.actor else "the server"
    detail = f" ({done_with})" if event.actor and done_with not in ("", "the server") else ""
    body = (
        f"{event.summary}\n\n"
        f"When: {event.at:%Y-%m-%d %H:%M} UTC\nBy: {who}{detail}\n\n"
        "If you did not expect this, tell an officer at once, and look at your account's history: "
        f"{settings.SITE_URL}/me/account/"
    )
    return "Your account was changed", body


@outbox.handler(TOPIC, lane=outbox.Lane.MAIL)
def send(message: OutboxMessage) -> str:
    """Send one e-mail; an error is retried by the outbox."""
    event = AuditEvent.objects.select_related("actor").filter(pk=message.payload["event_id"]).first()
    user = User.objects.filter(pk=event.target_id).first() if event is not None else None
    if event is None or user is None:
        return "nothing to tell any more"
    subject, body = as_text(event, user)
    return mail.send(to=message.payload["to"], subject=f"{guild_name()}: {subject}", body=body)
