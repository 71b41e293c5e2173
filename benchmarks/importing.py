"""`python -m benchmarks.importing`: how long a large guild takes to come over from EQdkp Plus, beside the floor.

450 characters, 5,000 raids, 200,000 attendances, 30,000 items (`--scale 0.1` for a tenth), from a dump file, into an
empty database on SQLite and on PostgreSQL. The floor reads the same dump with the same reader and inserts the same raids,
checks, attendances, awards, adjustments and ledger entries into the same tables, in bulk, with nothing decided, nothing
checked, no summaries, no records and no proof. The aim: at most three times the floor.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from .case import Result, at_most

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = os.environ.get("BENCH_IMPORT_URL", "postgres://postgres@127.0.0.1:5432/guildhall_bench_import")
AIM = 3.0


def _environment(folder: Path, database: str) -> dict[str, str]:
    return {
        **os.environ, "GUILDHALL_VAR": str(folder), "DATABASE_URL": database, "GUILDHALL_IGNORE_ENV_FILE": "1",
        "DJANGO_SETTINGS_MODULE": "config.settings", "REDIS_URL": "", "DEBUG": "0", "LOG_LEVEL": "ERROR",
    }  # fmt: skip


def _run(arguments: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stdout[-2000:] + done.stderr[-2000:])
    return done.stdout


def _empty(engine: str, folder: Path) -> dict[str, str]:
    """Return a migrated, empty database, and the environment in which to use it."""
    if engine == "sqlite":
        path = folder / "db.sqlite3"
        path.unlink(missing_ok=True)
        environment = _environment(folder, f"sqlite:///{path}")
    else:
        import psycopg

        server, _, name = POSTGRES.rpartition("/")
        with psycopg.connect(
            f"{server}/postgres".replace("postgres://", "postgresql://"), autocommit=True
        ) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}"')
        environment = _environment(folder, POSTGRES)
    _run(["manage.py", "migrate", "-v0"], environment)
    return environment


def floor(dump: Path) -> float:
    """Return runs inside a prepared process: seconds to read the dump and to insert its rows raw."""
    import django

    django.setup()
    from django.db import connection, transaction

    from guildhall.accounts.models import User
    from guildhall.core import clock
    from guildhall.core.bulk import bulk_rows
    from guildhall.eqdkp.legacy import rows as r
    from guildhall.eqdkp.legacy.dump import read_dump
    from guildhall.eqdkp.models import ImportRun
    from guildhall.loot.models import Item, LootDistribution
    from guildhall.points.models import DKPPool, LedgerEntry
    from guildhall.raids.models import AttendanceCheck, Event, Raid, RaidAttendance

    now = clock.now()
    with read_dump(dump) as early:  # what the raw rows refer to is there already
        User.objects.bulk_create([User(id=m.id, username=f"u{m.id}") for m in early.rows(r.MEMBERS)])
        DKPPool.objects.bulk_create([DKPPool(id=p.id, name=p.name) for p in early.rows(r.POOLS)])
        Event.objects.bulk_create([Event(id=e.id, name=e.name) for e in early.rows(r.EVENTS)])
        Item.objects.create(id=1, name="Item", name_key="item")
    began = time.perf_counter()
    run = ImportRun(origin="floor")
    entry_fields = (
        "user_id", "pool_id", "kind", "bucket", "amount", "occurred_at", "created_at", "created_by_id",
        "character_name", "description", "document", "context",
    )  # fmt: skip
    with read_dump(dump) as snapshot, transaction.atomic():
        names = {m.id: m.name for m in snapshot.rows(r.MEMBERS)}
        pools: dict[int, list[int]] = {}
        for link in snapshot.rows(r.POOL_EVENTS):
            pools.setdefault(link.event_id, []).append(link.pool_id)
        item_pools: dict[int, list[int]] = {}
        for item_link in snapshot.rows(r.POOL_ITEM_POOLS):
            item_pools.setdefault(item_link.itempool_id, []).append(item_link.pool_id)
        raids = {raid.id: raid for raid in snapshot.rows(r.RAIDS)}
        bulk_rows(
            Raid,
            ("id", "event_id", "name", "started_at", "notes", "points", "context", "created_at", "reversal_reason"),
            ((x.id, x.event_id, "", x.date, x.note, x.value, run.document(), now, "") for x in raids.values()),
        )
        bulk_rows(
            AttendanceCheck,
            ("id", "raid_id", "kind", "label", "taken_at", "points", "position", "created_at"),
            ((x.id, x.id, "tick", "", x.date, x.value, 0, now) for x in raids.values()),
        )
        documents = run.documents(snapshot.count(r.ATTENDEES) + snapshot.count(r.ITEMS) + snapshot.count(r.ADJUSTMENTS))
        attendance: list[tuple[Any, ...]] = []
        entries: list[tuple[Any, ...]] = []
        for row in snapshot.rows(r.ATTENDEES):
            raid, document, name = raids[row.raid_id], next(documents), names[row.member_id]
            attendance.append(
                (
                    document,
                    row.raid_id,
                    row.member_id,
                    row.member_id,
                    name,
                    name.lower(),
                    "present",
                    raid.value,
                    {},
                    "",
                    now,
                    "",
                )
            )
            for pool in pools[raid.event_id]:
                entries.append(
                    (row.member_id, pool, "raid", "earned", raid.value, raid.date, now, None, name, "", document, None)
                )
        bulk_rows(
            RaidAttendance,
            (
                "document", "attendance_check_id", "user_id", "credited_user_id", "character_name", "name_key", "status",
                "points", "amounts", "note", "created_at", "reversal_reason",
            ),
            attendance,
        )  # fmt: skip
        awards: list[tuple[Any, ...]] = []
        for item in snapshot.rows(r.ITEMS):
            document, name = next(documents), names[item.member_id]
            charged = item_pools[item.itempool_id]
            awards.append(
                (
                    document,
                    1,
                    item.name,
                    item.member_id,
                    name,
                    item.raid_id,
                    charged[0],
                    item.value,
                    item.date,
                    "import",
                    "",
                    now,
                    "",
                )
            )
            for pool in charged:
                entries.append(
                    (
                        item.member_id,
                        pool,
                        "loot",
                        "spent",
                        -item.value,
                        item.date,
                        now,
                        None,
                        name,
                        item.name,
                        document,
                        None,
                    )
                )
        bulk_rows(
            LootDistribution,
            (
                "document", "item_id", "item_name", "user_id", "character_name", "raid_id", "pool_id", "points_spent",
                "awarded_at", "source", "note", "created_at", "reversal_reason",
            ),
            awards,
        )  # fmt: skip
        for adjustment in snapshot.rows(r.ADJUSTMENTS):
            document, name = next(documents), names[adjustment.member_id]
            for pool in pools[adjustment.event_id]:
                entries.append(
                    (
                        adjustment.member_id, pool, "adjustment", "adjusted", adjustment.value, adjustment.date, now, None,
                        name, adjustment.reason, document, None,
                    )
                )  # fmt: skip
        bulk_rows(LedgerEntry, entry_fields, entries)
    connection.close()
    return time.perf_counter() - began


def whole(dump: Path) -> float:
    """Return runs inside a prepared process: seconds to import the dump, with its records, summaries and proof."""
    import django

    django.setup()
    from guildhall.eqdkp.legacy.dump import read_dump
    from guildhall.eqdkp.services import perform

    began = time.perf_counter()
    with read_dump(dump) as snapshot:
        run = perform(snapshot=snapshot, commit=True)
    took = time.perf_counter() - began
    if run.report["unexplained"] or run.report["equal"] != run.report["compared"]:
        raise SystemExit("the import is not equal")
    return took


SCALE = 0.1
"""Of the guild, for `make bench`: 500 raids, 20,000 attendances, 3,000 items, on PostgreSQL."""
REPEAT = 0.1


def undo() -> float:
    """Return runs inside a prepared process: seconds to take the first import back."""
    import django

    django.setup()
    from guildhall.eqdkp.models import ImportRun
    from guildhall.eqdkp.undo.services import undo_import

    first = ImportRun.objects.earliest("created_at")
    began = time.perf_counter()
    undo_import(run=first)
    return time.perf_counter() - began


def run() -> list[Result]:
    """Measure a tenth of the guild on PostgreSQL: the import beside its floor, the same again, and taking it back."""
    from guildhall.eqdkp.tests.maker import big_guild

    with tempfile.TemporaryDirectory(prefix="guildhall-bench-") as name:
        folder = Path(name)
        sizes = {"raids": 5000, "attendances": 200_000, "items": 30_000}
        dump = big_guild(members=450, **{key: int(value * SCALE) for key, value in sizes.items()}).write(
            folder / "guild.sql.gz"
        )
        lowest = float(_run(["-m", "benchmarks.importing", "--floor", str(dump)], _empty("postgresql", folder)))
        environment = _empty("postgresql", folder)
        command = ["-m", "benchmarks.importing", "--whole", str(dump)]
        took, again = float(_run(command, environment)), float(_run(command, environment))
        back = float(_run(["-m", "benchmarks.importing", "--undo"], environment))
    note = f"{took:.1f} s, floor {lowest:.1f} s"
    return [
        at_most("import from EQdkp Plus", took / lowest, AIM, "times its floor", note),
        at_most("the same import again", again / took, REPEAT, "of the first", f"{again:.1f} s"),
        at_most("taking the import back", back / took, 1.0, "times the import", f"{back:.1f} s"),
    ]


def main() -> None:
    """Measure, print a table, and exit 1 where an import took more than three times its floor."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], action="append")
    parser.add_argument("--floor", metavar="DUMP", help=argparse.SUPPRESS)
    parser.add_argument("--whole", metavar="DUMP", help=argparse.SUPPRESS)
    parser.add_argument("--undo", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.floor:
        print(f"{floor(Path(options.floor)):.2f}")
        return
    if options.undo:
        print(f"{undo():.2f}")
        return
    if options.whole:
        print(f"{whole(Path(options.whole)):.2f}")
        return
    from guildhall.eqdkp.tests.maker import big_guild

    failed = False
    with tempfile.TemporaryDirectory(prefix="guildhall-bench-") as name:
        folder = Path(name)
        sizes = {"raids": 5000, "attendances": 200_000, "items": 30_000}
        sizes = {key: max(int(value * options.scale), 10) for key, value in sizes.items()}
        dump = big_guild(members=450, **sizes).write(folder / "guild.sql.gz")
        said = ", ".join(f"{value:,} {key}" for key, value in sizes.items())
        print(f"450 characters, {said}")
        print(f"{'database':12}{'floor':>10}{'import':>10}{'times':>8}   {'again (nothing new)':>20}")
        for engine in options.engine or ["sqlite", "postgresql"]:
            lowest = float(_run(["-m", "benchmarks.importing", "--floor", str(dump)], _empty(engine, folder)))
            environment = _empty(engine, folder)
            command = ["-m", "benchmarks.importing", "--whole", str(dump)]
            took, again = float(_run(command, environment)), float(_run(command, environment))
            failed = failed or took > AIM * lowest
            print(f"{engine:12}{lowest:>9.1f}s{took:>9.1f}s{took / lowest:>8.2f}   {again:>19.1f}s")
    if failed:
        raise SystemExit(f"An import took more than {AIM:.0f} times its floor.")


if __name__ == "__main__":
    main()
