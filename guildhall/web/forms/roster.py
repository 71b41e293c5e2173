"""Forms about characters and ranks."""

from __future__ import annotations

import re
from typing import cast

from django.core.exceptions import ValidationError
from django.utils.html import format_html

from guildhall.accounts.selectors import people
from guildhall.core.form_fields import (
    ChoiceField,
    DayField,
    FlagField,
    NumberField,
    RowField,
    RowsField,
    TextField,
    text_of,
)
from guildhall.roster.models import Character, CharacterAlias, CharacterClass, Rank
from guildhall.roster.selectors import match_names, ranks, roster_list
from guildhall.roster.services.ranks import LOWEST_ORDER
from guildhall.web.forms.base import PageForm

LONGEST_REASON = 300
MOST_NAMES = 1000
CLASSES = [("", "unknown"), *((value, value) for value in CharacterClass.values if value)]
STATUSES = [
    (value, str(label).lower()) for value, label in Character.Status.choices if value != Character.Status.REMOVED
]


def offer_people(form: PageForm, name: str) -> None:
    """Offer everybody in the field `name`."""
    cast(RowField, form.fields[name]).set_rows(people())


class CharacterForm(PageForm):
    """What a character is, besides whose."""

    name = TextField("Name", required="Give the character's name, such as Brakkus.", max_length=120)
    character_class = ChoiceField("Class", choices=CLASSES, required=False)
    level = NumberField("Level", most=200)
    rank = RowField("Rank", empty="none", required=False)
    status = ChoiceField("Status", choices=STATUSES, initial=Character.Status.ACTIVE)
    joined_at = DayField("In the guild since (empty: today)")
    note = text_of(Character, "note", "Note for officers", rows=2)

    def prepare(self) -> None:
        cast(RowField, self.fields["rank"]).set_rows(ranks())
        known = self.initial.get("character_class")
        if known and known not in CharacterClass.values:  # an import keeps what the old system said
            cast(ChoiceField, self.fields["character_class"]).choices = [*CLASSES, (known, known)]


class NewCharacterForm(CharacterForm):
    """A character that is added."""

    blames = {"is_main": "make_main"}

    user = RowField("Belongs to", empty="nobody yet", required=False)
    make_main = FlagField("It is this person's main (a first character is that by itself)")

    def prepare(self) -> None:
        super().prepare()
        offer_people(self, "user")


class EditCharacterForm(CharacterForm):
    """A character that is changed."""

    joined_at = DayField("In the guild since")
    reason = TextField("Why, for the history of its ranks", max_length=LONGEST_REASON)

    def changes(self, character: Character) -> dict[str, object]:
        """Return what the form says otherwise than `character` is."""
        given = {name: value for name, value in self.cleaned_data.items() if name != "reason"}
        return {name: value for name, value in given.items() if name in self.changed_data or name == "name"}


class TransferForm(PageForm):
    """Whose a character is from now on."""

    blames = {"user_id": "user"}

    user = RowField("To", empty="nobody", required=False)
    reason = TextField("Why", max_length=LONGEST_REASON)

    def prepare(self) -> None:
        offer_people(self, "user")


class RemoveForm(PageForm):
    """Taking a character off the roster, or bringing it back."""

    reason = TextField("Why", max_length=LONGEST_REASON)


class AliasForm(PageForm):
    """Another name of a character."""

    name = text_of(CharacterAlias, "name", "Other name", required="Give the other name.")
    kind = ChoiceField("It is", choices=CharacterAlias.Kind.choices, initial=CharacterAlias.Kind.TYPO)


class RankForm(PageForm):
    """A rank, made or changed."""

    name = text_of(Rank, "name", "Name", required="Give the rank a name.")
    order = NumberField("Order (1 is the highest)", required="Say where it stands, such as 10.", most=LOWEST_ORDER)
    is_trial = FlagField("trial")
    is_hidden = FlagField("hidden from strangers")
    is_default = FlagField("given to new characters")


class BulkRankForm(PageForm):
    """One rank for many characters."""

    blames = {"character_ids": "names"}

    rank = RowField("Rank", empty="choose", required="Choose the rank that they get.")
    names = TextField("Names of characters, one a line or with commas", rows=3)
    characters = RowsField("Characters")
    reason = TextField("Why", max_length=LONGEST_REASON)

    def prepare(self) -> None:
        cast(RowField, self.fields["rank"]).set_rows(ranks())
        cast(RowsField, self.fields["characters"]).set_rows(
            roster_list().exclude(status=Character.Status.REMOVED),
            lambda row: format_html('{} <span class="quiet small">{}</span>', row, row.rank or "no rank"),
        )

    def clean_names(self) -> list[int]:
        """Return the ids of the characters whose names were typed.

        Raises:
            ValidationError: ``unknown_character`` naming who is not known, with suggestions.
        """
        names = [name.strip() for name in re.split(r"[\n,;]+", self.cleaned_data["names"]) if name.strip()]
        found = match_names(names[:MOST_NAMES])
        unknown = [
            f"{name[:40]} (did you mean {', '.join(match.suggestions)}?)" if match.suggestions else name[:40]
            for name, match in found.items()
            if match.character is None
        ]
        if unknown:
            text = f"Nobody is called {'; '.join(unknown[:10])}. Correct the names and send it again."
            raise ValidationError(text, code="unknown_character")
        return [match.character.pk for match in found.values() if match.character is not None]

    def clean(self) -> dict[str, object]:
        """Refuse nobody.

        Raises:
            ValidationError: ``nobody``.
        """
        given = super().clean() or self.cleaned_data
        if not {"names", "characters"} & self.errors.keys() and not self.chosen():
            self.add_error("names", ValidationError("Name at least one character, or tick some.", code="nobody"))
        return given

    def chosen(self) -> list[int]:
        """Return the ids of those who were named or ticked."""
        ticked = [row.pk for row in self.cleaned_data.get("characters", ())]
        return list(dict.fromkeys([*ticked, *self.cleaned_data.get("names", ())]))
