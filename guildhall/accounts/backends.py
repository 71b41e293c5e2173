"""Passwords are checked here and nowhere else: on the sign-in page, in the admin and at `POST /api/auth/token/`."""

from __future__ import annotations

from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from . import throttle
from .models import User


class PasswordBackend(BaseBackend):
    """Django's own check of a password under the throttle (`accounts.throttle`).

    It stands first in `AUTHENTICATION_BACKENDS` and ends the search where a password is wrong, so that no other backend
    checks it again without being counted. What a signed-in person may do is for the backends behind it.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **more: object
    ) -> User | None:
        """Return the account, or None where no name and password were given.

        Raises:
            PermissionDenied: the password is wrong; nobody else is asked (`django.contrib.auth.authenticate`).
            TooManyRequests: too many were tried; this one is not looked at.
        """
        if username is None or password is None:
            return None
        if request is None:  # a program on this machine, not somebody from outside
            return self._check(None, username, password)
        attempt = throttle.password_attempt(request, username)
        user = self._check(request, username, password)
        if user is None:
            attempt.failed()
            raise PermissionDenied
        attempt.succeeded(user)
        return user

    @staticmethod
    def _check(request: HttpRequest | None, username: str, password: str) -> User | None:
        found = ModelBackend().authenticate(request, username=username, password=password)
        return found if isinstance(found, User) else None

    def get_user(self, user_id: object) -> User | None:
        found = ModelBackend().get_user(user_id)
        return found if isinstance(found, User) else None
