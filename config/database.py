"""The database: `DATABASE_URL` as Django wants it, with what each engine needs to be safe with money and to give up in time.

Whoever waits for a row that somebody else holds gives up after `LOCK_SECONDS`; in a web process after `WEB_LOCK_SECONDS`, where a
statement also ends after `WEB_STATEMENT_SECONDS` (`limit_web_process`). Commands and jobs have no limit on a statement: a migration or
an import may take its time.
"""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from environs import Env

DatabaseSettings = dict[str, Any]
LOCK_SECONDS = 20
WEB_LOCK_SECONDS = 3
WEB_STATEMENT_SECONDS = 60
CONNECT_SECONDS = 2
POOL_SECONDS = 1.0
"""How long a request waits for a connection: there are more than threads, so who waits waits for the server."""


def database(env: Env, *, base: Path, var: Path, testing: bool) -> DatabaseSettings:
    """Return the setting of the default database.

    Args:
        base: the checkout; two that are tested on one server stay out of each other's way.
        var: where the embedded database is.

    Raises:
        ImproperlyConfigured: `DATABASE_URL` names something else than SQLite, PostgreSQL, MySQL or MariaDB.
    """
    own = f"sqlite:///{var / 'guildhall.sqlite3'}"
    # `DATABASE_URL=` with nothing behind it, as in .env.example, is not a database either.
    config: DatabaseSettings = (
        env.dj_db_url("DATABASE_URL", own) if env.str("DATABASE_URL", "") else dict(dj_database_url.parse(own))
    )
    # Django's own backends, which also keep the revision of each table.
    config["ENGINE"] = config["ENGINE"].replace("django.db.backends.", "guildhall.core.databases.")
    options = config.setdefault("OPTIONS", {})
    engine = config["ENGINE"]
    name = f"test_guildhall_{zlib.crc32(str(base).encode()):08x}"
    if "sqlite" in engine:
        options["transaction_mode"] = "IMMEDIATE"
        # A file, not memory, in tests too: threads and processes must see the same database.
        config["TEST"] = {"NAME": str(var / f"test-{os.getpid()}.sqlite3")}
    elif "postgresql" in engine:
        config["TEST"] = {"NAME": name}
        options.setdefault("connect_timeout", CONNECT_SECONDS)
        # A server that is cut off says nothing: the network gives it up after ten seconds and not after hours.
        for option, seconds in (("keepalives_idle", 5), ("keepalives_interval", 2), ("keepalives_count", 3)):
            options.setdefault(option, seconds)
        options.setdefault("tcp_user_timeout", 10_000)
        if not testing:
            options["pool"] = {
                "min_size": 1,
                "max_size": env.int("DATABASE_POOL_SIZE", 20),
                "timeout": POOL_SECONDS,
                # Else it tries again after longer and longer pauses, and the site is back minutes after its database.
                "reconnect_timeout": 1.0,
            }
    elif "mysql" in engine:
        options.update(charset="utf8mb4", isolation_level="read committed")
        options.setdefault("connect_timeout", CONNECT_SECONDS)
        config["TEST"] = {"NAME": name, "CHARSET": "utf8mb4", "COLLATION": "utf8mb4_unicode_ci"}
    else:
        raise ImproperlyConfigured(
            "DATABASE_URL names sqlite:///…, postgres://… or mysql://…; nothing else is tested here."
        )
    _limit(config, lock=30 if "sqlite" in engine else LOCK_SECONDS, statement=0)
    return config


def limit_web_process(config: DatabaseSettings) -> None:
    """Have this process, which answers people, give up sooner. Called before its first connection."""
    _limit(config, lock=WEB_LOCK_SECONDS, statement=WEB_STATEMENT_SECONDS)


def _limit(config: DatabaseSettings, *, lock: int, statement: int) -> None:
    """Set how many seconds a lock is waited for and a statement may take (0: as long as it likes)."""
    options, engine = config["OPTIONS"], config["ENGINE"]
    if "sqlite" in engine:  # one writer at a time, and no limit on a statement
        options["timeout"] = lock
        options["init_command"] = (
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA busy_timeout={lock * 1000};PRAGMA foreign_keys=ON;"
        )
    elif "postgresql" in engine:
        given = config.setdefault("GIVEN_OPTIONS", options.get("options", ""))
        limits = {
            "lock_timeout": lock,
            "statement_timeout": statement,
            "idle_in_transaction_session_timeout": statement,
        }
        options["options"] = " ".join([given, *(f"-c {name}={seconds}s" for name, seconds in limits.items())]).strip()
    else:  # what is between /*M! and */ is read by MariaDB alone; MySQL has no such limit
        options["init_command"] = (
            f"SET sql_mode='STRICT_TRANS_TABLES', innodb_lock_wait_timeout={lock}, lock_wait_timeout={lock}"
            f" /*M! , max_statement_time={statement} */"
        )
