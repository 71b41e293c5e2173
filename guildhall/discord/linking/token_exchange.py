"""A client that holds a Discord access token gets a sign-in key of ours for it: `POST /api/auth/token/discord/`.

Invariant: the token must have been issued to *this* application. Any other application's token, though Discord honours
it, would let whoever runs that application sign in here as its users (token substitution), so it is refused
(`tests/test_token_exchange.py` fails without the check).
"""

from __future__ import annotations

import hmac

from guildhall.accounts.models import APIKey, User
from guildhall.accounts.services import make_sign_in_key
from guildhall.core.errors import GuildhallError, NotAuthenticated
from guildhall.discord.client import DiscordError, RestClient, TokenRefused
from guildhall.discord.client.errors import Forbidden, as_text

from .profile import Profile
from .services import sign_in_with_discord


class DiscordUnavailable(GuildhallError):
    """Discord could not be asked just now (HTTP 503)."""

    status = 503
    default_code = "discord_unavailable"


class SignInNotSetUp(GuildhallError):
    """This installation has no Discord application (HTTP 409)."""

    status = 409
    default_code = "discord_not_configured"


def exchange_token(*, access_token: str, client: RestClient, address: str = "") -> tuple[User, str]:
    """Return the person behind a Discord access token, made or brought up to date, and a new key of theirs that expires.

    Args:
        address: where the token was sent from, for the person's access history.

    Raises:
        NotAuthenticated: ``invalid_token``; ``token_not_ours`` where it was issued to another application;
            ``scope_missing`` where it does not say who its person is.
        NotAllowed: ``account_closed``.
        DiscordUnavailable, SignInNotSetUp.
    """
    config = client.config
    if not config.client_id:
        raise SignInNotSetUp("This guild has no Discord sign-in: DISCORD_CLIENT_ID is not set.")
    if not access_token.isascii() or not access_token.isprintable() or " " in access_token:
        raise _refused()
    try:
        told = client.oauth_me(access_token)
        issued_to = str((told.get("application") or {}).get("id") or "")
        if not hmac.compare_digest(issued_to, config.client_id):
            raise NotAuthenticated(
                "This token was issued to another application, not to this one. Sign in through this site's own "
                "Discord application.",
                code="token_not_ours",
            )
        if "identify" not in (told.get("scopes") or []):
            raise NotAuthenticated("The token lacks the scope “identify”.", code="scope_missing")
        profile = Profile.from_json(client.user_of(access_token))
    except (TokenRefused, Forbidden) as error:
        raise _refused() from error
    except DiscordError as error:
        raise DiscordUnavailable(as_text(error)) from error
    person = sign_in_with_discord(profile=profile)
    return person, make_sign_in_key(user=person, origin=APIKey.Origin.DISCORD, address=address)


def _refused() -> NotAuthenticated:
    return NotAuthenticated("Discord does not accept this access token; get a new one.", code="invalid_token")
