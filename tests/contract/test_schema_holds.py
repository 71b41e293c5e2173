"""What the schema promises is what the API does: generated requests get no 500 and no answer of an undocumented shape.

A few examples an operation, so that it ends; `SCHEMA_EXAMPLES` asks for more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import override_settings
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from rest_framework.test import APIClient
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from config.wsgi import application
from guildhall.accounts.models import User
from guildhall.accounts.services import create_api_key, create_person
from guildhall.points.services import adjust_points, create_pool
from guildhall.roster.services import create_character, create_rank

EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "6"))
ROOMS = (
    "/api/auth/", "/api/users/", "/api/ranks/", "/api/characters/", "/api/dkp-pools/", "/api/points/",
    "/api/admin/roster-audit/", "/api/admin/bulk-rank-update/", "/api/roster/",
)  # fmt: skip
CHECKS = (not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance)
RAW: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
SCHEMA = schemathesis.openapi.from_dict(RAW)
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations() if found.ok().path.startswith(ROOMS)]


@pytest.fixture(autouse=True)
def _keep_the_connection() -> Iterator[None]:
    """As Django's own test client does: a request's end must not close the connection that the test's data is in."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def key(db: None) -> str:
    """An administrator's key, in a guild that has a little of everything."""
    boss = create_person(display_name="Boss", role_group="officer")
    User.objects.filter(pk=boss.pk).update(is_superuser=True)
    pool, rank = create_pool(name="Velious"), create_rank(name="Raider", actor=None)
    create_character(name="Aeli", user=boss, rank=rank, actor=None)
    adjust_points(user_ids=[boss.pk], pool=pool, amount=10, reason="to begin with", actor=boss)
    return create_api_key(user=User.objects.get(pk=boss.pk), name="contract")[1]


@pytest.mark.slow
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.label)
def test_it_does_what_the_schema_says(operation: Any, key: str) -> None:
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy())
    def run(case: Any) -> None:
        response = case.call(app=application, headers={"Authorization": f"Token {key}"})
        case.validate_response(response, checks=CHECKS)

    with override_settings(RATE_LIMITS=dict.fromkeys(("anonymous", "session", "personal", "bot"), 0)):
        run()


def test_there_is_something_to_try() -> None:
    assert len(OPERATIONS) > 60
    assert APIClient().get("/api/schema/").status_code == 200
