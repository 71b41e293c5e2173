"""The trace of a decision in sentences, for whoever asks why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .models import Mode, TieBreak

_RULES = {
    TieBreak.EARLIEST.value: "who bid it first",
    TieBreak.ATTENDANCE.value: "attendance in 30 days",
    TieBreak.LEAST_RECENTLY_WON.value: "whose last win is longest ago",
    TieBreak.ROLL.value: "a roll",
}


def describe_step(step: Mapping[str, Any], names: Mapping[int, str]) -> str:
    """Return one step of `BidSession.trace` as a sentence. `names` are people by id."""
    kind = step.get("step")
    if kind == "close":
        items = f"{step['quantity']} items" if step["quantity"] != 1 else "one item"
        if step.get("mode") == Mode.ROLL:
            return f"Closed by {step['by']}: {items}, rolled for."
        return f"Closed by {step['by']}: {items}, minimum {step['minimum_bid']}."
    if kind == "tier":
        bids = ", ".join(f"{bid['name'] or 'somebody'} {bid['amount']}" for bid in step["bids"])
        return f"Tier {step['tier']}, the best first: {bids}."
    if kind == "tie":
        order = ", ".join(
            f"{names.get(user_id, user_id)} ({step['values'].get(str(user_id))})" for user_id in step["order"]
        )
        seed = f", seed {step['seed']}" if "seed" in step else ""
        rule = _RULES.get(step["rule"], step["rule"])
        if step.get("mode") == Mode.ROLL and step["rule"] == TieBreak.EARLIEST:
            rule = "who came first"
        decided = "" if step.get("decided", True) else " It decides nothing."
        return f"A tie at {step['amount']}, by {rule}{seed}: {order}.{decided}"
    if kind == "winner":
        done = "rolled" if step.get("mode") == Mode.ROLL else "bid"
        bid = f"{done} {step['amount']} and " if step["amount"] is not None else ""
        return f"Place {step['place']}: {step['name']} {bid}pays {step['price']} ({step['rule']})."
    if kind == "lowered":
        of = f" of {step['amount']}" if step["amount"] is not None else ""
        return (
            f"{step['name'] or 'Somebody'}'s bid{of} counts for {step['counts_for']}: {step['reason']}, as points were "
            "taken after it was made."
        )
    if kind == "passed_over":
        amount = f" ({step['amount']})" if step["amount"] is not None else ""
        return f"{step['name'] or 'A higher bid'}{amount} is passed over: {step['reason']}."
    if kind == "passed":
        because = f" ({step['reason']})" if step.get("reason") else ""
        return f"{names.get(step['user_id'], step['user_id'])} passes{because}; the next is asked for by {step['by']}."
    if kind == "given":
        return f"{step['by']} gives it to {step['name']}."
    if kind == "rot":
        return "Nobody is left to take it."
    if kind == "reported":
        return f"Run elsewhere and reported by {step['by']}."
    return str(dict(step))
