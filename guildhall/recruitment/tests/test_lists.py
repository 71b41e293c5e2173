"""Lists, filters and figures: right by the clock, and at a price that does not grow with the guild."""

from __future__ import annotations

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import principal_for
from guildhall.accounts.services import create_person
from guildhall.recruitment import selectors, services
from guildhall.recruitment.models import Application
from guildhall.roster.services import create_character

from .conftest import FORM

pytestmark = pytest.mark.django_db
S = Application.Status


@pytest.fixture
def open_door(recruiter: User) -> None:
    services.edit_policy(actor=recruiter, most_a_day=1000)


def apply(name: str, **more: object) -> Application:
    return services.apply(user=None, **{**FORM, "character_name": name, **more})[0]


def statements(client: APIClient, path: str) -> int:
    client.get(path)  # what is looked up once a process does not count
    with CaptureQueriesContext(connection) as seen:
        answer = client.get(path)
    assert answer.status_code == 200, answer.content
    return len(seen)


BUDGETS = {
    "": 4, "pending/": 4, "voting-active/": 4, "trial-members/": 4, "?status=voting_active": 4, "questions/": 3,
    "{pk}/": 3, "{pk}/history/": 4, "{pk}/comments/": 4, "{pk}/performance/": 12, "{pk}/votes/summary/": 4,
    "{pk}/votes/member-view/": 5, "{pk}/votes/officer-view/": 6, "{pk}/votes/details/": 4,
    "{pk}/voting-eligibility/": 9, "{pk}/vote-changes/": 4,
}  # fmt: skip


@pytest.mark.parametrize(("tail", "budget"), BUDGETS.items(), ids=list(BUDGETS))
def test_every_list_costs_the_same_for_few_and_for_many(open_door, voting, recruiter, attending, tail, budget):
    client = APIClient()
    client.force_authenticate(recruiter)
    path = f"/api/applications/{tail.format(pk=voting.pk)}"

    def grow(numbers: range) -> None:
        for number in numbers:
            letter = chr(97 + number)
            services.cast_vote(application=voting, voter=attending(number % 3, 2), vote="fail")
            other = apply(f"Many{letter}")
            if number % 3:
                services.accept_trial(application=other, actor=recruiter)
            if number % 3 == 2:
                services.start_voting(application=other, actor=recruiter)
            services.add_comment(application=voting, author=recruiter, body=letter)
            services.save_question(actor=None, wording=letter)

    grow(range(3))
    few = statements(client, path)
    grow(range(3, 15))
    many = statements(client, path)
    assert many == few
    assert many <= budget


def test_the_figures_add_up(open_door, application, recruiter, attending, at):
    services.accept_trial(application=application, actor=recruiter)
    services.start_voting(application=application, actor=recruiter)
    services.cast_vote(application=application, voter=attending(1, 1), vote="pass")
    at.advance(dt.timedelta(hours=47))
    rejected = apply("Rejected", character_class="Wizard")
    withdrawn = apply("Withdrawn")
    services.withdraw(application=withdrawn, actor=None)
    at.advance(dt.timedelta(hours=1))
    figures = selectors.statistics()
    assert (figures["by_status"]["voting_active"], figures["by_status"]["voting_complete"]) == (0, 1)
    assert figures["open"] == 2
    services.close_due_votes()
    at.advance(dt.timedelta(hours=23))
    services.reject(application=rejected, actor=recruiter, reason="x")
    at.advance(dt.timedelta(days=30))
    apply("Late", level=1)
    figures = selectors.statistics()
    assert figures["total"] == sum(figures["by_status"].values()) == 4
    assert {status: n for status, n in figures["by_status"].items() if n} == {
        "submitted": 1, "approved": 1, "rejected": 1, "withdrawn": 1,
    }  # fmt: skip
    assert figures["by_class"] == {"Cleric": 3, "Wizard": 1}
    assert figures["by_month"] == {"2026-11": 3, "2026-12": 1}
    assert figures["decisions"] == {"pass": 1}
    assert (figures["approval_rate"], figures["open"], figures["applicants_with_accounts"]) == (50.0, 1, 1)
    # 48 hours until the vote was decided, 24 until the other was rejected; what was withdrawn was not decided.
    assert figures["average_days_to_decision"] == 1.5
    assert selectors.statistics(days=10)["total"] == 1


def test_the_figures_cost_the_same_for_few_and_for_many(open_door, recruiter, django_assert_num_queries):
    for number in range(15):
        apply(f"Many{chr(97 + number)}", character_class=["Cleric", "Wizard", "Bard"][number % 3])
    with django_assert_num_queries(5):
        selectors.statistics()


def test_a_filter_by_status_goes_by_the_clock(voting, recruiter, at):
    who = principal_for(recruiter)
    found = selectors.visible_applications(who)
    assert selectors.with_status(who, found, "voting_active").count() == 1
    assert selectors.with_status(who, found, "voting_complete").count() == 0
    at.advance(dt.timedelta(hours=48))
    assert selectors.with_status(who, found, "voting_active").count() == 0
    assert selectors.with_status(who, found, "voting_complete").count() == 1
    assert selectors.with_status(who, found, "party").count() == 0


@pytest.mark.parametrize("trial", [True, False])
def test_nobody_finds_the_vote_on_their_own_application_by_a_filter(application, recruiter, trial):
    """Not even who has become a recruiter since; the status that is shown is the one that is found."""
    if trial:
        services.accept_trial(application=application, actor=recruiter)
    services.start_voting(application=application, actor=recruiter)
    for role in (RoleGroup.APPLICANT, RoleGroup.RECRUITER):
        User.objects.filter(pk=application.user_id).update(role_group=role)
        who = principal_for(User.objects.get(pk=application.user_id))
        found = selectors.visible_applications(who)
        shown = "trial_accepted" if trial else "submitted"
        counts = {status: selectors.with_status(who, found, status).count() for status in S.values}
        assert {status for status, n in counts.items() if n} == {shown}
        assert selectors.of_others(who).count() == 0


def test_the_applicant_is_no_voter_and_an_administrator_is_one(voting, attending):
    member = attending(1, 1)
    admin = create_person(display_name="Root", role_group=RoleGroup.GUEST)
    User.objects.filter(pk=admin.pk).update(is_superuser=True)
    create_character(name="Rooted", user=admin)
    User.objects.filter(pk=voting.user_id).update(role_group=RoleGroup.MEMBER)
    voters = {row["user_id"] for row in selectors.eligibility(Application.objects.get(pk=voting.pk))}
    assert {member.pk, admin.pk} <= voters
    assert voting.user_id not in voters
