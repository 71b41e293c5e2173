"""The ledger's only writers.

Invariants (docs/architecture.md, "The ledger"):
- Summaries are locked ``FOR UPDATE`` in primary-key order before anything is decided (`lock_summaries`), then the
  decision is made on the locked figures, then entries and summaries are written: in one transaction, the caller's.
  Remove the lock and `tests/concurrency/test_spending.py` overspends.
- ``available = balance - held`` never goes below zero by a spend or a hold, unless the pool allows it.
- What is reversed is decided on entries read under that lock, not on those that the caller read before it: their owner
  may have changed by a merge meanwhile, and so may what stands of a document (`tests/concurrency/test_reversing.py`).
- Nothing is posted or held for somebody who was merged into another: their summaries are closed under the same lock
  (`refuse_closed`; `points/tests/test_merging.py`).
- The number of statements does not grow with the number of people (`points/tests/test_statements.py`).
Whoever must lock rows of their own (an auction, a raid) locks them before calling here, never after.
"""

from .holds import Holds, release_holds, set_holds
from .locks import (
    BATCH,
    Key,
    apply_amount,
    lock_people,
    lock_pool,
    lock_summaries,
    refuse_closed,
    require_transaction,
    store_summaries,
)
from .posting import TAKEN_WHILE_BIDDING, Posting, announce_net_taken, post
from .refusals import InsufficientPoints, insufficient, open_pools, refuse_closed_pools
from .reversing import preview_reversal, reverse_entries, standing, unreversed_entries

__all__ = [
    "BATCH",
    "TAKEN_WHILE_BIDDING",
    "Holds",
    "InsufficientPoints",
    "Key",
    "Posting",
    "announce_net_taken",
    "apply_amount",
    "insufficient",
    "lock_people",
    "lock_pool",
    "lock_summaries",
    "open_pools",
    "post",
    "preview_reversal",
    "refuse_closed",
    "refuse_closed_pools",
    "release_holds",
    "require_transaction",
    "reverse_entries",
    "set_holds",
    "standing",
    "store_summaries",
    "unreversed_entries",
]
