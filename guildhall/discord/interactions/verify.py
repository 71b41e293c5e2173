"""Whether a request really comes from Discord: Ed25519 over timestamp and body, fresh, and not seen before.

Invariants (each has a test that fails without the check, `tests/test_interactions_verify.py`):
1. The signature is checked over the bytes as they came, before anything in them is read.
2. A timestamp more than five minutes away is refused, so that a stored request cannot be sent again later.
3. Within those minutes an interaction's id is taken once (`SeenInteraction` is unique, in every process).
"""

from __future__ import annotations

import datetime as dt

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.db import IntegrityError, transaction

from guildhall.core import clock
from guildhall.discord.models import SeenInteraction

TOLERANCE = dt.timedelta(minutes=5)
KEPT = dt.timedelta(hours=1)


class NotFromDiscord(Exception):
    """The request is refused with 401; the words are for the log and the test, not for a guild's member."""


def check_signature(*, public_key: str, signature: str, timestamp: str, body: bytes) -> None:
    """Pass if `body` was signed by the application's key just now.

    Args:
        public_key: 64 hexadecimal characters, from the application's page.
        signature, timestamp: the headers `X-Signature-Ed25519` and `X-Signature-Timestamp` as they came.

    Raises:
        NotFromDiscord: no key is set, a header is missing or malformed, the signature is wrong, the time is stale.
    """
    if not timestamp.isascii() or not timestamp.isdecimal() or len(timestamp) > 12:
        raise NotFromDiscord("the timestamp is missing or malformed")
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature), timestamp.encode() + body)
    except ValueError as error:
        raise NotFromDiscord("the key or the signature is missing or malformed") from error
    except InvalidSignature as error:
        raise NotFromDiscord("the signature is wrong") from error
    age = abs(clock.now().timestamp() - int(timestamp))
    if age > TOLERANCE.total_seconds():
        raise NotFromDiscord(f"the timestamp is {age:.0f} seconds away")


def take_once(interaction_id: str) -> None:
    """Pass the first time an interaction comes.

    Raises:
        NotFromDiscord: it came before, or its id is none.
    """
    if not interaction_id.isdecimal() or len(interaction_id) > 25:
        raise NotFromDiscord("the interaction has no id")
    try:
        with transaction.atomic():
            SeenInteraction.objects.create(interaction_id=interaction_id, seen_at=clock.now())
    except IntegrityError as error:
        raise NotFromDiscord("this interaction came before") from error
