"""Forms of the raid console. The form of a status stands once for each person, with its fields written by the page."""

from __future__ import annotations

from guildhall.core.form_fields import ChoiceField, NumberField, TextField
from guildhall.raids.models import AttendanceStatus
from guildhall.web.forms.base import PageForm
from guildhall.web.forms.raids import LootForm


class StatusForm(PageForm):
    """Another status for somebody at a check, or off the list."""

    row = NumberField("Who", required="Choose somebody of the list.")
    status = ChoiceField("Status", required=False, choices=AttendanceStatus.choices)


class AddForm(PageForm):
    """One more name at a check."""

    character_name = TextField("One more", required="Say who was there too.", max_length=120)
    check = NumberField("Check", required="Choose the check.")


class FindingForm(PageForm):
    """What a log said that an officer settles: a check-in from standby."""

    finding = NumberField("Line", required="Choose a line of the log.")


class LogLootForm(LootForm):
    """Loot that a log saw: awarded, dismissed, or offered again. The page writes its fields once for each line."""

    finding = NumberField("Line", required="Choose a line of the log.")

    def prepare(self) -> None:
        if self.pressed in ("dismiss", "again"):
            for name in ("item_name", "character_name", "points_spent"):
                self.fields[name].required = False
