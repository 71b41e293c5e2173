"""Forms about people and their accounts: roles, names, keys, Discord, signing in, what strangers see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast
from zoneinfo import available_timezones

from django import forms

from guildhall.accounts.models import APIKey, RoleGroup, Section, User, VisitorAccess
from guildhall.accounts.permissions import SCOPES
from guildhall.accounts.selectors import people
from guildhall.core.form_fields import ChoiceField, ChoicesField, FlagField, NumberField, RowField, TextField, text_of
from guildhall.discord.models import Claim, DiscordRole
from guildhall.roster.models import Character
from guildhall.web.forms.base import PageForm

ROLES = [(value, str(label).lower()) for value, label in RoleGroup.choices]
LONGEST_REASON = 300
MOST_DAYS = 36_500


class PersonForm(PageForm):
    """Somebody who is brought in."""

    display_name = text_of(User, "display_name", "Name", required="Give the person a name.")
    role_group = ChoiceField("Role", choices=ROLES, initial=RoleGroup.MEMBER)
    discord_id = text_of(User, "discord_id", "Discord id, if known")


class RoleForm(PageForm):
    """Somebody's role."""

    role_group = ChoiceField("Role", choices=ROLES)
    reason = TextField("Why", max_length=LONGEST_REASON)


class NameForm(PageForm):
    """What somebody is called."""

    display_name = text_of(User, "display_name", "Shown as", required="A display name cannot be empty.")


class WhyForm(PageForm):
    """A button with a reason, for whoever likes to give one."""

    reason = TextField("Why", max_length=LONGEST_REASON)


class LinkForm(WhyForm):
    """The Discord account that somebody is linked to."""

    discord_id = text_of(User, "discord_id", "Account number", required="Give the number of the Discord account.")


class MergeForm(PageForm):
    """The other account of a person."""

    blames = {"source_user_id": "source"}

    source = RowField("The other account", required="Choose the account that is to be merged into this one.")
    reason = TextField("How you know", max_length=LONGEST_REASON)

    def offer(self, user: User) -> None:
        """Offer everybody but `user`."""
        cast(RowField, self.fields["source"]).set_rows(
            people().exclude(pk=user.pk), lambda row: f"{row} (imported)" if row.is_placeholder else str(row)
        )


class VisitorsForm(PageForm):
    """The sections that are open to strangers."""

    standings = FlagField()
    roster = FlagField()
    raids = FlagField()
    calendar = FlagField()
    items = FlagField()
    recruitment = FlagField()

    def prepare(self) -> None:
        for section in Section:
            self.fields[section.value].label = section.label
            column = VisitorAccess._meta.get_field(section.value)
            self.fields[section.value].help_text = getattr(column, "help_text", "")


class KeyForm(PageForm):
    """A new API key."""

    name = text_of(APIKey, "name", "Name, so that you know it again", required="Give the key a name.")
    days = NumberField("Days until it expires (empty: never)", least=1)
    scopes = ChoicesField("What it may do", required="Tick at least one thing the key may do.")

    def offer(self, scopes: Iterable[str]) -> None:
        """Offer these scopes."""
        field = cast(ChoicesField, self.fields["scopes"])
        field.choices, field.known = [(scope, scope) for scope in scopes], frozenset(SCOPES)


class OwnKeyForm(PageForm):
    """A button for one of one's own keys."""

    key = TextField("Key", required="Choose a key of the list.", max_length=64)
    grace = FlagField("the old text works for another hour")


class MappingForm(PageForm):
    """What a role of Discord stands for."""

    meaning = ChoiceField("Who", required="Choose whom the role is for.")
    role_id = text_of(DiscordRole, "role_id", "gets the role", required="Choose the role.")

    def offer(self, meanings: Iterable[tuple[str, str]], roles: Iterable[tuple[str, str]]) -> None:
        """Offer these meanings and, where any are known, these roles."""
        cast(ChoiceField, self.fields["meaning"]).choices = list(meanings)
        if listed := list(roles):
            self.fields["role_id"].widget = forms.Select(choices=listed)


class SyncForm(PageForm):
    """Comparing everybody with Discord."""

    force = FlagField("also try again what Discord refused before")


class MappingButtonForm(PageForm):
    """A button for one mapping of a role."""

    mapping = NumberField("Mapping", required="Choose a mapping of the list.")


class MessageButtonForm(PageForm):
    """A button for one message that was given up."""

    message = NumberField("Message", required="Choose a message of the list.")


class ClaimButtonForm(PageForm):
    """A button for one claim."""

    claim = NumberField("Claim", required="Choose a claim of the list.")


class DecideClaimForm(ClaimButtonForm):
    """An officer's answer to a claim."""

    reason = TextField("Why not", max_length=LONGEST_REASON)


class SpokenForm(PageForm):
    """Lines of a log in which the code of a claim was said."""

    log = TextField(
        "Lines of your log in which the code was said", required="Paste the lines of your log.", log=True, rows=4
    )


class ClaimForm(PageForm):
    """A character, or an imported person, that somebody says is theirs."""

    blames = {"name": "character_name", "character": "character_name"}

    character_name = text_of(Character, "name", "Its name", required="Give the name of the character.")
    message = text_of(Claim, "message", "Anything an officer should know")
    whole = FlagField("It came with the old system: I am that person, with all their characters, points and history")


class PasswordForm(PageForm):
    """Signing in by name and password."""

    username = TextField(
        "Name", required="Give your name.", max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username"}),
    )  # fmt: skip
    password = forms.CharField(
        label="Password", strip=False, max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
        error_messages={"required": "Give your password.", "max_length": "No password is that long."},
    )  # fmt: skip


class ZoneForm(PageForm):
    """The time zone in which somebody is shown times."""

    time_zone = ChoiceField("Time zone", required=False, choices=[])

    def prepare(self) -> None:
        zones = sorted(
            zone for zone in available_timezones() if "/" in zone and not zone.startswith(("Etc/", "SystemV/"))
        )
        cast(ChoiceField, self.fields["time_zone"]).choices = [
            ("", "as my browser has it"),
            ("UTC", "UTC"),
            *((zone, zone.replace("_", " ")) for zone in zones),
        ]
