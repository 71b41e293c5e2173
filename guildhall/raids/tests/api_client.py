"""A client that carries a key, for the API tests of this app."""

from __future__ import annotations

from typing import Any

from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_api_key

from .scenario import officer


def client_of(user: User | None = None, *, scopes: Any = None) -> APIClient:
    """A client with a personal key of `user`, or of a new officer."""
    owner = user or officer()
    _, key = create_api_key(user=owner, name="test", scopes=scopes)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    return client
