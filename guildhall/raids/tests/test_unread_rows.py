"""A row of a roster that cannot be read is shown, given a name, and paid as that name; over the API and on the page."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from guildhall.core import clock
from guildhall.raids.models import Raid, RaidAttendance, UnmatchedName

from .api_client import client_of
from .scenario import balance, officer, person, raid

pytestmark = [pytest.mark.django_db, pytest.mark.every_database]
ODD = "[60 Warder] Aelnor of the Woods (Wood Elf) <Ours> and more"


def log(made: Raid) -> str:
    at = f"[{made.started_at:%a %b %d %H:%M:%S %Y}] "
    rows = (
        "Players on EverQuest:",
        "---",
        "[60 Warder] Borin (Dwarf) <Ours>",
        ODD,
        "There are 2 players in Permafrost.",
    )
    return "".join(f"{at}{row}\n" for row in rows)


def test_over_the_api_it_is_shown_named_and_paid() -> None:
    aelnor, borin, made, client = person("Aelnor"), person("Borin"), raid(), client_of()
    asked: dict[str, Any] = {"text": log(made), "time_zone": "UTC"}
    shown = client.post(f"/api/raids/{made.pk}/preview/", asked, format="json").json()
    assert shown["unread"] == [
        {"line": 4, "text": ODD, "detail": "It begins like a row of /who but does not go on as one.", "guess": "Aelnor"}
    ]
    assert [row["character_name"] for row in shown["entries"]] == ["Borin"]
    asked["decisions"] = {"rows": {ODD: "aelnor"}}
    named = client.post(f"/api/raids/{made.pk}/preview/", asked, format="json").json()
    assert named["digest"] != shown["digest"]
    asked["digest"] = named["digest"]
    done = client.post(f"/api/raids/{made.pk}/attendance/", asked, format="json")
    assert done.status_code == 200, done.content
    assert (balance(aelnor), balance(borin)) == (10, 10)
    del asked["digest"]
    again = client.post(f"/api/raids/{made.pk}/attendance/", asked, format="json")
    assert again.json()["is_repeat"], again.content


def test_a_name_that_nobody_has_is_kept() -> None:
    made, client = raid(), client_of()
    asked = {"text": log(made), "time_zone": "UTC", "decisions": {"rows": {ODD: "Nobody"}}}
    client.post(f"/api/raids/{made.pk}/attendance/", asked, format="json")
    assert sorted(UnmatchedName.objects.values_list("name", flat=True)) == ["Borin", "Nobody"]


def test_on_the_page_it_is_shown_named_and_paid(client: Client) -> None:
    person("Borin")
    aelnor, made = person("Aelnor"), raid()
    client.force_login(officer())
    sent: dict[str, Any] = {"form": "import", "target": f"raid:{made.pk}", "check": "first", "blocks": "latest"}
    page = client.post("/raids/import/", {**sent, "once": "a", "text": log(made), "step": "preview"})
    assert "1 row of the roster could not be read" in page.text
    assert "Aelnor of the Woods" in page.text
    sent |= {"carried": page.context["carried"], "row": [ODD], "row_name": ["Aelnor"]}
    page = client.post("/raids/import/", {**sent, "once": "b", "step": "preview"})
    assert 'value="Aelnor"' in page.text
    form = page.context["form"]
    done = client.post(
        "/raids/import/",
        {**sent, "once": "c", "step": "commit", "digest": page.context["preview"].digest, "seen": form.token},
    )
    assert RaidAttendance.objects.filter(user=aelnor).count() == 1, done.text[:3000]
    assert clock.now() > made.started_at
