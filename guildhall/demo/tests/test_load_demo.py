from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.roster.models import Character
from guildhall.web.personas import PERSONAS


@pytest.mark.django_db
def test_the_demo_guild_has_its_people_and_every_persona() -> None:
    call_command("load_demo", verbosity=0)
    assert User.objects.filter(is_bot=False).count() >= 58
    assert Character.objects.count() == 120
    names = set(User.objects.values_list("username", flat=True))
    assert {persona.username for persona in PERSONAS} <= names


@pytest.mark.django_db
def test_a_database_with_people_in_it_is_left_alone() -> None:
    create_person(display_name="Somebody")
    with pytest.raises(CommandError, match="empty"):
        call_command("load_demo", verbosity=0)
    assert Character.objects.count() == 0
