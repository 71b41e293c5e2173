"""What is due at a time: each application in its own transaction, and one that fails keeps none of the others waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")
log = logging.getLogger(__name__)


class SomeFailed(Exception):
    """Some of what was due could not be done and is tried again next time; the job shows it (health, admin)."""


def each(rows: Iterable[T], act: Callable[[T], R]) -> list[R]:
    """Do `act` to every row; returns what each gave.

    Raises:
        SomeFailed: naming those that failed, after all of them were tried.
    """
    done: list[R] = []
    failed: list[str] = []
    for row in list(rows):
        try:
            done.append(act(row))
        except Exception as error:  # whatever it is, the others must not wait for it
            log.exception("recruitment: what is due for application %s failed", row)
            failed.append(f"{row}: {error}")
    if failed:
        raise SomeFailed(f"{len(failed)} failed and will be tried again: {'; '.join(failed)[:1500]}")
    return done
