"""Forms about auctions: what they start with, and one's own bid."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import cast

from django.core.exceptions import ValidationError

from guildhall.accounts.models import RoleGroup
from guildhall.auctions.models import BiddingRule, Disclosure, Mode, TieBreak
from guildhall.auctions.services.rules import RuleValues
from guildhall.core.api.filters import MAX_ID
from guildhall.core.form_fields import (
    ChoiceField,
    ChoicesField,
    FlagField,
    NumberField,
    PointsField,
    RowField,
    RowsField,
    TextField,
    ValuesField,
    text_of,
)
from guildhall.points.selectors import pools
from guildhall.roster.models import Character, CharacterClass
from guildhall.roster.selectors import ranks
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


MOST_SMALL = 32_767
TRIAL = {"yes": True, "no": False}


class BiddingRuleForm(PageForm):
    """Who may bid, how far, or in which tier. Every condition that is given must be met; none is met by everybody."""

    name = text_of(BiddingRule, "name", "Name", required="Name the rule: whoever it refuses is shown its name.")
    effect = ChoiceField("Whoever it is about", choices=BiddingRule.Effect.choices)
    cap = PointsField("At most", minimum=Decimal(0), help_text="for “may bid at most”")
    tier = NumberField("Tier", most=MOST_SMALL, help_text="for “bids in tier”; everybody else bids in tier 1")
    pool = RowField("In", required=False, empty="every pool")
    position = NumberField(
        "Place in the order", required="Say the place, such as 100.", most=MOST_SMALL, initial=100,
        help_text="the lowest comes first; of several tiers the first rule’s counts",
    )  # fmt: skip
    ranks = RowsField("Ranks")
    roles = ChoicesField("Roles", choices=[(value, label.lower()) for value, label in RoleGroup.choices])
    character_kind = ChoiceField("Bidding with", required=False, choices=BiddingRule.Kind.choices)
    is_trial = ChoiceField(
        "Trial", required=False,
        choices=[("", "on trial or not"), ("yes", "only on trial"), ("no", "only not on trial")],
    )  # fmt: skip
    attendance_below = PointsField(
        "Attendance below, per cent", minimum=Decimal(0), help_text="of the last 30 days; empty: whatever it is"
    )
    character_classes = ChoicesField("Classes", choices=[(value, value) for value in CharacterClass.values if value])
    item_categories = TextField("Kinds of items", max_length=500)
    item_not_for_class = FlagField("only where the item names its classes, and the character’s is not among them")
    is_active = FlagField("the rule counts", initial=True)

    def prepare(self) -> None:
        cast(RowField, self.fields["pool"]).set_rows(pools())
        cast(RowsField, self.fields["ranks"]).set_rows(ranks())

    def clean_attendance_below(self) -> Decimal | None:
        """Return the percentage, at most 100."""
        found: Decimal | None = self.cleaned_data["attendance_below"]
        if found is not None and found > 100:
            raise ValidationError("A percentage is 0 to 100.", code="out_of_range")
        return found

    def values(self) -> RuleValues:
        """Return what the service takes."""
        given = self.cleaned_data
        return {
            "name": given["name"],
            "effect": given["effect"],
            "cap": given["cap"],
            "tier": given["tier"],
            "pool": given["pool"],
            "position": given["position"],
            "ranks": given["ranks"],
            "roles": given["roles"],
            "character_kind": given["character_kind"],
            "is_trial": TRIAL.get(given["is_trial"]),
            "attendance_below": given["attendance_below"],
            "character_classes": given["character_classes"],
            "item_categories": [part.strip() for part in given["item_categories"].split(",") if part.strip()],
            "item_not_for_class": given["item_not_for_class"],
            "is_active": given["is_active"],
        }


def rule_initial(rule: BiddingRule) -> dict[str, object]:
    """Return what the form of a bidding rule begins with."""
    plain = ("name", "effect", "cap", "tier", "pool", "position", "roles", "character_kind", "attendance_below",
             "character_classes", "item_not_for_class", "is_active")  # fmt: skip
    trial = {True: "yes", False: "no", None: ""}[rule.is_trial]
    return {
        **{name: getattr(rule, name) for name in plain},
        "ranks": [str(rank.pk) for rank in rule.ranks.all()],
        "is_trial": trial,
        "item_categories": ", ".join(rule.item_categories),
    }


class RollForm(PageForm):
    """A roll that the log could not tell, recorded by hand."""

    character_name = TextField("Who rolled", required="Say who rolled: a character's name.", max_length=120)
    high = NumberField("Up to", required="Say up to what number it was rolled.")
    result = NumberField("Turned up", required="Say what turned up.")


class RollButtonForm(PageForm):
    """A button beside a roll: take it out."""

    roll = NumberField("Roll", required="Choose a roll of the list.", most=MAX_ID)


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
