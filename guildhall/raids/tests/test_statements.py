"""A raid of 72 costs as many statements as one of 10: for the award, the amendment, the preview and the reversal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from guildhall.accounts.models import Section
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.core import kept
from guildhall.raids import selectors, services
from guildhall.raids.attendance import figures
from guildhall.raids.models import Raid
from guildhall.raids.parsers import parse_attendance

from .api_client import client_of
from .scenario import person, pool, raid

pytestmark = pytest.mark.django_db

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def names(count: int) -> list[str]:
    return [f"Raider{LETTERS[i // 26]}{LETTERS[i % 26]}" for i in range(count)]


def statements(act: Callable[[], Any]) -> int:
    with CaptureQueriesContext(
        connection,
    ) as seen:
        act()
    return len(seen)


@pytest.fixture
def guild() -> list[str]:
    """72 people, each of whom has been paid before, so that their summaries exist."""
    everybody = names(72)
    for name in everybody:
        person(name)
    services.award_attendance(raid=raid(1, pools=[pool(), pool("Side")]), attendees=everybody, actor=None)
    return everybody


def both(guild: list[str], act: Callable[[list[str]], Any]) -> tuple[int, int]:
    return statements(lambda: act(guild[:10])), statements(lambda: act(guild))


def fresh(points: int = 5) -> Raid:
    return raid(points, pools=[pool(), pool("Side")])


def test_an_award(guild: list[str]) -> None:
    nights = iter([fresh(), fresh()])
    few, many = both(guild, lambda who: services.award_attendance(raid=next(nights), attendees=who, actor=None))
    assert few == many
    assert many <= 40


def test_an_award_with_unknown_names(guild: list[str]) -> None:
    nights = iter([fresh(), fresh()])
    few, many = both(
        guild,
        lambda who: services.award_attendance(
            raid=next(nights), attendees=[*who, *(f"Zz{name}" for name in who)], actor=None
        ),
    )
    assert few == many


def test_an_amendment_and_a_reversal(guild: list[str]) -> None:
    counts: dict[str, list[int]] = {"amend": [], "reverse": []}
    for who in (guild[:10], guild):
        night = fresh()
        services.award_attendance(raid=night, attendees=who, actor=None)
        half = len(who) // 2
        late = [{"character_name": name, "status": "late"} for name in who[:half]]
        counts["amend"].append(
            statements(lambda late=late, night=night: services.amend_attendance(raid=night, attendees=late, actor=None))
        )
        counts["reverse"].append(
            statements(lambda night=night: services.reverse_raid(raid=night, reason="x", actor=None))
        )
    assert counts["amend"][0] == counts["amend"][1] <= 47
    assert counts["reverse"][0] == counts["reverse"][1] <= 34


def test_a_new_worth(guild: list[str]) -> None:
    counts = []
    for who in (guild[:10], guild):
        night = fresh()
        services.award_attendance(raid=night, attendees=who, actor=None)
        counts.append(
            statements(lambda night=night: services.update_check(check=night.checks.get(), points=9, actor=None))
        )
    assert counts[0] == counts[1]


def test_a_preview(guild: list[str]) -> None:
    night = fresh()
    few, many = both(
        guild,
        lambda who: selectors.preview_attendance(raid=night, parse=parse_attendance("\n".join([*who, "Zzyzx"]))),
    )
    assert few == many <= 12


def test_a_refresh_of_the_summaries_and_the_figures_of_a_page(guild: list[str]) -> None:
    services.award_attendance(raid=fresh(), attendees=guild, actor=None)
    few = statements(lambda: figures(user_ids=range(10)))
    many = statements(lambda: figures(user_ids=range(500)))
    assert few == many <= 5  # leave is one of them
    assert statements(services.refresh_attendance) <= 11  # the last is the new revision of the summaries


def test_the_lists_cost_the_same_for_one_raid_and_for_twenty(guild: list[str]) -> None:
    api = client_of()
    night = fresh()
    services.award_attendance(raid=night, attendees=guild, actor=None)
    paths = ["/api/raids/", "/api/events/", f"/api/raids/{night.pk}/attendance/", f"/api/raids/{night.pk}/unmatched/"]
    for path in paths:
        api.get(path)  # the first call reads what later calls have cached
    kept.clear()
    before = [statements(lambda path=path: api.get(path)) for path in paths]
    for _ in range(20):
        services.award_attendance(raid=fresh(), attendees=guild[:5], actor=None)
    kept.clear()
    assert [statements(lambda path=path: api.get(path)) for path in paths] == before
    assert max(before) <= 9


def test_what_strangers_read_costs_the_same_for_one_raid_and_for_twenty(guild: list[str]) -> None:
    edit_visitor_access(actor=None, **dict.fromkeys(Section.values, True))
    stranger = APIClient()
    night = fresh()
    services.award_attendance(raid=night, attendees=guild[:5], actor=None)
    paths = [
        "/api/raids/",
        f"/api/raids/{night.pk}/attendance/",
        "/api/loot/",
        "/api/characters/",
        "/raids/",
        f"/raids/{night.pk}/",
    ]
    for path in paths:
        assert stranger.get(path).status_code == 200, path
    kept.clear()
    before = [statements(lambda path=path: stranger.get(path)) for path in paths]
    services.award_attendance(raid=night, attendees=guild[5:], actor=None)
    for _ in range(20):
        services.award_attendance(raid=fresh(), attendees=guild[:5], actor=None)
    kept.clear()
    assert [statements(lambda path=path: stranger.get(path)) for path in paths] == before
