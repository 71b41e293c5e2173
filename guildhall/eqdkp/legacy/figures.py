"""Amounts in hundredths, and the three figures that EQdkp shows for a character in a pool."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal


def cents(amount: Decimal) -> int:
    """Return hundredths of a two-place amount."""
    return int(amount.scaleb(2))


def from_cents(value: int) -> Decimal:
    """Return two-place amount of so many hundredths."""
    return Decimal(value).scaleb(-2)


@dataclass(slots=True)
class Figures:
    """What one character (or one main with its twinks) has in one pool, in hundredths."""

    earned: int = 0
    spent: int = 0
    adjustment: int = 0

    @property
    def current(self) -> int:
        return self.earned - self.spent + self.adjustment

    def add(self, other: Figures) -> None:
        self.earned += other.earned
        self.spent += other.spent
        self.adjustment += other.adjustment
