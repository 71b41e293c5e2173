"""Names that nobody knew are kept, settled later, and paid then."""

from __future__ import annotations

from typing import Any

import pytest

from guildhall.accounts.models import User
from guildhall.accounts.permissions import SYSTEM
from guildhall.core.errors import BadInput, Conflict
from guildhall.points.models import LedgerEntry
from guildhall.points.verification import verify
from guildhall.raids import services
from guildhall.raids.models import RaidAttendance, UnmatchedName
from guildhall.roster.models import Character
from guildhall.roster.services import create_character

from .scenario import balance, character, person, raid

pytestmark = pytest.mark.django_db


def unknown(*names: Any, points: int = 10) -> list[UnmatchedName]:
    return services.award_attendance(raid=raid(points), attendees=names, actor=None).unmatched


def resolve(name: UnmatchedName, **how: Any) -> services.AwardResult:
    return services.resolve_unmatched(unmatched=name, actor=None, **how)


def test_a_name_is_paid_as_it_would_have_been() -> None:
    aelric, borin = person("Aelric"), person("Borin")
    one, other = unknown({"character_name": "Aelrik", "status": "late"}, {"character_name": "Borinn", "points": 3})
    assert resolve(one, character=character("Aelric")).total == 5
    resolve(other, character=character("Borin"))
    assert (balance(aelric), balance(borin)) == (5, 3)
    one.refresh_from_db()
    assert (one.resolution, one.attendance.character_name) == ("awarded", "Aelric")


def test_somebody_new_is_paid_once_they_are_on_the_roster() -> None:
    from guildhall.accounts.services import create_person

    name = unknown("Newbie")[0]
    newbie = create_person(display_name="Newbie")
    resolve(name, character=create_character(name="Newbie", user=newbie))
    assert balance(newbie) == 10


def test_a_name_that_turns_out_to_be_somebody_who_is_paid_already_earns_nothing() -> None:
    aelric, night = person("Aelric", "Box"), raid(10)
    name = services.award_attendance(raid=night, attendees=["Aelric", "Boxx"], actor=None).unmatched[0]
    result = resolve(name, character=character("Box"))
    name.refresh_from_db()
    assert (result.awarded, name.resolution, balance(aelric)) == ([], "already_present", 10)


def test_a_name_is_settled_once() -> None:
    person("Aelric")
    name = unknown("Aelrik")[0]
    resolve(name, character=character("Aelric"))
    for how in ({"character": character("Aelric")}, {"ignore": True}):
        with pytest.raises(Conflict) as refusal:
            resolve(name, **how)
        assert refusal.value.code == "already_resolved"
    assert LedgerEntry.objects.count() == 1


def test_a_name_that_became_somebody_new_is_settled_too() -> None:
    name = unknown("Newbie")[0]
    newbie = services.introduce_unmatched(unmatched=name, person=None, actor=None).character
    with pytest.raises(Conflict) as refusal:
        services.introduce_unmatched(unmatched=name, person=None, actor=None)
    assert refusal.value.code == "already_resolved"
    assert (balance(newbie.user), LedgerEntry.objects.count()) == (10, 1)


def taken_back(done: services.Introduction, **more: Any) -> list[UnmatchedName]:
    return services.withdraw_introduction(
        character=done.character, names=done.names, is_new_person=done.is_new_person, was_removed=done.was_removed,
        actor=None, by=SYSTEM, **more,
    )  # fmt: skip


@pytest.mark.every_database
def test_a_name_that_became_somebody_is_taken_back() -> None:
    name = unknown("Newbie")[0]
    done = services.introduce_unmatched(unmatched=name, person=None, actor=None)
    taken_back(done)
    name.refresh_from_db()
    newbie = Character.objects.get(name="Newbie")
    assert (name.resolution, name.character, newbie.user, newbie.status) == ("", None, None, "removed")
    assert balance(done.character.user) == 0
    assert not User.objects.get(pk=done.character.user.pk).is_active
    aelric = person("Aelric")
    again = services.introduce_unmatched(unmatched=name, person=aelric, actor=None)
    assert (again.character.pk, again.character.status, balance(aelric)) == (newbie.pk, "active", 10)
    taken_back(again)
    assert (balance(aelric), Character.objects.filter(user=aelric).count()) == (0, 1)
    with pytest.raises(Conflict) as refusal:
        taken_back(again)
    assert refusal.value.code == "built_on"


def test_what_was_built_on_somebody_who_was_introduced_stays() -> None:
    done = services.introduce_unmatched(unmatched=unknown("Newbie")[0], person=None, actor=None)
    night = raid(5)
    services.award_attendance(raid=night, attendees=["Newbie"], actor=None)
    with pytest.raises(Conflict) as refusal:
        taken_back(done)
    assert refusal.value.code == "built_on"
    assert balance(done.character.user) == 15
    services.reverse_raid(raid=night, reason="x", actor=None)
    User.objects.filter(pk=done.character.user.pk).update(discord_id="99")
    with pytest.raises(Conflict) as refusal:
        taken_back(done)
    assert refusal.value.code == "built_on"
    assert balance(done.character.user) == 10
    assert not verify()


def test_an_ignored_name_earns_nothing_comes_back_no_more_and_may_be_settled_after_all() -> None:
    aelric, night = person("Aelric"), raid(10)
    name = services.award_attendance(raid=night, attendees=["Aelrik"], actor=None).unmatched[0]
    resolve(name, ignore=True)
    assert services.award_attendance(raid=night, attendees=["Aelrik"], actor=None).unmatched == []
    assert balance(aelric) == 0
    resolve(name, character=character("Aelric"))
    assert balance(aelric) == 10


def test_the_same_unknown_name_twice_is_kept_once() -> None:
    night = raid(10)
    for name in ("Nobody", "nobody"):
        services.award_attendance(raid=night, attendees=[name], actor=None)
    assert UnmatchedName.objects.count() == 1


def test_a_character_of_nobody_cannot_be_paid() -> None:
    name = unknown("Orphann")[0]
    with pytest.raises(BadInput) as refusal:
        resolve(name, character=create_character(name="Orphan"))
    assert refusal.value.code == "no_owner"
    with pytest.raises(BadInput) as refusal:
        resolve(name)
    assert refusal.value.code == "required"


def test_a_name_of_a_reversed_raid_is_not_paid() -> None:
    person("Aelric")
    name = unknown("Aelrik")[0]
    services.reverse_raid(raid=name.raid, reason="x", actor=None)
    with pytest.raises(Conflict) as refusal:
        resolve(name, character=character("Aelric"))
    assert refusal.value.code == "raid_reversed"


def test_an_alias_that_cannot_be_kept_undoes_the_payment_too() -> None:
    aelric = person("Aelric")
    name = unknown("Aelrik")[0]
    create_character(name="Aelrik")
    with pytest.raises(Conflict) as refusal:
        resolve(name, character=character("Aelric"), remember_alias=True)
    assert (refusal.value.code, balance(aelric), RaidAttendance.objects.count()) == ("name_taken", 0, 0)


def test_no_name_invents_a_character() -> None:
    before = Character.objects.count()
    resolve(unknown("Nobody")[0], ignore=True)
    assert Character.objects.count() == before
