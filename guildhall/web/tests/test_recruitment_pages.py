"""The applicant's, the voter's and the recruiter's pages."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client

from guildhall.core import clock
from guildhall.recruitment import services
from guildhall.recruitment.models import Application, ApplicationVote
from guildhall.recruitment.tests.readable import readable
from guildhall.web.templatetags.guildhall import ago

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


def test_everything_that_is_wrong_with_an_application_is_said_at_once(sign_in, guild):
    client = sign_in("guest")
    wrong = {
        **FORM,
        "character_name": "x" * 5,
        "level": "1e1",
        "timezone": "Berlin",
        "email": "nobody",
        "availability": "",
    }
    answer = send(client, "/apply/", form="apply", do="send", **wrong)
    assert answer.status_code == 400
    text = answer.content.decode()
    for words in (
        "A level is a whole number",
        "Did you mean Europe/Berlin?",
        "not an e-mail address",
        "Please fill in",
    ):
        assert words in text
    assert {"level", "timezone", "email", "availability"} <= set(answer.context["form"].errors)
    assert 'value="Berlin"' in text
    assert '<option value="America/New_York">' in text
    done = send(client, "/apply/", form="apply", do="send", **{**FORM, "timezone": "america/new york"})
    assert "Sent. We will be in touch." in done.content.decode()
    assert Application.objects.get().timezone == "America/New_York"


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
    # What was pressed by mistake is taken back where it was pressed.
    assert "Say why" in send(client, url, form="cancel", reason="").content.decode()
    called_off = send(client, url, form="cancel", reason="The wrong one").content.decode()
    for words in ("The vote is called off", "ended without a decision", "vote called off", "The wrong one"):
        assert words in called_off
    send(client, url, form="reject", reason="Not now.")
    opened = send(client, url, form="reopen", reason="Wrong button").content.decode()
    assert "The application is open again" in opened
    assert "waiting for review" in opened


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


def apply_without_an_account(**values):
    application, secret = services.apply(user=None, **{**FORM, **values})
    return application, f"/apply/follow/?token={secret}"


def test_somebody_without_an_account_is_told_that_it_was_sent_and_withdraws_by_the_link(guild):
    client = Client()
    sent = client.post("/apply/", {"form": "apply", "once": "x", **FORM}, follow=True)
    assert "Sent. We will be in touch" in sent.content.decode()
    application = Application.objects.get()
    services.accept_trial(application=application, actor=guild.recruiter)
    services.start_voting(application=application, actor=guild.recruiter)
    link = sent.redirect_chain[-1][0]
    page = client.get(link).content.decode()
    assert "vot" not in readable(page).lower()
    done = client.post(link, {"form": "withdraw", "reason": "moved on"}, follow=True)
    assert "Your application is withdrawn." in done.content.decode()
    application.refresh_from_db()
    assert application.status == "withdrawn"
    assert application.status_changes.last().reason == "moved on"
    again = client.post(link, {"form": "withdraw"})
    assert again.status_code == 409
    assert "has been withdrawn" in again.content.decode()


def test_an_application_of_an_account_is_not_withdrawn_by_its_link(guild, sign_in):
    application, link = apply_without_an_account()
    services.claim_application(user=guild.guest, token=link.partition("=")[2])
    for client in (Client(), sign_in("member")):
        assert 'value="withdraw"' not in client.get(link).content.decode()
        refused = client.post(link, {"form": "withdraw"})
        assert refused.status_code == 409
        assert "Sign in with that account" in refused.content.decode()
    application.refresh_from_db()
    assert application.status == "submitted"


def test_an_application_is_tied_to_an_account_also_when_the_trial_has_begun(guild, sign_in):
    """A trial makes an account for whoever has none; until somebody has been at it, the private link is the way to it."""
    application, link = apply_without_an_account()
    services.accept_trial(application=application, actor=guild.recruiter)
    stranger = Client().get(link).content.decode()
    assert "sign in</a>, and tie the application to it" in stranger
    client = sign_in("guest")
    assert "Tie it to my account" in client.get(link).content.decode()
    done = send(client, link, form="claim")
    assert "tied to your account now" in done.content.decode()
    application.refresh_from_db()
    assert application.user == guild.guest
    application.user.refresh_from_db()
    assert application.user.role_group == "applicant"


@pytest.mark.parametrize(
    ("who", "words", "form"),
    [
        ("member", "You are a member already.", False),
        ("on trial", "You have an open application already.", False),
        ("rejected", "You may apply again from", True),
        ("closed", "The guild takes no applications at the moment.", True),
        ("stranger", "The guild takes no applications at the moment.", True),
    ],
)
def test_whoever_cannot_apply_hears_so_before_the_form(guild, sign_in, application, who, words, form):
    if who == "rejected":
        services.reject(application=application, actor=guild.recruiter, reason="Not now.")
    if who in ("closed", "stranger"):
        services.withdraw(application=application, actor=guild.guest)
        services.edit_policy(actor=guild.officer, is_open=False)
    client = Client() if who == "stranger" else sign_in({"member": "member"}.get(who, "guest"))
    text = client.get("/apply/").content.decode()
    assert words in text
    assert ('name="character_name"' in text) is form
    if who == "on trial":
        assert '<a class="button" href="/apply/">Apply</a>' not in client.get("/recruitment/").content.decode()
    if who == "rejected":
        assert "You may apply again from" in client.get(f"/recruitment/{application.pk}/").content.decode()


def test_statuses_are_said_in_words(sign_in, voting, guild):
    for role, path in (("member", f"/recruitment/{voting.pk}/"), ("recruiter", "/recruitment/?status=voting_active")):
        text = sign_in(role).get(path).content.decode()
        assert "being voted on" in text
        assert "voting active" not in text


def test_recruiters_read_who_may_vote_and_every_change(sign_in, voting, guild):
    services.cast_vote(application=voting, voter=guild.member, vote="pass")
    services.cast_vote(application=voting, voter=guild.member, vote="fail")
    url = f"/recruitment/{voting.pk}/votes/"
    text = sign_in("recruiter").get(url).content.decode()
    assert "pass → fail" in text
    assert "not yet" in text
    for role in ("member", "applicant", "guest"):
        assert sign_in(role).get(url).status_code == 403
        assert sign_in(role).get("/recruitment/99999/votes/").status_code == 403
    recruiter = voting.user
    recruiter.role_group = "recruiter"
    recruiter.save()
    client = Client()
    client.force_login(recruiter)
    assert client.get(url).status_code == 403


def test_a_recruiter_withdraws_for_the_applicant_in_the_middle_of_a_vote(sign_in, voting):
    done = send(sign_in("recruiter"), f"/recruitment/{voting.pk}/", form="withdraw")
    text = done.content.decode()
    assert "and the applicant is told" in text
    assert "If it ended now" not in text
    assert "By the rules" not in text
    assert "<h2>Decide</h2>" not in text
    assert "Days left" not in text
    voting.refresh_from_db()
    assert voting.status == "withdrawn"


def test_a_vote_that_decided_nothing_says_what_to_do(sign_in, voting):
    with clock.frozen(clock.now() + dt.timedelta(hours=49)):
        over = sign_in("recruiter").get(f"/recruitment/{voting.pk}/").content.decode()
        assert "its result is being worked out" in over
        services.close_due_votes()
        text = sign_in("recruiter").get(f"/recruitment/{voting.pk}/").content.decode()
    assert "promote or reject" in text
    assert "no_quorum" not in text
    assert "0 counted votes, and at least 1 needed" in text


def test_a_trial_that_is_over_says_so(sign_in, application, guild, client):
    services.accept_trial(application=application, actor=guild.recruiter, days=1)
    with clock.frozen(clock.now() + dt.timedelta(days=2)):
        assert ">over<" in sign_in("member").get("/recruitment/").content.decode()
        client.force_login(application.user)
        assert "Your trial was until" in client.get(f"/recruitment/{application.pk}/").content.decode()


def test_a_guest_finds_the_way_to_apply(sign_in, guild):
    assert 'href="/apply/"' in Client().get("/").content.decode()
    assert "Apply, or follow my application" in sign_in("guest").get("/").content.decode()
    assert "My application" in sign_in("applicant").get("/").content.decode()


def test_a_vote_of_two_days_ends_in_hours():
    with clock.frozen(dt.datetime(2026, 11, 23, tzinfo=dt.UTC)) as at:
        ends = at.advance(dt.timedelta()) + dt.timedelta(hours=47, minutes=59)
        assert ">in 47 hours<" in ago(ends)
        assert ">in 2 days<" in ago(ends + dt.timedelta(minutes=2))
        assert ">1 day ago<" in ago(ends - dt.timedelta(hours=77))


def test_an_answer_is_never_kept_under_a_question_that_its_writer_did_not_read(guild):
    """A recruiter puts a question differently while a form is open: the writer is shown it before anything is sent."""
    question = services.save_question(actor=None, wording="Do you have a microphone?", kind="yes_no")
    client = Client()
    stamp = next(row["stamp"] for row in client.get("/apply/").context["questions"])
    typed = {"form": "apply", "once": "x", **FORM, f"q{question.pk}": "yes", f"asked{question.pk}": stamp}
    services.save_question(question=question, actor=None, wording="Are you without a microphone?")
    refused = client.post("/apply/", typed)
    assert refused.status_code == 400
    assert "a question was changed: “Are you without a microphone?”" in refused.content.decode()
    assert not Application.objects.exists()
    assert 'value="Aelinor"' in refused.content.decode()
    stamp = next(row["stamp"] for row in refused.context["questions"])
    client.post("/apply/", {**typed, f"asked{question.pk}": stamp, f"q{question.pk}": "no"})
    assert Application.objects.get().answers[0]["wording"] == "Are you without a microphone?"


def test_a_draft_says_which_question_it_answered(sign_in, guild):
    question = services.save_question(actor=None, wording="Why us?", kind="text")
    client = sign_in("guest")
    send(client, "/apply/", form="apply", do="draft", **{f"q{question.pk}": "Fun"})
    assert "new since your draft" not in client.get("/apply/").content.decode()
    services.save_question(question=question, actor=None, wording="Why not us?")
    text = client.get("/apply/").content.decode()
    assert "You answered: “Why us?”" in text
