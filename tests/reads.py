"""Which tables the queries of a test read, for what is kept under the revisions of those tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

_READ = re.compile(r"""\b(?:FROM|JOIN)\s+["`](\w+)["`]""", re.IGNORECASE)


class Reads:
    """A wrapper for `connection.execute_wrapper` that records `tables`."""

    def __init__(self) -> None:
        self.tables: set[str] = set()

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.tables.update(_READ.findall(str(sql)))
        return execute(sql, params, many, context)
