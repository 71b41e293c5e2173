"""An event of chat in one sentence, for whoever tries how lines are read."""

from __future__ import annotations

from decimal import Decimal

from guildhall.core.money import show_points

from .events import (
    Ambiguous,
    Awarded,
    Bid,
    Cancelled,
    ChatEvent,
    Closed,
    Command,
    Opened,
    Retracted,
    Roll,
    Status,
)


def in_words(event: ChatEvent) -> str:
    """Return what an event means, in one sentence."""
    if isinstance(event, Ambiguous):
        left = f" Left over: “{' '.join(event.left_over)}”." if event.left_over else ""
        return f"A doubt ({event.meant}): {event.detail}{left}"
    if isinstance(event, Opened):
        return _opened(event)
    if isinstance(event, Bid):
        amount = "everything" if event.all_in else f"{_points(event.increment)} more" if event.increment else ""
        amount = amount or (_points(event.amount) if event.amount is not None else "interest")
        return f"{event.character_name} bids {amount} on {event.item}" + (
            f" ({event.category})." * bool(event.category)
        )
    if isinstance(event, Awarded):
        who = event.character_name or "nobody"
        price = "" if event.amount is None else f" for {_points(event.amount)}"
        return f"{event.item} goes to {who}{price}."
    if isinstance(event, Roll):
        on = f" for {event.item}" if event.item else ", for nothing that is called"
        return f"{event.character_name} rolls {event.result} of {event.high}{on}."
    if isinstance(event, Cancelled):
        what = "The auction" if event.what == "auction" else "The award"
        return f"{what} of {event.item or 'the only item'} is taken back."
    if isinstance(event, Closed):
        return f"Bidding on {event.item or 'what is open'} ends."
    if isinstance(event, Retracted):
        return f"{event.character_name} takes the bid on {event.item} back."
    if isinstance(event, Status):
        return f"Where {event.item or 'an auction'} stands; it changes nothing."
    assert isinstance(event, Command), "there is no other event"
    return f"A command: {event.name} {event.text}".strip() + "."


def _opened(event: Opened) -> str:
    parts = []
    for item in event.items:
        name = f"{item.quantity} × {item.name}" if item.quantity > 1 else item.name
        ranges = ", ".join(f"0 to {tier.high}" + f" ({tier.name})" * bool(tier.name) for tier in item.tiers)
        parts.append(name + (" (new)" if not item.is_known else "") + (f", rolled {ranges}" if ranges else ""))
    least = f", from {_points(event.minimum)}" if event.minimum is not None else ""
    return f"Opens {'; '.join(parts)}{least}."


def _points(amount: Decimal | None) -> str:
    return show_points(amount).removesuffix(".00") if amount is not None else ""
