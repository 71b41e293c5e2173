"""Forms of requests: what a member asks for, and an officer's answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from django.utils import timezone

from guildhall.core.form_fields import ChoiceField, FlagField, NumberField, RowField, TextField, text_of
from guildhall.raids.models import AttendanceCheck, MemberRequest, RequestPolicy
from guildhall.roster.models import Character
from guildhall.web.forms.base import PageForm
from guildhall.web.forms.roster import CLASSES

MESSAGE = "Anything an officer should know"


class AskAltForm(PageForm):
    """A character of one's own that is not on the roster yet."""

    name = TextField("Name", required="Give the character's name, such as Brakkus.", max_length=120)
    character_class = ChoiceField("Class", choices=CLASSES, required=False)
    level = NumberField("Level", most=200)
    message = text_of(MemberRequest, "message", MESSAGE)


class OfOwnForm(PageForm):
    """A request about one of one's own characters."""

    character = RowField("Character", required="Choose one of your characters.")
    message = text_of(MemberRequest, "message", MESSAGE)

    def offer(self, characters: Iterable[Character]) -> None:
        """Offer these characters."""
        cast(RowField, self.fields["character"]).set_rows(characters)


class AskMainForm(OfOwnForm):
    """Another main."""


class AskTransferForm(OfOwnForm):
    """A character for somebody else."""

    blames = {"who": "to_user", "user_id": "to_user"}

    to_user = TextField("To (a person, or one of their characters)", required="Say who is to have it.", max_length=120)


class AskAttendanceForm(OfOwnForm):
    """A check that one was at."""

    check = RowField("I was at", required="Choose the check that you were at.")

    def offer_checks(self, checks: Iterable[AttendanceCheck]) -> None:
        """Offer these checks."""
        cast(RowField, self.fields["check"]).set_rows(
            checks, lambda row: f"{row.raid}, {row}, {timezone.localtime(row.taken_at):%-d %b %H:%M}"
        )


class RequestButtonForm(PageForm):
    """A button for one request. It stands once for each row, with the field written by the page."""

    asked = NumberField("Request", required="Choose a request of the list.")


class RefuseForm(RequestButtonForm):
    """An officer's no."""

    reason = text_of(MemberRequest, "decision", "Why not")


class RequestPolicyForm(PageForm):
    """Which kinds of requests need no officer."""

    alt = FlagField("adding an own character")
    main = FlagField("changing the own main")
    transfer = FlagField("giving an own character to somebody else")
    attendance = FlagField("“I was at that check”: it is paid")

    def prepare(self) -> None:
        assert set(self.fields) <= {field.name for field in RequestPolicy._meta.get_fields()}
