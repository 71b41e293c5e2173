"""The commands, one module a subject. Importing this registers them all."""

from __future__ import annotations

from . import auctions, loot, people, points, raids, recruitment

__all__ = ["auctions", "loot", "people", "points", "raids", "recruitment"]
