"""`Idempotency-Key`: the same POST twice does one thing and gets one answer (API.md, "Conventions").

Invariant: the key's row, the effect and the stored answer commit together. The row goes in first, so a second call
with the same key, in any process, waits on the unique index and then finds the first one's answer. A refusal
(4xx) is kept too: its effect is rolled back to a savepoint and the key stays with the answer that was given.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, IntegrityError, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.core.errors import BadInput, Conflict
from guildhall.core.models import IdempotencyKey
from guildhall.core.transactions import is_retryable, run_in_transaction

HEADER = "Idempotency-Key"
MAX_LENGTH = 255


def _owner(request: Request) -> str:
    return f"user:{request.user.pk}"


def _fingerprint(request: Request) -> str:
    data = request.data
    if hasattr(data, "lists"):
        plain: Any = {name: [_plain(value) for value in values] for name, values in data.lists()}
    else:
        plain = data
    text = json.dumps([request.method, request.path, plain], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if hasattr(value, "chunks"):  # an uploaded file: what counts is what is in it
        digest = hashlib.sha256()
        for chunk in value.chunks():
            digest.update(chunk)
        value.seek(0)
        return digest.hexdigest()
    return value


class _RolledBack(Exception):
    """Carries a refusal out of its savepoint."""

    def __init__(self, response: Response) -> None:
        self.response = response


def idempotent(handler: Callable[..., Response]) -> Callable[..., Response]:
    """Make a view's POST handler honour `Idempotency-Key`. Without the header the handler runs as it is.

    Raises:
        Conflict: ``idempotency_key_reused``, the key came before with another body or path.
        BadInput: ``idempotency_key_too_long``.
    """

    @functools.wraps(handler)
    def wrapper(view: Any, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER, "").strip()
        if not key:
            return handler(view, request, *args, **kwargs)
        if len(key) > MAX_LENGTH:
            raise BadInput(f"{HEADER} may have {MAX_LENGTH} characters.", code="idempotency_key_too_long")
        owner, fingerprint = _owner(request), _fingerprint(request)

        def attempt() -> Response:
            try:
                with transaction.atomic():
                    row = IdempotencyKey.objects.create(owner=owner, key=key, request_hash=fingerprint)
            except IntegrityError:
                return _answered_before(owner, key, fingerprint)
            response = _run(view, handler, request, args, kwargs)
            IdempotencyKey.objects.filter(pk=row.pk).update(status_code=response.status_code, body=_json(response.data))
            return response

        return run_in_transaction(attempt)

    wrapper.is_idempotent = True  # type: ignore[attr-defined]
    return wrapper


def _run(view: Any, handler: Callable[..., Response], request: Request, args: Any, kwargs: Any) -> Response:
    """Call the handler in a savepoint; a refusal is undone and becomes a response."""
    try:
        with transaction.atomic():
            try:
                response = handler(view, request, *args, **kwargs)
            except DatabaseError as error:
                if is_retryable(error):
                    raise
                response = view.handle_exception(error)
            except Exception as error:  # whatever it is, DRF's handler knows how to say it, or raises it again
                response = view.handle_exception(error)
            if response.status_code >= 400:
                raise _RolledBack(response)
            return response
    except _RolledBack as refusal:
        # DRF marks the outer transaction for rollback when it handles an exception; the savepoint is already undone.
        transaction.set_rollback(False)
        if refusal.response.status_code >= 500:
            raise
        return refusal.response


def _json(data: Any) -> Any:
    from rest_framework.utils.encoders import JSONEncoder

    return json.loads(json.dumps(data, cls=JSONEncoder))


def _answered_before(owner: str, key: str, fingerprint: str) -> Response:
    row = IdempotencyKey.objects.get(owner=owner, key=key)
    if row.request_hash != fingerprint:
        raise Conflict(
            "This Idempotency-Key was used before with another request. Use a new key for a new request.",
            code="idempotency_key_reused",
        )
    return Response(row.body, status=row.status_code or 409, headers={"Idempotent-Replayed": "true"})
