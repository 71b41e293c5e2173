"""What the schema promises is what the API does, for every kind of caller: generated requests to every operation get no 5xx
and no answer that is not described.

Each caller has a fresh database with the guild of `guild.py`. A few requests an operation, so that it ends;
``SCHEMA_EXAMPLES`` asks for more. Placeholders of a path are filled with the guild's own objects half of the time, so that
requests reach them.
"""

from __future__ import annotations

import copy
import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import schemathesis
from django.core.cache import cache
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rest_framework.test import APIClient
from schemathesis.checks import not_a_server_error
from schemathesis.core import NOT_SET
from schemathesis.generation.case import Case
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.wsgi import application
from guildhall.accounts.models import APIKey, User
from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot

from .good_requests import PLACES
from .guild import Guild

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "2"))
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
ENDLESS = "/api/bidding/stream/"
PEOPLE = ["administrator", "officer", "recruiter", "developer", "member", "applicant", "guest"]
CALLERS = ["nobody", *PEOPLE]

pytestmark = pytest.mark.slow


@functools.cache
def operations() -> list[Any]:
    """Every operation of the schema but the one whose answer does not end."""
    schema = schemathesis.openapi.from_dict(SchemaGenerator().get_schema(request=None, public=True))
    return [one for found in schema.get_all_operations() if (one := found.ok()).path != ENDLESS]


@functools.cache
def generated(number: int, examples: int) -> list[tuple[Any, bool]]:
    """A few requests to an operation, by its number, and whether each goes to the guild's own objects.

    They are the same for every caller, so each process makes them once.
    """
    found: list[tuple[Any, bool]] = []

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operations()[number].as_strategy(), uses_known=st.booleans())
    def keep(case: Any, uses_known: bool) -> None:
        found.append((case, uses_known))

    keep()
    return found


def fresh(case: Any, known: dict[str, Any]) -> Any:
    """A copy of a generated request, with the placeholders of its path that `known` has filled."""
    path_parameters = {name: known.get(name, value) for name, value in (case.path_parameters or {}).items()}
    return Case(
        case.operation, case.method, case.path, path_parameters=path_parameters,
        headers=copy.deepcopy(case.headers), cookies=dict(case.cookies or {}), query=copy.deepcopy(case.query),
        body=case.body if case.body is NOT_SET else copy.deepcopy(case.body), media_type=case.media_type,
        multipart_content_types=case.multipart_content_types,
    )  # fmt: skip


@contextmanager
def connection_kept() -> Iterator[None]:
    """As Django's own test client does: a request's end must not close the connection that the test's data is in.

    Entered after the last use of the test client, which connects the signals again.
    """
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


def headers_of(caller: str) -> dict[str, str]:
    """The credentials of a caller, made in the guild; none for nobody."""
    if caller == "nobody":
        return {}
    if caller.startswith("bot "):
        bot = get_or_create_bot(name=caller)
        key = create_api_key(user=bot, name="k", scopes=[caller.split()[1]], kind=APIKey.Kind.BOT)[1]
    else:
        user = create_person(display_name="Caller", role_group="officer" if caller == "administrator" else caller)
        User.objects.filter(pk=user.pk).update(is_superuser=caller == "administrator")
        key = create_api_key(user=User.objects.get(pk=user.pk), name="contract")[1]
    return {"Authorization": f"Token {key}"}


def places(guild: Guild, path: str) -> dict[str, Any]:
    """What stands in the guild behind the placeholders of `path`."""
    found = {}
    for prefix, thing in PLACES.items():
        if path.startswith(prefix):
            found[prefix.rpartition("{")[2].rstrip("}")] = guild.ids[thing]
    return found


def send_generated(number: int, headers: dict[str, str], known: dict[str, Any], examples: int) -> None:
    """The generated requests of one caller to one operation, each undone afterwards."""
    for case, uses_known in generated(number, examples):
        request = fresh(case, known if uses_known else {})
        with transaction.atomic():
            # Compressed answers are `test_kept.py`'s; schemathesis reads none from a WSGI application.
            response = request.call(app=application, headers={"Accept-Encoding": "identity", **headers})
            transaction.set_rollback(True)
        cache.clear()
        request.validate_response(response, checks=CHECKS)


def find_faults(guild: Guild, caller: str, examples: int) -> str:
    """What the answers to one caller's generated requests had that the schema does not allow; empty for nothing."""
    headers, wrong = headers_of(caller), []
    with connection_kept():
        for number, operation in enumerate(operations()):
            try:
                send_generated(number, headers, places(guild, operation.path), examples)
            except Exception as error:  # all of them, so that one run tells everything
                wrong.append(f"{operation.label}: {str(error)[:900]}")
    return "\n\n".join(wrong)


@pytest.mark.parametrize("caller", CALLERS)
def test_it_does_what_the_schema_says(guild: Guild, caller: str) -> None:
    assert find_faults(guild, caller, EXAMPLES) == ""


def test_there_is_something_to_try() -> None:
    assert len(operations()) > 200
    assert APIClient().get("/api/schema/").status_code == 200
