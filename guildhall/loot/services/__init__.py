"""Every change to items and awards: one verb each, one transaction, on the record.

`items` (the catalogue), `merging` (two items that are one), `awards` (made, undone, put right), `buying` (who pays, in which pools,
how much).
"""

from .awards import LOOT_AWARDED, LOOT_REVERSED, NewAward, award_item, correct_award, reverse_award
from .buying import find_raid, lock_raid, parse_price, pools_for, refuse_other_pools, resolve_buyer
from .items import (
    ItemChanges,
    ItemDetails,
    create_item,
    delete_item,
    ensure_items,
    lock_item,
    refuse_merged,
    update_item,
)
from .merging import ITEM_MERGE, ItemMerge, merge_items, preview_merge_items

__all__ = [
    "ITEM_MERGE",
    "LOOT_AWARDED",
    "LOOT_REVERSED",
    "ItemChanges",
    "ItemDetails",
    "ItemMerge",
    "NewAward",
    "award_item",
    "correct_award",
    "create_item",
    "delete_item",
    "ensure_items",
    "find_raid",
    "lock_item",
    "lock_raid",
    "merge_items",
    "parse_price",
    "pools_for",
    "preview_merge_items",
    "refuse_merged",
    "refuse_other_pools",
    "resolve_buyer",
    "reverse_award",
    "update_item",
]
