"""What makes the history of bids append-only in the database (`core.append_only`).

Invariant: nothing updates or deletes a `BidHistory`; a bid that is withdrawn is another row. The one exception is a merge
of two people, which gives the bids of the one to the other. `auctions/tests/test_triggers.py` fails without the triggers.
"""

from __future__ import annotations

from guildhall.core.append_only import AppendOnly, declare
from guildhall.points.triggers import MERGE

BID_HISTORY = declare(
    AppendOnly(
        table="auctions_bidhistory",
        prefix="bid_history",
        refusal="the history of bids is append-only: what was bid was bid",
        app_label="auctions",
        exception=MERGE,
        columns=(
            "id", "session_id", "bidder", "character_name", "amount", "tier", "at", "outcome", "code", "took_lead",
            "available_before", "placed_by_id",
        ),
    )
)  # fmt: skip
