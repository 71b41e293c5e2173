"""How much work a call does, counted so that it is the same on every machine: lines of Python that are executed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any


def lines_executed(call: Callable[[], object]) -> int:
    """The number of lines that `call` executes, those of all it calls included."""
    count = 0

    def in_frame(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if event == "line":
            count += 1
        return in_frame

    before = sys.gettrace()
    sys.settrace(lambda frame, event, argument: in_frame)
    try:
        call()
    finally:
        sys.settrace(before)
    return count
