"""Which auctions are open while the lines are read: those that were open before, and what the lines open and close."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


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

    def get(self, item: str) -> Auction | None:
        """The auction of an item, open or closed."""
        return self._auctions.get(item)

    def open(self, item: str, copies: int, roll_max: int | None, *, is_take: bool) -> None:
        """An auction of an item begins (again)."""
        self._auctions[item] = Auction(item, copies, roll_max, is_take)

    def close(self, item: str) -> None:
        """No more bids on an item."""
        if auction := self._auctions.get(item):
            auction.is_closed = True

    def award(self, item: str, *, is_rot: bool) -> None:
        """A copy is given away; the last one closes the auction."""
        if auction := self._auctions.get(item):
            auction.copies -= 1
            auction.is_closed = auction.is_closed or is_rot or auction.copies <= 0

    def remove(self, item: str) -> None:
        """The auction never was."""
        self._auctions.pop(item, None)

    @property
    def open_items(self) -> list[str]:
        """What can be bid on now."""
        return [auction.item for auction in self._auctions.values() if not auction.is_closed]

    @property
    def only_open(self) -> str | None:
        """The one item that is open, None where there are none or several."""
        items = self.open_items
        return items[0] if len(items) == 1 else None

    def only_take(self) -> str | None:
        """The one item open for a take, else None."""
        takes = [auction.item for auction in self._auctions.values() if auction.is_take and not auction.is_closed]
        return takes[0] if len(takes) == 1 else None

    def rolls(self) -> list[Auction]:
        """The open rolls."""
        return [auction for auction in self._auctions.values() if auction.roll_max and not auction.is_closed]
