"""What lists, filters and figures tell besides what they show: nothing of a vote on oneself, nothing of who reviews (PRD 3.10.5).

Who has been voted on may be a recruiter, an officer or an administrator by now. What they may read of everybody else's vote
must not tell them of their own: each test asks the same twice, before and while the vote is open, and compares the answers.
"""

from __future__ import annotations

import datetime as dt
import importlib

import pytest
from django.apps import apps
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person, set_role_group
from guildhall.core import outbox
from guildhall.core.models import OutboxMessage
from guildhall.recruitment import services
from guildhall.recruitment.models import Application

from .conftest import FORM

pytestmark = pytest.mark.django_db
STAFF = [RoleGroup.RECRUITER, RoleGroup.OFFICER, "superuser"]


def api(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(User.objects.get(pk=user.pk))
    return client


def browser(user: User) -> Client:
    client = Client()
    client.force_login(User.objects.get(pk=user.pk), "django.contrib.auth.backends.ModelBackend")
    return client


def make_staff(user: User, role: str) -> User:
    """The applicant has become somebody who works on applications."""
    if role == "superuser":
        User.objects.filter(pk=user.pk).update(is_superuser=True, is_staff=True)
    else:
        set_role_group(user=user, role_group=RoleGroup(role), actor=None)
    return User.objects.get(pk=user.pk)


@pytest.mark.parametrize("trial", [True, False], ids=["on trial", "never on trial"])
@pytest.mark.parametrize("role", STAFF)
@pytest.mark.parametrize(
    "path",
    [
        "/api/admin/application-statistics/",
        "/api/applications/pending/",
        "/api/applications/?ordering=submitted_at",
        "/api/applications/?search=aelinor",
        "/api/applications/?status=voting_active",
        "/api/applications/voting-active/",
        "/api/applications/trial-members/",
        "/api/applications/?format=csv",
        "/api/applications/{pk}/",
        "/api/applications/{pk}/history/",
        "/api/applications/{pk}/votes/officer-view/",
        "/api/applications/{pk}/votes/details/?format=csv",
    ],
)
def test_whoever_reviews_others_reads_the_same_of_themselves_with_and_without_a_vote(
    application, recruiter, role, trial, path
):
    if trial:
        services.accept_trial(application=application, actor=recruiter)
    mine = make_staff(application.user, role)
    before = api(mine).get(path.format(pk=application.pk))
    services.start_voting(application=application, actor=recruiter)
    during = api(mine).get(path.format(pk=application.pk))
    assert (during.status_code, during.content) == (before.status_code, before.content)
    assert during.get("ETag") == before.get("ETag")


@pytest.mark.parametrize("trial", [True, False], ids=["on trial", "never on trial"])
@pytest.mark.parametrize("role", STAFF)
def test_the_queue_page_says_the_same_of_oneself_with_and_without_a_vote(application, recruiter, role, trial):
    if trial:
        services.accept_trial(application=application, actor=recruiter)
    mine = browser(make_staff(application.user, role))

    def shown() -> dict[str, object]:
        context = mine.get("/recruitment/").context
        lists = {name: list(context[name]) for name in ("mine", "votes", "trials", "pending", "all")}
        return {**lists, "statistics": context["statistics"]}

    before = shown()
    services.start_voting(application=application, actor=recruiter)
    assert shown() == before


@pytest.mark.parametrize("role", STAFF)
def test_the_decision_on_oneself_is_in_no_figure(voting, attending, recruiter, at, role):
    services.edit_policy(actor=recruiter, quorum=1)
    services.cast_vote(application=voting, voter=attending(20, 20), vote="pass")
    at.advance(dt.timedelta(hours=48))
    services.close_due_votes()
    figures = api(make_staff(voting.user, role)).get("/api/admin/application-statistics/").json()
    assert figures["decisions"] == {}
    assert figures["by_status"]["approved"] == 1
    assert api(recruiter).get("/api/admin/application-statistics/").json()["decisions"] == {"pass": 1}


@pytest.mark.parametrize("role", STAFF)
def test_ones_own_vote_is_not_among_the_earlier_applications_of_somebody_elses(application, recruiter, role):
    """Another person once applied with the character that one's own open application is about."""
    other = create_person(display_name="Other", role_group=RoleGroup.GUEST)
    services.withdraw(application=application, actor=None)
    theirs, _ = services.apply(user=other, **FORM)
    services.withdraw(application=theirs, actor=None)
    mine, _ = services.apply(user=application.user, **FORM)
    services.start_voting(application=mine, actor=recruiter)
    text = browser(make_staff(application.user, role)).get(f"/recruitment/{theirs.pk}/").content.decode()
    assert f"/recruitment/{mine.pk}/" not in text
    assert "voting" not in text.lower()
    shown = browser(make_staff(recruiter, "recruiter")).get(f"/recruitment/{theirs.pk}/").content.decode()
    assert f"/recruitment/{mine.pk}/" in shown, "another recruiter sees it"


@pytest.mark.parametrize("role", [RoleGroup.OFFICER, "superuser"])
@pytest.mark.parametrize("path", ["/officers/audit/", "/officers/audit/?q=Aelinor", "/admin/core/auditevent/"])
def test_the_audit_trail_keeps_the_vote_on_oneself_from_its_reader(voting, recruiter, role, path):
    assert "voting_active" in browser(make_staff(create_person(display_name="O"), "officer")).get(path).content.decode()
    text = browser(make_staff(voting.user, role)).get(path).content.decode()
    assert "Aelinor: trial_accepted" not in text


def test_which_messages_are_about_oneself_does_not_depend_on_their_order_key(voting, recruiter):
    messages = OutboxMessage.objects.filter(topic__startswith="application")
    about_own = set(messages.values_list("pk", flat=True))
    assert set(messages.values_list("topic", flat=True)) > {"application.voting_started"}
    messages.update(order_key="another key")
    other = OutboxMessage.objects.create(topic="application.x", order_key=f"application:{voting.pk}")
    shown = set(outbox.visible_to(voting.user, OutboxMessage.objects.all()).values_list("pk", flat=True))
    assert not shown & about_own
    assert other.pk in shown, "a key in this form makes no message one about an application"
    assert about_own <= set(outbox.visible_to(recruiter, OutboxMessage.objects.all()).values_list("pk", flat=True))


@pytest.mark.parametrize("line", ["application", "post:application", "application-mail"])
def test_messages_of_before_get_the_application_that_their_order_key_named(voting, line):
    migration = importlib.import_module("guildhall.recruitment.migrations.0005_targets_of_messages")
    old = OutboxMessage.objects.create(topic="x", order_key=f"{line}:{voting.pk}")
    others = [OutboxMessage.objects.create(topic="x", order_key=key) for key in ("", f"dm:{voting.pk}", "post:vote:1")]
    migration.set_targets(apps, None)
    old.refresh_from_db()
    assert (old.target_type, old.target_id) == ("recruitment.application", str(voting.pk))
    for other in others:
        other.refresh_from_db()
        assert (other.target_type, other.target_id) == ("", "")


@pytest.mark.parametrize("role", ["guest", "applicant", "own", "member", "developer"])
@pytest.mark.parametrize("ending", ["", "&format=csv"])
def test_nobody_below_a_recruiter_finds_out_by_a_filter_who_reviews(voting, recruiter, role, ending):
    services.assign(application=voting, recruiter=recruiter, actor=recruiter)
    asker = voting.user if role == "own" else create_person(display_name=f"Some {role}", role_group=role)
    answers = {
        (answer.status_code, answer.content)
        for who in (recruiter.pk, asker.pk, 999999)
        for answer in [api(asker).get(f"/api/applications/?assigned_to={who}{ending}")]
    }
    assert len(answers) == 1, "the same for whoever reviews, whoever does not, and nobody"
    assert next(iter(answers))[0] == 403
    assert api(recruiter).get(f"/api/applications/?assigned_to={recruiter.pk}").json()["count"] == 1


@pytest.mark.parametrize("role", STAFF)
def test_who_reviews_oneself_is_found_by_no_filter(application, recruiter, role):
    services.assign(application=application, recruiter=recruiter, actor=recruiter)
    mine = api(make_staff(application.user, role))
    assert mine.get(f"/api/applications/?assigned_to={recruiter.pk}").json()["count"] == 0


def test_a_page_says_the_rules_that_the_vote_goes_by_and_not_those_of_today(application, recruiter):
    services.edit_policy(actor=recruiter, quorum=2, threshold_percent="60", minimum_attendance="15")
    services.start_voting(application=application, actor=recruiter)
    services.edit_policy(actor=recruiter, quorum=9, threshold_percent="80", minimum_attendance="33")
    member = create_person(display_name="Member", role_group=RoleGroup.MEMBER)
    text = browser(member).get(f"/recruitment/{application.pk}/").content.decode()
    assert "at least 15" in text
    assert "more than 60" in text
    assert "at least 33" not in text
    assert "more than 80" not in text
    assert Application.objects.get().voting_rules["quorum"] == 2
