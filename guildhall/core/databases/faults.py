"""What an error of the database says, by its code and not by its words wherever there is one.

PostgreSQL's codes: https://www.postgresql.org/docs/current/errcodes-appendix.html. MariaDB's:
https://mariadb.com/kb/en/mariadb-error-code-reference/. SQLite has no codes in Python 3.10, so its words are read.
"""

from __future__ import annotations

import enum
import sqlite3

from django.db import DatabaseError, InterfaceError, OperationalError


class Fault(enum.Enum):
    """Why the database did not do what it was asked."""

    BUSY = "busy"
    """Others have the rows, or a deadlock was broken: nothing was written, the same once more may go well."""
    TOO_LONG = "too_long"
    """A statement took longer than it may, and was ended."""
    LOST = "lost"
    """The connection broke on the way."""
    AWAY = "away"
    """There is no connection to be had: the server is stopped, starting, unreachable, or has too many already."""
    FULL = "full"
    """It answers and cannot store: its disk is full or may only be read."""


#: Lock not available, and its like: whoever waited has waited as long as they may.
_WAITED_PG, _WAITED_MYSQL = {"55P03"}, {1205}
_BUSY_PG = {"40001", "40P01"} | _WAITED_PG  # serialization failure, deadlock
_BUSY_MYSQL = {1213, 1020} | _WAITED_MYSQL  # deadlock, record changed since last read
_TOO_LONG_PG, _TOO_LONG_MYSQL = {"57014"}, {1969, 3024}
_LOST_PG, _LOST_MYSQL = {"57P01", "57P02", "57P05", "25P03"}, {2006, 2013, 2055, 1927, 4031}
_AWAY_PG, _AWAY_MYSQL = {"57P03", "53300"}, {2002, 2003, 2005, 1040, 1053, 1203}
_FULL_PG, _FULL_MYSQL = {"53100", "25006", "58030"}, {3, 28, 1021, 1030, 1114, 1290, 1836}
_AWAY_WORDS = ("connection failed", "connection timeout", "failed to resolve host", "connection is bad")
_FULL_WORDS = ("disk is full", "readonly database", "disk i/o error")


def fault_of(error: BaseException | None) -> Fault | None:
    """Return what fault of the database `error` is; None where it is something else (a constraint, a mistake of ours)."""
    if not isinstance(error, DatabaseError | InterfaceError):
        return None
    cause = error.__cause__ or error
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(str(cause).lower())
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return _of_postgresql(state)
    if cause.args and isinstance(cause.args[0], int):
        return _of_mysql(cause.args[0])
    if type(cause).__name__ in ("PoolTimeout", "PoolClosed"):
        return Fault.AWAY
    if isinstance(error, InterfaceError):
        return Fault.LOST
    if isinstance(error, OperationalError):  # libpq's own, which have no code
        words = str(cause).lower()
        if "locked" in words:  # SQLite's, raised by Django itself
            return Fault.BUSY
        return Fault.AWAY if words.startswith(_AWAY_WORDS) else Fault.LOST
    return None


def is_lost(error: BaseException | None) -> bool:
    """Return whether the database went away, so that the same once more may go well."""
    return fault_of(error) in (Fault.LOST, Fault.AWAY)


def has_waited(error: BaseException) -> bool:
    """Return whether `error` says that a lock was waited for as long as the database lets one wait."""
    cause = error.__cause__ or error
    state = getattr(cause, "sqlstate", None)
    if state is not None:  # and not its words: a deadlock's name who is "blocked"
        return state in _WAITED_PG
    if cause.args and isinstance(cause.args[0], int):
        return cause.args[0] in _WAITED_MYSQL
    return fault_of(error) is Fault.BUSY


def _of_postgresql(state: str) -> Fault | None:
    for fault, states in (
        (Fault.BUSY, _BUSY_PG), (Fault.TOO_LONG, _TOO_LONG_PG), (Fault.LOST, _LOST_PG),
        (Fault.AWAY, _AWAY_PG), (Fault.FULL, _FULL_PG),
    ):  # fmt: skip
        if state in states:
            return fault
    return Fault.LOST if state.startswith("08") else None


def _of_mysql(code: int) -> Fault | None:
    for fault, codes in (
        (Fault.BUSY, _BUSY_MYSQL), (Fault.TOO_LONG, _TOO_LONG_MYSQL), (Fault.LOST, _LOST_MYSQL),
        (Fault.AWAY, _AWAY_MYSQL), (Fault.FULL, _FULL_MYSQL),
    ):  # fmt: skip
        if code in codes:
            return fault
    return None


def _of_sqlite(words: str) -> Fault | None:
    if "locked" in words:
        return Fault.BUSY
    if any(part in words for part in _FULL_WORDS):
        return Fault.FULL
    return Fault.AWAY if "unable to open database file" in words else None
