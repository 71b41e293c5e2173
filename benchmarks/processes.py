"""CPU time of the server's processes and of the database's, read from /proc (Linux): steadier than seconds on a clock,
on a machine where others work too."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


def _children(pid: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


def family(pid: int) -> list[int]:
    """Return `pid` and the processes below it that live now."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += _children(one)
    return found


def cpu_ms(pids: Iterable[int]) -> float:
    """Return the milliseconds of CPU that all threads of `pids` have used so far; those of processes that are gone do not count."""
    nanoseconds = 0
    for pid in pids:
        for task in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                nanoseconds += int(task.read_text().split()[0])
            except (FileNotFoundError, ProcessLookupError):
                continue
    return nanoseconds / 1e6
