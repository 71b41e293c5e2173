"""Undoing an import: the ledger first (`services`), what it changed (`restoring`), what it made (`removing`)."""

from .removing import Undone
from .services import find_run, undo_import

__all__ = ["Undone", "find_run", "undo_import"]
