"""What a guild really sends is read whole: the limits are for what was made to hurt."""

from __future__ import annotations

import pytest

from guildhall.auctions.chat import matching, parse_chat, reader
from guildhall.auctions.chat.events import Awarded, Bid, Opened
from guildhall.core.budget import Budget

from . import realistic


@pytest.mark.parametrize("evening", realistic.EVENINGS)
def test_the_largest_real_evening_is_read_within_the_budget(evening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    budgets: list[Budget] = []

    def budget_of_a_call() -> Budget:
        budgets.append(matching.budget_of_a_call())
        return budgets[-1]

    monkeypatch.setattr(reader, "budget_of_a_call", budget_of_a_call)
    log = realistic.evening(**realistic.EVENINGS[evening])
    assert 4_500_000 < len(log.text) <= reader.MAX_CHARACTERS
    events = parse_chat(
        log.text,
        active_items=log.open_items,
        known_items=log.items,
        known_characters=log.characters,
        logger=log.characters[1],
    )
    kinds = {type(event) for event in events}
    assert {Opened, Bid, Awarded} <= kinds
    assert events[-1].line_number > 0.99 * log.text.count("\n")
    assert budgets[0].spent < 0.97 * budgets[0].steps, "no app is left for a larger one"
