"""The one throttle for every place where a password, a key, a token, a code or a private link is tried.

Invariants (`accounts/tests/test_throttle.py` and `web/tests/test_every_credential.py` fail without them):
1. Guessing is bounded wherever it is done: each place calls `failed` for a secret that was wrong, or guards a password
   with `password_attempt`.
2. Nobody innocent is locked out by others behind their address, nor by others elsewhere. A secret of ours is random and
   long, so it is looked up before anything is refused and a good one always passes; only wrong ones meet the limit. A
   password is short, so it is not looked at where too many were tried *for that account*: from this address, or, from
   places where the account has never signed in, from anywhere. A device or an address where the account has signed in
   before is not touched by what others try elsewhere.
3. Names that exist and names that do not are treated and answered the same.
4. Every failed try leaves one line in the log of `guildhall.accounts.throttle`, with the address and never the secret.

Counts are kept in the cache: in Redis for all processes together; without it, or while it is away, each process
counts for itself (`core.cache.count`). Addresses are counted by network (`core.addresses.address_group`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import logging
import secrets
from dataclasses import dataclass
from enum import StrEnum

from django.conf import settings
from django.core import signing
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase

from guildhall.core.addresses import address_group, client_address
from guildhall.core.cache import Count, count, forget, peek, uncount
from guildhall.core.errors import TooManyRequests
from guildhall.core.logs import hide_link

from .models import User

log = logging.getLogger(__name__)


class Tried(StrEnum):
    """What was tried; also the word in the log."""

    PASSWORD = "password"  # noqa: S105 - a word in the log
    KEY = "key"
    FEED = "calendar-feed"
    LINK = "application-link"
    DISCORD_TOKEN = "discord-token"  # noqa: S105
    METRICS_TOKEN = "metrics-token"  # noqa: S105
    CLAIM_CODE = "claim-code"
    SETUP_CODE = "setup-code"
    SIGN_IN_LINK = "sign-in-link"
    RESET_MAIL = "reset-mail"


#: Seconds over which wrong secrets are counted, and how many of a kind one network may send in that time.
SECRETS_SECONDS = 60
SECRETS_LIMIT = 30
#: The same for what Discord is asked about: its own limit on wrong tokens is for all of the guild's calls.
DISCORD_TOKENS_LIMIT = 10
#: Passwords: seconds over which they are counted.
PASSWORD_SECONDS = 300
#: Wrong passwords for one account from one network.
PAIR_LIMIT = 10
#: The same, once the network has sent `NETWORK_LIMIT` wrong passwords for whichever accounts.
PAIR_LIMIT_OF_A_GUESSING_NETWORK = 3
NETWORK_LIMIT = 30
#: Wrong passwords for one account from all networks together where it has never signed in.
ACCOUNT_LIMIT = 20
#: Passwords checked for one network, right or wrong: each costs a tenth of a second of CPU.
CHECKS_LIMIT = 600
#: E-mails to set a new password that one network may ask for in `PASSWORD_SECONDS`.
RESET_MAILS_LIMIT = 10

KNOWN_FOR = dt.timedelta(days=90)
DEVICE_COOKIE = "guildhall_device"
_DEVICE_SALT = "guildhall.accounts.throttle.device"
_WHAT = {
    Tried.KEY: "keys that are not known, were revoked or have expired",
    Tried.FEED: "calendar addresses that are not good",
    Tried.LINK: "application links that belong to no application",
    Tried.DISCORD_TOKEN: "tokens that Discord does not accept",
    Tried.METRICS_TOKEN: "wrong tokens",
    Tried.CLAIM_CODE: "codes that belong to no claim",
    Tried.SETUP_CODE: "codes that do not open the setup",
    Tried.SIGN_IN_LINK: "links that are not good",
    Tried.RESET_MAIL: "requests for an e-mail",
}


def _refusal(tried: Tried, seconds: int) -> TooManyRequests:
    wait = f"{seconds} seconds" if seconds < 120 else f"{-(-seconds // 60)} minutes"
    if tried == Tried.PASSWORD:
        detail = f"Too many attempts to sign in to this account. Wait {wait} and try again."
    else:
        detail = f"Too many {_WHAT[tried]} came from here, and this is one more. Check it, wait {wait} and try again."
    return TooManyRequests(detail, retry_after=seconds, attr="password" if tried == Tried.PASSWORD else None)


def sanitise(name: str) -> str:
    """Return a typed account name as it may stand in a log line: what no username has becomes ``?``, at most 64
    characters."""
    return "".join(char if char.isalnum() or char in "_.@+-" else "?" for char in name[:64])


def _log(request: HttpRequest, tried: Tried, *, account: str = "", refused: bool = False) -> None:
    """Log the line that fail2ban reads (docs/sysadmin.md): the address first, where nothing that a client sent can
    stand."""
    address = client_address(request) or "unknown"
    name = sanitise(account) or "-"
    log.warning(
        "failed credential from %s: tried=%s account=%s path=%s refused=%s",
        *(address, tried.value, name, sanitise_path(request.path), "yes" if refused else "no"),
        extra={"address": address, "tried": tried.value, "account": name, "refused": refused},
    )


def sanitise_path(path: str) -> str:
    """Return a path as it may stand in a log line; private links carry their secret in the query, which is never
    written, or in the path, which `hide_link` takes out."""
    path = hide_link(path)
    return "".join(char if char.isascii() and (char.isalnum() or char in "/_.-") else "?" for char in path[:80])


def _network(request: HttpRequest) -> str:
    return address_group(client_address(request)) or "unknown"


def _name(*parts: str) -> str:
    """Return a cache key of parts that may hold anything."""
    return "throttle:" + hashlib.sha256("|".join(parts).encode("utf-8", "replace")).hexdigest()[:40]


# -- secrets of ours ----------------------------------------------------------------------------------------------------


def _secrets_limit(tried: Tried) -> int:
    """Return how many wrong ones may be sent a minute: never more than strangers may ask; 0 for no limit, as there."""
    strangers = int(settings.RATE_LIMITS["anonymous"])
    if tried == Tried.KEY:
        # A program whose key has expired goes on asking, and should be told that for as long as can be.
        return strangers
    return min(strangers, DISCORD_TOKENS_LIMIT if tried == Tried.DISCORD_TOKEN else SECRETS_LIMIT)


def failed(request: HttpRequest, tried: Tried, *, account: User | None = None, times: int = 1) -> None:
    """Note a secret that was wrong. Call it after the secret was looked up, before saying that it is wrong.

    Args:
        account: who tried it, where somebody signed in tries something; it counts for them, not for their network.
        times: how many were tried in one call.

    Raises:
        TooManyRequests: too many wrong ones were sent; say that instead.
    """
    limit = _secrets_limit(tried)
    found = count(_secret_name(request, tried, account), seconds=SECRETS_SECONDS, by=times)
    refused = 0 < limit < found.number
    _log(request, tried, account=account.get_username() if account else "", refused=refused)
    if refused:
        raise _refusal(tried, found.seconds_left)


def require_not_guessing(request: HttpRequest, tried: Tried, *, account: User | None = None) -> None:
    """Refuse before the secret is looked at: where it is short, or looking costs more than a query. Counts nothing.

    Raises:
        TooManyRequests: too many wrong ones were sent.
    """
    limit = _secrets_limit(tried)
    found = peek(_secret_name(request, tried, account))
    if 0 < limit <= found.number:
        _log(request, tried, account=account.get_username() if account else "", refused=True)
        raise _refusal(tried, found.seconds_left)


def _secret_name(request: HttpRequest, tried: Tried, account: User | None) -> str:
    return _name("secret", tried, f"user:{account.pk}" if account is not None else _network(request))


def asks_for_mail(request: HttpRequest) -> None:
    """Count one request for an e-mail to set a new password, whoever it names.

    Raises:
        TooManyRequests: too many were asked for from this network.
    """
    found = count(_name("reset-mail", _network(request)), seconds=PASSWORD_SECONDS)
    if found.number > RESET_MAILS_LIMIT:
        _log(request, Tried.RESET_MAIL, refused=True)
        raise _refusal(Tried.RESET_MAIL, found.seconds_left)


# -- passwords ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PasswordAttempt:
    """One password that is about to be checked: counted already, given back by `succeeded`."""

    request: HttpRequest
    username: str
    network: str
    pair: str
    account: str
    is_known: bool

    def failed(self) -> None:
        """Count a wrong password."""
        count(_name("password-network", self.network), seconds=PASSWORD_SECONDS)
        _log(self.request, Tried.PASSWORD, account=self.username)

    def succeeded(self, user: User) -> None:
        """Forget the attempts from this address after a right password, and remember the address."""
        forget(self.pair)
        if not self.is_known:
            uncount(self.account)
        remember_place(self.request, user)


def password_attempt(request: HttpRequest, username: str) -> PasswordAttempt:
    """Count one try of a password, before it is checked: of tries at the same moment, no more are checked than may be.

    Raises:
        TooManyRequests: too many wrong ones were tried for this account. The password is not to be looked at then.
    """
    network = _network(request)
    subject, pk = _subject(username)
    device = _device(request, pk)
    is_known = bool(device) or _is_known_address(pk, network)
    pair = _name("password", subject, f"device:{device}" if device else network)
    account = _name("password-account", subject)
    allowed = PAIR_LIMIT
    if not is_known and peek(_name("password-network", network)).number >= NETWORK_LIMIT:
        allowed = PAIR_LIMIT_OF_A_GUESSING_NETWORK
    limits: list[tuple[str, int]] = [(pair, allowed)]
    if not is_known:
        limits += [(account, ACCOUNT_LIMIT), (_name("password-checks", network), CHECKS_LIMIT)]
    for name, limit in limits:
        found: Count = count(name, seconds=PASSWORD_SECONDS)
        if found.number > limit:
            _log(request, Tried.PASSWORD, account=username, refused=True)
            raise _refusal(Tried.PASSWORD, found.seconds_left)
    return PasswordAttempt(request, username, network, pair, account, is_known)


def _subject(username: str) -> tuple[str, int | None]:
    """Return whom the attempts count for: the account that the database finds under the name (which some databases
    compare without accents and case), else the name itself, so that one that does not exist is treated the same."""
    pk = User.objects.filter(username=username[:150]).values_list("pk", flat=True).first()
    return (f"user:{pk}" if pk is not None else f"name:{username[:150].casefold()}"), pk


# -- places that an account is known from ---------------------------------------------------------------------------------


def _known_key(pk: int, network: str) -> str:
    return _name("known", str(pk), network)


def _is_known_address(pk: int | None, network: str) -> bool:
    return pk is not None and bool(cache.get(_known_key(pk, network)))


def _device(request: HttpRequest, pk: int | None) -> str:
    """Return the device's own number, if the account has signed in with this browser before; else empty."""
    sent = request.COOKIES.get(DEVICE_COOKIE, "")
    if pk is None or not sent:
        return ""
    try:
        owner, device = signing.loads(sent, salt=_DEVICE_SALT, max_age=KNOWN_FOR)
    except (signing.BadSignature, ValueError, TypeError):
        return ""
    return str(device) if owner == pk else ""


def remember_place(request: HttpRequest, user: User) -> None:
    """Know this address for `user`, and the browser once `mark_device` has answered it."""
    cache.set(_known_key(user.pk, _network(request)), 1, int(KNOWN_FOR.total_seconds()))
    request.throttle_signed_in = user.pk  # type: ignore[attr-defined] # read by `mark_device`


def mark_device(request: HttpRequest, response: HttpResponseBase) -> None:
    """Give the browser that has just signed in with a password its cookie. It proves no identity and opens nothing: it
    only says that wrong passwords tried elsewhere are not this device's."""
    pk = getattr(request, "throttle_signed_in", None)
    if pk is None or request.path.startswith("/api/"):
        return
    response.set_cookie(
        DEVICE_COOKIE,
        signing.dumps([pk, _device(request, pk) or secrets.token_urlsafe(9)], salt=_DEVICE_SALT),
        max_age=int(KNOWN_FOR.total_seconds()),
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
