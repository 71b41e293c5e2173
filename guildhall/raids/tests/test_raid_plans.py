"""The plan of an event, and the copy of it that a raid is made of."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.core import clock
from guildhall.core.errors import BadInput
from guildhall.raids import services
from guildhall.raids.models import Event, Raid

from .scenario import balance, person, pool

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)


def templated(**values: Any) -> Event:
    plan = {
        "usual_minutes": 180,
        "full_bonus": 5,
        "planned_checks": [
            {"kind": "on_time", "label": "on time", "points": 4},
            {"kind": "hourly", "every_minutes": 60, "points": 2},
            {"kind": "kill", "points": 3},
            {"kind": "end", "offset_minutes": 10},
        ],
        "bosses": [{"name": "Vulak", "points": 8, "loot": ["Cloak of Flames", " Cloak of  Flames"]}, {"name": "Vyemm"}],
    }
    return services.create_event(name="Temple of Veeshan", pools=[pool()], default_points=10, **{**plan, **values})


def made_of(event: Event, **values: Any) -> Raid:
    return services.create_raid(event=event, started_at=clock.now() - 30 * MINUTE, **values)


def figures(raid: Raid) -> list[tuple[str, int, int]]:
    """Kind, minutes after the start and worth of each check."""
    return [
        (check.kind, (check.taken_at - raid.started_at) // MINUTE, int(check.points)) for check in raid.checks.all()
    ]


PLAN = [("on_time", 0, 4), ("hourly", 60, 2), ("hourly", 120, 2), ("end", 170, 10), ("hourly", 180, 2)]


def test_a_raid_is_a_copy_of_its_events_plan() -> None:
    raid = made_of(templated())
    assert figures(raid) == PLAN
    assert (raid.points, raid.full_bonus) == (4, 5)
    assert list(raid.bosses.values_list("name", "points", "loot")) == [
        ("Vulak", 8, ["Cloak of Flames"]), ("Vyemm", 3, []),
    ]  # fmt: skip


def test_a_later_change_of_the_event_moves_nothing_of_a_raid_that_is_there() -> None:
    aelric, event = person("Aelric"), templated()
    raid = made_of(event)
    services.award_attendance(raid=raid, attendees=["Aelric"], actor=None)
    services.update_event(
        event=event,
        actor=None,
        default_points=99,
        full_bonus=99,
        bosses=[],
        planned_checks=[{"kind": "on_time", "points": 99}],
    )
    raid = Raid.objects.get()
    assert (figures(raid), raid.full_bonus, raid.bosses.count(), balance(aelric)) == (PLAN, 5, 2, 4)
    assert figures(made_of(event)) == [("on_time", 0, 99)]


def test_an_event_without_a_plan_makes_raids_as_before() -> None:
    event = services.create_event(name="Plain", pools=[pool()], default_points=10)
    assert figures(made_of(event)) == [("on_time", 0, 10)]
    assert figures(made_of(event, first_check="tick", points=3)) == [("tick", 0, 3)]


def test_a_worth_that_is_named_is_that_of_the_first_check() -> None:
    assert figures(made_of(templated(), points=1)) == [
        ("on_time", 0, 1),
        ("hourly", 60, 2),
        ("hourly", 120, 2),
        ("end", 170, 1),
        ("hourly", 180, 2),
    ]


def test_a_kill_is_a_check_worth_what_the_boss_is_and_is_written_down_once() -> None:
    raid = made_of(templated())
    vulak = raid.bosses.get(name="Vulak")
    check = services.record_kill(boss=vulak, actor=None)
    assert (check.kind, check.label, check.points) == ("kill", "Vulak", 8)
    assert services.record_kill(boss=vulak, actor=None) == check


def test_a_planned_raid_of_another_event_is_made_anew() -> None:
    raid = services.create_raid(event=templated(), started_at=clock.now() + 60 * MINUTE)
    other = services.create_event(name="Plain", pools=[pool()], default_points=1)
    services.update_raid(raid=raid, event=other, actor=None)
    raid.refresh_from_db()
    assert (figures(raid), raid.full_bonus, raid.bosses.count(), raid.points) == ([("on_time", 0, 1)], 0, 0, 1)


@pytest.mark.parametrize(
    ("plan", "code", "attr"),
    [
        ({"planned_checks": [{"kind": "sometimes"}]}, "invalid_choice", "planned_checks.0.kind"),
        (
            {"planned_checks": [{"kind": "hourly", "every_minutes": 1}]},
            "out_of_range",
            "planned_checks.0.every_minutes",
        ),
        (
            {"planned_checks": [{"kind": "on_time", "offset_minutes": -1}]},
            "out_of_range",
            "planned_checks.0.offset_minutes",
        ),
        ({"planned_checks": [{"kind": "on_time"}] * 21}, "too_many", "planned_checks"),
        ({"usual_minutes": None}, "length_missing", "usual_minutes"),
        ({"bosses": [{"name": " "}]}, "required", "bosses.0.name"),
        ({"full_bonus": -1}, "below_minimum", "full_bonus"),
        ({"usual_weekday": 7}, "out_of_range", "usual_weekday"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(plan: dict[str, Any], code: str, attr: str) -> None:
    with pytest.raises(BadInput) as refusal:
        templated(**plan)
    assert (refusal.value.code, refusal.value.attr) == (code, attr)
    assert not Event.objects.exists()
