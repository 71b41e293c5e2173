from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from rest_framework.test import APIClient

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person

Client = Callable[..., APIClient]


@pytest.fixture
def officer(db: None) -> User:
    return create_person(display_name="Officer", role_group=RoleGroup.OFFICER)


@pytest.fixture
def member(db: None) -> User:
    return create_person(display_name="Member", username="member", password="sword of pain 9")


@pytest.fixture
def admin(db: None) -> User:
    user = create_person(display_name="Admin", role_group=RoleGroup.OFFICER)
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    return User.objects.get(pk=user.pk)


@pytest.fixture
def as_user() -> Client:
    """A client signed in as a person, or with a key: ``as_user(user)``, ``as_user(key="gh_…")``."""

    def make(user: User | None = None, *, key: str | None = None, scheme: str = "Token") -> APIClient:
        found = APIClient()
        if user is not None:
            found.force_authenticate(user)
        if key is not None:
            found.credentials(HTTP_AUTHORIZATION=f"{scheme} {key}")
        return found

    return make


def first(response: Any) -> tuple[int, str]:
    """Status and code of the first error."""
    return response.status_code, response.json()["errors"][0]["code"]
