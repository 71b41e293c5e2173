"""Times are shown in the zone of the browser, or in the one that was chosen; the guild's stands behind each."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.points.services import create_pool
from guildhall.raids.services import create_event, create_raid

from .people import PASSWORD, Visitor, until

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def test_times_are_the_readers_own(visitor: Any) -> None:
    someone = create_person(display_name="Sorrel", username="sorrel", role_group=RoleGroup.MEMBER, password=PASSWORD)
    event = create_event(name="Siege", pools=[create_pool(name="Velious", actor=None)], default_points="10", actor=None)
    made = create_raid(event=event, started_at=dt.datetime(2026, 7, 1, 23, 30, tzinfo=dt.UTC), actor=None)
    User.objects.filter(pk=someone.pk).update(preferences={"time_zone": "Asia/Tokyo"})
    who: Visitor = visitor(390)
    who.with_password("sorrel")
    who.go(f"/raids/{made.pk}/")
    shown = who.page.locator("dl.figures time").first
    assert shown.inner_text() == "2 Jul 2026, 08:30"
    assert "1 July 2026, 23:30:00 UTC" in (shown.get_attribute("title") or "")
    until(who.page, "document.querySelector('[data-zone-words]').textContent.includes('Asia/Tokyo')")
