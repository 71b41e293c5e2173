"""How far a raid is: planned with its date, started, closed with the bonus for staying, cancelled."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pytest

from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict
from guildhall.loot.services import NewAward, award_item
from guildhall.points.verification import verify
from guildhall.raids import services
from guildhall.raids.calendar.services import answer_date, call_off, change_date, plan_date, takes_answers
from guildhall.raids.models import AttendanceCheck, CalendarEvent, CalendarSignup, Event, Raid

from .scenario import balance, character, officer, person, pool, raid

pytestmark = pytest.mark.django_db
HOUR = dt.timedelta(hours=1)


def kind_of_raid(**values: Any) -> Event:
    return services.create_event(name=f"Event {Event.objects.count() + 1}", pools=[pool()], default_points=10, **values)


def planned(**values: Any) -> Raid:
    """A raid in three hours."""
    return services.create_raid(event=kind_of_raid(**values), started_at=clock.now() + 3 * HOUR, name="Vulak")


def there(raid: Raid, check: AttendanceCheck, *people: object) -> None:
    services.award_attendance(raid=raid, check=check, attendees=people, actor=None)  # type: ignore[arg-type]


def night(bonus: object = 5) -> tuple[Raid, AttendanceCheck, AttendanceCheck]:
    """A raid with a check at its start and one at its end, and a bonus for staying."""
    running = raid(10, full_bonus=bonus)
    return running, running.checks.get(), services.add_check(raid=running, kind="end", points=10)


@pytest.mark.every_database
def test_a_raid_that_nobody_closes_is_over_the_day_after_and_can_still_be_closed() -> None:
    aelric, (forgotten, first, last) = person("Aelric"), night()
    there(forgotten, first, "Aelric")
    there(forgotten, last, "Aelric")
    assert services.end_forgotten_raids() == 0
    with clock.frozen(clock.now() + dt.timedelta(hours=19)):
        going_on = raid()
        assert services.end_forgotten_raids() == 1
        forgotten.refresh_from_db()
        going_on.refresh_from_db()
        assert (forgotten.state, forgotten.closed_at, going_on.state) == ("done", None, "running")
        assert services.close_raid(raid=forgotten, actor=None).bonus == ["Aelric"]
    assert balance(aelric) == 25


# -- planned -------------------------------------------------------------------------------------------------------------
def test_a_raid_to_come_is_planned_and_one_signs_up_for_it() -> None:
    aelric, to_come = person("Aelric"), planned()
    assert to_come.state == "planned"
    assert to_come.date is not None
    assert (to_come.date.title, to_come.date.starts_at, to_come.date.event_id) == (
        "Vulak",
        to_come.started_at,
        to_come.event_id,
    )
    answer_date(date=to_come.date, character=character("Aelric"), status=1, actor=aelric)
    assert CalendarSignup.objects.get().event.raid == to_come
    assert [raid().state, raid(ago=dt.timedelta(days=3)).state] == ["running", "done"]


def test_a_date_of_an_event_is_a_planned_raid_and_the_two_stay_the_same() -> None:
    lead, event = officer(), kind_of_raid()
    date = plan_date(title="Vulak", starts_at=clock.now() + 3 * HOUR, event_id=event.pk, actor=lead)
    made = Raid.objects.get(date=date)
    assert (made.state, made.name, made.event) == ("planned", "Vulak", event)
    change_date(date=date, title="Klandicar", starts_at=date.starts_at + HOUR, actor=lead)
    made.refresh_from_db()
    assert (made.name, made.started_at) == ("Klandicar", date.starts_at + HOUR)
    assert made.checks.get().taken_at == made.started_at
    services.update_raid(raid=made, name="Vulak again", started_at=made.started_at + HOUR, actor=lead)
    date.refresh_from_db()
    assert (date.title, date.starts_at) == ("Vulak again", made.started_at + HOUR)
    assert made.checks.get().taken_at == date.starts_at


def test_private_dates_and_dates_of_nothing_are_no_raids_until_somebody_starts_them() -> None:
    lead, event = officer(), kind_of_raid()
    start = clock.now() + dt.timedelta(minutes=10)
    plan_date(title="Officers", starts_at=start, event_id=event.pk, is_private=True, actor=lead)
    date = plan_date(title="Something", starts_at=start, actor=lead)
    assert not Raid.objects.exists()
    with pytest.raises(BadInput, match="which event"):
        services.start_date(date=date, actor=lead)
    started = services.start_date(date=date, event=event, actor=lead)
    assert (started.state, started.date, services.start_date(date=date, actor=lead)) == ("running", date, started)


# -- start ---------------------------------------------------------------------------------------------------------------
def test_starting_ends_the_sign_ups_and_twice_is_once() -> None:
    to_come = services.create_raid(event=kind_of_raid(), started_at=clock.now() + dt.timedelta(minutes=10))
    at = to_come.started_at
    first, second = (services.start_raid(raid=to_come, actor=None) for _ in range(2))
    assert (first.state, second.state, first.started_at) == ("running", "running", at)
    assert not takes_answers(CalendarEvent.objects.get())


def test_a_raid_that_starts_early_begins_now_with_its_checks() -> None:
    event = kind_of_raid(
        usual_minutes=120, planned_checks=[{"kind": "on_time"}, {"kind": "hourly", "every_minutes": 60, "points": 2}]
    )
    to_come = services.create_raid(event=event, started_at=clock.now() + 3 * HOUR)
    started = services.start_raid(raid=to_come, actor=None)
    first, *hours = started.checks.all()
    assert first.taken_at == started.started_at <= clock.now()
    assert [check.taken_at - started.started_at for check in hours] == [HOUR, 2 * HOUR]
    date = CalendarEvent.objects.get()
    assert (date.starts_at, date.ends_at) == (started.started_at, started.started_at + 2 * HOUR)


def test_the_first_award_and_the_first_loot_start_a_planned_raid() -> None:
    person("Aelric")
    soon = clock.now() + dt.timedelta(minutes=10)
    one, two = (services.create_raid(event=kind_of_raid(), started_at=soon) for _ in range(2))
    there(one, one.checks.get(), "Aelric")
    award_item(award=NewAward(item_name="Cloak", character_name="Aelric", points_spent=0, raid=two), actor=None)
    assert set(Raid.objects.values_list("state", flat=True)) == {"running"}


# -- cancel --------------------------------------------------------------------------------------------------------------
def test_a_raid_that_is_called_off_takes_nothing_and_neither_does_its_date() -> None:
    person("Aelric")
    one, two = planned(), planned()
    services.cancel_raid(raid=one, actor=None)
    services.cancel_raid(raid=one, actor=None)
    assert two.date is not None
    call_off(date=two.date, actor=officer())
    for off in Raid.objects.all():
        assert off.state == "cancelled"
        assert off.date is not None
        assert off.date.cancelled_at is not None
        for act in (
            lambda off=off: there(off, off.checks.get(), "Aelric"),
            lambda off=off: services.start_raid(raid=off, actor=None),
            lambda off=off: services.close_raid(raid=off, actor=None),
            lambda off=off: award_item(
                award=NewAward(item_name="Cloak", character_name="Aelric", points_spent=1, raid=off), actor=None
            ),
        ):
            with pytest.raises(Conflict) as refusal:
                act()
            assert refusal.value.code == "raid_cancelled"


def test_a_raid_that_holds_points_is_undone_and_not_called_off() -> None:
    person("Aelric")
    running = raid()
    there(running, running.checks.get(), "Aelric")
    with pytest.raises(Conflict) as refusal:
        services.cancel_raid(raid=running, actor=None)
    assert refusal.value.code == "raid_has_points"


@pytest.mark.parametrize("state", ["planned", "cancelled"])
def test_the_books_name_a_raid_that_holds_points_though_it_was_not_held(state: str) -> None:
    person("Aelric")
    running = raid()
    there(running, running.checks.get(), "Aelric")
    Raid.objects.update(state=state)
    assert {str(found).split(":")[0] for found in verify()} == {"raid to come"}
    Raid.objects.update(state="running")


def test_deleting_or_undoing_a_planned_raid_calls_its_date_off() -> None:
    services.delete_raid(raid=planned(), actor=None)
    services.reverse_raid(raid=planned(), reason="moved", actor=None)
    assert not CalendarEvent.objects.filter(cancelled_at=None).exists()


# -- close ---------------------------------------------------------------------------------------------------------------
def test_closing_says_what_is_missing_and_closes_anyway_if_told() -> None:
    person("Aelric")
    running, first, _ = night(0)
    there(running, first, "Aelric", "Nobody")
    with pytest.raises(Conflict) as refusal:
        services.close_raid(raid=running, actor=None)
    assert refusal.value.figures == {"missing": {"unmatched_names": 1, "empty_checks": 1}}
    closed = services.close_raid(raid=running, actor=None, anyway=True)
    assert (closed.raid.state, [one.code for one in closed.missing]) == ("done", ["unmatched_names", "empty_checks"])
    assert None not in (closed.raid.closed_at, closed.raid.ended_at)


def test_who_stays_from_first_to_last_gets_the_bonus_once() -> None:
    people = {name: person(name) for name in ("Aelric", "Borin", "Cora", "Dain", "Elya")}
    running, first, last = night()
    standby, late = {"character_name": "Dain", "status": "standby"}, {"character_name": "Elya", "status": "late"}
    there(running, first, "Aelric", "Borin", standby, late)
    there(running, last, "Aelric", "Cora", standby, "Elya")
    closed = services.close_raid(raid=running, actor=None)
    assert closed.bonus == ["Aelric", "Dain"]
    assert services.close_raid(raid=running, actor=None).bonus == closed.bonus
    assert {name: balance(user) for name, user in people.items()} == {
        "Aelric": 25, "Borin": 10, "Cora": 10, "Dain": Decimal("12.5"), "Elya": 15,
    }  # fmt: skip
    services.reverse_raid(raid=running, reason="wrong night", actor=None)
    assert {balance(user) for user in people.values()} == {0}


def test_closing_again_puts_the_bonus_right_by_the_difference() -> None:
    aelric, borin = person("Aelric", "Alt"), person("Borin")
    running, first, last = night()
    there(running, first, "Aelric")
    there(running, last, "Alt", "Borin")
    assert services.close_raid(raid=running, actor=None).bonus == ["Alt"]
    services.reopen_raid(raid=running, actor=None)
    services.amend_attendance(raid=running, check=last, attendees=["Borin"], actor=None)
    services.amend_attendance(raid=running, check=first, attendees=["Aelric", "Borin"], actor=None)
    services.update_raid(raid=running, full_bonus=7, actor=None)
    assert services.close_raid(raid=running, actor=None).bonus == ["Borin"]
    assert (balance(aelric), balance(borin)) == (10, 27)
    services.reopen_raid(raid=running, actor=None)
    services.update_raid(raid=running, full_bonus=0, actor=None)
    assert services.close_raid(raid=running, actor=None).bonus == []
    assert (balance(aelric), balance(borin)) == (10, 20)
    assert AttendanceCheck.objects.filter(kind="bonus").count() == 1


def test_one_check_is_no_staying() -> None:
    aelric = person("Aelric")
    running = raid(10, full_bonus=5)
    there(running, running.checks.get(), "Aelric")
    assert services.close_raid(raid=running, actor=None).bonus == []
    assert balance(aelric) == 10


def test_a_raid_that_was_not_started_is_not_closed() -> None:
    with pytest.raises(Conflict) as refusal:
        services.close_raid(raid=planned(), actor=None)
    assert refusal.value.code == "raid_not_started"


def test_the_api_says_how_far_a_raid_is_and_closes_it() -> None:
    from .api_client import client_of

    lead, to_come = officer(), planned(full_bonus=5)
    api = client_of(lead)
    path = f"/api/raids/{to_come.pk}"
    assert api.get(f"{path}/").json()["state"] == "planned"
    assert api.post(f"{path}/start/").json()["state"] == "running"
    person("Aelric")
    services.award_attendance(raid=to_come, attendees=["Aelric", "Nobody"], actor=lead)
    refused = api.post(f"{path}/close/")
    assert refused.status_code == 409
    assert "raid_unfinished" in refused.content.decode()
    closed = api.post(f"{path}/close/", {"anyway": True}, format="json").json()
    assert (closed["state"], [one["code"] for one in closed["missing"]]) == ("done", ["unmatched_names"])
    assert closed["came_without_sign_up"][0]["character_name"] == "Aelric"
