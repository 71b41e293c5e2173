"""A user name and a password that somebody chose: checked by one rule wherever they are chosen."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from guildhall.core.errors import BadInput
from guildhall.core.transactions import use_case

from ..models import User
from ..permissions import Principal
from .people import create_person


@dataclass(frozen=True, slots=True)
class Credentials:
    """What somebody chose to sign in with. The password is in clear, so it is never shown."""

    username: str
    password: str
    display_name: str = ""

    def __repr__(self) -> str:
        return f"Credentials({self.username})"


def create_person_with_credentials(credentials: Credentials, *, role_group: str, by: Principal) -> User:
    """Make a person who signs in with these. Joins the caller's transaction.

    Raises:
        BadInput: ``required``, ``invalid_username``, ``weak_password``.
        Conflict: ``username_taken``.
        NotAllowed: ``role_beyond_yours``.
    """
    require_valid_username(credentials.username)
    require_strong_password(credentials.password, username=credentials.username)
    return create_person(
        display_name=credentials.display_name.strip() or credentials.username,
        username=credentials.username,
        password=credentials.password,
        role_group=role_group,
        by=by,
    )


@use_case
def change_own_password(*, user: User, old: str, password: str) -> User:
    """Set a new password in place of the old one. Other sessions, the keys that the old one opened and open links end.

    The caller counts the attempt (`throttle.password_attempt`).

    Raises:
        BadInput: ``no_password`` for somebody who signs in otherwise, ``wrong_password`` for `old`, ``weak_password``.
    """
    locked = User.objects.select_for_update().get(pk=user.pk)
    if not locked.has_usable_password():
        raise BadInput("You have no password; you sign in by Discord.", code="no_password", attr="old")
    if not locked.check_password(old):
        raise BadInput("This is not your password.", code="wrong_password", attr="old")
    require_strong_password(password, username=locked.username, email=locked.email)
    locked.set_password(password)
    locked.password_setter = locked
    locked.save(update_fields=["password"])
    return locked


def require_valid_username(username: str) -> None:
    """Pass a name that one can sign in by.

    Raises:
        BadInput: ``required``, ``invalid_username``.
    """
    if not username:
        raise BadInput("Choose a name to sign in with.", code="required", attr="username")
    try:
        User._meta.get_field("username").run_validators(username)
    except ValidationError as error:
        raise BadInput(
            "A name to sign in with has at most 150 letters and digits, and @ . + - _ besides; no spaces.",
            code="invalid_username",
            attr="username",
        ) from error


def require_strong_password(password: str, *, username: str, email: str = "") -> None:
    """Pass a password that Django's validators take.

    Raises:
        BadInput: ``weak_password``, with what is wrong with it.
    """
    try:
        validate_password(password, User(username=username, email=email))
    except ValidationError as error:
        raise BadInput(
            " ".join(str(message) for message in error.messages), code="weak_password", attr="password"
        ) from error
