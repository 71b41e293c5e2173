"""A tool that repeats a call after a time-out does one thing.

Invariant: the row that remembers a call, its effect and its answer commit together, and the row goes in first; so the same
call at the same time, in any process, waits for the first and gets its answer. `tests/test_old_api_repeats.py` fails
without it.

Two kinds of calls are remembered:
- one with an `Idempotency-Key`, as everywhere in Guildhall's API, for 48 hours;
- ``add_raid`` without one, for `WINDOW`: a raid of the same minute, event, worth, note and people from the same key is the
  same raid. It is added again once the first is reversed or deleted, so that a mistake can be uploaded anew.
Items and adjustments without an `Idempotency-Key` are never taken for repetitions: the same spell twice for the same
price to the same person in the same minute is an ordinary evening.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Mapping

from guildhall.accounts.models import APIKey
from guildhall.core import clock
from guildhall.core.errors import BadInput
from guildhall.core.idempotency import Outcome, run_idempotently
from guildhall.core.models import IdempotencyKey
from guildhall.raids.models import Raid

from .site import NATIVE, digits

WINDOW = dt.timedelta(minutes=10)
LONGEST_NAME = 200
Answer = dict[str, object]


def call_idempotently(
    *, key: APIKey, function: str, body: Mapping[str, object], named: str, act: Callable[[], Answer]
) -> Answer:
    """Call `act` unless this call was made before; then the first answer, with ``repeated`` 1.

    Args:
        key: whose call it is; two keys never repeat each other.
        named: the `Idempotency-Key` that came with it, empty for none.

    Raises:
        BadInput: ``idempotency_key_too_long``.
        Conflict: ``idempotency_key_reused`` with another call.
        whatever `act` raises; nothing is remembered then.
    """
    request_hash = hashlib.sha256(json.dumps([function, body], sort_keys=True, default=str).encode()).hexdigest()
    if len(named) > LONGEST_NAME:
        raise BadInput(f"Idempotency-Key may have {LONGEST_NAME} characters.", code="idempotency_key_too_long")
    if not named and function != "add_raid":
        return act()
    outcome = run_idempotently(
        owner=f"eqdkp:{key.pk}",
        key=f"key:{named}" if named else f"{function}:{request_hash}",
        request_hash=request_hash,
        action=lambda: Outcome(act()),
        is_repeat=lambda row: bool(named) or _still_the_same(row),
    )
    return {**(outcome.body or {}), "repeated": 1} if outcome.is_repeated else outcome.body


def _still_the_same(row: IdempotencyKey) -> bool:
    """Return whether the raid of a remembered call stands, and the call was made a moment ago."""
    if row.created_at <= clock.now() - WINDOW:
        return False
    raid = digits((row.body or {}).get("raid_id", 0)) - NATIVE
    return Raid.objects.filter(pk=raid, reversed_at=None).exists()
