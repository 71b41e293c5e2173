"""People's OAuth2 tokens: kept encrypted, refreshed before they lapse (allauth does neither).

Invariant: a refresh token works once, so at most one worker uses it at a time: the row is leased (`core.leases`) before
Discord is asked, and new tokens end every lease. What Discord returns is stored before anything else happens, also where
the lease was lost meanwhile: the token that was used is of no more use to anybody.
"""

from __future__ import annotations

import datetime as dt
import logging
from dataclasses import dataclass

from django.db.models import F

from guildhall.accounts.models import User
from guildhall.core import clock, leases
from guildhall.core.transactions import use_case

from .client import DiscordError, Rejected, RestClient, TokenRefused
from .crypto import CannotDecrypt, decrypt, encrypt, rotate
from .models import DiscordToken

log = logging.getLogger(__name__)

REFRESH_BEFORE = dt.timedelta(days=1)
SIGN_IN_AGAIN = "Discord does not renew this sign-in any more. The person signs in once more, and it works again."


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What Discord's token endpoint returns, in clear, on its way to being encrypted."""

    access_token: str
    refresh_token: str
    expires_at: dt.datetime | None
    scopes: str = ""

    def __repr__(self) -> str:
        return "TokenPair(…)"


@use_case
def keep_tokens(*, user: User, tokens: TokenPair) -> DiscordToken:
    """Store a person's tokens, encrypted, in place of those before."""
    values = {
        "access_token": encrypt(tokens.access_token),
        "refresh_token": encrypt(tokens.refresh_token),
        "scopes": tokens.scopes[:200],
        "expires_at": tokens.expires_at or clock.now(),
        "refreshed_at": clock.now(),
        "leased_until": None,
        "problem": "",
    }
    row, _ = DiscordToken.objects.update_or_create(
        user=user, defaults={**values, "lease_token": F("lease_token") + 1}, create_defaults=values
    )
    row.refresh_from_db(fields=["lease_token"])
    return row


def refresh_lapsing(*, client: RestClient, within: dt.timedelta = REFRESH_BEFORE) -> tuple[int, int]:
    """Refresh every token that lapses within `within`; returns how many were refreshed and how many failed."""
    now = clock.now()
    due = DiscordToken.objects.filter(expires_at__lte=now + within, problem="").exclude(refresh_token="")
    refreshed = failed = 0
    for row in due.select_related("user"):
        if _refresh(row, client):
            refreshed += 1
        else:
            failed += 1
    return refreshed, failed


def _refresh(row: DiscordToken, client: RestClient) -> bool:
    now = clock.now()
    lease = leases.acquire(row)
    if lease is None:
        return False
    try:
        with leases.holding(lease):
            answer = client.refresh(decrypt(row.refresh_token))
    except (Rejected, CannotDecrypt):
        lease.release(problem=SIGN_IN_AGAIN)
        return False
    except TokenRefused as error:
        log.warning("Discord refuses DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET: %s", error)
        lease.release()
        return False
    except DiscordError as error:
        log.info("refreshing a Discord token is put off: %s", error)
        lease.release()
        return False
    keep_tokens(
        user=row.user,
        tokens=TokenPair(
            access_token=str(answer["access_token"]),
            refresh_token=str(answer.get("refresh_token") or decrypt(row.refresh_token)),
            expires_at=now + dt.timedelta(seconds=int(answer.get("expires_in") or 0)),
            scopes=str(answer.get("scope") or row.scopes),
        ),
    )
    return True


def access_token_of(user: User, *, client: RestClient) -> str | None:
    """Return a token of the person that is good for the next minutes, refreshed if need be; None where there is none."""
    row = DiscordToken.objects.select_related("user").filter(user=user, problem="").first()
    if row is None:
        return None
    if row.expires_at <= clock.now() + dt.timedelta(minutes=5):
        if not row.refresh_token or not _refresh(row, client):
            return None
        row.refresh_from_db()
    try:
        return decrypt(row.access_token)
    except CannotDecrypt:
        return None


@use_case
def reencrypt_all() -> int:
    """Encrypt every token anew under the first key; those that no key opens are left and marked."""
    count = 0
    for row in DiscordToken.objects.select_for_update():
        try:
            row.access_token, row.refresh_token = rotate(row.access_token), rotate(row.refresh_token)
        except CannotDecrypt:
            row.problem = SIGN_IN_AGAIN
        else:
            count += 1
        row.save()
    return count
