"""The first officer of a new guild (`accounts/services/founding.py`)."""

from __future__ import annotations

import datetime as dt
import threading
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from guildhall.accounts.models import RoleGroup, SetupCode, User
from guildhall.accounts.services import (
    Credentials,
    create_person,
    deactivate_person,
    found_guild,
    is_setup_open,
    make_setup_code,
)
from guildhall.core import clock
from guildhall.core.errors import BadInput, Conflict, GuildhallError, NotAllowed
from guildhall.core.models import AuditEvent, GuildSettings
from guildhall.recruitment.services.transitions import policy

pytestmark = pytest.mark.django_db
PASSWORD = "torch of the hall"


def found(code: str, **more: Any) -> User:
    given = {"name": "Torch", "time_zone": "europe/berlin", "founder": Credentials("Brak", PASSWORD), **more}
    return found_guild(code=code, **given)


def test_the_code_makes_the_first_officer_and_the_guild() -> None:
    officer = found(make_setup_code().lower().replace("-", " "))
    assert (officer.role_group, officer.is_superuser, officer.check_password(PASSWORD)) == ("officer", True, True)
    assert list(officer.groups.values_list("name", flat=True)) == ["officer"]
    row = GuildSettings.objects.get()
    assert (row.name, row.time_zone, row.founded_at is None) == ("Torch", "Europe/Berlin", False)
    assert not policy().is_open
    assert AuditEvent.objects.filter(action="accounts.found_guild", actor=officer).count() == 1


def test_the_code_is_stored_as_its_hash_alone_and_expires() -> None:
    code = make_setup_code()
    assert code not in str(SetupCode.objects.values())
    with clock.frozen(clock.now() + dt.timedelta(hours=25)), pytest.raises(NotAllowed):
        found(code)
    newer = make_setup_code()
    with pytest.raises(NotAllowed):
        found(code)
    found(newer)


@pytest.mark.parametrize(
    "wrong",
    [
        {"founder": Credentials("Brak", "short")},
        {"founder": Credentials("B r", PASSWORD)},
        {"time_zone": "Norrath"},
        {"name": " "},
    ],
)
def test_what_is_wrong_founds_nothing_and_the_code_stays_good(wrong: dict[str, Any]) -> None:
    code = make_setup_code()
    with pytest.raises(BadInput):
        found(code, **wrong)
    assert not User.objects.exists()
    found(code)


def test_it_is_closed_for_ever_once_there_was_an_officer() -> None:
    code = make_setup_code()
    create_person(display_name="Guest", role_group=RoleGroup.GUEST)
    assert is_setup_open()
    officer = create_person(display_name="Officer", role_group=RoleGroup.OFFICER)
    deactivate_person(user=officer, actor=None)
    assert not is_setup_open()
    with pytest.raises(Conflict):
        found(code)
    with pytest.raises(CommandError):
        call_command("setup_link")


def test_whoever_was_founder_and_is_a_member_now_opens_nothing_again() -> None:
    officer = found(make_setup_code())
    User.objects.filter(pk=officer.pk).update(role_group=RoleGroup.MEMBER, is_superuser=False)
    assert not is_setup_open()


def test_the_command_prints_an_address_that_works() -> None:
    out = StringIO()
    call_command("setup_link", stdout=out)
    address, _, code = out.getvalue().strip().partition("?code=")
    assert address.endswith("/setup/")
    found(code)


def test_an_administrator_of_the_command_line_is_an_officer() -> None:
    made = User.objects.create_superuser("root", password=PASSWORD)
    assert made.role_group == RoleGroup.OFFICER
    assert list(made.groups.values_list("name", flat=True)) == ["officer"]


@pytest.mark.django_db(transaction=True)
@pytest.mark.every_database
def test_of_two_people_at_once_one_wins() -> None:
    code, outcomes, start = make_setup_code(), [], threading.Barrier(2)

    def go(name: str) -> None:
        start.wait()
        try:
            found(code, founder=Credentials(name, PASSWORD))
            outcomes.append("in")
        except GuildhallError as error:
            outcomes.append(error.code or "")
        finally:
            connection.close()

    threads = [threading.Thread(target=go, args=(name,)) for name in ("Brak", "Thal")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["in", "setup_closed"]
    assert User.objects.count() == 1
