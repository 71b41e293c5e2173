"""In which time zone an import reads a log: chosen beside the preview, said in its heading, remembered for each person."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest

from guildhall.accounts.services import update_person
from guildhall.core import clock
from guildhall.raids import services
from guildhall.raids.models import AttendanceUpload, Raid
from guildhall.web.forms.imports import LOG_ZONE, log_zone_of

from .conftest import Guild
from .test_undo import hidden

NIGHT = dt.datetime(2026, 11, 22, 20, 30, tzinfo=dt.UTC)
WHO = """[Sun Nov 22 15:20:00 2026] Players on EverQuest:
[Sun Nov 22 15:20:00 2026] ---------------------------
[Sun Nov 22 15:20:00 2026] [60 Cleric] Sorrel (Dark Elf)
[Sun Nov 22 15:20:00 2026] There is 1 player in Kael Drakkel.
"""


@pytest.fixture
def raid(guild: Guild) -> Any:
    event = services.create_event(name="Siege", pools=[guild.pool], default_points="10", actor=guild.officer)
    with clock.frozen(NIGHT):
        yield services.create_raid(event=event, started_at=NIGHT - dt.timedelta(minutes=20), actor=guild.officer)


def send(client: Any, page: Any, step: str, **fields: str) -> Any:
    body = {"form": "import", "once": hidden(page, "once"), "step": step, **fields}
    for name in ("carried", "digest", "shown"):
        if f'name="{name}" value="' in page.content.decode() and "text" not in fields:
            body.setdefault(name, hidden(page, name))
    shown = page.context["form"]
    for name in ("target", "check", "check_kind", "check_points", "started_at"):
        if shown.sent and shown.shown(name):
            body.setdefault(name, shown.shown(name))
    return client.post("/raids/import/", body)


def heading(page: Any) -> str:
    found = re.search(r"<h2>(Goes to|NEW raid).*?</h2>", page.content.decode(), re.DOTALL)
    assert found, "the page shows no preview"
    return re.sub(r"<[^>]*>", "", found.group())


def test_the_usual_zone_is_that_of_the_last_import_then_ones_own_then_the_guilds(guild: Guild) -> None:
    person = guild.officer
    assert log_zone_of(person) == "UTC"
    for name, zone in (("time_zone", "Europe/Berlin"), (LOG_ZONE, "America/New_York")):
        update_person(user=person, actor=person, preferences={**person.preferences, name: zone})
        person.refresh_from_db()
        assert log_zone_of(person) == zone
    person.preferences = {LOG_ZONE: ["x"], "time_zone": "Mars/Olympus"}
    assert log_zone_of(person) == "UTC"


def test_a_log_is_read_in_the_zone_that_is_chosen_which_is_remembered_with_the_commit(
    sign_in, guild: Guild, raid: Raid
) -> None:
    client = sign_in("officer")
    page = client.get("/raids/import/")
    assert '<option value="UTC" selected>' in page.content.decode()
    page = send(client, page, "preview", text=WHO, time_zone="America/New_York")
    assert "Goes to Siege" in heading(page)
    assert "22 Nov 2026, 20:20, read in America/New York" in heading(page).replace("_", " ")
    guild.officer.refresh_from_db()
    assert LOG_ZONE not in guild.officer.preferences, "a preview stores nothing"
    done = send(client, page, "commit", time_zone="America/New_York")
    assert done.status_code == 302
    assert AttendanceUpload.objects.get().taken_at == NIGHT - dt.timedelta(minutes=10)
    guild.officer.refresh_from_db()
    assert guild.officer.preferences[LOG_ZONE] == "America/New_York"
    assert '<option value="America/New_York" selected>' in client.get("/raids/import/").content.decode()


def test_another_zone_beside_the_preview_reads_the_times_anew_and_is_not_committed_unseen(
    sign_in, guild: Guild, raid: Raid
) -> None:
    client = sign_in("officer")
    page = send(client, client.get("/raids/import/"), "preview", text=WHO)
    assert "read in UTC" in page.content.decode()
    unseen = send(client, page, "commit", time_zone="America/New_York", target=f"raid:{raid.pk}")
    assert unseen.status_code in (400, 409)
    assert not AttendanceUpload.objects.exists()
    page = send(client, page, "preview", time_zone="America/New_York")
    assert "Goes to Siege" in heading(page)
    assert "20:20" in heading(page)
    assert "until you bring the log again" in page.content.decode()
    assert send(client, page, "commit", time_zone="America/New_York").status_code == 302
    assert AttendanceUpload.objects.get().taken_at == NIGHT - dt.timedelta(minutes=10)


def test_a_zone_that_is_none_is_refused(sign_in, guild: Guild, raid: Raid) -> None:
    client = sign_in("officer")
    page = send(client, client.get("/raids/import/"), "preview", text=WHO, time_zone="Mars/Olympus")
    assert page.status_code == 400
    assert "none of the choices" in page.content.decode()


def test_a_form_without_the_choice_shows_the_zone_that_was_read(guild: Guild, raid: Raid, sign_in: Any) -> None:
    """The console's form has none; a list with nothing selected would send its first zone at the commit."""
    client = sign_in("officer")
    page = send(client, client.get("/raids/import/"), "preview", text=WHO, target=f"raid:{raid.pk}", check="auto")
    assert f'<option value="{log_zone_of(guild.officer)}" selected>' in page.content.decode()
