"""SQL written by hand, where the ORM cannot say it: names, values as text and joined texts on each database.

For statements that compare whole tables, such as those of `verify_ledger`. They must mean the same on PostgreSQL, SQLite
and MariaDB; what differs between them is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import connection, models

Parameter = int | str
_TEXT = {"mysql": "CHAR", "postgresql": "TEXT", "sqlite": "TEXT"}


def table(model: type[models.Model]) -> str:
    """Return the quoted name of a model's table."""
    return connection.ops.quote_name(model._meta.db_table)


def as_text(expression: str) -> str:
    """Return `expression` as text: a number in digits, JSON as the database writes it."""
    return f"CAST({expression} AS {_TEXT[connection.vendor]})"


def pair(first: str, second: str) -> str:
    """Return two integers as one text, ``first:second``."""
    if connection.vendor == "mysql":
        return f"CONCAT({first}, ':', {second})"
    return f"({as_text(first)} || ':' || {as_text(second)})"


def joined(expression: str) -> str:
    """Return the aggregate that joins texts by commas, in any order."""
    return f"STRING_AGG({expression}, ',')" if connection.vendor == "postgresql" else f"GROUP_CONCAT({expression})"


def rows(statement: str, parameters: Sequence[Parameter] = ()) -> list[tuple[Any, ...]]:
    """Return the rows of a statement, as the driver gives them: a `PointsField` is a whole number of hundredths."""
    with connection.cursor() as cursor:
        cursor.execute(statement, list(parameters) or None)
        return list(cursor.fetchall())


def room_for_aggregates() -> None:
    """Let the statements of this transaction join and group a million rows in memory, on PostgreSQL: its default of 4 MB
    goes by way of files. Compiling such a statement takes longer than it saves."""
    if connection.vendor == "postgresql":
        rows("SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true)")
