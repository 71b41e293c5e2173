"""Every operation, called with an `Idempotency-Key`: no secret of its answer stands in clear in a row that is kept."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from django.db import transaction
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.core.api.idempotency import SECRET_FIELDS
from guildhall.core.models import AuditEvent, IdempotencyKey, OutboxMessage, QueuedJob

from . import responses
from .good_requests import AS, bodies, url
from .guild import Guild
from .test_every_operation import ENDLESS

KEPT = (IdempotencyKey, OutboxMessage, QueuedJob, AuditEvent)
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
#: What a secret of ours looks like: a key, a token, a private link's secret, a claim's code.
SECRET = re.compile(r"[A-Za-z0-9_-]{32,}|GH-[A-Z]{6}")


def leaves(node: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Every text of an answer, with the name of its field."""
    if isinstance(node, dict):
        for field, value in node.items():
            yield from leaves(value, field)
    elif isinstance(node, list):
        for value in node:
            yield from leaves(value, name)
    elif isinstance(node, str):
        yield name, node


def secrets_of(response: Any) -> dict[str, str]:
    if response.status_code >= 300 or "json" not in response.get("Content-Type", ""):
        return {}
    return {
        text: name
        for name, text in leaves(response.json())
        if SECRET.fullmatch(text) and not UUID.fullmatch(text) and name not in ("item_name", "fingerprint")
    }


def kept_text() -> str:
    """Everything that the rows hold, as text."""
    return "\n".join(json.dumps(list(model.objects.values()), default=str) for model in KEPT)


def test_no_secret_of_any_answer_is_kept_in_clear(guild: Guild) -> None:
    good, told, names = bodies(guild), [], set()
    for method, path, described in responses.operations():
        operation = f"{method} {path}"
        if operation == ENDLESS or method in ("head", "options"):
            continue
        given = good.get(operation)
        for body in given if isinstance(given, list) else [given]:
            who = User.objects.get(pk=guild.ids[AS[operation]]) if operation in AS else guild.boss
            api = APIClient(raise_request_exception=False)
            api.force_authenticate(who)
            where, headers = url(guild, operation, described), {"Idempotency-Key": "walk"}
            call = getattr(api, method)
            with transaction.atomic():
                response = call(where, body, headers=headers) if body is not None else call(where, headers=headers)
                found, rows = secrets_of(response), kept_text()
                told += [f"{operation}: {name}" for text, name in found.items() if text in rows]
                if found and IdempotencyKey.objects.exists():
                    names |= set(found.values())
                    again = call(where, body, headers=headers)
                    assert again.status_code == response.status_code
                    assert again["Idempotent-Replayed"] == "true"
                    assert not any(text in again.content.decode() for text in found)
                    assert again.json()["withheld"]["code"] == "secret_shown_once"
                    told += responses.faults(method, path, again)
                transaction.set_rollback(True)
    assert told == []
    assert names == {"link_token"}  # the walk met what it is for
    assert names <= SECRET_FIELDS


def test_every_field_that_the_schema_calls_secret_is_taken_out() -> None:
    """A field whose description says that it is shown once has a name that `idempotent` takes out."""
    said = {
        name
        for component in responses.schema()["components"]["schemas"].values()
        for name, field in component.get("properties", {}).items()
        if "this answer alone" in field.get("description", "")
    }
    assert said >= {"key", "link_token"}
    assert said <= SECRET_FIELDS
