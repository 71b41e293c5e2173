"""Reading a running EQdkp Plus database: one consistent moment, streamed, never written to.

All tables are read inside one `START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY`, so a raid that somebody adds
during the copy is either there with its attendees or not at all. Values are fetched as text, so that a FLOAT keeps the
two places MySQL prints and no Python float is ever involved.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pymysql
from pymysql.cursors import SSCursor

from guildhall.eqdkp.legacy.errors import NotEqdkp, UnreadableSource
from guildhall.eqdkp.legacy.rows import SPECS
from guildhall.eqdkp.legacy.snapshot import Progress, RawRow, Snapshot, settle_prefix
from guildhall.eqdkp.legacy.values import decode


def _connect(url: str) -> tuple[pymysql.Connection, str]:
    parts = urlsplit(url)
    database = unquote(parts.path.lstrip("/"))
    if not database:
        raise UnreadableSource("The address names no database: write mysql://user:password@host:3306/database.")
    query = parse_qs(parts.query)
    try:
        connection = pymysql.connect(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 3306,
            user=unquote(parts.username or "root"),
            password=unquote(parts.password or ""),
            database=database,
            unix_socket=query["socket"][0] if "socket" in query else None,
            charset="utf8mb4",
            conv=dict[Any, Any](pymysql.converters.encoders),  # no decoders: every value arrives as text
            connect_timeout=10,
            read_timeout=300,
            autocommit=False,
        )
    except (pymysql.MySQLError, ValueError) as error:
        said = error.args[1] if len(error.args) > 1 else str(error)
        raise UnreadableSource(f"The database does not answer: {said}") from error
    return connection, database


def _as_text(value: object) -> str | None:
    if value is None:
        return None
    return decode(value) if isinstance(value, bytes) else str(value)


def read_mysql(url: str, *, prefix: str | None = None, progress: Progress | None = None) -> Snapshot:
    """Return copy an installation out of ``mysql://user:password@host:port/database`` (``?socket=`` for a local socket).

    Raises:
        LegacyRefused: in one of its kinds; the database is never changed.
    """
    connection, database = _connect(url)
    snapshot = Snapshot(f"database {database} on {urlsplit(url).hostname or 'localhost'}")
    try:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            cursor.execute("SHOW TABLES")
            snapshot.seen_tables = {str(_as_text(row[0])) for row in cursor.fetchall()}
        if not snapshot.seen_tables:
            raise NotEqdkp(f"The database {database} has no tables.")
        found = settle_prefix(snapshot.seen_tables, prefix)
        tables = [found + spec.name for spec in SPECS if found + spec.name in snapshot.seen_tables]
        for index, table in enumerate(tables):
            with connection.cursor(SSCursor) as stream:
                # The name comes from SHOW TABLES, not from outside; a backtick in it is doubled.
                stream.execute("SELECT * FROM `{}`".format(table.replace("`", "``")))  # noqa: S608
                columns = tuple(str(column[0]) for column in stream.description or ())
                spool = snapshot.spool(table, columns)
                for row in stream:
                    values: RawRow = [_as_text(value) for value in row]
                    spool.append(values)
            if progress is not None:
                progress(index + 1, len(tables))
        snapshot.finish(found)
    except pymysql.MySQLError as error:
        snapshot.close()
        said = error.args[1] if len(error.args) > 1 else str(error)
        raise UnreadableSource(f"Reading the database failed: {said}") from error
    except BaseException:
        snapshot.close()
        raise
    finally:
        connection.close()
    return snapshot
