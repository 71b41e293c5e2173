"""“Why is mine 14 %?”, on a page: for oneself and for everybody who may see raids."""

from __future__ import annotations

import datetime as dt

import pytest

from guildhall.core import clock
from guildhall.raids.services import award_attendance, create_event, create_raid, reverse_raid

pytestmark = pytest.mark.django_db


@pytest.fixture
def nights(guild):
    """Seven raids in the last days, of which Sorrel was at one with both characters; an eighth never happened."""
    event = create_event(name="Siege", pools=[guild.pool], default_points=1, actor=guild.officer)
    guild.characters["Sorrel"].joined_at = clock.now() - dt.timedelta(days=90)
    guild.characters["Sorrel"].save()
    for number in range(8):
        at = clock.now() - dt.timedelta(days=number + 1)
        raid = create_raid(event=event, started_at=at, name=f"Night {number}", actor=guild.officer)
        there = ["Sorrel", "Tibble"] if number == 3 else ["Brakkus"]
        award_attendance(raid=raid, attendees=there, actor=guild.officer)
    reverse_raid(raid=raid, reason="wrong server", actor=guild.officer)


@pytest.mark.parametrize("role", ["member", "officer"])
def test_every_raid_is_shown_with_its_part(sign_in, guild, nights, role):
    text = sign_in(role).get(f"/people/{guild.member.pk}/attendance/").content.decode()
    assert "1 attended of 7 raids that count = <b>14.29 %</b>" in text
    assert "Sorrel, Tibble" in text
    assert "no: the raid was reversed" in text
    assert "would not count" in text
    assert text.count("Night ") == 8


def test_each_span_has_its_own(sign_in, guild, nights):
    client = sign_in("member")
    for days in ("30", "60", "90", "all", "nonsense"):
        assert "14.29 %" in client.get(f"/people/{guild.member.pk}/attendance/?days={days}").content.decode()
    assert f"/people/{guild.member.pk}/attendance/" in client.get("/me/").content.decode()
    assert f"/people/{guild.member.pk}/attendance/" in client.get("/standings/").content.decode()


@pytest.mark.parametrize("role", ["guest", "applicant"])
def test_it_is_not_for_guests_and_applicants(sign_in, guild, nights, role):
    answer = sign_in(role).get(f"/people/{guild.member.pk}/attendance/")
    assert answer.status_code == 403
    assert "Night" not in answer.content.decode()
