"""Forms about how people get in: invitations, joining, a new password."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from django import forms

from guildhall.accounts.models import PermissionGroup, RoleGroup, SignInLink, User
from guildhall.accounts.selectors import people
from guildhall.core.form_fields import ChoiceField, NumberField, RowField, TextField, text_of
from guildhall.web.forms.base import PageForm
from guildhall.web.forms.people import ROLES
from guildhall.web.forms.setup import new_password, same_passwords, user_name


class InvitationForm(PageForm):
    """A link by which people come in."""

    blames = {"most_uses": "uses", "user": "person"}

    person = RowField("For", empty="somebody new", required=False)
    role_group = ChoiceField("Comes in as", choices=ROLES, initial=RoleGroup.MEMBER)
    group = RowField("With the permission group", empty="none", required=False)
    uses = NumberField("For how many people (empty: any number)", least=1, initial=1)
    days = NumberField("Days until it expires", least=1, initial=7, required="Give the number of days.")
    note = text_of(SignInLink, "note", "Note, so that you know it again")

    def offer(self, groups: Iterable[PermissionGroup]) -> None:
        """Offer everybody who may be given a password, and these groups."""
        cast(RowField, self.fields["person"]).set_rows(
            people(include_inactive=False), lambda row: f"{row} (imported)" if row.is_placeholder else str(row)
        )
        cast(RowField, self.fields["group"]).set_rows(groups)


class RevokeLinkForm(PageForm):
    """A button beside a link."""

    link = NumberField("Link", required="Choose a link of the list.")


class JoinForm(PageForm):
    """Somebody new, by an invitation."""

    username = user_name()
    display_name = text_of(User, "display_name", "Shown as (empty: the same)")
    password = new_password()
    again = new_password("The password again")

    def clean(self) -> dict[str, object]:
        """Refuse two passwords that differ."""
        return same_passwords(self, super().clean())


class NewPasswordForm(PageForm):
    """A person who sets a new password by a link."""

    password = new_password("New password")
    again = new_password("The password again")

    def clean(self) -> dict[str, object]:
        """Refuse two passwords that differ."""
        return same_passwords(self, super().clean())


class OwnPasswordForm(PageForm):
    """Somebody who changes the password that they sign in with."""

    old = forms.CharField(
        label="Your password now", strip=False, max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": "Give the password that you have now.", "max_length": "At most 4096 characters."},
    )  # fmt: skip
    password = new_password("New password")
    again = new_password("The new password again")

    def clean(self) -> dict[str, object]:
        """Refuse two passwords that differ."""
        return same_passwords(self, super().clean())


class FirstPasswordForm(PageForm):
    """A person who never signed in by a name and password, and now chooses both."""

    username = user_name()
    password = new_password()
    again = new_password("The password again")

    def clean(self) -> dict[str, object]:
        """Refuse two passwords that differ."""
        return same_passwords(self, super().clean())


class ForgottenForm(PageForm):
    """Who asks for an e-mail to set a new password."""

    name = TextField(
        "Name to sign in with, or e-mail address", required="Give your name or your e-mail address.", max_length=254,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )  # fmt: skip
