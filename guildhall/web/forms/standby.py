"""Forms of the standby list: on the raid console, and a person's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from guildhall.core.form_fields import ChoiceField, NumberField, RowField, TextField
from guildhall.roster.models import Character
from guildhall.web.forms.base import PageForm


class WaitForm(PageForm):
    """One more name on the standby list."""

    character_name = TextField("Also on standby", required="Say who stands by.", max_length=120)


class StandbyForm(PageForm):
    """An entry of the standby list, or all of it where none is named: marked at a check, or taken off."""

    row = NumberField("Who", required=False)
    check = NumberField("Check", required=False)


class MyStandbyForm(PageForm):
    """Standing by oneself: with which character, and to which page it leads back."""

    character = RowField("With", empty=None, required=False)
    back = ChoiceField("Back to", required=False, choices=[("home", "home"), ("raid", "the raid")])

    def offer(self, characters: Iterable[Character], chosen: int | None) -> None:
        """Offer these characters to stand by with."""
        rows = list(characters)
        cast(RowField, self.fields["character"]).set_rows(rows)
        self.initial["character"] = str(chosen or next((row.pk for row in rows), ""))
