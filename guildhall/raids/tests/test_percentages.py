"""Attendance percentages: per person, since they joined, from the raids themselves."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from guildhall.core import clock, outbox
from guildhall.core.models import OutboxMessage
from guildhall.points.hooks import attendance_30d
from guildhall.points.services import merge_people
from guildhall.raids import services
from guildhall.raids.attendance import (
    Figure,
    attendance_of,
    attendance_percentage,
    explain_attendance,
    figures,
)
from guildhall.raids.models import MemberAttendanceSummary, Raid
from guildhall.roster.services import reassign_character

from .scenario import character, person, pool, raid

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


def held(*people: str, days_ago: float = 1, **more: Any) -> Raid:
    night = raid(1, ago=days_ago * DAY, **more)
    services.award_attendance(raid=night, attendees=people or ["Filler"], actor=None)
    return night


@pytest.fixture(autouse=True)
def _filler() -> None:
    person("Filler")


def test_raids_attended_of_raids_held() -> None:
    aelric = person("Aelric")
    held("Aelric"), held(), held()
    assert attendance_of(aelric.pk) == Figure(1, 3)
    assert attendance_percentage(aelric) == Decimal("33.33")


def test_each_window_has_its_own_figure() -> None:
    aelric = person("Aelric")
    held("Aelric", days_ago=5), held(days_ago=45), held("Aelric", days_ago=75), held("Aelric", days_ago=200)
    found = [attendance_of(aelric.pk, days=days) for days in (30, 60, 90, None)]
    assert found == [Figure(1, 1), Figure(1, 2), Figure(2, 3), Figure(3, 4)]


def test_a_window_begins_after_its_first_moment_and_ends_with_its_last() -> None:
    aelric, now, tick = person("Aelric"), clock.now(), dt.timedelta(microseconds=1)
    with clock.frozen(now):
        held("Aelric", days_ago=10)
    day = now - 10 * DAY
    # (from, to]: two windows that follow each other count each raid once.
    assert attendance_of(aelric.pk, days=10, at=now) == Figure(0, 0)
    assert attendance_of(aelric.pk, days=10, at=now - tick) == Figure(1, 1)
    assert attendance_of(aelric.pk, days=10, at=day) == Figure(1, 1)
    assert attendance_of(aelric.pk, days=10, at=day - tick) == Figure(0, 0)


def test_who_joined_later_is_not_measured_by_what_was_before() -> None:
    held(days_ago=20), held(days_ago=10)
    newbie = person("Newbie", joined=15 * DAY)
    held("Newbie", days_ago=2)
    assert attendance_of(newbie.pk) == Figure(1, 2)


def test_the_first_raid_counts_though_the_character_was_put_in_later() -> None:
    late = person("Late", joined=0 * DAY)
    held("Late", days_ago=3), held(days_ago=2), held(days_ago=8)
    assert attendance_of(late.pk) == Figure(1, 2)


def test_a_character_from_somebody_else_does_not_bring_its_past() -> None:
    person("Aelric", "Hand")
    held(days_ago=9)
    new = person("New", joined=0 * DAY)
    reassign_character(character=character("Hand"), user=new, actor=None)
    assert attendance_of(new.pk) == Figure(0, 0)


def test_two_characters_and_two_checks_of_one_raid_are_one() -> None:
    aelric = person("Aelric", "Aelricalt")
    night = held("Aelric", "Aelricalt")
    kill = services.add_check(raid=night, kind="kill", points=1)
    services.award_attendance(raid=night, attendees=["Aelricalt"], check=kill, actor=None)
    assert attendance_of(aelric.pk) == Figure(1, 1)


def test_a_second_character_alone_in_a_check_counts_for_its_person() -> None:
    aelric = person("Aelric", "Aelricalt")
    held("Aelricalt")
    assert attendance_of(aelric.pk) == Figure(1, 1)


def test_absent_is_not_attended_standby_is() -> None:
    aelric, borin = person("Aelric"), person("Borin")
    night = raid(1)
    listed = [{"character_name": "Aelric", "status": "absent"}, {"character_name": "Borin", "status": "standby"}]
    services.award_attendance(raid=night, attendees=listed, actor=None)
    assert (attendance_of(aelric.pk), attendance_of(borin.pk)) == (Figure(0, 1), Figure(1, 1))


def test_events_and_pools_that_do_not_count_do_not() -> None:
    aelric = person("Aelric")
    optional = services.create_event(name="Optional", pools=[pool()], counts_for_attendance=False)
    aside = services.create_event(name="Aside", pools=[pool()], no_attendance=[pool()])
    half = services.create_event(name="Half", pools=[pool(), pool("Side")], no_attendance=[pool()])
    for event in (optional, aside, half):
        held(event=event)
    assert attendance_of(aelric.pk) == Figure(0, 1)
    assert attendance_of(aelric.pk, pool=pool("Side")) == Figure(0, 1)
    assert attendance_of(aelric.pk, pool=pool()) == Figure(0, 0)


def test_reversed_raids_planned_raids_and_reversed_attendees_do_not_count() -> None:
    aelric = person("Aelric")
    services.reverse_raid(raid=held("Aelric"), reason="x", actor=None)
    raid(1)
    raid(1, ago=-2 * DAY)
    night = held("Aelric", "Filler")
    services.amend_attendance(raid=night, attendees=["Filler"], actor=None)
    assert attendance_of(aelric.pk) == Figure(0, 1)


def test_it_is_known_for_any_moment() -> None:
    aelric = person("Aelric")
    held("Aelric", days_ago=40), held(days_ago=1)
    now = clock.now()
    assert attendance_percentage(aelric, at=now) == 0
    assert attendance_percentage(aelric, at=now - 20 * DAY) == 100


def test_a_threshold_is_judged_exactly() -> None:
    assert Figure(3, 20).reaches(15)
    assert not Figure(14996, 100000).reaches(15)
    assert Figure(14996, 100000).percentage == Decimal("15.00")
    assert not Figure(0, 0).reaches(15)
    assert not Figure(0, 0).reaches(0)


def test_it_explains_itself() -> None:
    aelric = person("Aelric", joined=10 * DAY)
    held(days_ago=12), held("Aelric", days_ago=5), held(days_ago=3)
    services.reverse_raid(raid=held("Aelric", days_ago=1), reason="x", actor=None)
    found = explain_attendance(aelric, days=30)
    assert found.figure == attendance_of(aelric.pk)
    assert [(r.attended, r.counts, r.reason) for r in found.raids] == [
        (False, False, "the raid was reversed"),
        (False, True, ""),
        (True, True, ""),
        (False, False, "it was before they joined"),
    ]
    assert found.raids[2].characters == ["Aelric"]


def test_the_standings_show_it() -> None:
    aelric = person("Aelric")
    held("Aelric"), held()
    assert attendance_30d([aelric.pk]) == {aelric.pk: Decimal("50.00")}


def test_the_summaries_follow_every_raid_by_the_outbox() -> None:
    aelric = person("Aelric")
    held("Aelric", days_ago=50), held("Aelric"), held()
    assert OutboxMessage.objects.filter(topic="attendance.refresh").count() == 1
    outbox.deliver_due()
    row = MemberAttendanceSummary.objects.get(user=aelric)
    assert (row.attended_30d, row.held_30d, row.percentage_30d) == (1, 2, Decimal("50.00"))
    assert (row.attended_60d, row.held_60d, row.percentage_60d) == (2, 3, Decimal("66.67"))
    assert (row.attended_lifetime, row.held_lifetime) == (2, 3)
    services.reverse_raid(raid=Raid.objects.order_by("-started_at").first(), reason="x", actor=None)
    outbox.deliver_due()
    row.refresh_from_db()
    assert row.held_30d == 1


def test_the_summaries_agree_with_the_raids_themselves() -> None:
    people = [person(name, joined=n * 20 * DAY) for n, name in enumerate(["Aelric", "Borin", "Cedra", "Doran"])]
    for n in range(12):
        held(*["Aelric", "Borin", "Cedra", "Doran"][n % 4 :], days_ago=1 + n * 9)
    services.refresh_attendance()
    for days, span in ((30, "30d"), (60, "60d"), (90, "90d"), (None, "lifetime")):
        exact = figures(days=days)
        for one in people:
            row = MemberAttendanceSummary.objects.get(user=one)
            assert exact[one.pk] == Figure(getattr(row, f"attended_{span}"), getattr(row, f"held_{span}"))


def test_two_people_who_are_one_attended_once() -> None:
    aelric, borin = person("Aelric"), person("Borin")
    held("Aelric", "Borin"), held("Borin"), held()
    merge_people(source=borin, target=aelric, actor=None, reason="one person")
    assert attendance_of(aelric.pk) == Figure(2, 3)
    services.refresh_attendance()
    assert not MemberAttendanceSummary.objects.filter(user=borin).exists()
