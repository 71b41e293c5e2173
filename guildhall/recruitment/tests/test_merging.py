"""Two people turn out to be one while applications and votes are under way."""

from __future__ import annotations

import datetime as dt

import pytest

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person
from guildhall.core.errors import Conflict, NotAllowed
from guildhall.points.services import merge_people
from guildhall.recruitment import selectors, services
from guildhall.recruitment.models import Application, ApplicationVote, VoteChange
from guildhall.recruitment.services.voting import standing_votes
from guildhall.roster.models import Character

from .conftest import FORM

pytestmark = pytest.mark.django_db


def merge(source, target):
    merge_people(source=source, target=target, actor=None, reason="one person")


def cast(application, voter, vote):
    return services.cast_vote(application=application, voter=voter, vote=vote)


@pytest.mark.parametrize("later", ["source", "target"])
def test_of_two_votes_of_one_person_the_later_one_stands(voting, attending, at, later):
    source, target = attending(3, 20), attending(20, 20)
    order = [(target, "fail"), (source, "pass")] if later == "source" else [(source, "fail"), (target, "pass")]
    for voter, vote in order:
        cast(voting, voter, vote)
        at.advance(dt.timedelta(minutes=5))
    merge(source, target)
    (kept,) = ApplicationVote.objects.all()
    assert (kept.voter, kept.vote, kept.vote_changes) == (target, "pass", 1)
    assert str(kept.attendance_percentage) == ("15.00" if later == "source" else "100.00")
    assert VoteChange.objects.filter(vote=kept).count() == 2
    assert selectors.vote_summary(voting)["total"] == 1
    assert cast(voting, target, "recycle").vote_changes == 2


def test_a_vote_that_was_taken_back_does_not_beat_one_that_stands(voting, attending, at):
    source, target = attending(20, 20), attending(20, 20)
    cast(voting, target, "pass")
    cast(voting, source, "fail")
    at.advance(dt.timedelta(minutes=5))
    services.withdraw_vote(application=voting, voter=source)
    merge(source, target)
    assert [vote.vote for vote in standing_votes(voting)] == ["pass"]


def test_a_vote_goes_along_with_its_person(voting, attending):
    source, target = attending(20, 20), attending(0, 20)
    cast(voting, source, "pass")
    merge(source, target)
    (kept,) = standing_votes(voting)
    assert (kept.voter, kept.is_counted, str(kept.attendance_percentage)) == (target, True, "100.00")
    with pytest.raises(NotAllowed):
        cast(voting, source, "fail")


def test_what_was_decided_stays_as_it_was_decided(voting, attending, at):
    source, target = attending(20, 20), attending(20, 20)
    cast(voting, source, "pass")
    cast(voting, target, "pass")
    at.advance(dt.timedelta(days=2))
    services.close_due_votes()
    merge(source, target)
    done = Application.objects.get()
    assert done.decision_trace["tally"]["counted"] == selectors.vote_summary(done)["counted"] == 2


def test_the_vote_of_somebody_who_turns_out_to_be_the_applicant_is_taken_back(voting, attending):
    voter = attending(20, 20)
    cast(voting, voter, "pass")
    applicant = User.objects.get(pk=voting.user_id)
    applicant.discord_id = None
    applicant.save()
    merge(applicant, voter)
    application = Application.objects.get()
    assert application.user == voter
    assert standing_votes(application) == []
    with pytest.raises(NotAllowed) as own:
        cast(application, voter, "pass")
    assert own.value.code == "own_application"


def test_an_application_goes_along_and_so_does_its_trial(application, recruiter):
    services.accept_trial(application=application, actor=recruiter)
    source = User.objects.get(pk=application.user_id)
    target = create_person(display_name="Later", role_group=RoleGroup.GUEST)
    merge(source, target)
    application.refresh_from_db()
    target.refresh_from_db()
    assert (application.user, target.role_group, target.discord_id) == (target, RoleGroup.APPLICANT, "777000777")
    assert Character.objects.get(name="Aelinor").user == target


def test_drafts_of_both_become_one(at):
    source, target = (create_person(display_name=name, role_group="guest") for name in ("S", "T"))
    services.save_draft(user=source, character_name="Olddraft")
    services.save_draft(user=target, character_name="Newdraft")
    merge(source, target)
    assert Application.objects.get().character_name == "Newdraft"


def test_whoever_holds_the_link_claims_the_account_that_the_trial_made(at, recruiter, attending):
    """An applicant without an account is taken on trial, promoted, and signs in for the first time afterwards."""
    application, token = services.apply(user=None, **FORM)
    services.accept_trial(application=application, actor=recruiter)
    made = Application.objects.get().user
    newcomer = create_person(display_name="Newcomer", role_group=RoleGroup.GUEST, discord_id="424242")
    services.promote_trial(application=application, actor=recruiter)
    claimed = services.claim_application(user=newcomer, token=token)
    newcomer.refresh_from_db()
    made.refresh_from_db()
    assert (claimed.user, made.merged_into, newcomer.role_group) == (newcomer, newcomer, RoleGroup.MEMBER)
    assert Character.objects.get(name="Aelinor").user == newcomer
    with pytest.raises(Conflict) as again:
        services.claim_application(user=create_person(display_name="Thief", role_group="guest"), token=token)
    assert again.value.code == "already_claimed"


def test_a_link_takes_no_account_that_somebody_uses(application, recruiter, at):
    """The applicant had an account of their own; the link of their application is no key to it."""
    services.withdraw(application=application, actor=None)
    _, token = services.apply(user=application.user, **FORM)
    with pytest.raises(Conflict) as refusal:
        services.claim_application(user=create_person(display_name="Thief", role_group="guest"), token=token)
    assert refusal.value.code == "already_claimed"


def test_members_bots_and_people_with_an_open_application_claim_nothing(application, at):
    _, token = services.apply(user=None, **{**FORM, "character_name": "Other"})
    with pytest.raises(Conflict) as member:
        services.claim_application(user=create_person(display_name="M"), token=token)
    assert member.value.code == "already_member"
    with pytest.raises(Conflict) as two:
        services.claim_application(user=application.user, token=token)
    assert two.value.code == "already_applied"
