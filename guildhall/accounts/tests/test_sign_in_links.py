"""Links by which people get in without Discord (`accounts/services/sign_in_links.py`, `accounts/reset_mail.py`)."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import Client

from guildhall.accounts.access_history import access_history
from guildhall.accounts.models import APIKey, PermissionGroup, RoleGroup, SignInLink, User
from guildhall.accounts.reset_mail import ask_for_reset_mail
from guildhall.accounts.services import (
    Credentials,
    change_own_password,
    create_group,
    create_person,
    deactivate_person,
    edit_group,
    make_invitation,
    make_sign_in_key,
    make_sign_in_link,
    revoke_link,
    set_role_group,
    update_person,
    use_link,
)
from guildhall.core import clock, outbox
from guildhall.core.errors import BadInput, Conflict, GuildhallError, NotAllowed
from guildhall.core.models import AuditEvent, OutboxMessage

pytestmark = pytest.mark.django_db
PASSWORD = "torch of the hall"


@pytest.fixture
def officer() -> User:
    return create_person(display_name="Boss", role_group=RoleGroup.OFFICER)


def come(token: str, username: str = "sorrel", password: str = PASSWORD) -> User:
    return use_link(token=token, chosen=Credentials(username, password))


def refused(token: str, username: str = "late") -> str:
    with pytest.raises(GuildhallError) as refusal:
        come(token, username)
    return refusal.value.code or ""


def test_an_invitation_brings_one_person_in_with_role_and_group(officer: User) -> None:
    group = create_group(name="Scribes", scopes=["raids:read", "raids:write"], actor=officer)
    link, token = make_invitation(actor=officer, group=group)
    person = come(token)
    assert (person.role_group, person.check_password(PASSWORD), person.extra_scopes) == (
        "member", True, ["raids:read", "raids:write"],
    )  # fmt: skip
    assert refused(token) == "link_closed"
    assert [use.user for use in link.used.all()] == [person]
    row = AuditEvent.objects.get(action="accounts.use_sign_in_link")
    assert (row.actor, row.data["made_by"]) == (person, officer.pk)
    assert "Boss made" in row.summary


def test_a_link_for_many_counts_and_one_without_a_number_does_not_end(officer: User) -> None:
    for number in (2, None):
        _, token = make_invitation(actor=officer, most_uses=number)
        for name in ("one", "two"):
            come(token, f"{name}{number}")
        if number:
            assert refused(token) == "link_closed"
        else:
            come(token, "three")


def test_it_expires_and_is_revoked(officer: User) -> None:
    link, token = make_invitation(actor=officer, days=2)
    with clock.frozen(clock.now() + dt.timedelta(days=2, seconds=1)):
        assert refused(token) == "link_closed"
    revoke_link(link=link, actor=officer)
    assert refused(token) == "link_closed"
    with pytest.raises(Conflict):
        revoke_link(link=link, actor=officer)
    assert not User.objects.filter(username="late").exists()


def test_a_refused_name_or_password_leaves_the_link_good(officer: User) -> None:
    create_person(display_name="Taken", username="taken")
    _, token = make_invitation(actor=officer)
    for username, password, code in (
        ("taken", PASSWORD, "username_taken"), ("a b", PASSWORD, "invalid_username"), ("", PASSWORD, "required"),
        ("sorrel", "abc", "weak_password"), ("sorrel", "password", "weak_password"),
    ):  # fmt: skip
        with pytest.raises(GuildhallError) as refusal:
            come(token, username, password)
        assert refusal.value.code == code
    assert come(token).username == "sorrel"


def test_nobody_grants_what_they_do_not_hold(officer: User) -> None:
    for role in (RoleGroup.RECRUITER, RoleGroup.MEMBER):
        other = create_person(display_name=role, role_group=role)
        for make in (make_invitation, lambda actor: make_sign_in_link(actor=actor, user=officer)):
            with pytest.raises(NotAllowed):
                make(actor=other)
    boss = create_person(display_name="Root", role_group=RoleGroup.OFFICER)
    User.objects.filter(pk=boss.pk).update(is_superuser=True)
    with pytest.raises(NotAllowed):
        make_sign_in_link(user=User.objects.get(pk=boss.pk), actor=officer)
    with pytest.raises(BadInput):
        make_invitation(actor=officer, group=PermissionGroup.objects.get(for_role="applicant"))


def test_a_link_gives_no_more_than_its_maker_may_give_when_it_is_used(officer: User) -> None:
    """Who made it is no officer any more, or the person became more than they: it opens nothing."""
    group = create_group(name="Scribes", scopes=["raids:read"], actor=officer)
    member = create_person(display_name="Member")
    tokens = [
        make_invitation(actor=officer, most_uses=None)[1],
        make_invitation(actor=officer, role_group=RoleGroup.OFFICER)[1],
        make_invitation(actor=officer, group=group)[1],
    ]
    theirs = make_sign_in_link(user=member, actor=officer)[1]
    User.objects.filter(pk=member.pk).update(is_superuser=True)
    assert refused(theirs) == "link_closed"
    edit_group(group=group, scopes=["raids:read", "points:write"], actor=None)
    set_role_group(user=officer, role_group=RoleGroup.MEMBER, actor=None)
    assert [refused(token) for token in tokens] == ["link_closed"] * 3
    set_role_group(user=officer, role_group=RoleGroup.OFFICER, actor=None)
    deactivate_person(user=officer, actor=None)
    assert refused(tokens[0]) == "link_closed"


def test_somebody_of_the_roster_gets_a_name_and_a_password_and_stays_who_they_are(officer: User) -> None:
    person = create_person(display_name="Old Brak", role_group=RoleGroup.GUEST, is_placeholder=True)
    _, token = make_sign_in_link(user=person, actor=officer, role_group=RoleGroup.MEMBER)
    found = come(token, "brak")
    assert (found.pk, found.username, found.role_group, found.is_placeholder) == (person.pk, "brak", "member", False)
    assert found.check_password(PASSWORD)
    recruiter = create_person(display_name="R", role_group=RoleGroup.RECRUITER)
    _, token = make_sign_in_link(user=recruiter, actor=officer, role_group=RoleGroup.MEMBER)
    assert come(token, "r2").role_group == "recruiter"


def test_a_new_password_ends_sessions_keys_of_the_old_one_and_other_links(officer: User) -> None:
    person = create_person(display_name="Sorrel", username="sorrel", password="an old password", email="s@example.org")
    key = make_sign_in_key(user=person, origin=APIKey.Origin.PASSWORD, address="")
    assert key
    browser = Client()
    browser.force_login(person)
    assert browser.get("/me/account/").status_code == 200
    _, first = make_sign_in_link(user=person, actor=officer)
    _, token = make_sign_in_link(user=person, actor=officer)
    assert refused(first) == "link_closed"
    ask_for_reset_mail(name="sorrel")
    mailed = deliver()[0]
    epoch = User.objects.get(pk=person.pk).session_epoch
    changed = come(token, "another")
    assert (changed.username, changed.session_epoch) == ("sorrel", epoch + 1)
    assert browser.get("/me/account/").status_code == 302
    assert not APIKey.objects.filter(user=person, revoked_at=None).exists()
    assert refused(token_of(mailed)) == "link_closed"


def test_closing_an_account_and_another_address_end_its_links(officer: User) -> None:
    person = create_person(display_name="Sorrel", username="sorrel", password=PASSWORD, email="s@example.org")
    ask_for_reset_mail(name="s@example.org")
    token = token_of(deliver()[0])
    update_person(user=person, actor=person, email="new@example.org")
    assert refused(token) == "link_closed"
    _, token = make_sign_in_link(user=person, actor=officer)
    deactivate_person(user=person, actor=officer)
    User.objects.filter(pk=person.pk).update(is_active=True)
    assert refused(token) == "link_closed"


def test_the_secret_is_stored_nowhere_in_clear(officer: User) -> None:
    create_person(display_name="Sorrel", username="sorrel", email="s@example.org")
    person = create_person(display_name="Other")
    tokens = [make_invitation(actor=officer)[1], make_sign_in_link(user=person, actor=officer)[1]]
    ask_for_reset_mail(name="sorrel")
    tokens.append(token_of(deliver()[0]))
    come(tokens[0], "new")
    kept = json.dumps([list(model.objects.values()) for model in (SignInLink, AuditEvent, OutboxMessage)], default=str)
    assert not [token for token in tokens if token in kept]
    assert PASSWORD not in kept
    assert "s@example.org" not in json.dumps(
        list(OutboxMessage.objects.filter(topic="accounts.reset_mail").values()), default=str
    )


def test_the_database_refuses_what_the_services_never_write(officer: User) -> None:
    link = make_invitation(actor=officer)[0]
    for changes in ({"uses": 2}, {"user": officer}, {"expires_at": link.made_at}, {"role_group": ""}, {"kind": "mail"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            SignInLink.objects.filter(pk=link.pk).update(**changes)


def deliver() -> list[Any]:
    """Let the worker send what waits; the e-mails with a link, newest last."""
    outbox.deliver_due()
    return [one for one in mail.outbox if "/reset/" in one.body]


def token_of(message: Any) -> str:
    return str(message.body.split("/reset/")[1].split("/")[0])


def test_the_request_is_the_same_whoever_is_known_and_the_worker_mails_whom_it_should() -> None:
    create_person(display_name="Sorrel", username="sorrel", email="S@Example.org")
    create_person(display_name="Old", username="old", email="s@example.org", is_placeholder=True)
    gone = create_person(display_name="Gone", username="gone", email="gone@example.org")
    deactivate_person(user=gone, actor=None)
    create_person(display_name="Nomail", username="nomail")
    for name in ("nobody", "gone", "nomail", "old", ""):
        ask_for_reset_mail(name=name)
    assert deliver() == []
    ask_for_reset_mail(name="s@example.org")
    assert [one.to for one in deliver()] == [["S@Example.org"]]
    for _ in range(5):
        ask_for_reset_mail(name="sorrel")
    assert len(deliver()) == 3, "no more than three an hour"


def test_a_mail_that_could_not_be_sent_is_tried_again_with_a_good_link(monkeypatch: pytest.MonkeyPatch) -> None:
    create_person(display_name="Sorrel", username="sorrel", email="s@example.org")
    ask_for_reset_mail(name="sorrel")

    def away(self: Any) -> int:
        raise OSError("away")

    with monkeypatch.context() as broken:
        broken.setattr("django.core.mail.EmailMessage.send", away)
        for hour in range(5):
            with clock.frozen(clock.now() + dt.timedelta(minutes=hour)):
                OutboxMessage.objects.update(due_at=clock.now())
                outbox.deliver_due()
    OutboxMessage.objects.update(due_at=clock.now())
    assert SignInLink.objects.count() == 1
    assert come(token_of(deliver()[-1])).check_password(PASSWORD)


def test_the_history_names_who_set_their_own_password() -> None:
    person = create_person(display_name="Sorrel", username="sorrel", password="a torch of the hall")
    change_own_password(user=person, old="a torch of the hall", password="another torch of it")
    row = access_history(person).get(action="accounts.set_password")
    assert row.actor == person
    assert row.data["with"] == "in person"
    fresh = User.objects.get(pk=person.pk)
    fresh.set_password("by the command line")
    fresh.save()
    last = access_history(person).filter(action="accounts.set_password")[0]
    assert (last.actor, last.data["with"]) == (None, "the server")
