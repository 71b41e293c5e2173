"""What every answer tells browsers to refuse; `tests/browser/test_policy.py` opens the pages under it."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db
STRICT = {
    "default-src": {"'self'"},
    "base-uri": {"'none'"},
    "object-src": {"'none'"},
    "frame-ancestors": {"'none'"},
    "form-action": {"'self'", "https://discord.com"},
}


def policy(response: Any) -> dict[str, set[str]]:
    parts = [part.split() for part in response["Content-Security-Policy"].split(";")]
    return {name: set(values) for name, *values in parts}


@pytest.mark.parametrize(
    "path", ["/", "/sign-in/", "/nowhere/", "/roster/", "/api.php", "/healthz", "/static/web/app.js", "/administrator/"]
)
def test_our_own_pages_are_strict(client: Client, path: str) -> None:
    response = client.get(path)
    assert policy(response) == STRICT
    assert "camera=()" in response["Permissions-Policy"]


def test_what_libraries_need_they_have_on_their_own_pages_alone(client: Client) -> None:
    for path in ("/api/docs/", "/api/docs/?script=", "/api/nowhere/", "/api/?x=%00"):
        found = policy(client.get(path))
        assert "script-src" not in found, path  # which leaves it to default-src
        assert {name: found[name] for name in STRICT} == {**STRICT, "form-action": {"'self'"}}, path
    found = policy(client.get("/admin/login/"))
    assert found["script-src"] == {"'self'", "'unsafe-eval'"}
    assert {name: found[name] for name in STRICT} == {**STRICT, "form-action": {"'self'"}}


def test_the_page_of_the_api_has_no_script_in_it(client: Client) -> None:
    page = client.get("/api/docs/").content.decode()
    assert page.count("<script src=") == page.count("<script") == 3
    assert "<style" not in page
    script = client.get("/api/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")
    assert '"validatorUrl": null' in script.content.decode()  # no stranger is told of this server


def test_a_form_may_lead_to_the_discord_that_is_set(client: Client, settings: Any) -> None:
    settings.DISCORD_OAUTH_BASE = "http://127.0.0.1:8999/"
    assert policy(client.get("/sign-in/"))["form-action"] == {"'self'", "http://127.0.0.1:8999"}


def test_a_developers_page_about_a_fault_keeps_its_styles(client: Client, settings: Any) -> None:
    settings.DEBUG = True
    assert "Content-Security-Policy" not in client.get("/nowhere/")
    assert policy(client.get("/sign-in/")) == STRICT
