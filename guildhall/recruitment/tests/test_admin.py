"""The admin's actions call the services, and nobody sees there what the API would hide."""

from __future__ import annotations

import pytest
from django.test import Client

from guildhall.accounts.models import RoleGroup
from guildhall.accounts.services import create_person, ensure_groups
from guildhall.recruitment.models import Application, ApplicationQuestion, RecruitmentPolicy

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin_as():
    ensure_groups()

    def sign_in(role):
        user = create_person(display_name=f"Admin {role}", role_group=role)
        client = Client()
        client.force_login(user)
        return client

    return sign_in


def test_a_recruiter_takes_on_trial_and_opens_the_vote(application, admin_as):
    client = admin_as(RoleGroup.RECRUITER)
    url = "/admin/recruitment/application/"
    assert client.get(url).status_code == 200
    for action, status in (("accept_trial", "trial_accepted"), ("start_voting", "voting_active")):
        client.post(url, {"action": action, "_selected_action": [application.pk]}, follow=True)
        application.refresh_from_db()
        assert application.status == status
    answer = client.post(url, {"action": "promote_trial", "_selected_action": [application.pk]}, follow=True)
    assert "is being voted on" in answer.content.decode()
    assert client.get(f"{url}{application.pk}/change/").status_code == 200
    assert Application.objects.get().status == "voting_active"


@pytest.mark.parametrize("role", [RoleGroup.MEMBER, RoleGroup.DEVELOPER, RoleGroup.APPLICANT, RoleGroup.GUEST])
def test_others_have_no_admin(application, admin_as, role):
    assert admin_as(role).get("/admin/recruitment/application/").status_code == 302


def test_questions_and_policy_go_through_the_services(admin_as):
    client = admin_as(RoleGroup.OFFICER)
    form = {"wording": "Why us?", "kind": "choice", "choices": "", "order": 1, "is_active": "on", "help_text": ""}
    refused = client.post("/admin/recruitment/applicationquestion/add/", form, follow=True)
    assert refused.status_code == 200
    assert "needs something to choose from" in refused.content.decode()
    assert 'value="Why us?"' in refused.content.decode(), "what was typed stays"
    assert not ApplicationQuestion.objects.exists()
    client.post("/admin/recruitment/applicationquestion/add/", {**form, "choices": "Loot\r\n\r\nFun "}, follow=True)
    question = ApplicationQuestion.objects.get()
    assert question.choices == ["Loot", "Fun"]
    url = f"/admin/recruitment/applicationquestion/{question.pk}/change/"
    assert "Loot\nFun" in client.get(url).content.decode()
    client.post(url, {**form, "choices": "Loot\r\nFun", "wording": "Why not us?"}, follow=True)
    question.refresh_from_db()
    assert (question.wording, question.choices) == ("Why not us?", ["Loot", "Fun"])
    page = client.get("/admin/recruitment/recruitmentpolicy/add/")
    values = {
        name: field.initial if (field := page.context["adminform"].form.fields[name]).initial is not None else ""
        for name in page.context["adminform"].form.fields
    }
    client.post("/admin/recruitment/recruitmentpolicy/add/", {**values, "quorum": 4, "is_open": "on"}, follow=True)
    assert RecruitmentPolicy.objects.get().quorum == 4
    assert client.get("/admin/recruitment/recruitmentpolicy/add/").status_code == 403
    url = f"/admin/recruitment/recruitmentpolicy/{RecruitmentPolicy.objects.get().pk}/change/"
    refused = client.post(url, {**values, "quorum": 5, "voting_hours": 0, "intro": "typed words"}, follow=True)
    assert "typed words" in refused.content.decode()
    assert RecruitmentPolicy.objects.get().quorum == 4
    client.post(url, {**values, "quorum": 5, "intro": "Welcome"}, follow=True)
    assert (RecruitmentPolicy.objects.get().quorum, RecruitmentPolicy.objects.get().intro) == (5, "Welcome")


def test_the_page_of_an_application_is_for_reading_and_shows_no_secret(application, admin_as):
    text = (
        admin_as(RoleGroup.RECRUITER).get(f"/admin/recruitment/application/{application.pk}/change/").content.decode()
    )
    assert application.character_name in text
    assert application.token_hash not in text
    assert application.source_address not in text or not application.source_address
    assert 'name="_save"' not in text
