"""Applications and votes as files, for recruiters and officers."""

from __future__ import annotations

import csv
import io

import pytest
from openpyxl import load_workbook
from rest_framework.test import APIClient

from guildhall.recruitment import services
from guildhall.recruitment.models import Application

pytestmark = pytest.mark.django_db


def rows(response) -> list[dict[str, str]]:
    assert response.status_code == 200, response.content
    return list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))


@pytest.fixture
def client(recruiter) -> APIClient:
    client = APIClient()
    client.force_authenticate(recruiter)
    return client


def test_votes_with_the_attendance_they_were_judged_by(client, voting, attending):
    voter = attending(3, 20)
    services.cast_vote(application=voting, voter=voter, vote="fail")
    services.cast_vote(application=voting, voter=voter, vote="pass", comment="=HYPERLINK(1)")
    (row,) = rows(client.get(f"/api/applications/{voting.pk}/votes/details/?format=csv"))
    wanted = {"vote": "pass", "attendance_percentage": "15.00", "is_counted": "yes", "vote_changes": "1"}
    assert {name: row[name] for name in wanted} == wanted
    assert row["comment"] == "'=HYPERLINK(1)", "a spreadsheet must not run what somebody typed"
    changes = rows(client.get(f"/api/applications/{voting.pk}/vote-changes/?format=csv"))
    assert [(change["from_vote"], change["to_vote"]) for change in changes] == [("", "fail"), ("fail", "pass")]
    book = client.get(f"/api/applications/{voting.pk}/votes/details/?format=xlsx")
    sheet = load_workbook(io.BytesIO(book.content)).active
    assert [cell.value for cell in sheet[1]][:2] == ["user_id", "display_name"]
    assert sheet.max_row == 2


def test_applications_whole_and_filtered(client, voting):
    Application.objects.filter(pk=voting.pk).update(
        answers=[{"question_id": 1, "wording": "Why?", "kind": "long", "answer": "Loud kills."}]
    )
    (row,) = rows(client.get("/api/applications/?format=csv"))
    assert (row["character_name"], row["status"], row["answers"]) == ("Aelinor", "voting_active", "Why?: Loud kills.")
    assert rows(client.get("/api/applications/?format=csv&status=rejected")) == []
    assert client.get("/api/applications/?format=xlsx").status_code == 200


def test_a_file_costs_the_same_for_any_number_of_applications(client, voting, django_assert_max_num_queries):
    with django_assert_max_num_queries(8):
        client.get("/api/applications/?format=csv")
