"""The commands, one module a subject. Importing this registers them all."""

from __future__ import annotations

from . import loot, people, points, raids, recruitment

__all__ = ["loot", "people", "points", "raids", "recruitment"]
