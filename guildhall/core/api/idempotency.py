"""`Idempotency-Key`: the same POST twice does one thing and gets one answer (docs/api-contract.md, "Conventions").

Invariant: the key's row, the effect and the stored answer commit together. The row goes in first, so a second call
with the same key, in any process, waits on the unique index and then finds the first one's answer. A refusal
(4xx) is kept too: its effect is rolled back to a savepoint and the key stays with the answer that was given. What only
says "not now" (429, 5xx, 409 ``busy``) or "not you" (401, 403) is not kept, whether it was said before the handler began or
by it: the same key may be sent again, once the caller has signed in or an officer has given them the right.

Invariant: what is kept opens nothing. Fields that hold a secret (`SECRET_FIELDS`) are taken out before the answer is
stored; a repetition names them in ``withheld``. A key belongs to who sent it: the API key (another key of the same
person may be allowed less), the person's session, or a stranger's address and browser, so that nobody is told what
somebody else was answered. `core/tests/test_idempotency_secrets.py` fails without either.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import DatabaseError, transaction
from django.utils.crypto import salted_hmac
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.core.addresses import address_group, client_address
from guildhall.core.api.errors import error_body
from guildhall.core.api.serializers import Serializer
from guildhall.core.errors import BadInput, GuildhallError, Stale
from guildhall.core.idempotency import Call, Outcome, run_idempotently
from guildhall.core.transactions import is_retryable

HEADER = "Idempotency-Key"
MAX_LENGTH = 255
#: Names of fields that hold a secret, wherever they stand in an answer.
SECRET_FIELDS = frozenset({"key", "link_token", "token"})
WITHHELD = "withheld"


class WithheldOutput(Serializer):
    """What a repeated answer leaves out, because it is shown once."""

    code = serializers.CharField(help_text="`secret_shown_once`")
    fields_withheld = serializers.ListField(child=serializers.CharField())
    detail = serializers.CharField()


def _owner(request: Request) -> str:
    """Return whose `Idempotency-Key` it is."""
    owner: str = getattr(request.auth, "idempotency_owner", "")
    if owner:
        return owner
    if request.user is not None and request.user.pk is not None:
        return f"user:{request.user.pk}"
    django_request = request._request
    seen = [address_group(client_address(django_request)), django_request.headers.get("User-Agent", "")]
    return "stranger:" + salted_hmac("guildhall.idempotency", json.dumps(seen), algorithm="sha256").hexdigest()[:40]


def _fingerprint(request: Request) -> str:
    data = request.data
    if hasattr(data, "lists"):
        plain: object = {name: [_plain(value) for value in values] for name, values in data.lists()}
    else:
        plain = data
    query = request._request.META.get("QUERY_STRING", "")
    path = f"{request.path}?{query}" if query else request.path
    text = json.dumps([request.method, path, plain], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> object:
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


def call_of(request: Request) -> Call | None:
    """Return under which key a request came; None without one.

    Raises:
        BadInput: ``idempotency_key_too_long``.
    """
    key = request.headers.get(HEADER, "").strip()
    if not key:
        return None
    if len(key) > MAX_LENGTH:
        raise BadInput(f"{HEADER} may have {MAX_LENGTH} characters.", code="idempotency_key_too_long")
    return Call(_owner(request), key, _fingerprint(request))


def kept_answer(data: object, status: int) -> Outcome:
    """Return an answer as it is kept for its key."""
    return Outcome(without_secrets(_json(data)), status)


def kept_refusal(error: GuildhallError) -> Outcome | None:
    """Return a refusal as it is kept for its key; None where the same key may be sent again."""
    body = error_body(error)
    return None if _is_passing(error.status, body) else kept_answer(body, error.status)


def repeated(outcome: Outcome) -> Response:
    """Return the response to a call that was answered before."""
    return Response(outcome.body, status=outcome.status, headers={"Idempotent-Replayed": "true"})


def idempotent(handler: Callable[..., Response]) -> Callable[..., Response]:
    """Make a view's POST handler honour `Idempotency-Key`. Without the header the handler runs as it is.

    Raises:
        Conflict: ``idempotency_key_reused``, the key came before with another body or path.
        BadInput: ``idempotency_key_too_long``.
    """

    @functools.wraps(handler)
    def wrapper(view: object, request: Request, *args: object, **kwargs: object) -> Response:
        call = call_of(request)
        if call is None:
            return handler(view, request, *args, **kwargs)

        given: list[Response] = []  # of the last attempt: the stored body is without its secrets

        def action() -> Outcome:
            response = _run(view, handler, request, args, kwargs)
            if _passing(response):
                raise _RolledBack(response)
            given.append(response)
            return kept_answer(response.data, response.status_code)

        try:
            outcome = run_idempotently(owner=call.owner, key=call.key, request_hash=call.request_hash, action=action)
        except _RolledBack as refusal:
            return refusal.response
        if outcome.is_repeated:
            return repeated(outcome)
        return given[-1]

    wrapper.is_idempotent = True  # type: ignore[attr-defined]
    return wrapper


def _run(view: Any, handler: Callable[..., Response], request: Request, args: Any, kwargs: Any) -> Response:
    """Call the handler in a savepoint; a refusal is undone and becomes a response."""
    try:
        with transaction.atomic():
            try:
                response = handler(view, request, *args, **kwargs)
            except (DatabaseError, Stale) as error:
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
        return refusal.response


def _passing(response: Response) -> bool:
    """Return whether a refusal says no more than "not now" or "not you": nothing is kept of it, so that the same key may be sent
    again."""
    return _is_passing(response.status_code, response.data)


def _is_passing(status: int, body: object) -> bool:
    if status == 409:
        errors = body.get("errors") or [{}] if isinstance(body, dict) else [{}]
        return bool(errors[0].get("code") == "busy")
    return status in (401, 403, 429) or status >= 500


def without_secrets(body: object) -> object:
    """Return a JSON-ready answer as it may be stored: without the fields of `SECRET_FIELDS`, which ``withheld`` names."""
    left_out: set[str] = set()

    def clean(node: object) -> object:
        if isinstance(node, dict):
            left_out.update(name for name, value in node.items() if name in SECRET_FIELDS and value)
            return {name: clean(value) for name, value in node.items() if name not in SECRET_FIELDS}
        return [clean(item) for item in node] if isinstance(node, list) else node

    found = clean(body)
    if left_out and isinstance(found, dict):
        names = sorted(left_out)
        found[WITHHELD] = {
            "code": "secret_shown_once",
            "fields_withheld": names,
            "detail": f"This request was answered before; {', '.join(names)} stood in the first answer alone and was not "
            "kept. If that answer never arrived, ask an officer, or make a new one.",
        }
    return found


def _json(data: Any) -> object:
    from rest_framework.utils.encoders import JSONEncoder

    return json.loads(json.dumps(data, cls=JSONEncoder))
