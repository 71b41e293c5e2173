"""What auctions have left to do before their raid is closed."""

from __future__ import annotations

from guildhall.raids.hooks import Missing, on_closing
from guildhall.raids.models import Raid

from .models import BidSession, SessionWinner, Status


@on_closing
def auctions_left(raid: Raid) -> list[Missing]:
    """Return the auctions of a raid that still run, and those that are over and that nobody has paid for. Two queries."""
    found = []
    running = BidSession.objects.filter(raid=raid, status=Status.OPEN).count()
    if running:
        words = "1 auction runs" if running == 1 else f"{running} auctions run"
        found.append(Missing("running_auctions", running, f"{words} still: let it end, or cancel it.", True))
    unpaid = SessionWinner.objects.filter(
        session__raid=raid, session__status=Status.CLOSED, state=SessionWinner.State.WON
    ).count()
    if unpaid:
        words = "1 item was won and is" if unpaid == 1 else f"{unpaid} items were won and are"
        found.append(Missing("unpaid_loot", unpaid, f"{words} not paid for: award it, or cancel its auction.", True))
    return found
