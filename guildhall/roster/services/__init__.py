"""Every change to the roster: one verb each, one transaction, on the record. No change here moves points."""

from .characters import (
    EDITABLE,
    add_alias,
    create_character,
    lock_character,
    reassign_character,
    remove_alias,
    rename_character,
    retire_character,
    set_main,
    update_character,
)
from .editing import edit_character
from .guild_dump import PEOPLE, DumpChoices, DumpDifference, DumpMember, apply_guild_dump, preview_guild_dump
from .ranks import (
    BulkRankResult,
    RankStep,
    bulk_set_rank,
    create_rank,
    delete_rank,
    preview_bulk_rank,
    set_rank,
    undo_bulk_rank,
    update_rank,
)

__all__ = [
    "EDITABLE",
    "PEOPLE",
    "BulkRankResult",
    "DumpChoices",
    "DumpDifference",
    "DumpMember",
    "RankStep",
    "add_alias",
    "apply_guild_dump",
    "bulk_set_rank",
    "create_character",
    "create_rank",
    "delete_rank",
    "edit_character",
    "lock_character",
    "preview_bulk_rank",
    "preview_guild_dump",
    "reassign_character",
    "remove_alias",
    "rename_character",
    "retire_character",
    "set_main",
    "set_rank",
    "undo_bulk_rank",
    "update_character",
    "update_rank",
]
