"""Every change to items and awards: one verb each, one transaction, on the record.

`items` (the catalogue), `awards` (made, undone, put right), `buying` (who pays, in which pools, how much).
"""

from .awards import LOOT_AWARDED, LOOT_REVERSED, NewAward, award_item, correct_award, reverse_award
from .buying import find_raid, lock_raid, parse_price, pools_for, resolve_buyer
from .items import ItemChanges, ItemDetails, create_item, delete_item, ensure_items, update_item

__all__ = [
    "LOOT_AWARDED",
    "LOOT_REVERSED",
    "ItemChanges",
    "ItemDetails",
    "NewAward",
    "award_item",
    "correct_award",
    "create_item",
    "delete_item",
    "ensure_items",
    "find_raid",
    "lock_raid",
    "parse_price",
    "pools_for",
    "resolve_buyer",
    "reverse_award",
    "update_item",
]
