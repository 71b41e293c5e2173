"""A far side that real workers deliver to: it notes in a file what reached it, and once it never answers.

Imported by the workers of `test_killed_worker.py` and `test_deliveries.py` alone.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from guildhall.core import outbox
from guildhall.core.models import OutboxMessage
from guildhall.core.outbox import Lane

TOPIC = "tests.killable"
TOPICS = {lane: f"{TOPIC}.{lane.name.lower()}" for lane in Lane}
JOURNAL = Path(os.environ.get("KILLABLE_JOURNAL", "/dev/null"))
HANGING = JOURNAL.with_suffix(".hanging")


@outbox.handler(TOPIC)
def far_side(message: OutboxMessage) -> str:
    """Note the message; the one that is marked hangs the first time, in the middle of its delivery."""
    note = f"{message.order_key} {message.payload['number']}"
    with JOURNAL.open("a") as journal:
        journal.write(f"{note} begun\n")
    if message.payload["hangs"] and not HANGING.exists():
        HANGING.touch()
        time.sleep(600)
    with JOURNAL.open("a") as journal:
        journal.write(f"{note} done\n")
    return "noted"


def noted(message: OutboxMessage) -> str:
    """Note that the message came, take a moment, and note that it was dealt with; each with this process's number."""
    for what in ("begun", "done"):
        with JOURNAL.open("a") as journal:
            journal.write(f"{message.order_key or '-'} {message.payload['number']} {what} {os.getpid()}\n")
        time.sleep(0.02 if what == "begun" else 0)
    return "noted"


for _lane, _topic in TOPICS.items():
    outbox.handler(_topic, lane=_lane)(noted)
