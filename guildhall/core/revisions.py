"""Revisions of tables: cheap answers to "has anything changed since?" (for ETags and kept answers).

Invariant: a table's revision is changed in the transaction of each write to it, by the database backend
(`core.databases.revised`), so a reader who sees the old revision sees the old rows. A reader who found the same revisions
before and after has read rows of one state.

SQL sent by another program than Guildhall changes no revision: `manage.py change_revisions` is for after that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from django.db import connection, models

from .databases.revised import WITHOUT_REVISION, Revised

Revisions = Mapping[str, int]


def read() -> Revisions:
    """Return the revision of every table by name; a table that was never written has none. One query."""
    ours = cast(Revised, connection)
    if ours.written:  # the reader's own writes count
        ours.store_revisions()
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, value FROM core_revision")
        return dict(cursor.fetchall())


def of_request(request: Any) -> Revisions:
    """Return the revisions as they were when `request` first asked: what it reads is of then or later. One query a request."""
    request = getattr(request, "_request", request)
    found: Revisions | None = getattr(request, "_guildhall_revisions", None)
    if found is None:
        found = request._guildhall_revisions = read()
    return found


def version(revisions: Revisions, tables: Iterable[str]) -> str:
    """Return a text that changes whenever a row of one of `tables` does."""
    return ".".join(f"{revisions.get(table, 0):x}" for table in tables)


def tables_of(*of: type[models.Model]) -> tuple[str, ...]:
    """Return the tables of models, and of their many-to-many fields, for `version`.

    Raises:
        ValueError: a model whose table has no revision.
    """
    found = []
    for model in of:
        found.append(model._meta.db_table)
        found += [field.m2m_db_table() for field in model._meta.local_many_to_many]
    for table in found:
        if table in WITHOUT_REVISION:
            raise ValueError(f"{table} has no revision (core/databases/revised.py)")
    return tuple(found)


def wrote(model: type[models.Model]) -> None:
    """Give a model's table a new revision with the caller's transaction: for a write that the database backend does not see
    (COPY) or leaves to its writers (`SAID_BY_WRITERS`)."""
    cast(Revised, connection).wrote(model._meta.db_table)


def change_all() -> None:
    """Give every table a new revision, so that nothing which was kept is sent again."""
    from django.apps import apps

    ours = cast(Revised, connection)
    for model in apps.get_models(include_auto_created=True):
        ours.wrote(model._meta.db_table)
    ours.store_revisions()
