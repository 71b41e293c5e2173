"""Forms of the page of chat doubts. Each stands once for each doubt, which it names by its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping

from guildhall.auctions.models import ChatLine
from guildhall.auctions.services.chat_doubts import KINDS, Correction
from guildhall.core.api.filters import MAX_ID
from guildhall.core.form_fields import ChoiceField, NumberField, PointsField, TextField
from guildhall.web.forms.base import PageForm

LONGEST_FINGERPRINT = 64


class DoubtButtonForm(PageForm):
    """A button for one doubt: dismiss it, or open it again."""

    doubt = TextField("Line", required="Choose a line of the list.", max_length=LONGEST_FINGERPRINT)


class ApplyDoubtForm(DoubtButtonForm):
    """What a line of chat means, as the officer says; it begins with what was understood."""

    blames: Mapping[str, str] = {"winning_bid": "amount", "points_spent": "amount", "item_name": "item"}

    kind = ChoiceField("Do this", required="Choose what the line means.", choices=[("", "choose"), *KINDS.items()])
    item = TextField("Item", required="Name the item.", max_length=200)
    character_name = TextField("Character", max_length=120)
    amount = PointsField("Points")
    quantity = NumberField("How many", least=1, most=100)
    high = NumberField("Rolled up to", least=1, most=MAX_ID)
    result = NumberField("Turned up", most=MAX_ID)

    def correction(self) -> Correction:
        """Return what the service takes."""
        given = self.cleaned_data
        return Correction(
            kind=given["kind"],
            item=given["item"],
            character_name=given["character_name"],
            amount=given["amount"],
            quantity=given["quantity"] or 1,
            high=given["high"],
            result=given["result"],
        )


def understood_of(row: ChatLine) -> dict[str, object]:
    """Return what the form of a doubt begins with. A kind that nothing can be applied as is left to the officer."""
    doubt = row.doubt
    meant = doubt.get("meant") or ""
    return {
        "doubt": row.fingerprint,
        "kind": meant if meant in KINDS else "",
        "item": doubt.get("item") or "",
        "character_name": doubt.get("character_name") or "",
        "amount": (doubt.get("amount") or "").removesuffix(".00"),
        "quantity": doubt.get("quantity") or "",
        "high": doubt.get("high") or "",
        "result": "" if doubt.get("result") is None else doubt["result"],
    }
