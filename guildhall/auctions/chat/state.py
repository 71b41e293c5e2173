"""Which auctions are open while the lines are read: those that were open before, and what the lines open and close."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import islice


@dataclass(slots=True)
class Auction:
    """One item on auction, as the lines tell it."""

    item: str
    copies: int = 1
    roll_max: int | None = None
    is_take: bool = False
    is_closed: bool = False
    rolled: set[str] = field(default_factory=set)


class Auctions:
    """The auctions of one call of `parse_chat`."""

    def __init__(self, active_items: Iterable[str]) -> None:
        self._auctions: dict[str, Auction] = {item: Auction(item) for item in active_items}
        # Kept beside, so that a line's work does not grow with the auctions before it.
        self._open: dict[str, Auction] = dict(self._auctions)
        self._takes: dict[str, Auction] = {}
        self._rolls: dict[int, dict[str, Auction]] = {}

    def get(self, item: str) -> Auction | None:
        """Return the auction of an item, open or closed."""
        return self._auctions.get(item)

    def open(self, item: str, copies: int, roll_max: int | None, *, is_take: bool) -> None:
        """Open an auction of an item (again)."""
        auction = Auction(item, copies, roll_max, is_take)
        self._not_open(item)
        self._auctions[item] = self._open[item] = auction
        if is_take:
            self._takes[item] = auction
        if roll_max:
            self._rolls.setdefault(roll_max, {})[item] = auction

    def _not_open(self, item: str) -> None:
        auction = self._open.pop(item, None)
        self._takes.pop(item, None)
        if auction is not None and auction.roll_max:
            same = self._rolls[auction.roll_max]
            same.pop(item, None)
            if not same:
                del self._rolls[auction.roll_max]

    def close(self, item: str) -> None:
        """No more bids on an item."""
        if auction := self._auctions.get(item):
            auction.is_closed = True
            self._not_open(item)

    def award(self, item: str, *, is_rot: bool) -> None:
        """Award one copy; the last one closes the auction."""
        if auction := self._auctions.get(item):
            auction.copies -= 1
            if is_rot or auction.copies <= 0:
                self.close(item)

    def remove(self, item: str) -> None:
        """Remove the auction as if it had never been opened."""
        self._auctions.pop(item, None)
        self._not_open(item)

    @property
    def open_items(self) -> Collection[str]:
        """Return what can be bid on now, in the order it was opened."""
        return self._open.keys()

    def first_open(self, count: int) -> tuple[str, ...]:
        """Return the first `count` of them."""
        return tuple(islice(self._open, count))

    @property
    def only_open(self) -> str | None:
        """Return the one item that is open, None where there are none or several."""
        return next(iter(self._open)) if len(self._open) == 1 else None

    def only_take(self) -> str | None:
        """Return the one item open for a take, else None."""
        return next(iter(self._takes)) if len(self._takes) == 1 else None

    def has_rolls(self) -> bool:
        """Return whether a roll is open."""
        return bool(self._rolls)

    def roll_to(self, high: int) -> Auction | None:
        """Return the open roll up to `high` that was opened first, else None."""
        return next(iter(self._rolls.get(high, {}).values()), None)
