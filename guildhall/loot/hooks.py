"""What later apps hang onto awards, called inside their transactions. Registered in an `AppConfig.ready`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from .models import LootDistribution

CorrectionHook = Callable[[LootDistribution, LootDistribution], None]
_correction_hooks: list[CorrectionHook] = []


def on_correction(hook: CorrectionHook) -> CorrectionHook:
    """Register ``hook(old, new)``: an award has just been replaced by another."""
    _correction_hooks.append(hook)
    return hook


def run_correction_hooks(old: LootDistribution, new: LootDistribution) -> None:
    """Call every correction hook, in the order of registration."""
    for hook in _correction_hooks:
        hook(old, new)


@dataclass(frozen=True, slots=True)
class ItemFollower:
    """Rows of a later app that are of an item, and go with it when it is merged into another.

    Attributes:
        name: for programs, such as ``auctions``.
        keys: returns the keys, as texts, of the rows of an item by its id.
        lock: locks the rows with these keys, in the order in which the app locks them elsewhere. Called before the items are
            locked, which keep new rows from being made.
        move: makes those of the rows with these keys that are of the first item rows of the second.
    """

    name: str
    keys: Callable[[int], list[str]]
    lock: Callable[[Collection[str]], None]
    move: Callable[[Collection[str], int, int], None]


_item_followers: list[ItemFollower] = []


def follow_items(follower: ItemFollower) -> ItemFollower:
    """Register rows that go with an item when it is merged into another."""
    _item_followers.append(follower)
    return follower


def item_followers() -> Iterable[ItemFollower]:
    """Return what goes with an item, in the order of registration."""
    return tuple(_item_followers)
