"""Many people open one link at once: it lets in as many as it says, and makes nobody else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from guildhall.accounts.models import RoleGroup, SignInLink, User
from guildhall.accounts.services import Credentials, create_person, make_invitation, make_sign_in_link, use_link

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "torch of the hall"


@pytest.mark.parametrize("most", [1, 3])
def test_an_invitation_lets_in_as_many_as_it_says(in_threads: Callable[..., list[Any]], most: int) -> None:
    officer = create_person(display_name="Officer", role_group=RoleGroup.OFFICER)
    link, token = make_invitation(actor=officer, most_uses=most)

    def come(number: int) -> str:
        use_link(token=token, chosen=Credentials(f"person{number}", PASSWORD))
        return "in"

    answers = [str(getattr(answer, "code", answer)) for answer in in_threads(6, come)]
    assert sorted(answers) == [*["in"] * most, *["link_closed"] * (6 - most)]
    assert User.objects.filter(username__startswith="person").count() == most
    assert (SignInLink.objects.get().uses, link.used.count()) == (most, most)


def test_a_link_for_a_person_sets_one_password(in_threads: Callable[..., list[Any]]) -> None:
    officer = create_person(display_name="Officer", role_group=RoleGroup.OFFICER)
    person = create_person(display_name="Member")
    _, token = make_sign_in_link(user=person, actor=officer)

    def come(number: int) -> int:
        use_link(token=token, chosen=Credentials(f"name{number}", f"{PASSWORD} {number}"))
        return number

    answers = in_threads(5, come)
    won = [answer for answer in answers if isinstance(answer, int)]
    assert [getattr(answer, "code", "") for answer in answers if not isinstance(answer, int)] == ["link_closed"] * 4
    person.refresh_from_db()
    assert person.username == f"name{won[0]}"
    assert person.check_password(f"{PASSWORD} {won[0]}")
