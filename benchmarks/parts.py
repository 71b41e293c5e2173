"""Measurements that have a module of their own: each `run` is called in a process of its own, with its own database.

`python -m benchmarks.parts NAME` runs one and writes its results as JSON on the last line.
"""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from dataclasses import asdict
from typing import Any

from .case import Result, at_least, at_most
from .database import ROOT

PARTS = ("bidding", "ledger", "importing", "parsers")
"""Modules of this package whose `run()` returns results (`case.Result`), or rows of `bidding`."""


def is_there(name: str) -> bool:
    """Return whether the module is there and can be run so."""
    path = ROOT / "benchmarks" / f"{name}.py"
    return path.exists() and "\ndef run(" in path.read_text()


def measure(name: str) -> list[Result]:
    """Run one part; a part that fails is a missed goal."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.parts", name], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        return [at_most(f"{name}: could not be measured", 1, 0, f"(ended with {done.returncode})")]
    print("\n".join(lines[:-1]))
    return [Result(**one) for one in json.loads(lines[-1])]


def _bids(row: Any) -> list[Result]:
    """Return a row of `bidding` as results; one client alone has no goal."""
    if row.clients == 1:
        return []
    from .bidding import GOALS, MOST_MILLISECONDS

    name = f"bids, {row.sessions} sessions" if row.sessions > 1 else "bids, one session"
    return [
        at_least(f"{name}: accepted", row.accepted, GOALS[row.sessions], "a second"),
        at_most(f"{name}: p95", row.p95, MOST_MILLISECONDS, "ms"),
        at_most(f"{name}: p95 of an event at {row.subscribers} subscribers", row.event_p95, MOST_MILLISECONDS, "ms"),
        at_most(f"{name}: events missed", row.missed, 0, f"of {row.events}"),
        at_most(f"{name}: refused", sum(row.refused.values()), 0, f"{row.refused or ''}"),
    ]


def main() -> None:
    """Run the part that the command line names."""
    found: list[Result] = []
    for one in importlib.import_module(f"benchmarks.{sys.argv[1]}").run():
        found += [one] if isinstance(one, Result) else _bids(one)
    print("\n" + json.dumps([asdict(one) for one in found]))


if __name__ == "__main__":
    main()
