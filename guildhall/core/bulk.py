"""Many rows at once, near the database's own speed: for imports of a whole history, nowhere else.

A model instance a row costs several times the insert itself. `bulk_rows` takes plain tuples of Python values, turns
them into what the database stores (through each field's own conversion) and hands them to the fastest interface the driver
has: COPY on PostgreSQL, executemany elsewhere. Constraints and triggers hold as for any insert; signals, history and
`save` do not run, so the caller is a service that knows what it leaves out. It joins the caller's transaction.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from django.db import connection, models

from . import revisions
from .fields import PointsField

CHUNK = 5000
Convert = Callable[[Any], object]


def _moment_as_text() -> Convert:
    """Return times as SQLite and MySQL store them; a raid's time comes once per attendee, so the last ones are remembered."""
    adapt = connection.ops.adapt_datetimefield_value
    known: dict[datetime, Any] = {}

    def convert(value: datetime | None) -> object:
        if value is None:
            return None
        found = known.get(value)
        if found is None:
            if len(known) > 10_000:
                known.clear()
            found = known[value] = str(adapt(value))
        return found

    return convert


def _converter(field: models.Field[Any, Any]) -> Convert | None:
    """Return how a value of `field` is prepared for the driver; None where it goes in as it is."""
    postgres = connection.vendor == "postgresql"
    if isinstance(field, models.ForeignKey):
        return _converter(field.target_field)
    if isinstance(field, models.DateTimeField):
        return None if postgres else _moment_as_text()
    if isinstance(field, models.UUIDField):
        return None if postgres else _hex
    if isinstance(field, PointsField):
        return _hundredths
    if isinstance(field, models.JSONField):
        return _json
    if isinstance(field, models.IntegerField | models.CharField | models.TextField):
        return None
    return lambda value: field.get_db_prep_save(value, connection)


def _hundredths(value: Decimal | None) -> int | None:
    if value is None:
        return None
    cents = int(value.scaleb(2))
    if cents != value.scaleb(2):
        raise ValueError(f"{value} has more than two decimal places")
    return cents


def _json(value: Any) -> str:
    return "{}" if value == {} else json.dumps(value)


def _hex(value: uuid.UUID | None) -> str | None:
    return None if value is None else value.hex


def bulk_rows(model: type[models.Model], fields: Sequence[str], rows: Iterable[Sequence[object]]) -> int:
    """Insert `rows` into `model`'s table and return how many.

    Args:
        fields: field names (or attnames) in the order of each row's values. A `PointsField` takes a `Decimal`. What is
            not named must have a default in the database or be an automatic key.
        rows: read once, in chunks.

    Raises:
        IntegrityError: a constraint is broken; nothing of the call remains if the caller's transaction rolls back.
    """
    resolved = [_field(model, name) for name in fields]
    columns = [str(field.column) for field in resolved]
    converters = [_converter(field) for field in resolved]
    active = [(index, convert) for index, convert in enumerate(converters) if convert is not None]
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)
    listed = ", ".join(quote(column) for column in columns)
    iterator = iter(rows)
    total = 0
    with connection.cursor() as cursor:
        while chunk := list(islice(iterator, CHUNK)):
            prepared = _prepare(chunk, active)
            if connection.vendor == "postgresql":
                with cursor.copy(f"COPY {table} ({listed}) FROM STDIN") as copy:
                    for row in prepared:
                        copy.write_row(row)
            else:
                marks = ", ".join(["%s"] * len(columns))
                cursor.executemany(f"INSERT INTO {table} ({listed}) VALUES ({marks})", prepared)  # noqa: S608
            revisions.wrote(model)
            total += len(chunk)
    return total


def _field(model: type[models.Model], name: str) -> models.Field[object, object]:
    for field in model._meta.concrete_fields:
        if name in (field.name, field.attname):
            return field
    raise ValueError(f"{model.__name__} has no field {name}")


def _prepare(chunk: list[Sequence[object]], active: list[tuple[int, Convert]]) -> list[list[Any]]:
    prepared = []
    for row in chunk:
        values = list(row)
        for index, convert in active:
            values[index] = convert(values[index])
        prepared.append(values)
    return prepared
