from __future__ import annotations

import pytest
from django.test import Client

from .conftest import ROLES, Guild

# Who may open each page; everybody else gets a page that says so, never a stack trace.
PAGES = {
    "/": set(ROLES),
    "/standings/": {"officer", "recruiter", "member"},
    "/standings/export.csv": {"officer", "recruiter", "member"},
    "/roster/": set(ROLES),
    "/roster/families/": set(ROLES),
    "/me/": {"officer", "recruiter", "member", "applicant"},
    "/me/keys/": set(ROLES),
    "/raids/": {"officer", "recruiter", "member"},
    "/raids/new/": {"officer"},
    "/raids/import/": {"officer"},
    "/officers/events/": {"officer"},
    "/items/": {"officer", "recruiter", "member"},
    "/officers/adjust/": {"officer"},
    "/officers/rules/": {"officer"},
    "/officers/pools/": {"officer"},
    "/officers/people/": {"officer"},
    "/officers/audit/": {"officer"},
}


@pytest.mark.parametrize("path", PAGES)
def test_a_stranger_is_led_to_the_sign_in_page_and_back(client: Client, guild: Guild, path: str) -> None:
    response = client.get(path)
    if path == "/":
        assert "Sign in" in response.content.decode()
        return
    assert response.status_code == 302
    assert response["Location"].startswith("/sign-in/?next=")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("path", PAGES)
def test_each_role_sees_its_pages_and_no_others(sign_in, role: str, path: str) -> None:
    response = sign_in(role).get(path)
    assert response.status_code == (200 if role in PAGES[path] else 403)
    if response.status_code == 403:
        assert "Not yours to see" in response.content.decode()


def test_the_statement_of_a_person_and_its_explanation_open(sign_in, guild: Guild) -> None:
    client = sign_in("member")
    assert client.get(f"/people/{guild.member.pk}/").status_code == 200
    page = client.get(f"/people/{guild.member.pk}/pools/{guild.pool.pk}/")
    assert "25.50" in page.content.decode()
    assert client.get(f"/characters/{guild.characters['Sorrel'].pk}/").status_code == 200


def test_what_is_not_there_is_a_page_that_says_so(sign_in) -> None:
    client = sign_in("officer")
    for path in (
        "/people/999999/",
        "/characters/999999/",
        "/standings/?pool=99999",
        "/nowhere/",
        "/people/1/pools/99/",
    ):
        response = client.get(path)
        assert response.status_code == 404
        assert "Not there" in response.content.decode()


@pytest.mark.parametrize("query", ["?page=abc", "?page=9999", "?sort=;drop", "?class=Nope", "?q=%00", "?status=x"])
def test_nonsense_in_a_filter_is_no_fault(sign_in, query: str) -> None:
    client = sign_in("officer")
    for path in ("/standings/", "/roster/", "/roster/families/", "/me/"):
        assert client.get(path + query).status_code == 200


@pytest.mark.parametrize("query", ["?pool=abc", "?rank=-1", "?rank=9" + "9" * 30])
def test_a_broken_number_says_what_it_is(sign_in, query: str) -> None:
    response = sign_in("officer").get("/standings/" + query)
    assert response.status_code == 400
    assert "is not a number" in response.content.decode()
