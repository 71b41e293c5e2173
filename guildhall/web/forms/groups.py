"""Forms about permission groups: what they give, who has them, which Discord roles give them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from django import forms

from guildhall.accounts.authority import NOT_FOR_GROUPS
from guildhall.accounts.models import PermissionGroup
from guildhall.accounts.permissions import SCOPES
from guildhall.accounts.ready_made import WORDS
from guildhall.accounts.selectors import people
from guildhall.core.form_fields import ChoicesField, NumberField, RowField, TextField, text_of
from guildhall.discord.models import DiscordRole
from guildhall.web.forms.base import PageForm
from guildhall.web.forms.people import LONGEST_REASON

OFFERED = [(scope, f"{WORDS[scope]} ({scope})") for scope in SCOPES if scope not in NOT_FOR_GROUPS]


class GroupForm(PageForm):
    """A group: its name, and what it lets people do."""

    name = text_of(PermissionGroup, "name", "Name", required="Give the group a name.")
    description = text_of(PermissionGroup, "description", "What it is for")
    scopes = ChoicesField("Whoever has it may")

    def prepare(self) -> None:
        field = cast(ChoicesField, self.fields["scopes"])
        field.choices, field.known = OFFERED, frozenset(SCOPES)


class GiveForm(PageForm):
    """Somebody who is given a group."""

    blames = {"user": "person", "group": "person"}

    person = RowField("Person", required="Choose who is to have the group.")
    reason = TextField("Why", max_length=LONGEST_REASON)

    def prepare(self) -> None:
        cast(RowField, self.fields["person"]).set_rows(people(include_inactive=False))


class GiveGroupForm(PageForm):
    """A group that somebody is given, on their page."""

    group = RowField("Group", required="Choose the group.")
    reason = TextField("Why", max_length=LONGEST_REASON)

    def offer(self, groups: Iterable[PermissionGroup]) -> None:
        """Offer these groups."""
        cast(RowField, self.fields["group"]).set_rows(groups)


class TakeGroupForm(PageForm):
    """A button beside a group that somebody has."""

    group = NumberField("Group", required="Choose a group of the list.")


class TakeForm(PageForm):
    """A button beside somebody who has a group."""

    person = NumberField("Person", required="Choose somebody of the list.")


class RoleGivesForm(PageForm):
    """A Discord role whose holders have the group."""

    role_id = text_of(
        DiscordRole, "role_id", "Whoever has this Discord role has the group", required="Choose the role."
    )

    def offer(self, roles: Iterable[tuple[str, str]]) -> None:
        """Offer these roles, where any are known."""
        if listed := list(roles):
            self.fields["role_id"].widget = forms.Select(choices=listed)


class DropRoleForm(PageForm):
    """A button beside a Discord role that gives the group."""

    mapping = NumberField("Role", required="Choose a role of the list.")
