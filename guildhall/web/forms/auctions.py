"""Forms about auctions: what they start with, and one's own bid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import cast

from guildhall.auctions.models import Disclosure, Mode, TieBreak
from guildhall.core.form_fields import ChoiceField, FlagField, NumberField, PointsField, ValuesField
from guildhall.roster.models import Character
from guildhall.web.forms.base import PageForm


class PolicyForm(PageForm):
    """What auctions of a pool start with."""

    mode = ChoiceField("How items are bid for", choices=Mode.choices)
    disclosure = ChoiceField("Shown of a sealed auction once it is over", choices=Disclosure.choices)
    minimum_bid = PointsField("Least bid", required="Say the least bid, such as 1.")
    increment = PointsField("Step between bids", required="Say the step between bids, such as 1.")
    duration_seconds = NumberField("Seconds it runs", required="Say how many seconds an auction runs.", least=None)
    anti_snipe_seconds = NumberField(
        "A bid that takes the lead in the last … seconds sets the clock back to them (0: never)",
        required="Say how many seconds; 0 for never.", least=None,
    )  # fmt: skip
    anti_snipe_limit = NumberField("… at most so many times", required="Say how often; 0 for never.", least=None)
    all_in_breaks_increment = FlagField("everything somebody has is a bid, even if it is less than a step more")
    tie_breaks = ValuesField("Equal bids are decided by", longest=40, most=2 * len(TieBreak.choices))

    def clean_tie_breaks(self) -> list[str]:
        """Return what decides equal bids, without the places that were left empty."""
        return [value for value in self.cleaned_data["tie_breaks"] if value]

    def places(self) -> list[str]:
        """Return what was chosen for each place of the order, empty where nothing was."""
        chain = [value for value in self["tie_breaks"].value() or () if value][: len(TieBreak.choices)]
        return [*chain, *[""] * (len(TieBreak.choices) - len(chain))]


class BidForm(PageForm):
    """One's own bid in an auction that runs."""

    amount = PointsField("Amount", required="Say how much, such as 12 or 12.50.")
    character_name = ChoiceField("With", required=False)
    replace = FlagField("also if it is lower")

    def offer(self, characters: Iterable[Character]) -> None:
        """Offer these characters to bid with, the main first chosen."""
        rows = list(characters)
        cast(ChoiceField, self.fields["character_name"]).choices = [(row.name, row.name) for row in rows]
        self.initial["character_name"] = next((row.name for row in rows if row.is_main), "")
