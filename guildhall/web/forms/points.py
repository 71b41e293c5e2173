"""Forms about points: pools, rules, adjustments, start points, undoing."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.utils.html import format_html

from guildhall.accounts.selectors import people
from guildhall.core.form_fields import (
    ChoiceField,
    FlagField,
    MomentField,
    NumberField,
    PointsField,
    RowField,
    RowsField,
    TextField,
    text_of,
)
from guildhall.points import selectors as points
from guildhall.points.models import AltPolicy, DKPPool, PointAdjustment, PointRule
from guildhall.roster.selectors import match_names
from guildhall.web.forms.base import PageForm

MOST_NAMES = 1000
NO_POOL = "Choose the pool; officers make the first one at “Pools”."


def _pools_first_default() -> list[DKPPool]:
    return [pool for pool in points.pools() if pool.is_active]


class PoolForm(PageForm):
    """A pool, made or changed."""

    name = text_of(DKPPool, "name", "Name", required="Give the pool a name.")
    description = text_of(DKPPool, "description", "Description")
    decimal_places = ChoiceField("Decimals", choices=[("0", "0"), ("1", "1"), ("2", "2")], initial="2")
    alt_policy = ChoiceField("An alt earns", choices=AltPolicy.choices, initial=AltPolicy.FULL)
    alt_share_percent = NumberField("An alt's share in per cent", most=100, initial=100)
    start_points = PointsField("Start points for each member")
    start_points_since = MomentField("… only for who joined since")
    is_active = FlagField("open for points and bids", initial=True)
    is_default = FlagField("the default pool")
    allow_negative = FlagField("people may spend more than they have")

    def values(self) -> dict[str, Any]:
        """Return what the services take."""
        given = dict(self.cleaned_data)
        given["decimal_places"] = int(given["decimal_places"])
        given["alt_share_percent"] = 100 if given["alt_share_percent"] is None else given["alt_share_percent"]
        given["start_points"] = given["start_points"] or Decimal(0)
        return given


class RuleForm(PageForm):
    """A rule that moves points by the calendar. Which figures its kind asks for, the service says."""

    name = text_of(PointRule, "name", "Name", required="Give the rule a name; it stands in the statements.")
    pool = RowField("Pool", required=False, empty=None)
    kind = ChoiceField("What it does", choices=PointRule.Kind.choices)
    amount = PointsField("Points", help_text="for all but the decay by a percentage")
    percent = PointsField("Per cent", help_text="of a balance, or of the raids held")
    days = NumberField("Days of attendance", initial=30, help_text="for the rules about attendance")
    period = ChoiceField(
        "Once a", choices=[(value, value) for value in PointRule.Period.values], initial=PointRule.Period.MONTH
    )
    scope = ChoiceField("For", choices=PointRule.Scope.choices)
    automatic = FlagField("run by itself when a period begins")

    def prepare(self) -> None:
        cast(RowField, self.fields["pool"]).set_rows(_pools_first_default())

    def values(self) -> dict[str, Any]:
        """Return what the service takes; figures that were left empty are left out."""
        given = dict(self.cleaned_data)
        given["pool"] = given["pool"] or points.pool_or_default(None)
        return {
            name: value
            for name, value in given.items()
            if name not in ("amount", "percent", "days") or value is not None
        }


class ChangeRuleForm(RuleForm):
    """A rule that is there, changed. A figure that is emptied is taken out, and the service says where one is needed."""

    is_active = FlagField("on")

    def offer(self, pool: DKPPool) -> None:
        """Offer the rule's own pool too, where that is closed."""
        field = cast(RowField, self.fields["pool"])
        field.set_rows({row.pk: row for row in [*field.rows.values(), pool]}.values())

    def values(self) -> dict[str, Any]:
        """Return what the service takes."""
        given = dict(self.cleaned_data)
        return {name: value for name, value in given.items() if name not in ("pool", "days") or value is not None}


def rule_initial(rule: PointRule) -> dict[str, object]:
    """Return what the form of a rule begins with."""
    return {name: getattr(rule, name) for name in ChangeRuleForm.base_fields}


class PoolButtonForm(PageForm):
    """A button for one pool."""

    pool = NumberField("Pool", required="Choose the pool.")


class AdjustForm(PageForm):
    """Points given or taken: who by ticks, by names, or both."""

    blames = {"user_ids": "names", "user_id": "names"}

    pool = RowField("Pool", required=False, empty=None)
    amount = PointsField(
        "Amount, with a minus to take", required="That is not a number of points; write it as 10 or -5.50."
    )
    reason = text_of(PointAdjustment, "reason", "Reason, shown in the statement")
    notes = text_of(PointAdjustment, "notes", "Notes for officers")
    occurred_at = MomentField("When it happened (empty: now)")
    character_name = TextField("Character it is about", max_length=120)
    names = TextField("Names of people or characters, one a line or with commas", rows=3)
    people = RowsField("Or tick them")

    def prepare(self) -> None:
        cast(RowField, self.fields["pool"]).set_rows(_pools_first_default())
        cast(RowsField, self.fields["people"]).set_rows(
            people(include_inactive=False),
            lambda row: format_html(
                '{} <span class="quiet small">{}</span>', row, str(row.get_role_group_display()).lower()
            ),
        )

    def clean_names(self) -> list[int]:
        """Return the ids of those whose characters' or own names were typed.

        Raises:
            ValidationError: ``unknown_character`` naming who is not known, with suggestions.
        """
        names = [name.strip() for name in re.split(r"[\n,;]+", self.cleaned_data["names"]) if name.strip()]
        if not names:
            return []
        by_name = {str(person).casefold(): person.pk for person in people()}
        ids, unknown = [], []
        for name, match in match_names(names[:MOST_NAMES]).items():
            found = match.character.user_id if match.character else by_name.get(name.casefold())
            if found is None:
                hint = f" (did you mean {', '.join(match.suggestions)}?)" if match.suggestions else ""
                unknown.append(f"{name[:40]}{hint}")
            else:
                ids.append(found)
        if unknown:
            text = f"Nobody is known by {'; '.join(unknown[:10])}. Correct the names and send it again."
            raise ValidationError(text, code="unknown_character")
        return ids

    def values(self) -> dict[str, Any]:
        """Return what the services take."""
        given = dict(self.cleaned_data)
        ticked, named = given.pop("people"), given.pop("names")
        given["user_ids"] = [*(person.pk for person in ticked), *named]
        given["pool"] = given["pool"] or points.pool_or_default(None)
        return given
