"""Idempotency keys: a call that is repeated has one effect and gets one answer.

The API's `Idempotency-Key` (`core.api.idempotency`), the pages' forms (`web.pages`) and the old API (`eqdkp.compat.repeats`)
all use `run_idempotently`.

Invariant: the key's row, the effect and the stored answer commit together. The row is inserted first, so the same call at the
same time, in any process, waits on the unique index and then finds the first one's answer. What `action` raises leaves
nothing behind. `core/tests/test_idempotency.py`, `web/tests/test_officers_forms.py` and `eqdkp/tests/test_old_api_repeats.py`
fail without it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, transaction

from . import clock
from .errors import Conflict
from .models import IdempotencyKey
from .transactions import run_in_transaction
from .upserts import upsert


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a call is answered with: a JSON-ready `body`, the HTTP `status`, and whether it is the answer of an earlier call."""

    body: Any
    status: int = 200
    is_repeated: bool = False


@dataclass(frozen=True, slots=True)
class Call:
    """A call under a key: the arguments of `run_idempotently` of the same names."""

    owner: str
    key: str
    request_hash: str

    @property
    def name(self) -> tuple[str, str]:
        return (self.owner, self.key)


def _reused() -> Conflict:
    return Conflict(
        "This Idempotency-Key was used before with another request. Use a new key for a new request.",
        code="idempotency_key_reused",
    )


class ClaimedCalls:
    """Calls whose effects are one transaction (bids that are placed together): the keys of all, in three statements.

    Use: `claim` in the transaction before any effect, then `found` of each call, then `keep` what became of the new ones. The
    keys are inserted in one order, so two transactions with the same ones wait for each other in one direction only.
    """

    def __init__(self, rows: Mapping[tuple[str, str], IdempotencyKey]) -> None:
        self._rows = rows

    @classmethod
    def claim(cls, calls: Sequence[Call]) -> ClaimedCalls:
        """Insert the keys of `calls`, each with a name of its own; waits for whoever has just inserted one of them."""
        if not calls:
            return cls({})
        rows = sorted(calls, key=lambda call: call.name)
        IdempotencyKey.objects.bulk_create(
            [IdempotencyKey(owner=call.owner, key=call.key, request_hash=call.request_hash) for call in rows],
            ignore_conflicts=True,
        )
        found = IdempotencyKey.objects.select_for_update().filter(
            owner__in={call.owner for call in rows}, key__in={call.key for call in rows}
        )
        return cls({(row.owner, row.key): row for row in found.order_by("owner", "key")})

    def found(self, call: Call) -> Outcome | Conflict | None:
        """Return what an earlier call was answered with, or the refusal of a key that was another request's; None for a
        new call."""
        row = self._rows[call.name]
        if row.request_hash != call.request_hash:
            return _reused()
        # The answer commits with the row, so one without an answer is of this transaction.
        return None if row.status_code is None else Outcome(row.body, row.status_code, is_repeated=True)

    def keep(self, outcomes: Mapping[Call, Outcome | None]) -> None:
        """Store the answers to new calls; None where nothing is kept, and the same key may be sent again."""
        answered: list[IdempotencyKey] = []
        forgotten: list[int] = []
        for call, outcome in outcomes.items():
            row = self._rows[call.name]
            if outcome is None:
                forgotten.append(row.pk)
                continue
            row.created_at, row.status_code, row.body = clock.now(), outcome.status, outcome.body
            answered.append(row)
        upsert(answered, by=["id"], fields=["created_at", "status_code", "body"])
        if forgotten:
            IdempotencyKey.objects.filter(pk__in=forgotten).delete()


def _always(row: IdempotencyKey) -> bool:
    return True


def run_idempotently(
    *,
    owner: str,
    key: str,
    request_hash: str,
    action: Callable[[], Outcome],
    is_repeat: Callable[[IdempotencyKey], bool] = _always,
) -> Outcome:
    """Run `action` unless `owner` has run it under `key` before; return its outcome, or the stored one of the first call.

    Args:
        owner: whose key it is, e.g. ``web:12``: at most 80 characters.
        key: at most 255 characters.
        request_hash: identifies the call; at most 64 characters.
        action: has the effect, in the transaction opened here.
        is_repeat: says whether a call that is found is repeated by this one; where it is not, `action` runs again.

    Raises:
        Conflict: ``idempotency_key_reused``: the key was used with another `request_hash`.
        whatever `action` raises; nothing is stored then.
    """

    def attempt() -> Outcome:
        try:
            with transaction.atomic():
                row = IdempotencyKey.objects.create(owner=owner, key=key, request_hash=request_hash)
        except IntegrityError:
            row = IdempotencyKey.objects.select_for_update().get(owner=owner, key=key)
            if row.request_hash != request_hash:
                raise _reused() from None
            if is_repeat(row):
                return Outcome(row.body, row.status_code or 409, is_repeated=True)
        outcome = action()
        row.created_at, row.status_code, row.body = clock.now(), outcome.status, outcome.body
        row.save(update_fields=["created_at", "status_code", "body"])
        return outcome

    return run_in_transaction(attempt)
