"""What claimants are told, and people whose access was changed."""

from __future__ import annotations

from guildhall.accounts.access_history import as_text, on_access_event
from guildhall.accounts.models import User
from guildhall.core.models import AuditEvent
from guildhall.discord.messages.embeds import GOLD, GREEN, RED, Embed, escape, message
from guildhall.discord.messages.posting import builder, direct_message
from guildhall.discord.models import Claim


@builder("claim_decided")
def claim_decided(*, claim_id: int) -> dict[str, object] | None:
    """Return the message that a claim was approved or refused."""
    claim = Claim.objects.select_related("character", "person").filter(pk=claim_id).first()
    if claim is None or claim.state not in (Claim.State.APPROVED, Claim.State.REFUSED):
        return None
    what = escape(claim.character or claim.person or "")
    if claim.state == Claim.State.APPROVED:
        return message(Embed("Your claim was approved", f"**{what}** is yours now.", GREEN))
    return message(Embed("Your claim was not approved", f"**{what}**: {escape(claim.decision)}", RED))


@builder("access_changed")
def access_changed(*, event_id: int) -> dict[str, object] | None:
    """Return the message that somebody's access was changed: what, when, by whom, and what to do if they did not
    expect it."""
    event = AuditEvent.objects.select_related("actor").filter(pk=event_id).first()
    user = User.objects.filter(pk=event.target_id).first() if event is not None else None
    if event is None or user is None:
        return None
    title, text = as_text(event, user)
    return message(Embed(title, escape(text), GOLD))


@on_access_event
def notify_by_direct_message(event: AuditEvent, user: User, former_discord_ids: frozenset[str]) -> None:
    """Tell the Discord account that a person has, and those that they had before."""
    for discord_id in sorted({user.discord_id or "", *former_discord_ids} - {""}):
        direct_message(
            discord_id=discord_id,
            build="access_changed",
            key=f"access:{event.pk}:{discord_id}",
            event_id=event.pk,
        )
