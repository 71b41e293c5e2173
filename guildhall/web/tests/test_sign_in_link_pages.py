"""Invitations, joining by one, and a new password, on their pages."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from guildhall.accounts.models import SignInLink, User
from guildhall.core import guild as settings_of_guild
from guildhall.core import outbox
from guildhall.core.logs import HideLinks
from guildhall.web.tests.conftest import Guild, token

pytestmark = pytest.mark.django_db
PASSWORD = "torch of the hall"
NEW = {"form": "join", "username": "newcomer", "display_name": "New Comer", "password": PASSWORD, "again": PASSWORD}


def text(response: Any, status: int = 200) -> str:
    assert response.status_code == status, response.content.decode()
    return response.content.decode()


def make(officer: Client, **values: Any) -> str:
    """Make a link on the page; answers its path."""
    page = officer.get("/officers/invitations/")
    given = {"form": "make", "once": token(page), "role_group": "member", "uses": "1", "days": "7", **values}
    assert officer.post("/officers/invitations/", given).status_code == 302
    shown = text(officer.get("/officers/invitations/"))
    return re.search(r"/(?:join|reset)/[\w-]+/", shown).group()  # type: ignore[union-attr]


def test_a_member_joins_by_the_link_is_signed_in_and_the_officer_sees_who_it_was(sign_in: Any, guild: Guild) -> None:
    officer = sign_in("officer")
    path = make(officer, note="for the raid")
    assert path not in text(officer.get("/officers/invitations/")), "a link is shown once"
    stranger = Client()
    page = text(stranger.get(path))
    assert "Officer invites you" in page
    assert stranger.post(path, NEW).url == "/"
    assert "New Comer" in text(stranger.get("/me/", follow=True))
    assert User.objects.get(username="newcomer").role_group == "member"
    listed = text(officer.get("/officers/invitations/"))
    assert "for the raid" in listed
    assert "New Comer" in listed
    assert "used already" in text(Client().get(path), 410)
    assert "used already" in text(Client().post(path, {**NEW, "username": "second"}), 410)


def test_what_is_wrong_stands_beside_its_field_and_what_was_typed_stays(sign_in: Any, guild: Guild) -> None:
    path = make(sign_in("officer"))
    for more, status, words in (
        ({"again": "another"}, 400, "not the same password"),
        ({"password": "abc", "again": "abc"}, 400, "too short"),
        ({"username": "member"}, 409, "is taken"),
        ({"username": "a b"}, 400, "no spaces"),
    ):
        page = text(Client().post(path, {**NEW, **more}), status)
        assert words in page, more
        assert 'value="New Comer"' in page
        assert PASSWORD not in page
    assert Client().post(path, NEW).status_code == 302


def test_a_revoked_link_and_one_that_never_was_open_nothing(sign_in: Any, guild: Guild) -> None:
    officer = sign_in("officer")
    path = make(officer)
    page = officer.get("/officers/invitations/")
    link = SignInLink.objects.get()
    officer.post("/officers/invitations/", {"form": "revoke", "once": token(page), "link": link.pk})
    assert "taken back" in text(Client().get(path), 410)
    for wrong in ("/join/never/", "/reset/never/", path.replace("join", "reset")):
        assert "no such link" in text(Client().get(wrong), 404)
    assert sign_in("member").get("/officers/invitations/").status_code == 403


def test_somebody_who_is_signed_in_uses_up_no_invitation(sign_in: Any, guild: Guild) -> None:
    officer = sign_in("officer")
    path = make(officer)
    assert "signed in as Officer already" in text(officer.get(path))
    officer.post(path, NEW)
    assert not User.objects.filter(username="newcomer").exists()


def test_somebody_of_the_roster_chooses_a_name_and_keeps_who_they_are(sign_in: Any, guild: Guild) -> None:
    guild.member.set_unusable_password()
    guild.member.save()
    path = make(sign_in("officer"), person=str(guild.member.pk), uses="")
    assert path.startswith("/reset/")
    browser = Client()
    assert 'value="member"' in text(browser.get(path)), "the name is filled in"
    given = {"form": "reset", "username": "sorrel", "password": PASSWORD, "again": PASSWORD}
    assert browser.post(path, given).url == "/"
    assert "25.5" in text(browser.get("/me/", follow=True))
    assert User.objects.get(username="sorrel").pk == guild.member.pk


def test_the_page_of_a_person_makes_a_link_and_a_reset_ends_their_sessions(sign_in: Any, guild: Guild) -> None:
    lost = Client()
    lost.force_login(guild.member)
    officer = sign_in("officer")
    address = f"/officers/people/{guild.member.pk}/"
    page = officer.get(address)
    assert officer.post(address, {"form": "link", "once": token(page)}).url == "/officers/invitations/"
    shown = text(officer.get("/officers/invitations/"))
    path = re.search(r"/reset/[\w-]+/", shown).group()  # type: ignore[union-attr]
    browser = Client()
    assert browser.post(path, {"form": "reset", "password": PASSWORD, "again": PASSWORD}).url == "/"
    assert lost.get("/me/account/").status_code == 302
    assert browser.get("/me/account/").status_code == 200
    assert Client().post("/sign-in/", {"form": "password", "username": "member", "password": PASSWORD}).url == "/"


def test_forgotten_says_the_same_whoever_is_known_and_is_throttled(guild: Guild, settings: Any) -> None:
    User.objects.filter(pk=guild.member.pk).update(email="m@example.org")
    assert "/forgot/" in text(Client().get("/sign-in/"))
    pages = [
        re.sub(
            r'value="[^"]*"|data-token="[^"]*"',
            "",
            text(Client().post("/forgot/", {"form": "forgotten", "name": name})),
        )
        for name in ("m@example.org", "nobody@example.org", "member", "nobody")
    ]
    assert len(set(pages)) == 1
    outbox.deliver_due()
    sent = [one for one in mail.outbox if "/reset/" in one.body]
    assert [one.to for one in sent] == [["m@example.org"], ["m@example.org"]]
    answers = [Client().post("/forgot/", {"form": "forgotten", "name": "member"}) for _ in range(10)]
    assert [one.status_code for one in answers] == [200] * 6 + [429] * 4
    assert int(answers[-1]["Retry-After"]) > 0


def test_without_a_mail_server_an_officer_is_asked(guild: Guild, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    page = text(Client().get("/forgot/"))
    assert "Ask an officer" in page
    assert 'name="name"' not in page


def test_the_secret_of_a_link_is_in_no_line_of_the_log() -> None:
    said = 'Internal Server Error: %s "%s"'
    record = logging.LogRecord("django.request", 40, "", 0, said, ("/join/secret-1/", "GET /reset/secret-2/?x=1"), None)
    HideLinks().filter(record)
    assert record.getMessage() == 'Internal Server Error: /join/-/ "GET /reset/-/?x=1"'


def test_inviting_is_a_step_of_setting_the_guild_up(sign_in: Any, guild: Guild) -> None:
    settings_of_guild.edit_guild(actor=guild.officer, founded_at=guild.officer.date_joined)
    settings_of_guild.forget()
    officer = sign_in("officer")
    assert "Invitations" in text(officer.get("/")).split("The guild is being set up")[1]
    make(officer)
    settings_of_guild.forget()
    assert (
        "/officers/invitations/" not in text(officer.get("/")).split("The guild is being set up")[1].split("</ul>")[0]
    )


@pytest.mark.every_database
def test_one_changes_ones_own_password_and_stays_signed_in_here_alone(guild: Guild) -> None:
    guild.member.set_password(PASSWORD)
    guild.member.save()
    here, elsewhere = Client(), Client()
    for browser in (here, elsewhere):
        assert browser.login(username=guild.member.username, password=PASSWORD)
    new = "another long word 7"
    given = {"form": "password", "old": PASSWORD, "password": new, "again": new}

    def change(**values: str) -> Any:
        return here.post("/me/account/", {**given, "once": token(here.get("/me/account/")), **values}, follow=True)

    assert "This is not your password." in text(change(old="wrong"), 400)
    assert "too common" in text(change(password="password", again="password"), 400)
    assert "not the same password" in text(change(again="something else 7"), 400)
    assert elsewhere.get("/me/account/").status_code == 200
    assert "Your password is changed." in text(change())
    assert elsewhere.get("/me/account/").status_code == 302
    assert Client().login(username=guild.member.username, password=new)
    assert not Client().login(username=guild.member.username, password=PASSWORD)


def test_whoever_signs_in_by_discord_alone_is_offered_no_password_to_change(sign_in: Any, guild: Guild) -> None:
    guild.member.set_unusable_password()
    guild.member.save()
    assert "Change the password" not in text(sign_in("member").get("/me/account/"))
