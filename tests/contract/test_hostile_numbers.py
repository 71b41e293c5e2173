"""Numbers that no database holds, in every path and every filter of the whole API: never a 500."""

from __future__ import annotations

from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator
from rest_framework.test import APIClient

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person

pytestmark = pytest.mark.django_db
HUGE = "9" * 30
RAW: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
ENDLESS = {"/api/bidding/stream/"}
READS = sorted(path for path, found in RAW["paths"].items() if "get" in found and path not in ENDLESS)


@pytest.fixture
def api() -> APIClient:
    person = create_person(display_name="Boss", role_group="officer")
    User.objects.filter(pk=person.pk).update(is_superuser=True)
    found = APIClient(raise_request_exception=False)
    found.force_authenticate(User.objects.get(pk=person.pk))
    return found


def filled(path: str, value: str) -> str:
    return "".join(
        value if part.startswith("{") else part
        for part in path.replace("}", "}\x00").replace("{", "\x00{").split("\x00")
    )


def test_in_paths(api: APIClient) -> None:
    found = {}
    for path, methods in RAW["paths"].items():
        if "{" not in path:
            continue
        for value in (HUGE, "9" * 19, "0", "-1", "x" * 400):
            for method in methods:
                if method in ("get", "post", "put", "patch", "delete"):
                    status = getattr(api, method)(filled(path, value)).status_code
                    if status >= 500:
                        found[f"{method} {path} {value[:20]}"] = status
    assert found == {}


@pytest.mark.parametrize("value", [HUGE, "9" * 19, "-1", "1e30", "NaN", "😀"])
def test_in_filters(api: APIClient, value: str) -> None:
    found = {}
    for path in READS:
        named = [one["name"] for one in RAW["paths"][path]["get"].get("parameters", []) if one["in"] == "query"]
        for name in named:
            response = api.get(filled(path, "1"), {name: value})
            if response.status_code >= 500:
                found[f"{path}?{name}"] = response.status_code
    assert found == {}
