"""Which auctions are open while the lines are read: those that were open before, and what the lines open and close."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import islice

from .rollcalls import RollTier


@dataclass(frozen=True, slots=True)
class ActiveAuction:
    """An auction that was open before the lines: its item, the characters of those whose bids stand in it, and the ranges
    where it is rolled for."""

    item: str
    bidders: Collection[str] = ()
    tiers: tuple[RollTier, ...] = ()


@dataclass(slots=True)
class Auction:
    """One item on auction, as the lines tell it.

    `opener` opened it in these lines ("" for an auction from before), `bidders` have bid on it; both as `casefold` has them.
    """

    item: str
    copies: int = 1
    tiers: tuple[RollTier, ...] = ()
    is_take: bool = False
    is_closed: bool = False
    opener: str = ""
    bidders: set[str] = field(default_factory=set)
    rolled: set[str] = field(default_factory=set)


class Auctions:
    """The auctions of one call of `parse_chat`."""

    def __init__(self, active: Iterable[str | ActiveAuction]) -> None:
        self._auctions: dict[str, Auction] = {}
        # Kept beside, so that a line's work does not grow with the auctions before it.
        self._open: dict[str, Auction] = {}
        self._takes: dict[str, Auction] = {}
        self._rolls: dict[int, tuple[Auction, int]] = {}
        for one in active:
            known = ActiveAuction(one) if isinstance(one, str) else one
            auction = self.open(Auction(known.item, tiers=known.tiers))
            auction.bidders.update(name.casefold() for name in known.bidders)

    def get(self, item: str) -> Auction | None:
        """Return the auction of an item, open or closed."""
        return self._auctions.get(item)

    def is_open(self, item: str) -> bool:
        """Return whether an item can be bid on or rolled for now."""
        return item in self._open

    def open(self, auction: Auction) -> Auction:
        """Open an auction of an item (again). A range that is used again belongs to this call from now on."""
        self._not_open(auction.item)
        self._auctions[auction.item] = self._open[auction.item] = auction
        if auction.is_take:
            self._takes[auction.item] = auction
        for place, tier in enumerate(auction.tiers, 1):
            self._rolls[tier.high] = auction, place
        return auction

    def _not_open(self, item: str) -> None:
        auction = self._open.pop(item, None)
        self._takes.pop(item, None)
        for tier in auction.tiers if auction else ():
            if tier.high in self._rolls and self._rolls[tier.high][0] is auction:
                del self._rolls[tier.high]

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

    def roll_to(self, high: int) -> tuple[Auction, int] | None:
        """Return the open roll that a range belongs to, the latest that named it, with the place of the range among its
        tiers (the best is 1); else None."""
        return self._rolls.get(high)
