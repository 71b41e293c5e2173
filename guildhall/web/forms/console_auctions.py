"""Forms of the auctions on the raid console."""

from __future__ import annotations

from guildhall.auctions.models import BidSession
from guildhall.core.form_fields import FlagField, NumberField, PointsField, TextField, text_of
from guildhall.web.forms.base import PageForm


class AuctionForm(PageForm):
    """An item that is put up for bids in the raid; it begins with what the guild's auctions begin with."""

    item_name = text_of(BidSession, "item_name", "Item", required="Say which item it is.")
    minimum_bid = PointsField("Least bid (empty: as usual)")
    duration_seconds = NumberField("Seconds (empty: as usual)", least=None)
    is_new = FlagField("it is new: an item that was never named here before")


class RunForm(PageForm):
    """An auction that is closed now, or awarded. The page writes its fields once for each."""

    session = TextField("Auction", required="Choose an auction of the list.", max_length=40)
