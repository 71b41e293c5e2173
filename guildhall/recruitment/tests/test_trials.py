"""The trial: what it gives, what it does not open, how it goes, and how it ends (PRD 3.10.4)."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pytest
from rest_framework.test import APIClient

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.services import create_person, set_role_group
from guildhall.core import clock, outbox
from guildhall.core.errors import Conflict
from guildhall.core.models import OutboxMessage
from guildhall.discord.models import DiscordRoleMapping
from guildhall.discord.roles.desired import desired_roles
from guildhall.loot.services import NewAward, award_item
from guildhall.points.models import DKPPool
from guildhall.raids.models import Event
from guildhall.raids.services.awarding import award_attendance
from guildhall.raids.services.raids import create_raid
from guildhall.recruitment import selectors, services
from guildhall.recruitment.models import Application, ApplicationComment
from guildhall.recruitment.services.due import SomeFailed
from guildhall.recruitment.tasks import check_trials
from guildhall.recruitment.tests.readable import readable
from guildhall.roster.models import Character, Rank
from guildhall.roster.services import create_character, set_rank, update_character

from .conftest import FORM, NOW

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)


@pytest.fixture
def trial(application: Application, recruiter: User) -> Application:
    """Somebody whose trial of 30 days has just begun."""
    return services.accept_trial(application=application, actor=recruiter)


def applicant_of(application: Application) -> User:
    return User.objects.get(pk=Application.objects.get(pk=application.pk).user_id)


def test_the_ranks_of_a_trial_and_of_a_member_are_found_without_a_policy(application, recruiter):
    """A guild that set no ranks in the policy has its trial rank and its default rank all the same."""
    tried = Rank.objects.create(name="Trial", is_trial=True)
    member = Rank.objects.create(name="Member", is_default=True)
    services.accept_trial(application=application, actor=recruiter)
    assert Character.objects.get(name="Aelinor").rank == tried
    services.promote_trial(application=application, actor=recruiter)
    assert Character.objects.get(name="Aelinor").rank == member


def test_a_trial_rank_does_not_outlive_the_trial_though_the_guild_has_no_other(application, recruiter):
    services.edit_policy(actor=recruiter, trial_rank=Rank.objects.create(name="Recruit"))
    services.accept_trial(application=application, actor=recruiter)
    services.promote_trial(application=application, actor=recruiter)
    assert Character.objects.get(name="Aelinor").rank is None


def test_a_rank_that_somebody_earned_otherwise_is_kept(trial, recruiter):
    raider = Rank.objects.create(name="Raider")
    set_rank(character=Character.objects.get(name="Aelinor"), rank=raider, actor=recruiter)
    services.promote_trial(application=trial, actor=recruiter)
    assert Character.objects.get(name="Aelinor").rank == raider


@pytest.mark.parametrize("end", ["withdrawn", "rejected"])
def test_what_the_trial_gave_is_taken_away_however_it_ends(application, recruiter, end):
    Rank.objects.create(name="Trial", is_trial=True)
    services.accept_trial(application=application, actor=recruiter)
    if end == "withdrawn":
        services.withdraw(application=application, actor=application.user)
    else:
        services.reject(application=application, actor=recruiter, reason="x")
    character = Character.objects.get(name="Aelinor")
    assert (character.rank, character.status, applicant_of(application).role_group) == (None, "inactive", "guest")


def test_the_trials_discord_role_comes_and_goes_with_it(application, recruiter):
    DiscordRoleMapping.objects.create(kind="trial", role_id="11", role_name="Trial")
    DiscordRoleMapping.objects.create(kind="role_group", value="member", role_id="22", role_name="Member")
    Rank.objects.create(name="Trial", is_trial=True)
    Rank.objects.create(name="Member", is_default=True)
    applicant = application.user
    assert desired_roles([applicant.pk])[applicant.pk].role_ids == []
    services.accept_trial(application=application, actor=recruiter)
    assert desired_roles([applicant.pk])[applicant.pk].role_ids == ["11"]
    services.promote_trial(application=application, actor=recruiter)
    assert desired_roles([applicant.pk])[applicant.pk].role_ids == ["22"]


def test_what_somebody_on_trial_may_do(trial, recruiter):
    """They see the roster and their own application, earn points in raids, and nothing else is open to them."""
    client = APIClient()
    client.force_authenticate(applicant_of(trial))
    assert client.get("/api/characters/").status_code == 200
    assert client.get(f"/api/applications/{trial.pk}/").status_code == 200
    for path in (
        "bidding/active",
        "raids",
        "points/entries",
        "attendance",
        "bidding/me",
        "admin/application-statistics",
    ):
        assert client.get(f"/api/{path}/").status_code == 403, path
    assert client.post("/api/bidding/place-bid/", {}, format="json").status_code == 403
    answer = client.post(f"/api/applications/{trial.pk}/vote/", {"vote": "pass"}, format="json")
    assert answer.status_code == 403
    assert "vot" not in answer.content.decode().lower()


def test_somebody_elses_character_is_noted_for_the_recruiters_once(application, recruiter):
    create_character(name="Aelinor", user=create_person(display_name="Owner"))
    services.accept_trial(application=application, actor=recruiter)
    services.promote_trial(application=application, actor=recruiter)
    notes = ApplicationComment.objects.filter(application=application)
    assert [note.body for note in notes] == [
        "Aelinor belongs to Owner, not to the applicant Applicant: sort it out by hand."
    ]
    assert selectors.comments_for(application, selectors.Tier.OWN) == []


def test_two_recruiters_take_on_the_same_applicant_once(trial, recruiter):
    with pytest.raises(Conflict) as refusal:
        services.accept_trial(application=trial, actor=recruiter)
    assert refusal.value.code == "illegal_transition"
    assert Character.objects.filter(name="Aelinor").count() == 1


def test_a_trial_is_measured_beside_the_guild_over_the_same_days(attending, trial, recruiter, at):
    """What was before the trial counts for nobody: the guild's figure is that of the trial's days."""
    regular, seldom = attending(20, 20), attending(0, 20)
    event = Event.objects.get()
    at.advance(DAY)
    for there in (("Aelinor",), (), ("Aelinor", str(seldom)), ()):
        raid = create_raid(event=event, started_at=NOW + DAY, actor=None)
        award_attendance(raid=raid, attendees=[str(regular), *there], actor=None)
    for number, name in enumerate(("Before", "Within")):
        item = {
            "item_name": name,
            "character": Character.objects.get(name="Aelinor"),
            "points_spent": 0,
        }
        award_item(
            award=NewAward(pool=DKPPool.objects.get(), awarded_at=NOW - DAY if number == 0 else NOW + DAY, **item),
            actor=recruiter,
        )
    at.advance(DAY)
    found = selectors.trial_performance(Application.objects.get(pk=trial.pk))
    assert (found.raids_attended, found.raids_held, found.attendance_percentage) == (2, 4, Decimal("50.00"))
    # Regular 4 of 4, Seldom 1 of 4, and the filler of the fixture 0 of 4.
    assert found.guild_attendance_percentage == Decimal("41.67")
    assert (found.days, found.days_left, found.items_won) == (2, 28, 1)


def test_the_applicant_is_reminded_by_mail_and_message_once(trial, at, mailoutbox, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    Application.objects.filter(pk=trial.pk).update(email="a@example.org")
    at.advance(26 * DAY)
    assert check_trials() == "0 reminded, 0 ended"
    at.advance(DAY)
    assert check_trials() == "1 reminded, 0 ended"
    assert check_trials() == "0 reminded, 0 ended"
    outbox.deliver_due()
    (mail,) = mailoutbox
    assert "ends soon" in mail.subject
    assert "23 December 2026" in mail.body
    assert "vot" not in readable(mail.body).lower()
    assert OutboxMessage.objects.filter(topic="application.trial_reminder").count() == 1


def test_a_worker_that_comes_after_the_end_reminds_of_nothing(trial, at):
    at.advance(31 * DAY)
    assert check_trials() == "0 reminded, 1 ended"


def test_a_trial_that_cannot_end_keeps_no_other_waiting(trial, recruiter, at, monkeypatch):
    other, _ = services.apply(user=None, **{**FORM, "character_name": "Second"})
    services.accept_trial(application=other, actor=recruiter)
    services.edit_policy(actor=recruiter, trial_end="promote")
    from guildhall.recruitment.services import trials

    promote = trials.promote_trial

    def fails_for_the_first(*, application, **values):
        if application.pk == trial.pk:
            raise Conflict("The roster is in the way.")
        return promote(application=application, **values)

    at.advance(31 * DAY)
    monkeypatch.setattr(trials, "promote_trial", fails_for_the_first)
    with pytest.raises(SomeFailed):
        check_trials()
    assert Application.objects.get(pk=other.pk).status == "approved"
    assert Application.objects.get(pk=trial.pk).trial_ended_at is None
    monkeypatch.undo()
    assert check_trials() == "0 reminded, 1 ended"


def test_a_returning_players_character_is_woken_and_put_to_sleep_again(at, recruiter):
    guest = create_person(display_name="Returning", role_group=RoleGroup.GUEST)
    character = create_character(name="Aelinor", user=guest)
    update_character(character=character, actor=None, status="retired")
    application, _ = services.apply(user=guest, **FORM)
    services.accept_trial(application=application, actor=recruiter)
    assert Character.objects.get(name="Aelinor").status == "active"
    services.reject(application=application, actor=recruiter, reason="x")
    assert Character.objects.get(name="Aelinor").status == "inactive"


def test_a_recycled_vote_without_a_trial_begins_the_trial(recruiter, attending, at):
    """Voted on straight from the queue, without an account: the trial that follows is one, with all that belongs to it."""
    tried = Rank.objects.create(name="Trial", is_trial=True)
    sent, _ = services.apply(user=None, **FORM, email="a@example.invalid")
    vote = services.start_voting(application=sent, actor=recruiter)
    services.cast_vote(application=vote, voter=attending(20, 20), vote="recycle")
    at.advance(dt.timedelta(hours=48))
    services.close_due_votes()
    now = Application.objects.get(pk=sent.pk)
    assert (now.status, now.trial_started_at) == ("trial_accepted", clock.now())
    assert now.trial_ends_at == clock.now() + 14 * DAY
    assert applicant_of(now).role_group == RoleGroup.APPLICANT
    assert Character.objects.get(name="Aelinor").rank == tried
    letters = [row.payload["subject"] for row in OutboxMessage.objects.filter(topic="recruitment.email").order_by("pk")]
    assert letters[-1].endswith("Your trial begins")
    assert not OutboxMessage.objects.filter(topic="application.recycled").exists()


@pytest.mark.parametrize("role", [RoleGroup.MEMBER, RoleGroup.OFFICER])
@pytest.mark.parametrize("end", ["rejected", "withdrawn", "promoted", "voted in", "voted out"])
def test_whoever_became_a_member_meanwhile_keeps_what_they_have(trial, recruiter, attending, at, role, end):
    """An officer made the applicant a member by hand and gave them a rank: the application's end changes neither."""
    services.edit_policy(actor=recruiter, member_rank=Rank.objects.create(name="Member"))
    council = Rank.objects.create(name="Council")
    set_role_group(user=applicant_of(trial), role_group=role, actor=None)
    set_rank(character=Character.objects.get(name="Aelinor"), rank=council, actor=recruiter)
    if end == "rejected":
        services.reject(application=trial, actor=recruiter, reason="A mistake.")
    elif end == "withdrawn":
        services.withdraw(application=trial, actor=recruiter)
    elif end == "promoted":
        services.promote_trial(application=trial, actor=recruiter)
    else:
        services.start_voting(application=trial, actor=recruiter)
        services.cast_vote(
            application=trial, voter=attending(20, 20), vote={"voted in": "pass", "voted out": "fail"}[end]
        )
        at.advance(dt.timedelta(hours=48))
        services.close_due_votes()
    character = Character.objects.get(name="Aelinor")
    assert (applicant_of(trial).role_group, character.rank, character.status) == (role, council, "active")


def test_a_member_whose_application_is_still_open_gets_no_trial_rank(application, recruiter):
    Rank.objects.create(name="Trial", is_trial=True)
    person = applicant_of(application)
    council = Rank.objects.create(name="Council")
    create_character(name="Aelinor", user=person, rank=council)
    set_role_group(user=person, role_group=RoleGroup.MEMBER, actor=None)
    services.accept_trial(application=application, actor=recruiter)
    assert Character.objects.get(name="Aelinor").rank == council


@pytest.mark.parametrize("voted_on", [False, True])
def test_the_reminder_comes_whether_there_is_a_vote_or_not(trial, recruiter, at, voted_on):
    """No reminder would tell an applicant, who knows of others' reminders, that they are being voted on."""
    at.advance(26 * DAY)
    if voted_on:
        services.start_voting(application=trial, actor=recruiter, hours=96)
    at.advance(2 * DAY)
    assert services.remind_due_trials() == 1
    assert OutboxMessage.objects.filter(topic="application.trial_reminder").count() == 1
    assert services.remind_due_trials() == 0
