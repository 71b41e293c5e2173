"""The applicant's, the voter's and the recruiter's pages."""

from __future__ import annotations

import pytest
from django.test import Client

from guildhall.recruitment import services
from guildhall.recruitment.models import Application, ApplicationVote

from .conftest import token

pytestmark = pytest.mark.django_db
FORM = {
    "character_name": "Aelinor", "character_class": "Cleric", "level": "60", "availability": "Tuesdays",
    "timezone": "Europe/Berlin", "discord_username": "aelinor",
}  # fmt: skip


@pytest.fixture
def application(guild):
    return services.apply(user=guild.guest, **FORM)[0]


@pytest.fixture
def voting(application, guild):
    services.accept_trial(application=application, actor=guild.recruiter)
    return services.start_voting(application=application, actor=guild.recruiter)


def send(client, url, **data):
    page = client.get(url)
    return client.post(url, {"once": token(page), **data}, follow=True)


def test_somebody_without_an_account_applies_and_follows_by_a_private_link(guild):
    client = Client()
    page = client.get("/apply/")
    assert page.status_code == 200
    question = services.save_question(actor=None, wording="Why us?", kind="choice", choices=["Loot", "Fun"])
    done = client.post("/apply/", {"form": "apply", "once": token(page), **FORM, f"q{question.pk}": "Fun"}, follow=True)
    assert "Your private link" in done.content.decode()
    assert Application.objects.get().answers[0]["answer"] == "Fun"
    assert Client().get("/apply/follow/?token=wrong").status_code == 404
    again = client.post("/apply/", {"form": "apply", "once": "x", **FORM})
    assert again.status_code == 409
    assert "application for this character already" in again.content.decode()
    assert 'value="Aelinor"' in again.content.decode()


def test_what_was_typed_stays_where_something_is_missing(guild):
    client = Client()
    answer = client.post("/apply/", {"form": "apply", **FORM, "level": "many"})
    assert answer.status_code == 400
    assert "whole number" in answer.content.decode()
    assert "Tuesdays" in answer.content.decode()


def test_a_draft_waits_for_its_person(sign_in, guild):
    client = sign_in("guest")
    send(client, "/apply/", form="apply", do="draft", character_name="Aelinor")
    assert 'value="Aelinor"' in client.get("/apply/").content.decode()
    done = send(client, "/apply/", form="apply", do="send", **FORM)
    assert "Sent. We will be in touch." in done.content.decode()
    assert Application.objects.get().status == "submitted"


def test_the_applicants_pages_say_nothing_of_a_vote(client, voting, guild):
    for person in (voting.user, guild.applicant):
        client.force_login(person)
        for url in ("/recruitment/", f"/recruitment/{voting.pk}/", "/", "/apply/"):
            text = client.get(url).content.decode().lower()
            assert "vote" not in text, url
            assert "voting" not in text, url
    client.force_login(guild.applicant)
    assert client.get(f"/recruitment/{voting.pk}/").status_code == 404


def test_members_vote_and_see_totals(sign_in, voting):
    client = sign_in("member")
    url = f"/recruitment/{voting.pk}/"
    assert voting.character_name in client.get("/recruitment/").content.decode()
    done = send(client, url, form="vote", vote="pass", comment="secret words")
    text = done.content.decode()
    assert "Your vote is in" in text
    assert "Who voted how" not in text
    assert ApplicationVote.objects.get().vote == "pass"
    send(client, url, form="unvote")
    assert ApplicationVote.objects.get().withdrawn_at is not None
    refused = send(client, url, form="reject", reason="x")
    assert refused.status_code == 404
    voting.refresh_from_db()
    assert voting.status == "voting_active"


def test_recruiters_go_the_whole_way(sign_in, application):
    client = sign_in("recruiter")
    url = f"/recruitment/{application.pk}/"
    assert "Aelinor" in client.get("/recruitment/").content.decode()
    send(client, url, form="comment", body="Knows the zones", visible_to_applicant="on")
    send(client, url, form="assign", user_id=str(client.session["_auth_user_id"]))
    send(client, url, form="trial", days="10")
    missing = send(client, url, form="reject", reason="")
    assert "Give a reason" in missing.content.decode()
    send(client, url, form="start", hours="24")
    text = client.get(url).content.decode()
    assert "Who voted how" in text
    assert "Knows the zones" in text
    application.refresh_from_db()
    assert (application.status, str(application.assigned_to)) == ("voting_active", "Recruiter")


def test_an_applicant_withdraws(client, application):
    client.force_login(application.user)
    done = send(client, f"/recruitment/{application.pk}/", form="withdraw", reason="moved on")
    assert "withdrawn" in done.content.decode()
    application.refresh_from_db()
    assert application.status == "withdrawn"


def test_the_lists_cost_the_same_for_many(sign_in, guild, django_assert_max_num_queries):
    services.edit_policy(actor=guild.officer, most_a_day=100)
    for number in range(12):
        services.apply(user=None, **{**FORM, "character_name": f"Many{chr(97 + number)}"})
    client = sign_in("officer")
    with django_assert_max_num_queries(18):
        client.get("/recruitment/")
