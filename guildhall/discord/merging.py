"""What this app moves when two people turn out to be one (`points.services.merging`), in the same transaction."""

from __future__ import annotations

from allauth.socialaccount.models import SocialAccount

from guildhall.accounts.models import User
from guildhall.core import clock
from guildhall.points import hooks

from .models import Claim, DiscordSyncLog, DiscordToken


def connect() -> None:
    """Register the hook. Called once when the app is ready."""
    hooks.on_merge(move_discord)


def move_discord(source_id: int, target_id: int) -> dict[str, int]:
    """Move links, tokens, claims and the log from one user to another; returns the counts."""
    target_linked = User.objects.filter(pk=target_id, discord_id__isnull=False).exists()
    moved = {"discord_log": DiscordSyncLog.objects.filter(user_id=source_id).update(user_id=target_id)}
    if target_linked:
        SocialAccount.objects.filter(user_id=source_id, provider="discord").delete()
        DiscordToken.objects.filter(user_id=source_id).delete()
    else:
        SocialAccount.objects.filter(user_id=target_id, provider="discord").delete()
        SocialAccount.objects.filter(user_id=source_id, provider="discord").update(user_id=target_id)
        for token in DiscordToken.objects.filter(user_id=source_id):
            DiscordToken.objects.filter(user_id=target_id).delete()
            DiscordToken.objects.filter(pk=token.pk).delete()
            token.user_id = target_id
            token.save(force_insert=True)
    # Open claims on the source have found their answer or lost their object; those by the source go on as the target's.
    Claim.objects.filter(person_id=source_id, state=Claim.State.OPEN).exclude(user_id=target_id).update(
        state=Claim.State.REFUSED, decision="This person was merged with somebody else.", open_key=None,
        decided_at=clock.now(),
    )  # fmt: skip
    for claim in Claim.objects.filter(user_id=source_id):
        if claim.open_key:
            claim.open_key = f"{target_id}:{claim.open_key.partition(':')[2]}"
            if Claim.objects.filter(open_key=claim.open_key).exists():
                claim.open_key, claim.state = None, Claim.State.WITHDRAWN
        claim.user_id = target_id
        claim.save()
    return moved
