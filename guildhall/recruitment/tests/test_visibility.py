"""Who sees what: every endpoint for every role and for nobody, statuses, fields, counts and error texts (PRD 3.10.5)."""

from __future__ import annotations

import datetime as dt
import json
import re

import pytest
from rest_framework.test import APIClient

from guildhall.accounts.models import RoleGroup
from guildhall.accounts.services import create_api_key, create_person, get_or_create_bot
from guildhall.recruitment import services

pytestmark = pytest.mark.django_db
ROLES = ["nobody", "guest", "applicant", "own", "member", "developer", "recruiter", "officer", "bot"]

# method, path, body, then the status for each of ROLES.
TABLE = [
    ("get", "votes/summary/", None, [401, 403, 403, 403, 200, 200, 200, 200, 200]),
    ("get", "votes/member-view/", None, [401, 403, 403, 403, 200, 200, 200, 200, 200]),
    ("get", "votes/officer-view/", None, [401, 403, 403, 403, 403, 403, 200, 200, 200]),
    ("get", "votes/details/", None, [401, 403, 403, 403, 403, 403, 200, 200, 200]),
    ("get", "voting-eligibility/", None, [401, 403, 403, 403, 403, 403, 200, 200, 200]),
    ("get", "vote-changes/", None, [401, 403, 403, 403, 403, 403, 200, 200, 200]),
    ("post", "vote/", {"vote": "pass"}, [401, 403, 403, 403, 201, 201, 201, 201, 403]),
    ("put", "vote/", {"vote": "fail"}, [401, 403, 403, 403, 200, 200, 200, 200, 403]),
    ("patch", "vote/", {"vote": "fail"}, [401, 403, 403, 403, 200, 200, 200, 200, 403]),
    ("get", "vote/", None, [401, 403, 403, 403, 404, 404, 404, 404, 404]),
    ("delete", "vote/", None, [401, 403, 403, 403, 409, 409, 409, 409, 403]),
    ("get", "", None, [401, 404, 404, 200, 200, 200, 200, 200, 200]),
    ("get", "comments/", None, [401, 404, 404, 200, 403, 403, 200, 200, 200]),
    ("post", "comments/", {"body": "x"}, [401, 404, 404, 403, 403, 403, 201, 201, 201]),
    ("get", "history/", None, [401, 404, 404, 200, 200, 200, 200, 200, 200]),
    ("get", "performance/", None, [401, 403, 403, 403, 403, 403, 200, 200, 200]),
    ("post", "trial-accept/", {}, [401, 403, 403, 403, 403, 403, 409, 409, 409]),
    ("post", "reject/", {"reason": "x"}, [401, 403, 403, 403, 403, 403, 409, 409, 409]),
    ("post", "start-voting/", {}, [401, 403, 403, 403, 403, 403, 409, 409, 409]),
    ("post", "promote-trial/", {}, [401, 403, 403, 403, 403, 403, 409, 409, 409]),
    ("post", "discord-webhook/", {}, [401, 403, 403, 403, 403, 403, 202, 202, 202]),
    ("post", "assign/", {"user_id": None}, [401, 403, 403, 403, 403, 403, 200, 200, 200]),
    ("put", "", {"level": 50}, [401, 404, 404, 409, 403, 403, 403, 403, 403]),
    ("patch", "", {"level": 50}, [401, 404, 404, 409, 403, 403, 403, 403, 403]),
    ("delete", "", None, [401, 404, 404, 204, 403, 403, 204, 204, 204]),
    ("post", "withdraw/", {}, [401, 404, 404, 200, 403, 403, 200, 200, 200]),
    ("get", "/pending/", None, [401, 403, 403, 403, 403, 403, 200, 200, 200]),
    ("get", "/voting-active/", None, [401, 403, 403, 403, 200, 200, 200, 200, 200]),
    ("get", "/trial-members/", None, [401, 403, 403, 403, 200, 200, 200, 200, 200]),
    ("get", "/policy/", None, [401, 403, 403, 403, 200, 200, 200, 200, 200]),
    ("patch", "/policy/", {"quorum": 2}, [401, 403, 403, 403, 403, 403, 403, 200, 200]),
    ("get", "/questions/", None, [200, 200, 200, 200, 200, 200, 200, 200, 200]),
    ("post", "/questions/", {"wording": "Why?"}, [401, 403, 403, 403, 403, 403, 201, 201, 201]),
    ("get", "/", None, [401, 200, 200, 200, 200, 200, 200, 200, 200]),
]


@pytest.fixture
def client_of(voting, application):
    application.refresh_from_db()
    bot = get_or_create_bot(name="bot")
    _, key = create_api_key(user=bot, name="k", kind="bot")

    def make(role: str) -> APIClient:
        client = APIClient()
        if role == "bot":
            client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
        elif role == "own":
            client.force_authenticate(application.user)
        elif role != "nobody":
            client.force_authenticate(create_person(display_name=f"Role {role}", role_group=role))
        return client

    return make


def path_of(tail, application):
    return f"/api/applications{tail}" if tail.startswith("/") else f"/api/applications/{application.pk}/{tail}"


@pytest.mark.parametrize(("method", "tail", "body", "expected"), TABLE, ids=[f"{row[0]} {row[1]}" for row in TABLE])
@pytest.mark.parametrize("role", ROLES)
def test_each_role_may_what_the_table_says(client_of, voting, role, method, tail, body, expected):
    response = getattr(client_of(role), method)(path_of(tail, voting), body, format="json")
    assert response.status_code == expected[ROLES.index(role)], response.content
    if response.status_code >= 400:
        assert set(response.json()) == {"type", "errors"}


@pytest.mark.parametrize("role", ["guest", "applicant", "own"])
def test_guests_and_applicants_learn_nothing_of_a_vote_anywhere(client_of, voting, role):
    client = client_of(role)
    for method, tail, body, _ in TABLE:
        if tail in ("/questions/", "/policy/"):
            continue
        there = getattr(client, method)(path_of(tail, voting), body, format="json")
        text = there.content.decode().lower()
        assert "voting" not in text.replace("voting-eligibility", ""), (method, tail, text)
        assert "vote" not in text, (method, tail, text)
        shown = re.sub(r'"(?:id|\w+_id)": \d+', "", json.dumps(there.json() if there.content else {}))
        assert not re.search(r"\b48\b", shown), (method, tail)  # the hours of a vote
    # A vote that is there and one that is not are refused in the same words.
    real = client.get(f"/api/applications/{voting.pk}/votes/summary/")
    unreal = client.get("/api/applications/999999/votes/summary/")
    if role != "own":
        assert (real.status_code, real.content) == (unreal.status_code, unreal.content)


def test_the_applicant_sees_a_trial_where_there_is_a_vote_also_when_filtering(client_of, voting):
    client = client_of("own")
    assert client.get(f"/api/applications/{voting.pk}/").json()["status"] == "trial_accepted"
    assert client.get("/api/applications/?status=voting_active").json()["count"] == 0
    assert client.get("/api/applications/?status=trial_accepted").json()["count"] == 1
    steps = client.get(f"/api/applications/{voting.pk}/history/").json()["results"]
    assert [step["to"] for step in steps] == ["submitted", "trial_accepted"]


def test_the_applicant_sees_no_new_step_after_a_recycled_vote(client_of, voting, attending, at):
    services.cast_vote(application=voting, voter=attending(20, 20), vote="recycle")
    at.advance(dt.timedelta(days=2))
    services.close_due_votes()
    steps = client_of("own").get(f"/api/applications/{voting.pk}/history/").json()["results"]
    assert [step["to"] for step in steps] == ["submitted", "trial_accepted"]


def test_members_see_totals_and_their_own_vote_alone(client_of, voting, attending):
    services.cast_vote(application=voting, voter=attending(20, 20), vote="pass", comment="secret words")
    member = client_of("member")
    member.post(path_of("vote/", voting), {"vote": "fail"}, format="json")
    view = member.get(path_of("votes/member-view/", voting)).json()
    assert (view["pass"], view["fail"], view["total"], view["counted"]) == (1, 1, 2, 1)
    assert view["my_vote"]["vote"] == "fail"
    assert "voters" not in view
    everything = "".join(
        member.get(path_of(tail, voting)).content.decode()
        for tail in ("", "history/", "votes/summary/", "votes/member-view/", "/voting-active/", "/")
    )
    assert "secret words" not in everything
    assert "Voteraa" not in everything
    assert "email" not in member.get(path_of("", voting)).json()


def test_recruiters_and_officers_see_every_voter(client_of, voting, attending):
    services.cast_vote(application=voting, voter=attending(3, 20), vote="pass")
    view = client_of("recruiter").get(path_of("votes/officer-view/", voting)).json()
    (voter,) = view["voters"]
    assert (voter["attendance_percentage"], voter["is_counted"], voter["vote_changes"]) == ("15.00", True, 0)
    assert view["result"]["tally"]["decision"] == "pass"
    changes = client_of("officer").get(path_of("vote-changes/", voting)).json()
    assert changes["results"][0]["to_vote"] == "pass"


def test_an_applicant_who_became_a_member_still_learns_nothing_of_their_own_vote(client_of, voting, attending, at):
    services.cast_vote(application=voting, voter=attending(20, 20), vote="pass")
    at.advance(dt.timedelta(days=2))
    services.close_due_votes()
    client = APIClient()
    voting.refresh_from_db()
    assert voting.user.role_group == RoleGroup.MEMBER
    client.force_authenticate(voting.user)
    assert client.get(path_of("votes/summary/", voting)).status_code == 403
    assert client.get(path_of("", voting)).json()["status"] == "approved"


def test_members_do_not_see_applications_before_review(client_of, application, voting):
    services.withdraw(application=voting, actor=None)
    assert client_of("member").get(path_of("", voting)).status_code == 404
    assert client_of("member").get("/api/applications/").json()["count"] == 0


def test_nobody_applies_by_the_api_without_an_account(at):
    body = {
        "character_name": "Newbie", "character_class": "Cleric", "level": 60, "availability": "x", "timezone": "UTC",
        "discord_username": "n",
    }  # fmt: skip
    client = APIClient()
    answer = client.post("/api/applications/", body, format="json", HTTP_IDEMPOTENCY_KEY="k1")
    assert answer.status_code == 201
    token = answer.json()["link_token"]
    shown = client.get(f"/api/applications/by-link/?token={token}")
    assert (shown.status_code, shown.json()["status"]) == (200, "submitted")
    assert "link_token" not in shown.json()
    assert client.get("/api/applications/by-link/?token=wrong").status_code == 404
    assert client.post("/api/applications/", {"level": "x"}, format="json").status_code == 400
    assert client.post("/api/applications/", {**body, "draft": True}, format="json").status_code == 401


def test_statistics_are_for_recruiters(client_of):
    assert client_of("member").get("/api/admin/application-statistics/").status_code == 403
    assert client_of("officer").get("/api/admin/application-statistics/?days=30").status_code == 200
    assert client_of("recruiter").get("/api/admin/application-statistics/?days=x").status_code == 400


@pytest.mark.parametrize("kind", ["on trial elsewhere", "bot without the scope", "key that only reads raids"])
def test_whoever_is_no_voter_in_other_ways_learns_nothing_either(client_of, voting, recruiter, kind):
    """Somebody who is on trial themselves, and keys that were not given recruitment."""
    client = APIClient()
    if kind == "on trial elsewhere":
        other = create_person(display_name="Other", role_group=RoleGroup.GUEST)
        tried, _ = services.apply(
            user=other, character_name="Otherone", character_class="Bard", level=60, availability="x", timezone="UTC",
            discord_username="other",
        )  # fmt: skip
        services.accept_trial(application=tried, actor=recruiter)
        other.refresh_from_db()
        client.force_authenticate(other)
    else:
        owner = get_or_create_bot(name="raids") if kind.startswith("bot") else recruiter
        _, key = create_api_key(
            user=owner, name="k2", kind="bot" if kind.startswith("bot") else "personal", scopes=["raids:read"]
        )
        client.credentials(HTTP_AUTHORIZATION=f"Token {key}")
    for method, tail, body, _ in TABLE:
        if tail in ("/questions/", "/"):
            continue
        answer = getattr(client, method)(path_of(tail, voting), body, format="json")
        assert answer.status_code in (403, 404), (method, tail, answer.status_code)
        assert "vot" not in answer.content.decode().lower(), (method, tail)


@pytest.mark.parametrize("role", ["nobody", "guest", "applicant", "own"])
def test_what_an_endpoint_says_of_itself_is_the_same_for_any_application(client_of, voting, role):
    """OPTIONS describes the operation, never the data."""
    client = client_of(role)
    for tail in ("", "vote/", "votes/summary/", "votes/officer-view/", "history/"):
        there = client.options(f"/api/applications/{voting.pk}/{tail}")
        elsewhere = client.options(f"/api/applications/999999/{tail}")
        if role == "own" and tail in ("", "history/"):
            assert "voting_active" not in json.dumps(there.json().get("results", ""))
            continue
        assert (there.status_code, there.content) == (elsewhere.status_code, elsewhere.content), tail
