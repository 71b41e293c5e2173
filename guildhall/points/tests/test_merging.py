"""Two people who turn out to be one."""

from __future__ import annotations

import uuid
from decimal import Decimal

import pytest
from django.db import transaction

from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot
from guildhall.core.errors import BadInput, Conflict, NotFound
from guildhall.points import selectors
from guildhall.points.models import LedgerEntry
from guildhall.points.services import adjust_points, create_pool, merge_people, preview_merge
from guildhall.points.tests.holding import set_hold
from guildhall.roster.models import Character
from guildhall.roster.services import create_character

pytestmark = pytest.mark.django_db


def test_points_characters_and_discord_go_to_the_one_who_stays(member, officer, pool, post):
    imported = create_person(display_name="Imported", discord_id="123456789", is_placeholder=True)
    create_character(name="Oldmain", user=imported)
    create_character(name="Newmain", user=member)
    post(imported, pool, "40")
    post(member, pool, "2.50")
    adjust_points(user_ids=[imported.pk], pool=pool, amount=-5, reason="late", actor=officer)
    create_api_key(user=imported, name="k")
    preview = preview_merge(source=imported, target=member, actor=None)
    assert preview.entries == 2
    assert preview.characters == ["Oldmain"]
    assert preview.balances == [("Velious", Decimal("35.00"), Decimal("2.50"))]

    merge = merge_people(source=imported, target=member, actor=officer, reason="said so in /tell")

    assert merge.moved_entries == 2
    assert not merge.is_open
    assert selectors.balance_of(user_id=member.pk, pool=pool).balance == Decimal("37.50")
    assert selectors.balance_of(user_id=imported.pk, pool=pool).balance == Decimal("0.00")
    imported.refresh_from_db()
    member.refresh_from_db()
    assert (imported.is_active, imported.merged_into, imported.discord_id) == (False, member, None)
    assert member.discord_id == "123456789"
    assert imported.api_keys.get().revoked_at is not None
    old = Character.objects.get(name="Oldmain")
    assert (old.user, old.is_main, old.main_character.name) == (member, False, "Newmain")
    assert [str(row["display_name"]) for row in selectors.attribution(name="oldmain").owners] == ["Imported", "Member"]


def test_the_main_comes_along_where_there_was_none(member, officer, pool):
    imported = create_person(display_name="Imported")
    create_character(name="Oldmain", user=imported)
    create_character(name="Oldalt", user=imported)
    merge_people(source=imported, target=member, actor=officer, reason="same")
    assert Character.objects.get(name="Oldmain").is_main
    assert Character.objects.get(name="Oldalt").main_character.name == "Oldmain"


def test_a_merged_person_cannot_be_adjusted_and_who_they_are_now_is_said(member, officer, pool):
    imported = create_person(display_name="Imported")
    merge_people(source=imported, target=member, actor=officer, reason="same")
    with pytest.raises(NotFound, match=rf"was merged into {member} \(id {member.pk}\)"):
        adjust_points(user_ids=[officer.pk, imported.pk], pool=pool, amount=1, reason="x", actor=officer)


def test_what_cannot_be_merged(member, officer, pool, post):
    with pytest.raises(BadInput):
        merge_people(source=member, target=member, actor=officer, reason="x")
    with pytest.raises(BadInput):
        merge_people(source=member, target=officer, actor=officer, reason=" ")
    with pytest.raises(BadInput):
        merge_people(source=get_or_create_bot(name="bot"), target=officer, actor=officer, reason="x")
    first = create_person(display_name="A", discord_id="11111")
    second = create_person(display_name="B", discord_id="22222")
    with pytest.raises(Conflict) as linked:
        merge_people(source=first, target=second, actor=officer, reason="x")
    assert linked.value.code == "both_linked"
    post(member, pool, "5")
    with transaction.atomic():
        set_hold(user_id=member.pk, pool=pool, reference=uuid.uuid4(), amount=Decimal("1"))
    with pytest.raises(Conflict) as bidding:
        merge_people(source=member, target=officer, actor=officer, reason="x")
    assert bidding.value.code == "has_open_bids"
    third = create_person(display_name="C")
    merge_people(source=third, target=officer, actor=officer, reason="x")
    with pytest.raises(Conflict) as again:
        merge_people(source=third, target=member, actor=officer, reason="x")
    assert again.value.code == "already_merged"
    assert LedgerEntry.objects.filter(user=member).count() == 1


def test_who_was_merged_takes_nothing_more_in_any_pool(member, officer, pool, post):
    """An award that had found its people before the merge waits on their summaries, and then sees that they are closed."""
    imported = create_person(display_name="Imported")
    post(imported, pool, "40")
    never_used = create_pool(name="Planes")
    merge_people(source=imported, target=member, actor=officer, reason="same")
    for each in (pool, never_used):
        with pytest.raises(Conflict) as refusal:
            post(imported, each, "5")
        assert refusal.value.code == "person_merged"
        with pytest.raises(Conflict), transaction.atomic():
            set_hold(user_id=imported.pk, pool=each, reference=uuid.uuid4(), amount=Decimal("1"))
    assert not LedgerEntry.objects.filter(user=imported).exists()
