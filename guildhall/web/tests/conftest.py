"""A small guild for the pages' tests, made through the services."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from django.test import Client

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.points.models import DKPPool
from guildhall.points.services import adjust_points, create_pool
from guildhall.roster.models import Character
from guildhall.roster.services import create_character


@dataclass
class Guild:
    officer: User
    recruiter: User
    member: User
    applicant: User
    guest: User
    pool: DKPPool
    characters: dict[str, Character] = field(default_factory=dict)

    def person(self, role: str) -> User:
        return getattr(self, role)


ROLES = ["officer", "recruiter", "member", "applicant", "guest"]


@pytest.fixture
def guild(db: None) -> Guild:
    people = {
        role: create_person(display_name=role.capitalize(), username=role, role_group=RoleGroup(role), password="torch")
        for role in ROLES
    }
    edit_visitor_access(actor=people["officer"], recruitment=True)
    pool = create_pool(name="Velious", actor=people["officer"])
    made = Guild(**people, pool=pool)
    for name, role, kind in (
        ("Brakkus", "officer", "Warrior"),
        ("Sorrel", "member", "Cleric"),
        ("Nimwe", "recruiter", "Druid"),
    ):
        made.characters[name] = create_character(
            name=name, user=people[role], character_class=kind, level=60, actor=people["officer"]
        )
    made.characters["Tibble"] = create_character(
        name="Tibble", user=people["member"], character_class="Wizard", level=52, actor=people["officer"]
    )
    for role, amount in (("officer", "40"), ("member", "25.50"), ("recruiter", "25.50")):
        adjust_points(
            user_ids=[people[role].pk], pool=pool, amount=amount, reason="First raid", actor=people["officer"]
        )
    return made


@pytest.fixture
def sign_in(client: Client, guild: Guild):
    def sign(role: str) -> Client:
        client.force_login(guild.person(role))
        return client

    return sign


def token(response) -> str:
    """The key of the form on a page, as the browser would send it back."""
    import re

    found = re.search(r'name="once" value="([^"]+)"', response.content.decode())
    assert found, "the page has no form"
    return found.group(1)


def confirmed(response) -> dict[str, str]:
    """What a form carries from the preview on a page: its key, the digest and the marks of the rows."""
    import html
    import re

    page = response.content.decode()
    found = {name: re.search(rf'name="{name}" value="([^"]*)"', page) for name in ("digest", "shown")}
    assert all(found.values()), "the page shows no preview"
    return {"once": token(response), **{name: html.unescape(match.group(1)) for name, match in found.items()}}


def version(response, form: str) -> dict[str, str]:
    """What a form of a page says of what it was opened on, as the browser would send it back; nothing where it says nothing."""
    import re

    pattern = f'name="form" value="{re.escape(form)}"><input type="hidden" name="version" value="([^"]+)"'
    found = re.search(pattern, response.content.decode())
    return {"version": found.group(1)} if found else {}
