"""A form that is sent twice is done once: the pages' counterpart of `core.api.idempotency`.

Invariant: the key's row, the effect and the remembered answer commit together. The row goes in first, so a second press
of the same button, in any process, waits on the unique index and then finds the first one's answer. A refusal leaves
nothing behind: the person corrects the form and sends it again. `web/tests/test_double_click.py` fails without it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import IntegrityError, transaction

from .errors import BadInput
from .models import IdempotencyKey
from .transactions import run_in_transaction

MAX_LENGTH = 64


def once(*, owner: str, key: str, action: Callable[[], dict[str, Any]]) -> tuple[dict[str, Any], bool]:
    """Run `action` unless `owner` has run it under `key` before.

    Args:
        owner: whose key it is, e.g. ``web:12``.
        key: what the form carried.
        action: does the thing in the transaction opened here and answers what to remember, JSON-ready.

    Returns:
        What `action` answered, now or the first time; and whether it was the first time's.

    Raises:
        BadInput: ``form_without_key`` where the form carried none or a broken one.
        whatever `action` raises; nothing is kept then.
    """
    if not key or len(key) > MAX_LENGTH:
        raise BadInput(
            "This form has lost its key. Open the page again and send it once more.", code="form_without_key"
        )

    def attempt() -> tuple[dict[str, Any], bool]:
        try:
            with transaction.atomic():
                row = IdempotencyKey.objects.create(owner=owner, key=key, request_hash="form")
        except IntegrityError:
            return IdempotencyKey.objects.get(owner=owner, key=key).body or {}, True
        answer = action()
        IdempotencyKey.objects.filter(pk=row.pk).update(status_code=200, body=answer)
        return answer, False

    return run_in_transaction(attempt)
