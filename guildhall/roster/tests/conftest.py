from __future__ import annotations

from typing import Any

import pytest
from rest_framework.test import APIClient

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person


def first(response: Any) -> tuple[int, str]:
    """Status and code of the first error."""
    return response.status_code, response.json()["errors"][0]["code"]


@pytest.fixture
def boss(db: None) -> User:
    return create_person(display_name="Boss", role_group=RoleGroup.OFFICER)


@pytest.fixture
def aeli(db: None) -> User:
    return create_person(display_name="Aeli")


@pytest.fixture
def borel(db: None) -> User:
    return create_person(display_name="Borel")


@pytest.fixture
def officer(boss: User) -> APIClient:
    found = APIClient()
    found.force_authenticate(boss)
    return found


@pytest.fixture
def member(aeli: User) -> APIClient:
    found = APIClient()
    found.force_authenticate(aeli)
    return found
