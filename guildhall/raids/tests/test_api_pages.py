"""The browsable API opens on every path of this app, and the schema describes each without a complaint."""

from __future__ import annotations

import pytest

from guildhall.raids import services

from .api_client import client_of
from .scenario import officer, person, raid

pytestmark = pytest.mark.django_db


def test_every_path_opens_in_a_browser() -> None:
    boss = officer()
    aelric, night = person("Aelric"), raid(10)
    services.award_attendance(raid=night, attendees=["Aelric", "Nobody"], actor=None)
    services.refresh_attendance()
    paths = [
        "/api/events/", f"/api/events/{night.event_id}/", "/api/item-pools/", "/api/raids/", f"/api/raids/{night.pk}/",
        f"/api/raids/{night.pk}/attendance/", f"/api/raids/{night.pk}/unmatched/", f"/api/raids/{night.pk}/checks/",
        f"/api/raids/{night.pk}/uploads/", f"/api/raids/{night.pk}/checks/{night.checks.get().pk}/",
        "/api/attendance/", f"/api/attendance/user/{aelric.pk}/", "/api/attendance/shares/",
    ]  # fmt: skip
    api = client_of(boss)
    for path in paths:
        for accept in ("text/html", "application/json"):
            answer = api.get(path, HTTP_ACCEPT=accept)
            assert (path, answer.status_code) == (path, 200)
    for path in ("/api/points/parse-attendance/", f"/api/raids/{night.pk}/amend/"):
        assert api.get(path, HTTP_ACCEPT="text/html").status_code == 405


def test_paths_that_do_not_exist_are_json_404s() -> None:
    api = client_of()
    night = raid(10)
    for path in (
        "/api/raids/999/",
        "/api/raids/999/attendance/",
        f"/api/raids/{night.pk}/checks/999/",
        "/api/raids/x/",
    ):
        answer = api.get(path)
        assert (path, answer.status_code) == (path, 404)
        assert answer.json()["errors"]
    for path, body in (
        ("/api/raids/999/reverse/", {"reason": "x"}),
        (f"/api/raids/{night.pk}/unmatched/9/resolve/", {"ignore": True}),
        ("/api/raids/999/amend/", {"reason": "x", "attendees": ["Aelric"]}),
    ):
        assert api.post(path, body).status_code == 404
    assert api.post(f"/api/raids/{'9' * 30}/reverse/", {"reason": "x"}).status_code == 404


@pytest.mark.parametrize(
    "query", ["event=abc", "since=yesterday", "page=999", "ordering=nonsense", "attended_by=x", "dkp_pool=%00"]
)
def test_a_bad_filter_is_never_a_500(query: str) -> None:
    assert client_of().get(f"/api/raids/?{query}").status_code in (200, 400, 404)
