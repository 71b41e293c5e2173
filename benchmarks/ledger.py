"""`python -m benchmarks.ledger`: how long `verify_ledger` takes for a million entries.

It verifies the oldest guild of `make bench` (2,300,000 entries) in its own database and gives the time for a million of them. `make
bench` has made it by then; alone it needs `make bench ARGS="--keep --only growth"` once before.
"""

from __future__ import annotations

import os
import sys
import time

from .case import Result, at_most
from .database import ENVIRONMENT, Database

MOST_SECONDS = 3.0
MILLION = 1_000_000


def run() -> list[Result]:
    """Verify the guild that is ten times as old as the bench's own."""
    os.environ.update(ENVIRONMENT | {"DATABASE_URL": Database("_old").address, "REDIS_URL": ""})
    import django

    django.setup()
    from guildhall.points.models import LedgerEntry
    from guildhall.points.verification import verify

    entries = LedgerEntry.objects.count()
    if not entries:
        sys.exit(f"{Database('_old').name} has no entries: run make bench first")
    begun = time.perf_counter()
    differences = verify()
    took = time.perf_counter() - begun
    return [
        at_most(
            "verify_ledger of a million entries",
            took * MILLION / entries,
            MOST_SECONDS,
            "s",
            f"{took:.1f} s for {entries:,}",
        ),
        at_most("verify_ledger: differences found", len(differences), 0, "", "; ".join(map(str, differences[:3]))),
    ]


if __name__ == "__main__":
    from .report import conclude, line

    found = run()
    print(*map(line, found), sep="\n")
    sys.exit(conclude(found))
