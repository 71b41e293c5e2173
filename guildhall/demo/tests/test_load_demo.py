from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command

from guildhall.accounts.models import User
from guildhall.accounts.services import create_person
from guildhall.auctions.models import BidSession
from guildhall.core.models import OutboxMessage
from guildhall.loot.models import LootDistribution
from guildhall.points.models import DKPPool, LedgerEntry, UserPointsSummary
from guildhall.points.verification import verify
from guildhall.raids.models import Raid, RaidAttendance, UnmatchedName
from guildhall.recruitment.models import Application
from guildhall.roster.models import Character, CharacterAlias
from guildhall.web.personas import PERSONAS


@pytest.mark.slow
@pytest.mark.django_db
def test_the_demo_guild_is_a_believable_year() -> None:
    """One load, many looks at it: it takes a while."""
    call_command("load_demo", verbosity=0)
    assert User.objects.filter(is_bot=False).count() == 60
    assert Character.objects.count() == 120
    assert DKPPool.objects.count() == 3
    assert Raid.objects.count() > 80
    assert RaidAttendance.objects.count() > 3000
    assert LootDistribution.objects.count() > 200
    assert LootDistribution.objects.filter(reversed_at__isnull=False).exists()
    assert Raid.objects.filter(reversed_at__isnull=False).exists()
    assert CharacterAlias.objects.count() >= 6
    assert UnmatchedName.objects.exists()
    assert Application.objects.filter(status=Application.Status.VOTING_ACTIVE).count() == 1
    assert BidSession.objects.count() == 2
    names = set(User.objects.values_list("username", flat=True))
    assert {persona.username for persona in PERSONAS} <= names
    assert verify() == []
    assert not UserPointsSummary.objects.filter(balance__lt=-20).exists()
    assert not OutboxMessage.objects.filter(state=OutboxMessage.State.PENDING).exists()
    assert LedgerEntry.objects.values("kind").distinct().count() >= 5


@pytest.mark.django_db
def test_a_database_with_people_in_it_is_left_alone() -> None:
    create_person(display_name="Somebody")
    with pytest.raises(CommandError, match="empty"):
        call_command("load_demo", verbosity=0)
    assert Character.objects.count() == 0
