"""Discord tokens and claim codes as they come from outside, under the throttle (`accounts.throttle`)."""

from __future__ import annotations

import hashlib

from django.core.cache import cache
from django.http import HttpRequest

from guildhall.accounts import throttle
from guildhall.accounts.models import User
from guildhall.accounts.permissions import Principal
from guildhall.core.addresses import client_address
from guildhall.core.errors import BadInput, NotAuthenticated
from guildhall.discord.client import RestClient
from guildhall.discord.models import Claim

from . import claims
from .token_exchange import exchange_token

#: Seconds for which a Discord token that was good once is asked about whatever else its network sends.
GOOD_FOR = 3600
#: Different claim codes that one log may hold. An evening has a handful; a list of guesses has thousands.
MOST_CODES = 50


def exchange_sent_token(request: HttpRequest, *, access_token: str, client: RestClient) -> tuple[User, str]:
    """Do what `exchange_token` does, but Discord is not asked for a network that has sent many wrong tokens in the
    last minute.

    Discord counts wrong tokens against all of the guild's calls, so somebody who guesses must not use those up. A token
    that was good in the last hour is asked about all the same.

    Raises:
        TooManyRequests: too many wrong tokens.
        whatever `exchange_token` raises.
    """
    digest = hashlib.sha256(access_token.encode("utf-8", "replace")).hexdigest()
    known = f"discord-token-good:{digest}"
    if not cache.get(known):
        throttle.require_not_guessing(request, throttle.Tried.DISCORD_TOKEN)
    try:
        found = exchange_token(access_token=access_token, client=client, address=client_address(request))
    except NotAuthenticated:
        throttle.failed(request, throttle.Tried.DISCORD_TOKEN)
        raise
    cache.set(known, 1, GOOD_FOR)
    return found


def verify_claims_from_sent_log(request: HttpRequest, *, text: str, principal: Principal) -> list[dict[str, object]]:
    """Do what `claims.verify_claims_from_log` does, but codes that belong to no claim count as guesses of whoever
    sent the log.

    Raises:
        TooManyRequests: too many codes of nobody in the last minute.
        BadInput: ``too_many_codes``.
        whatever `verify_claims_from_log` raises.
    """
    throttle.require_not_guessing(request, throttle.Tried.CLAIM_CODE, account=principal.user)
    codes = {code for _, code in claims.codes_in(text.splitlines())}
    if len(codes) > MOST_CODES:
        raise BadInput(
            f"This log has {len(codes)} different claim codes in it; at most {MOST_CODES} are looked at. Send only the "
            "lines in which the code was said.",
            code="too_many_codes",
            attr="text",
        )
    wrong = len(codes) - Claim.objects.filter(code__in=codes).values("code").distinct().count()
    settled = claims.verify_claims_from_log(text=text, principal=principal)
    if wrong:
        throttle.failed(request, throttle.Tried.CLAIM_CODE, account=principal.user, times=wrong)
    return settled
