"""What was decided by mistake: a vote is called off, a rejected application is opened again."""

from __future__ import annotations

import datetime as dt

import pytest

from guildhall.accounts.models import RoleGroup
from guildhall.accounts.permissions import SYSTEM
from guildhall.accounts.services import create_person, set_role_group
from guildhall.core.errors import BadInput, Conflict
from guildhall.core.models import AuditEvent, OutboxMessage
from guildhall.recruitment import selectors, services
from guildhall.recruitment.models import Application, ApplicationVote, VoteChange
from guildhall.recruitment.selectors import Tier

from .conftest import FORM

pytestmark = pytest.mark.django_db
S = Application.Status


def fresh(application):
    return Application.objects.get(pk=application.pk)


def steps(application, tier):
    return [step["words"] for step in selectors.describe_steps(fresh(application), tier)]


@pytest.mark.parametrize("on_trial", [False, True])
def test_a_vote_is_called_off_and_the_applicant_learns_nothing(on_trial, recruiter, attending, at):
    application, _ = services.apply(user=None, **FORM, email="aelinor@example.org")
    if on_trial:
        services.accept_trial(application=application, actor=recruiter)
    before = (fresh(application).public_status, steps(application, Tier.OWN))
    mails = OutboxMessage.objects.filter(topic="recruitment.email").count()
    services.start_voting(application=application, actor=recruiter)
    voter = attending(20, 20)
    services.cast_vote(application=application, voter=voter, vote="fail")
    services.cancel_voting(application=application, actor=recruiter, reason="The wrong one")
    found = fresh(application)
    assert found.status == (S.TRIAL_ACCEPTED if on_trial else S.SUBMITTED)
    assert (found.public_status, steps(application, Tier.OWN)) == before
    assert OutboxMessage.objects.filter(topic="recruitment.email").count() == mails
    assert OutboxMessage.objects.filter(topic="application.voting_cancelled").count() == 1
    assert steps(application, Tier.RECRUITER)[-1] == "vote called off"
    # What was cast stays on the record, and a new vote begins without it.
    assert VoteChange.objects.filter(vote__application=found, vote__voter=voter).count() == 1
    row = AuditEvent.objects.filter(target_type="recruitment.application", data__reason="The wrong one").get()
    assert row.actor == recruiter
    with pytest.raises(Conflict):
        services.cast_vote(application=application, voter=voter, vote="pass")
    at.advance(dt.timedelta(hours=72))
    assert services.close_due_votes() == []
    services.start_voting(application=application, actor=recruiter)
    assert selectors.vote_summary(fresh(application))["total"] == 0
    assert ApplicationVote.objects.filter(application=found, round=1).count() == 1


def test_only_a_vote_that_runs_is_called_off_and_with_a_reason(voting, recruiter, at):
    with pytest.raises(BadInput) as refused:
        services.cancel_voting(application=voting, actor=recruiter, reason=" ")
    assert refused.value.code == "required"
    at.advance(dt.timedelta(hours=48))
    with pytest.raises(Conflict) as over:
        services.cancel_voting(application=voting, actor=recruiter, reason="Late")
    assert over.value.code == "voting_closed"
    services.close_due_votes()
    with pytest.raises(Conflict) as decided:
        services.cancel_voting(application=voting, actor=recruiter, reason="Late")
    assert decided.value.code == "illegal_transition"


def test_a_trial_that_ran_out_under_the_vote_does_not_open_the_next_one(recruiter, at):
    services.edit_policy(actor=recruiter, trial_end="vote", voting_hours=48)
    application, _ = services.apply(user=None, **FORM)
    services.accept_trial(application=application, actor=recruiter, days=1)
    services.start_voting(application=application, actor=recruiter)
    at.advance(dt.timedelta(hours=30))
    services.cancel_voting(application=application, actor=recruiter, reason="The wrong one")
    services.end_due_trials()
    assert fresh(application).status == S.TRIAL_ACCEPTED


@pytest.mark.parametrize("after", ["review", "trial", "vote", "withdrawal"])
def test_a_decision_is_taken_back_and_the_application_waits_for_review(after, recruiter, attending, at):
    application, _ = services.apply(user=None, **FORM, email="aelinor@example.org")
    if after in ("trial", "vote"):
        services.accept_trial(application=application, actor=recruiter)
    if after == "vote":
        services.start_voting(application=application, actor=recruiter)
        services.cast_vote(application=application, voter=attending(20, 20), vote="fail")
        at.advance(dt.timedelta(hours=49))
        services.close_due_votes()
    elif after == "withdrawal":
        services.withdraw(application=application, actor=recruiter, reason="slipped")
    else:
        services.reject(application=application, actor=recruiter, reason="Not now")
    services.reopen(application=application, actor=recruiter, reason="Wrong button")
    found = fresh(application)
    assert (found.status, found.rejection_reason, found.closed_at) == (S.SUBMITTED, "", None)
    assert steps(application, Tier.OWN)[-1] == "opened again"
    told = OutboxMessage.objects.filter(topic="recruitment.email").latest("pk").payload
    assert "looking at your application once more" in told["body"]
    assert "Wrong button" not in told["body"]
    # A vote now is as hidden as the first one: nothing of the former trial shows through.
    services.start_voting(application=application, actor=recruiter)
    assert fresh(application).public_status == S.SUBMITTED
    services.cancel_voting(application=application, actor=recruiter, reason="x")
    services.accept_trial(application=application, actor=recruiter)
    assert fresh(application).user.role_group == RoleGroup.APPLICANT
    assert fresh(application).character.is_active


def test_what_is_open_or_decided_otherwise_or_the_applicants_own_is_not_opened_again(recruiter, at):
    guest = create_person(display_name="Guest", role_group=RoleGroup.GUEST)
    application, _ = services.apply(user=guest, **FORM)

    def refusal():
        with pytest.raises(Conflict) as refused:
            services.reopen(application=application, actor=recruiter, reason="Wrong button")
        return refused.value.code

    assert refusal() == "illegal_transition"
    services.withdraw(application=application, actor=guest)
    assert refusal() == "withdrawn_by_applicant"


def test_a_newer_application_or_membership_goes_before(recruiter, at):
    guest = create_person(display_name="Guest", role_group=RoleGroup.GUEST)
    first, _ = services.apply(user=guest, **FORM)
    services.reject(application=first, actor=recruiter, reason="Not now")
    at.advance(dt.timedelta(days=40))
    for user, name in ((guest, "Other"), (None, FORM["character_name"])):
        second, _ = services.apply(user=user, **{**FORM, "character_name": name})
        with pytest.raises(Conflict) as refused:
            services.reopen(application=first, actor=recruiter, reason="Wrong button")
        assert refused.value.code == "already_applied"
        services.withdraw(application=second, actor=recruiter)
    set_role_group(user=guest, role_group=RoleGroup.MEMBER, actor=None, reason="by hand", by=SYSTEM)
    with pytest.raises(Conflict) as refused:
        services.reopen(application=first, actor=recruiter, reason="Wrong button")
    assert refused.value.code == "already_member"
