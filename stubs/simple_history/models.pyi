from collections.abc import Iterable
from typing import Any

class HistoricalRecords:
    def __init__(
        self, *, excluded_fields: Iterable[str] = ..., m2m_fields: Iterable[Any] = ..., **options: Any
    ) -> None: ...
    # On a model it is the manager of its history, on a row the rows of its own.
    def __getattr__(self, name: str) -> Any: ...
