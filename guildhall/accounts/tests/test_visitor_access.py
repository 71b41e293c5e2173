"""The setting “what strangers may see”: who changes it, and what a change leaves behind."""

from __future__ import annotations

import importlib
import re
from typing import Any

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import Section, User, VisitorAccess
from guildhall.accounts.services import create_person
from guildhall.accounts.visitors import edit_visitor_access, visitor_access
from guildhall.core.errors import BadInput
from guildhall.core.models import AuditEvent
from guildhall.web.tests.conftest import version

pytestmark = pytest.mark.django_db
PATH = "/api/guild/visitor-access/"


@pytest.fixture
def officer() -> User:
    return create_person(display_name="Brakkus", role_group="officer")


def changes() -> Any:
    return AuditEvent.objects.filter(action="accounts.edit_visitor_access")


def test_a_new_guild_shows_strangers_nothing() -> None:
    assert visitor_access().open_sections == frozenset()


def test_a_change_is_in_the_audit_log_and_saying_the_same_again_is_not(officer: User) -> None:
    edit_visitor_access(actor=officer, standings=True, items=True)
    edit_visitor_access(actor=officer, standings=True)
    assert visitor_access().open_sections == {"standings", "items"}
    (row,) = changes()
    assert (row.actor, row.data) == (
        officer,
        {"changed": {"standings": True, "items": True}, "open": ["items", "standings"]},
    )


@pytest.mark.parametrize("wrong", [{"notes": True}, {"standings": "yes"}, {"standings": 1}, {"standings": None}])
def test_what_is_no_section_or_no_switch_is_refused_and_changes_nothing(wrong: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        edit_visitor_access(actor=None, items=True, **wrong)
    assert visitor_access().open_sections == frozenset()


def test_there_is_one_row() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        VisitorAccess.objects.create(pk=2)


def test_officers_change_it_by_the_api_and_members_read_it(officer: User) -> None:
    api = APIClient()
    api.force_authenticate(officer)
    assert api.patch(PATH, {"roster": True}).json() == {name: name == "roster" for name in Section.values}
    assert api.patch(PATH, {"roster": "maybe"}).status_code == 400
    member = APIClient()
    member.force_authenticate(create_person(display_name="Sorrel"))
    assert member.get(PATH).json()["roster"] is True
    assert member.patch(PATH, {"roster": False}).status_code == 403
    assert APIClient().patch(PATH, {"roster": False}).status_code == 401


def test_officers_change_it_on_their_page(officer: User, client: Client) -> None:
    client.force_login(officer)
    opened = client.get("/officers/visitors/")
    page = opened.content.decode()
    assert page.count('type="checkbox"') == len(Section.values)
    assert "People who are not signed in see nothing" in client.get("/").content.decode()
    token = re.search(r'name="once" value="([^"]+)"', page)
    assert token is not None
    sent = {"form": "access", "once": token[1], **version(opened, "access"), "standings": "1", "calendar": "1"}
    said = client.post("/officers/visitors/", sent, follow=True).content.decode()
    assert "Open to strangers: calendar, standings." in said
    assert visitor_access().open_sections == {"standings", "calendar"}
    assert "People who are not signed in see nothing" not in client.get("/").content.decode()
    menu = Client().get("/").content.decode()
    assert ">Standings</a>" in menu
    assert ">Roster</a>" not in menu
    client.force_login(create_person(display_name="Sorrel"))
    assert client.get("/officers/visitors/").status_code == 403


def test_the_admin_changes_it_through_the_service(officer: User, client: Client) -> None:
    edit_visitor_access(actor=None, roster=True)
    User.objects.filter(pk=officer.pk).update(is_superuser=True, is_staff=True)
    client.force_login(User.objects.get(pk=officer.pk))
    response = client.post("/admin/accounts/visitoraccess/1/change/", {"items": "on"})
    assert response.status_code == 302
    assert visitor_access().open_sections == {"items"}
    assert changes().order_by("-pk")[0].actor == officer


@pytest.mark.parametrize(("people", "opened"), [(0, set()), (1, {"recruitment"})])
def test_a_guild_in_use_goes_on_taking_applications(people: int, opened: set[str]) -> None:
    for _ in range(people):
        create_person(display_name="Sorrel")
    migration = importlib.import_module("guildhall.accounts.migrations.0002_visitor_access")
    migration.keep_the_application_form_open(apps, None)
    assert visitor_access().open_sections == opened
