"""A raid leader brings names; the right people earn, once each, and nothing is lost."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict, GuildhallError
from guildhall.core.models import AuditEvent, OutboxMessage
from guildhall.points.models import LedgerEntry
from guildhall.points.services import update_pool
from guildhall.raids import services
from guildhall.raids.models import AttendanceUpload, RaidAttendance, UnmatchedName
from guildhall.roster.services import create_character

from .scenario import balance, character, officer, person, pool, raid

pytestmark = pytest.mark.django_db


def award(night: Any, *people: Any, **more: Any) -> services.AwardResult:
    return services.award_attendance(raid=night, attendees=people, actor=None, **more)


def test_everybody_in_the_list_earns_the_raids_points() -> None:
    aelric, borin = person("Aelric"), person("Borin")
    result = award(raid(10), "Aelric", "borin")
    assert [(c.character_name, c.user_id, c.points) for c in result.awarded] == [
        ("Aelric", aelric.pk, Decimal("10.00")),
        ("Borin", borin.pk, Decimal("10.00")),
    ]
    assert (balance(aelric), balance(borin)) == (10, 10)


def test_two_characters_of_one_person_earn_once_and_the_main_is_credited() -> None:
    aelric = person("Aelric", "Aelricalt")
    result = award(raid(10), "Aelricalt", "Aelric")
    assert [c.character_name for c in result.awarded] == ["Aelric"]
    assert [c.character_name for c in result.already_present] == ["Aelricalt"]
    assert balance(aelric) == 10
    assert set(RaidAttendance.objects.values_list("character_name", "points")) == {("Aelric", 10), ("Aelricalt", 0)}


def test_a_second_character_that_comes_later_earns_nothing() -> None:
    aelric, night = person("Aelric", "Aelricalt"), raid(10)
    award(night, "Aelric")
    for _ in range(2):
        result = award(night, "Aelricalt")
        assert (result.awarded, [c.character_name for c in result.already_present]) == ([], ["Aelricalt"])
    assert balance(aelric) == 10
    assert RaidAttendance.objects.count() == 2


def test_the_same_list_twice_pays_once() -> None:
    aelric, night = person("Aelric"), raid(10)
    award(night, "Aelric")
    again = award(night, "Aelric", "AELRIC")
    assert (again.awarded, len(again.already_present), balance(aelric)) == ([], 1, 10)


def test_each_check_of_a_raid_pays() -> None:
    aelric, night = person("Aelric"), raid(10)
    kill = services.add_check(raid=night, kind="kill", label="Vulak", points="2.50")
    award(night, "Aelric")
    award(night, "Aelric", check=kill)
    assert balance(aelric) == Decimal("12.50")
    words = LedgerEntry.objects.order_by("pk").values_list("description", flat=True)
    assert list(words) == ["Event 1", "Event 1: Vulak"]


def test_a_check_of_another_raid_is_refused() -> None:
    person("Aelric")
    other = services.add_check(raid=raid(1), kind="kill", points=5)
    with pytest.raises(GuildhallError) as refusal:
        award(raid(1), "Aelric", check=other)
    assert refusal.value.code == "unknown_check"


def test_shares_of_late_early_and_standby() -> None:
    people = [person(name) for name in ("Aelric", "Borin", "Cedra", "Doran", "Elwin")]
    services.set_status_share(status="late", percent=75)
    services.set_status_share(status="standby", percent="33.33", pool=pool())
    award(
        raid(10),
        "Aelric",
        {"character_name": "Borin", "status": "late"},
        {"character_name": "Cedra", "status": "early_leave"},
        {"character_name": "Doran", "status": "standby"},
        {"character_name": "Elwin", "status": "absent"},
    )
    assert [balance(p) for p in people] == [10, Decimal("7.50"), 5, Decimal("3.33"), 0]


def test_rounding_is_the_pools() -> None:
    whole = pool("Whole", decimal_places=0)
    aelric = person("Aelric")
    award(raid(5, pools=[whole]), {"character_name": "Aelric", "status": "late"})
    assert balance(aelric, whole) == 3  # 2.5, half away from zero


def test_an_amount_named_for_somebody_counts_as_it_is() -> None:
    aelric = person("Aelric")
    award(raid(10), {"character_name": "Aelric", "status": "late", "points": "7.25"})
    assert balance(aelric) == Decimal("7.25")


@pytest.mark.parametrize(("policy", "share", "earned"), [("full", 100, 10), ("part", 25, "2.50"), ("none", 100, 0)])
def test_what_an_alt_earns_is_the_pools_rule(policy: str, share: int, earned: Any) -> None:
    update_pool(pool=pool(), actor=None, alt_policy=policy, alt_share_percent=share)
    aelric = person("Aelric", "Aelricalt")
    award(raid(10), "Aelricalt")
    assert balance(aelric) == Decimal(earned)


def test_where_alts_earn_less_the_main_is_credited_whatever_the_order() -> None:
    update_pool(pool=pool(), actor=None, alt_policy="part", alt_share_percent=50)
    aelric = person("Aelric", "Aelricalt")
    award(raid(10), "Aelricalt", "Aelric")
    assert balance(aelric) == 10


def test_an_event_may_pay_into_several_pools_each_by_its_own_rules() -> None:
    main, side = pool("Main"), pool("Side", decimal_places=0, alt_policy="none")
    aelric = person("Aelric", "Aelricalt")
    night = raid("7.50", pools=[main, side])
    award(night, "Aelricalt")
    assert (balance(aelric, main), balance(aelric, side)) == (Decimal("7.50"), 0)
    other = person("Borin")
    award(night, "Borin")
    assert (balance(other, main), balance(other, side)) == (Decimal("7.50"), 8)


def test_somebody_marked_absent_who_came_after_all_is_paid() -> None:
    aelric, night = person("Aelric"), raid(10)
    award(night, {"character_name": "Aelric", "status": "absent"})
    result = award(night, "Aelric")
    assert (len(result.awarded), balance(aelric)) == (1, 10)
    assert RaidAttendance.objects.get().status == "present"


def test_what_an_absence_was_paid_is_not_paid_again() -> None:
    aelric, borin, night = person("Aelric"), person("Borin"), raid(10)
    services.set_status_share(status="absent", percent=20)
    award(
        night,
        {"character_name": "Aelric", "status": "absent"},
        {"character_name": "Borin", "status": "absent", "points": 4},
    )
    assert (balance(aelric), balance(borin)) == (2, 4)
    award(night, "Aelric", "Borin")
    assert (balance(aelric), balance(borin)) == (10, 10)


def test_an_unknown_name_is_kept_with_suggestions_and_invents_nobody() -> None:
    person("Aelric")
    result = award(raid(10), "Aelrik", "Zzyzx")
    assert [(n.name, n.suggestions) for n in result.unmatched] == [("Aelrik", ["Aelric"]), ("Zzyzx", [])]
    assert result.awarded == []
    assert LedgerEntry.objects.count() == 0


def test_a_character_of_nobody_is_kept_until_it_has_an_owner() -> None:
    create_character(name="Orphan")
    result = award(raid(10), "Orphan")
    assert [(n.name, n.raw["reason"]) for n in result.unmatched] == [("Orphan", "no_owner")]


def test_an_award_is_on_the_record_and_goes_out_once() -> None:
    person("Aelric")
    boss = officer()
    night = raid(10)
    services.award_attendance(raid=night, attendees=["Aelric"], actor=boss)
    row = AuditEvent.objects.get(action="raids.award_attendance")
    assert (row.actor, row.target_id) == (boss, str(night.pk))
    message = OutboxMessage.objects.get(topic="raid.awarded")
    assert message.payload["raid_id"] == night.pk
    assert LedgerEntry.objects.get().created_by == boss


def test_the_database_itself_refuses_a_second_credit() -> None:
    person("Aelric")
    award(raid(10), "Aelric")
    row = RaidAttendance.objects.get()
    row.pk, row.document = None, "6f9c1f0a-0000-4000-8000-000000000000"
    row._state.adding = True
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save()


@pytest.mark.parametrize(
    ("attendee", "code"),
    [
        ({"character_name": "Aelric", "points": "NaN"}, "not_a_number"),
        ({"character_name": "Aelric", "points": "1000000000"}, "out_of_range"),
        ({"character_name": "Aelric", "points": "1.005"}, "too_many_decimals"),
        ({"character_name": "Aelric", "points": "ten"}, "not_a_number"),
        ({"character_name": "Aelric", "status": "asleep"}, "invalid_choice"),
        ({"character_name": "A" * 300}, "name_too_long"),
        ({"character_name": "  "}, "required"),
    ],
)
def test_one_bad_line_stores_nothing(attendee: dict[str, Any], code: str) -> None:
    person("Aelric"), person("Borin")
    with pytest.raises(BadInput) as refusal:
        award(raid(10), "Borin", attendee)
    assert refusal.value.code == code
    assert (refusal.value.attr or "").startswith("attendees.1")
    assert (RaidAttendance.objects.count(), LedgerEntry.objects.count(), UnmatchedName.objects.count()) == (0, 0, 0)


def test_an_empty_list_is_refused() -> None:
    with pytest.raises(BadInput) as refusal:
        award(raid(10))
    assert refusal.value.code == "no_attendees"


def test_a_raid_that_is_still_to_come_takes_no_attendance() -> None:
    person("Aelric")
    with pytest.raises(BadInput) as refusal:
        award(raid(10, ago=-dt.timedelta(days=1)), "Aelric")
    assert refusal.value.code == "raid_in_future"


def test_a_closed_pool_takes_no_attendance() -> None:
    person("Aelric")
    night = raid(10)
    update_pool(pool=pool(), actor=None, is_active=False)
    with pytest.raises(Conflict) as refusal:
        award(night, "Aelric")
    assert refusal.value.code == "pool_closed"
    assert (RaidAttendance.objects.count(), AttendanceUpload.objects.count()) == (0, 0)


def test_no_raid_of_an_inactive_event() -> None:
    event = services.create_event(name="Old", pools=[pool()], is_active=False)
    with pytest.raises(Conflict) as refusal:
        services.create_raid(event=event)
    assert refusal.value.code == "event_inactive"


def test_a_raid_is_worth_its_event_times_the_difficulty_unless_said_otherwise() -> None:
    event = services.create_event(name="Vulak", pools=[pool()], default_points=15, difficulty_modifier="1.5")
    assert services.create_raid(event=event).points == Decimal("22.50")
    named = services.create_raid(event=event, points="3.25", started_at=clock.now())
    assert (named.points, named.checks.get().points) == (Decimal("3.25"), Decimal("3.25"))


def test_a_character_that_moved_since_earns_for_who_owns_it() -> None:
    from guildhall.roster.services import reassign_character

    aelric, borin = person("Aelric", "Shared"), person("Borin")
    award(raid(10), "Shared")
    reassign_character(character=character("Shared"), user=borin, actor=None)
    award(raid(10), "Shared")
    assert (balance(aelric), balance(borin)) == (10, 10)
