"""The first officer of a new guild: made at `/setup/` by whoever has the code that the server printed.

Invariants (`accounts/tests/test_founding.py` fails without them):
- Setting up is open while nobody is, or ever was, an officer or an administrator here, and never again afterwards, also
  where their accounts are closed later.
- The code is 100 random bits, stored as its hash alone; it expires, is replaced by the next one, and founds one guild: the
  row is locked before it is compared, so of two people at once one wins and the other is told.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from collections.abc import Callable

from django.conf import settings

from guildhall.core import audit, clock
from guildhall.core.errors import BadInput, Conflict, NotAllowed
from guildhall.core.guild import edit_guild
from guildhall.core.transactions import use_case

from ..models import RoleGroup, SetupCode, User
from ..permissions import SYSTEM
from ..selectors import anybody_in_charge
from .credentials import Credentials, create_person_with_credentials

CODE_LASTS = dt.timedelta(hours=24)
#: No letter or digit that could be taken for another.
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
_ROW = 1

#: Called in the transaction in which a guild is founded, with its first officer.
OnFounded = Callable[[User], None]
_on_founded: list[OnFounded] = []


def on_founded(handler: OnFounded) -> OnFounded:
    """Register what an app does for a new guild: ``handler(officer)``."""
    _on_founded.append(handler)
    return handler


def is_setup_open() -> bool:
    """Return whether this guild can still be set up: it has, and had, no officer. Two queries."""
    return not anybody_in_charge() and not SetupCode.objects.filter(pk=_ROW, closed_at__isnull=False).exists()


def _hash(code: str) -> str:
    plain = "".join(char for char in code.upper() if char.isalnum())
    return hashlib.sha256(plain.encode()).hexdigest()


@use_case
def make_setup_code() -> str:
    """Make a new code and return it, to be shown once; the one before it opens nothing any more.

    Raises:
        Conflict: ``setup_closed``.
    """
    if not is_setup_open():
        raise _closed()
    code = "-".join("".join(secrets.choice(ALPHABET) for _ in range(5)) for _ in range(4))
    now = clock.now()
    SetupCode.objects.update_or_create(
        pk=_ROW, defaults={"code_hash": _hash(code), "made_at": now, "expires_at": now + CODE_LASTS}
    )
    return code


def setup_address(code: str, *, site: str = "") -> str:
    """Return the address that a new code opens, at `site` (`SITE_URL` without one)."""
    return f"{site or settings.SITE_URL}/setup/?code={code}"


def code_opens(code: str) -> bool:
    """Return whether `code` is the one that opens the setup now. For telling somebody so; `found_guild` decides."""
    return SetupCode.objects.filter(pk=_ROW, code_hash=_hash(code), expires_at__gt=clock.now(), closed_at=None).exists()


@use_case
def found_guild(*, code: str, name: str, time_zone: str, founder: Credentials) -> User:
    """Give the guild its name, its time zone and its first officer, and close the setup for ever; returns the officer.

    The officer is an administrator too: nobody else could make keys for bots.

    Raises:
        Conflict: ``setup_closed`` where somebody was faster, ``username_taken``.
        NotAllowed: ``wrong_setup_code``.
        BadInput: ``unknown_time_zone``, ``required``, ``weak_password``, ``invalid_username``.
    """
    row = SetupCode.objects.select_for_update().filter(pk=_ROW).first()
    if anybody_in_charge() or (row is not None and row.closed_at is not None):
        raise _closed()
    now = clock.now()
    if (
        row is None
        or not row.code_hash
        or row.expires_at <= now
        or not secrets.compare_digest(row.code_hash, _hash(code))
    ):
        raise _wrong_code()
    if not name.strip():
        raise BadInput("Give the guild a name.", code="required", attr="name")
    user = create_person_with_credentials(founder, role_group=RoleGroup.OFFICER, by=SYSTEM)
    user.is_superuser = user.is_staff = True
    user.save(update_fields=["is_superuser", "is_staff"])
    edit_guild(actor=user, name=name, time_zone=time_zone, founded_at=now)
    row.closed_at, row.code_hash = now, ""
    row.save(update_fields=["closed_at", "code_hash"])
    audit.record(action="accounts.found_guild", summary=f"{user} founded {name.strip()}", actor=user, target=user)
    for handler in _on_founded:
        handler(user)
    return user


def _closed() -> Conflict:
    return Conflict(
        "This guild has been set up already, and that is done once. Sign in; an officer can bring you in.",
        code="setup_closed",
    )


def _wrong_code() -> NotAllowed:
    detail = (
        "This code does not open the setup: it has a typo, is more than a day old, or a newer one was made. On the "
        "server, manage.py setup_link prints a new one."
    )
    return NotAllowed(detail, code="wrong_setup_code", attr="code")
