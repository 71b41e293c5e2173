"""What claimants are told."""

from __future__ import annotations

from typing import Any

from guildhall.discord.messages.embeds import GREEN, RED, Embed, escape, message
from guildhall.discord.messages.posting import builder
from guildhall.discord.models import Claim


@builder("claim_decided")
def claim_decided(*, claim_id: int) -> dict[str, Any] | None:
    """A claim was approved or refused."""
    claim = Claim.objects.select_related("character", "person").filter(pk=claim_id).first()
    if claim is None or claim.state not in (Claim.State.APPROVED, Claim.State.REFUSED):
        return None
    what = escape(claim.character or claim.person or "")
    if claim.state == Claim.State.APPROVED:
        return message(Embed("Your claim was approved", f"**{what}** is yours now.", GREEN))
    return message(Embed("Your claim was not approved", f"**{what}**: {escape(claim.decision)}", RED))
