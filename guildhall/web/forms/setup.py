"""Forms of setting up a new guild: the founding, and the steps after it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from django import forms
from django.core.exceptions import ValidationError
from django.utils.text import slugify

from guildhall.accounts.models import User
from guildhall.core.errors import BadInput
from guildhall.core.form_fields import FlagField, NumberField, PointsField, RowField, TextField, text_of
from guildhall.core.models import GuildSettings
from guildhall.core.time_zones import parse_time_zone
from guildhall.core.validators import validate_no_control_characters
from guildhall.points.models import DKPPool
from guildhall.points.selectors import pools
from guildhall.web.forms.base import PageForm

LONGEST_RANK = 60
RANKS = "Guild leader\nOfficer\nRaider\nMember\nTrial\nAlt"
#: Ready-made events, with a worth to begin with: name, worth, from which expansion.
EVENTS: tuple[tuple[str, str, str], ...] = (
    ("Lord Nagafen", "3", "Classic"),
    ("Lady Vox", "3", "Classic"),
    ("Plane of Fear", "5", "Classic"),
    ("Plane of Hate", "5", "Classic"),
    ("Plane of Sky", "5", "Classic"),
    ("Trakanon", "4", "Kunark"),
    ("Veeshan's Peak", "8", "Kunark"),
    ("Kael Drakkel", "5", "Velious"),
    ("Temple of Veeshan", "8", "Velious"),
    ("Sleeper's Tomb", "8", "Velious"),
    ("Ssraeshza Temple", "8", "Luclin"),
    ("Vex Thal", "10", "Luclin"),
    ("Plane of Time", "12", "Planes of Power"),
)


def new_password(label: str = "Password") -> forms.CharField:
    """Return a field for a password that is being chosen."""
    return forms.CharField(
        label=label, strip=False, max_length=4096,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        error_messages={"required": "Choose a password.", "max_length": "At most 4096 characters."},
    )  # fmt: skip


def user_name(label: str = "Name to sign in with") -> TextField:
    """Return a field for a name that is being chosen to sign in with."""
    return TextField(
        label, required="Choose a name to sign in with.", max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "username", "autocapitalize": "none"}),
    )  # fmt: skip


class ZoneField(TextField):
    """The name of a time zone."""

    def __init__(self, label: str = "Time zone") -> None:
        widget = forms.TextInput(attrs={"list": "time-zones", "autocomplete": "off"})
        super().__init__(label, required="Give the time zone.", max_length=64, widget=widget)

    def clean(self, value: object) -> str:
        try:
            return parse_time_zone(super().clean(value))
        except BadInput as error:
            raise ValidationError(error.detail, code=error.code) from error


class FoundingForm(PageForm):
    """The guild and its first officer, with the code that proves who has the server."""

    blames = {"name": "guild_name"}

    code = TextField(
        "Setup code", required="Give the code that the server printed.", max_length=64,
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}),
    )  # fmt: skip
    guild_name = text_of(GuildSettings, "name", "Name of the guild", required="Give the guild a name.")
    time_zone = ZoneField()
    username = user_name()
    display_name = text_of(User, "display_name", "Shown as (empty: the same)")
    password = new_password()
    again = new_password("The password again")

    def clean(self) -> dict[str, object]:
        """Refuse two passwords that differ."""
        return same_passwords(self, super().clean())


def same_passwords(form: forms.Form, given: dict[str, object] | None) -> dict[str, object]:
    """Refuse where the password was typed differently the second time."""
    found = given or {}
    if "password" in found and "again" in found and found["password"] != found["again"]:
        form.add_error("again", ValidationError("This is not the same password; type it again.", code="not_the_same"))
    return found


class GuildForm(PageForm):
    """What the guild is called, and by whose clock it raids."""

    name = text_of(GuildSettings, "name", "Name of the guild", required="Give the guild a name.")
    time_zone = ZoneField()


class FirstPoolForm(PageForm):
    """The first pool, with what it needs alone."""

    name = text_of(DKPPool, "name", "Name", required="Give the pool a name.", initial="DKP")


class LinesField(TextField):
    """Lines, each without control characters."""

    def __init__(self, label: str, *, required: str, initial: str) -> None:
        super().__init__(label, required=required, log=True, rows=7, initial=initial, max_length=4000)

    def clean(self, value: object) -> str:
        text = str(super().clean(value)).replace("\r\n", "\n")
        validate_no_control_characters(text.replace("\n", " "))
        return text


class RanksForm(PageForm):
    """The guild's ranks, one a line."""

    blames = {"name": "names"}

    names = LinesField("Ranks, the highest first, one a line", required="Write at least one rank.", initial=RANKS)
    default = TextField("Whoever comes without a rank gets", initial="Member", max_length=LONGEST_RANK)
    trial = TextField("On trial is who has the rank", initial="Trial", max_length=LONGEST_RANK)


def rank_names(text: str) -> list[str]:
    """Return the ranks of a text, one a line, each once."""
    lines = [line.strip() for line in text.splitlines()]
    return list({line.casefold(): line for line in reversed(lines) if line}.values())[::-1]


class EventsForm(PageForm):
    """Ready-made events: each ticked or not, with its worth."""

    blames = {"pools": "pool"}

    pool = RowField("They pay into", required="Choose the pool that they pay into.")

    def prepare(self) -> None:
        field = cast(RowField, self.fields["pool"])
        offered = [pool for pool in pools() if pool.is_active]
        field.set_rows(offered)
        if len(offered) == 1:
            self.initial["pool"] = offered[0].pk
        for name, worth, era in EVENTS:
            key = slugify(name)
            self.fields[f"make-{key}"] = FlagField(name, initial=era == "Classic", help_text=era)
            self.fields[f"worth-{key}"] = PointsField(f"Worth of {name}", initial=Decimal(worth), minimum=Decimal(0))

    @property
    def has_pool(self) -> bool:
        """Return whether there is a pool to choose."""
        return bool(cast(RowField, self.fields["pool"]).rows)

    def rows(self) -> list[tuple[str, str]]:
        """Return the names of the fields of each event, for the page."""
        return [(f"make-{slugify(name)}", f"worth-{slugify(name)}") for name, _, _ in EVENTS]


def chosen_events(given: Mapping[str, object]) -> list[tuple[str, Decimal]]:
    """Return the events that are ticked in the values of an `EventsForm`, with their worth."""
    keys = [(name, slugify(name)) for name, _, _ in EVENTS]
    return [(name, cast(Decimal, given[f"worth-{key}"] or Decimal(0))) for name, key in keys if given[f"make-{key}"]]


class RecruitmentStepForm(PageForm):
    """Whether the guild takes applications."""

    is_open = FlagField("We take applications", help_text="whoever has signed in with Discord or a link can apply")
    strangers = FlagField("From strangers too", help_text="people without an account can fill in the form")


class BackupForm(PageForm):
    """How often a backup is made, and how many are kept."""

    days = NumberField("Days between backups (0: none)", required="Say after how many days.", most=365, initial=1)
    keep = NumberField("How many are kept", required="Say how many.", least=1, most=1000, initial=14)


class StepForm(PageForm):
    """A button that leaves a step out, or takes it up again."""

    step = TextField("Step", required="Choose a step of the list.", max_length=40)
