"""Applying: with or without an account, once, and again after a while."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from django.test import Client
from rest_framework.test import APIClient

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import principal_for
from guildhall.accounts.services import create_person, get_or_create_bot
from guildhall.accounts.visitors import edit_visitor_access
from guildhall.core import outbox
from guildhall.core.errors import BadInput, Conflict, NotAllowed, NotFound
from guildhall.core.models import OutboxMessage
from guildhall.recruitment import selectors, services
from guildhall.recruitment.models import Application, ApplicationQuestion
from guildhall.recruitment.services.admission import may_apply_again_at
from guildhall.recruitment.services.applying import find_by_token
from guildhall.recruitment.services.transitions import TRANSITIONS, move, policy
from guildhall.recruitment.tasks import check_trials
from guildhall.roster.models import Character, Rank
from guildhall.roster.services import create_character

from .conftest import FORM

pytestmark = pytest.mark.django_db
S = Application.Status


def test_somebody_without_an_account_applies_and_follows_by_their_link(at):
    application, token = services.apply(user=None, **FORM, email="a@example.org")
    assert application.status == S.SUBMITTED
    assert find_by_token(token) == application
    assert token not in application.token_hash
    with pytest.raises(NotFound):
        find_by_token("")
    guest = create_person(display_name="Later", role_group=RoleGroup.GUEST)
    assert services.claim_application(user=guest, token=token).user == guest
    with pytest.raises(Conflict):
        services.claim_application(user=create_person(display_name="Thief", role_group="guest"), token=token)


@pytest.mark.parametrize(
    ("change", "attr"),
    [
        ({"character_name": ""}, "character_name"),
        ({"character_name": "x" * 300}, "character_name"),
        ({"character_name": "R2D2"}, "character_name"),
        ({"level": "many"}, "level"),
        ({"level": 0}, "level"),
        ({"availability": ""}, "availability"),
        ({"email": "nonsense"}, "email"),
        ({"previous_guilds": "x" * 20_000}, "previous_guilds"),
        ({"answers": "text"}, "answers"),
        ({"answers": [{"question_id": 99, "answer": "x"}]}, "answers"),
        ({"answers": [1]}, "answers"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_missing_or_wrong_is_said(at, change, attr):
    with pytest.raises(BadInput) as refusal:
        services.apply(user=None, **{**FORM, **change})
    assert refusal.value.attr == attr
    assert not Application.objects.exists()


MISSING = ["character_name", "character_class", "level", "availability", "timezone", "discord_username"]


def test_all_that_is_missing_or_wrong_is_said_at_once():
    """In the API one error for each field; on the page one beside each field and in the summary, the cursor in the first."""
    edit_visitor_access(actor=None, recruitment=True)
    ApplicationQuestion.objects.create(wording="Why us?", kind="long", required=True)
    ApplicationQuestion.objects.create(wording="How many?", kind="number")
    number = ApplicationQuestion.objects.get(kind="number").pk
    body = {"email": "nonsense", "server": "x" * 70, "answers": [{"question_id": number, "answer": "many"}]}
    response = APIClient().post("/api/applications/", body)
    errors = [(one["attr"], one["code"]) for one in response.json()["errors"]]
    assert response.status_code == 400
    assert errors == [
        *((name, "required") for name in MISSING),
        ("server", "too_long"), ("email", "invalid_email"), ("answers", "required"), ("answers", "not_a_number"),
    ]  # fmt: skip
    page = Client().post("/apply/", {"form": "apply", "email": "nonsense", f"q{number}": "many"})
    text = page.content.decode()
    assert page.status_code == 400
    for name in MISSING:
        assert text.count(f"Please fill in: {name.replace('_', ' ')}.") == 2
    for words in ("That is not an e-mail address.", "Please answer: Why us?", "How many?: a whole number."):
        assert words in text
    assert text.count('aria-invalid="true"') == len(MISSING) + 3
    assert text.count("autofocus") == 1
    assert 'class="stack sheet" novalidate' in text  # the browser would name them one by one
    assert not Application.objects.exists()


def test_a_draft_says_all_that_is_wrong_at_once():
    guest = create_person(display_name="G", role_group="guest")
    with pytest.raises(BadInput) as refusal:
        services.save_draft(user=guest, email="nonsense", level="many")
    assert [fault.attr for fault in refusal.value.faults] == ["level", "email"]
    assert not Application.objects.exists()


def test_a_second_application_of_the_same_person_or_character_is_refused(application):
    for again in ({"user": None}, {"user": application.user, "character_name": "Other"}):
        with pytest.raises(Conflict) as refusal:
            services.apply(**{**FORM, **again})
        assert refusal.value.code == "already_applied"


def test_a_stranger_learns_nothing_of_a_rejection(application, recruiter, at):
    """An open application and one rejected lately are refused in the same words, without a date."""

    def refusal_of(**again):
        with pytest.raises(Conflict) as refusal:
            services.apply(**{**FORM, **again})
        return refusal.value.code, refusal.value.detail, refusal.value.figures

    stranger = create_person(display_name="Stranger", role_group="guest")
    while_open = [refusal_of(user=None), refusal_of(user=stranger)]
    services.reject(application=application, actor=recruiter, reason="secret")
    after = [refusal_of(user=None), refusal_of(user=stranger)]
    assert while_open == after
    assert after[0][0] == "already_applied"
    assert after[0][2] == {}
    own = refusal_of(user=application.user, character_name="Another")
    assert own[0] == "cooling_down"
    application.refresh_from_db()
    assert own[2] == {"may_apply_at": may_apply_again_at(application).isoformat()}


def test_one_may_apply_again_after_the_cool_down(application, recruiter, at):
    services.reject(application=application, actor=recruiter, reason="too soon")
    with pytest.raises(Conflict) as refusal:
        services.apply(user=application.user, **FORM)
    assert refusal.value.code == "cooling_down"
    at.advance(dt.timedelta(days=30))
    again, _ = services.apply(user=application.user, **FORM)
    assert selectors.earlier_applications(again, principal_for(recruiter)) == [application]


def test_floods_are_stopped(at, recruiter):
    names = ("Floodone", "Floodtwo", "Floodthree", "Floodfour")
    for name in names[:3]:
        services.apply(user=None, address="1.2.3.4", **{**FORM, "character_name": name})
    with pytest.raises(Conflict) as refusal:
        services.apply(user=None, address="1.2.3.4", **{**FORM, "character_name": names[3]})
    assert refusal.value.code == "too_many_applications"
    services.edit_policy(actor=recruiter, is_open=False)
    with pytest.raises(Conflict) as closed:
        services.apply(user=None, **{**FORM, "character_name": names[3]})
    assert closed.value.code == "recruitment_closed"


def test_members_do_not_apply(at):
    with pytest.raises(Conflict) as refusal:
        services.apply(user=create_person(display_name="M"), **FORM)
    assert refusal.value.code == "already_member"


def test_a_draft_is_kept_edited_and_submitted(at):
    guest = create_person(display_name="G", role_group=RoleGroup.GUEST)
    question = services.save_question(actor=None, wording="Why us?", required=True)
    draft = services.save_draft(user=guest, character_name="aelinor")
    assert (draft.status, draft.character_name) == (S.DRAFT, "Aelinor")
    with pytest.raises(BadInput):
        services.submit_draft(user=guest, application=draft)
    services.save_draft(user=guest, application=draft, **FORM)
    with pytest.raises(BadInput) as missing:
        services.submit_draft(user=guest, application=draft)
    assert "Why us?" in missing.value.detail
    with pytest.raises(NotAllowed):
        services.save_draft(user=create_person(display_name="X", role_group="guest"), application=draft)
    with pytest.raises(NotAllowed):
        services.submit_draft(user=create_person(display_name="Y", role_group="guest"), application=draft)
    services.save_draft(user=guest, application=draft, answers={str(question.pk): "The dragons."})
    done, _ = services.submit_draft(user=guest, application=draft)
    assert done.answers == [
        {"question_id": question.pk, "wording": "Why us?", "kind": "long", "answer": "The dragons."}
    ]
    services.save_question(question=question, actor=None, wording="Why them?")
    done.refresh_from_db()
    assert done.answers[0]["wording"] == "Why us?"
    with pytest.raises(Conflict):
        services.save_draft(user=guest, application=done, level=50)


@pytest.mark.parametrize(
    ("kind", "good", "kept", "bad"),
    [
        ("text", " x ", "x", "x" * 10_001),
        ("text", "half \ud83d of it\x00", "half ? of it", {"a": 1}),
        ("long", "🐉 dragons", "🐉 dragons", ["a list"]),
        ("choice", "a", "a", "z"),
        ("choice", "b", "b", ["a", "b"]),
        ("multiple", ["a", "b"], ["a", "b"], ["z"]),
        ("multiple", ["b", "a", "b"], ["a", "b"], [["a"]]),
        ("number", "-7", -7, 10**13),
        ("yes_no", "yes", True, "perhaps"),
        ("number", "12", 12, "twelve"),
    ],
)
def test_answers_fit_their_question(at, kind, good, kept, bad):
    question = services.save_question(actor=None, wording="Q", kind=kind, choices=["a", "b"])
    application, _ = services.apply(user=None, **FORM, answers=[{"question_id": question.pk, "answer": good}])
    assert application.answers[0]["answer"] == kept
    with pytest.raises(BadInput):
        services.apply(user=None, **{**FORM, "character_name": "Other"}, answers={question.pk: bad})


def test_a_choice_needs_choices(at):
    with pytest.raises(BadInput):
        services.save_question(actor=None, wording="Q", kind="choice")
    with pytest.raises(BadInput):
        services.save_question(actor=None, wording="")


def test_only_legal_steps_are_taken(application, recruiter):
    for wrong in set(S.values) - TRANSITIONS[S.SUBMITTED]:
        with pytest.raises(Conflict):
            move(application, wrong, actor=recruiter)
    services.withdraw(application=application, actor=application.user)
    for attempt in (
        lambda: services.withdraw(application=application, actor=None),
        lambda: services.accept_trial(application=application, actor=recruiter),
        lambda: services.reject(application=application, actor=recruiter, reason="x"),
        lambda: services.start_voting(application=application, actor=recruiter),
        lambda: services.promote_trial(application=application, actor=recruiter),
    ):
        with pytest.raises(Conflict) as refusal:
            attempt()
        assert refusal.value.code == "illegal_transition"


def test_a_trial_gives_an_account_a_character_and_an_end(at, recruiter):
    rank = Rank.objects.create(name="Trial", is_trial=True)
    services.edit_policy(actor=recruiter, trial_rank=rank, trial_days=10)
    application, _ = services.apply(user=None, **FORM)
    with pytest.raises(BadInput):
        services.accept_trial(application=application, actor=recruiter, days=0)
    done = services.accept_trial(application=application, actor=recruiter)
    assert done.user.role_group == RoleGroup.APPLICANT
    assert (done.character.name, done.character.rank) == ("Aelinor", rank)
    assert done.trial_ends_at - done.trial_started_at == dt.timedelta(days=10)
    performance = selectors.trial_performance(done)
    assert (performance.days, performance.days_left, performance.raids_held) == (0, 10, 0)


def test_somebody_elses_character_is_left_alone(at, recruiter, application):
    owner = create_person(display_name="Owner")
    create_character(name="Aelinor", user=owner)
    done = services.accept_trial(application=application, actor=recruiter)
    assert done.character is None
    assert Character.objects.get(name="Aelinor").user == owner


def test_an_ownerless_character_is_given_to_the_applicant(at, recruiter, application):
    create_character(name="Aelinor")
    services.accept_trial(application=application, actor=recruiter)
    assert Character.objects.get(name="Aelinor").user == application.user


@pytest.mark.parametrize(
    ("policy_says", "status"),
    [("remind", S.TRIAL_ACCEPTED), ("vote", S.VOTING_ACTIVE), ("promote", S.APPROVED), ("remove", S.REJECTED)],
)
def test_a_trials_end_goes_as_the_policy_says_once(application, recruiter, at, policy_says, status):
    services.edit_policy(actor=recruiter, trial_end=policy_says)
    services.accept_trial(application=application, actor=recruiter)
    at.advance(dt.timedelta(days=27))
    assert check_trials() == "1 reminded, 0 ended"
    at.advance(dt.timedelta(days=3))
    assert check_trials() == "0 reminded, 1 ended"
    assert check_trials() == "0 reminded, 0 ended"
    application.refresh_from_db()
    assert application.status == status


def test_the_applicant_gets_mail_that_says_nothing_of_a_vote(at, recruiter, mailoutbox, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    application, _ = services.apply(user=None, **FORM, email="a@example.org")
    services.accept_trial(application=application, actor=recruiter)
    services.add_comment(application=application, author=recruiter, body="See you Tuesday", visible_to_applicant=True)
    services.add_comment(application=application, author=recruiter, body="Hm.")
    services.start_voting(application=application, actor=recruiter)
    at.advance(dt.timedelta(days=2))
    services.close_due_votes()
    outbox.deliver_due()
    assert len(mailoutbox) == 3
    assert "See you Tuesday" in mailoutbox[2].body
    assert not [mail for mail in mailoutbox if "vot" in (mail.subject + mail.body).lower()]


def test_comments_assignments_and_reasons_are_asked_for(application, recruiter, at):
    for bad in ({"body": " "}, {"body": "x" * 10_001}, {"body": "x", "kind": "rant"}):
        with pytest.raises(BadInput):
            services.add_comment(application=application, author=recruiter, **bad)
    with pytest.raises(BadInput):
        services.reject(application=application, actor=recruiter, reason=" ")
    with pytest.raises(BadInput):
        services.assign(application=application, recruiter=create_person(display_name="M"), actor=recruiter)
    assert services.assign(application=application, recruiter=recruiter, actor=recruiter).assigned_to == recruiter
    for bad in ({"threshold_percent": "lots"}, {"colour": 1}):
        with pytest.raises(BadInput):
            services.edit_policy(actor=recruiter, **bad)
    assert policy().voting_hours == 48
    assert User.objects.filter(role_group="recruiter").count() == 1
    assert ApplicationQuestion.objects.count() == 0


def test_statistics_add_up(application, recruiter, at):
    services.reject(application=application, actor=recruiter, reason="x")
    figures = selectors.statistics(days=30)
    assert (figures["total"], figures["by_status"]["rejected"], figures["approval_rate"]) == (1, 1, 0.0)


def test_a_draft_that_is_thrown_away_is_nobodys_business(at, recruiter):
    guest = create_person(display_name="G", role_group=RoleGroup.GUEST)
    draft = services.save_draft(user=guest, **FORM, email="a@example.org")
    before = set(OutboxMessage.objects.values_list("pk", flat=True))
    services.withdraw(application=draft, actor=guest)
    assert set(OutboxMessage.objects.values_list("pk", flat=True)) == before
    assert not selectors.visible_applications(principal_for(recruiter)).exists()
    assert selectors.statistics()["total"] == 0
    services.apply(user=guest, **FORM)


def test_an_answer_keeps_the_wording_it_was_given_to_also_from_a_draft(at):
    guest = create_person(display_name="G", role_group=RoleGroup.GUEST)
    question = services.save_question(actor=None, wording="Why us?")
    gone = services.save_question(actor=None, wording="Old one")
    draft = services.save_draft(user=guest, **FORM, answers={question.pk: "Dragons", gone.pk: "x"})
    services.save_question(question=question, actor=None, wording="Why not them?")
    services.save_question(question=gone, actor=None, is_active=False)
    done, _ = services.submit_draft(user=guest, application=draft)
    done.refresh_from_db()
    assert [(item["wording"], item["answer"]) for item in done.answers] == [("Why us?", "Dragons")]


def test_recruiters_bring_in_as_many_as_they_like_from_one_address(at, recruiter):
    client = APIClient()
    client.force_authenticate(recruiter)
    for name in ("Bringone", "Bringtwo", "Bringthree", "Bringfour"):
        body = {**FORM, "character_name": name}
        assert client.post("/api/applications/", body, format="json").status_code == 201


def test_a_bot_does_not_apply_for_itself(at):
    with pytest.raises(NotAllowed) as refusal:
        services.apply(user=get_or_create_bot(name="bot"), **FORM)
    assert refusal.value.code == "is_bot"


@pytest.mark.parametrize(
    "body",
    [
        {"character_name": "x" * 300},
        {"character_name": "Ael\x00inor"},
        {"character_name": "🐉🐉🐉"},
        {"level": 10**9},
        {"level": 1e400},
        {"level": -1},
        {"server": "s" * 61},
        {"availability": "half a pair: \ud83d"},
        {"answers": [{"question_id": 10**30, "answer": "x"}]},
        {"answers": [{"question_id": 1}] * 3},
        {"answers": {"a": 1}},
        {"email": "a@b\nBcc: everybody@example.org"},
    ],
)
def test_bad_input_is_a_clear_400(at, body):
    text = json.dumps({**FORM, **body})
    answer = APIClient().post("/api/applications/", text, content_type="application/json")
    assert answer.status_code == 400, answer.content
    assert answer.json()["errors"][0]["attr"] is not None or "Infinity" in text
    assert not Application.objects.exists()


@pytest.mark.parametrize(
    ("changes", "attr"),
    [
        ({"wording": "x" * 301}, "wording"),
        ({"kind": "riddle"}, "kind"),
        ({"choices": [1, 2]}, "choices"),
        ({"choices": "a"}, "choices"),
        ({"choices": [str(n) for n in range(51)]}, "choices"),
        ({"choices": ["x" * 201]}, "choices"),
        ({"order": -1}, "order"),
        ({"pk": 3}, "pk"),
    ],
)
def test_a_question_that_cannot_be_is_refused(at, changes, attr):
    with pytest.raises(BadInput) as refusal:
        services.save_question(actor=None, **{"wording": "Q", "kind": "choice", "choices": ["a"], **changes})
    assert refusal.value.attr == attr
    assert not ApplicationQuestion.objects.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"threshold_percent": 101}, {"threshold_percent": -1}, {"minimum_attendance": "100.01"}, {"voting_hours": 0},
        {"voting_hours": 721}, {"trial_days": 0}, {"recycle_days": 0}, {"quorum": -1}, {"tie": "coin"},
        {"trial_end": "party"}, {"cooldown_days": 4000}, {"pk": 7},
    ],
)  # fmt: skip
def test_a_policy_that_cannot_be_is_refused(at, changes):
    with pytest.raises(BadInput) as refusal:
        services.edit_policy(actor=None, **changes)
    assert refusal.value.attr == next(iter(changes))
    assert policy().voting_hours == 48


@pytest.mark.parametrize("field", ["availability", "timezone", "discord_username", "character_class", "character_name"])
@pytest.mark.parametrize("nothing", [" ", "\x00", "\n\t "])
def test_what_is_required_is_more_than_space(at, field, nothing):
    with pytest.raises(BadInput) as refused:
        services.apply(user=None, **{**FORM, field: nothing})
    assert (refused.value.code, refused.value.attr) == ("required", field)


def test_a_text_that_is_too_long_says_how_long_it_may_be(at):
    with pytest.raises(BadInput) as refused:
        services.apply(user=None, **{**FORM, "timezone": "x" * 61})
    assert refused.value.detail == "Timezone: at most 60 characters; this has 61."


def test_a_private_link_withdraws_what_is_no_accounts(at, recruiter):
    """By API: with the link's secret alone, also while a vote runs; not what an account holds, and not twice."""
    sent, secret = services.apply(user=None, **FORM)
    services.start_voting(application=sent, actor=recruiter)
    client = APIClient()
    assert client.delete("/api/applications/by-link/").json()["errors"][0]["code"] == "required"
    assert client.delete("/api/applications/by-link/?token=wrong").status_code == 404
    assert client.delete(f"/api/applications/by-link/?token={secret}").status_code == 204
    assert Application.objects.get(pk=sent.pk).status == "withdrawn"
    again = client.delete(f"/api/applications/by-link/?token={secret}")
    assert (again.status_code, again.json()["errors"][0]["code"]) == (409, "illegal_transition")

    other, secret = services.apply(user=None, **{**FORM, "character_name": "Zorkan"})
    services.claim_application(user=create_person(display_name="Zork", role_group=RoleGroup.GUEST), token=secret)
    held = client.delete(f"/api/applications/by-link/?token={secret}")
    assert (held.status_code, held.json()["errors"][0]["code"]) == (409, "already_claimed")
    assert Application.objects.get(pk=other.pk).status == "submitted"
