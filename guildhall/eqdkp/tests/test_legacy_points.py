"""EQdkp's arithmetic, by hand and against what a real installation answered."""

from __future__ import annotations

import datetime as dt
import os
from decimal import Decimal
from pathlib import Path

import pymysql
import pytest

from guildhall.eqdkp.legacy import rows as r
from guildhall.eqdkp.legacy.dump import read_dump
from guildhall.eqdkp.legacy.errors import LegacyRefused, NotEqdkp, TruncatedDump, UnreadableSource
from guildhall.eqdkp.legacy.points import LegacyAttendance, LegacyPoints, from_cents
from guildhall.eqdkp.legacy.snapshot import Snapshot
from guildhall.eqdkp.legacy.source import open_source

from . import legacy_data
from .legacy_data import needs_oracle
from .maker import DAY, START, LegacyGuild, sample_guild


def points_of(snapshot: Snapshot, member: int, pool: int, *, twinks: bool = False) -> tuple[str, str, str, str]:
    points = LegacyPoints(snapshot)
    figures = points.with_twinks(member, pool) if twinks else points.alone(member, pool)
    amounts = (figures.earned, figures.spent, figures.adjustment, figures.current)
    return tuple(str(from_cents(amount)) for amount in amounts)  # type: ignore[return-value]


@pytest.fixture
def snapshot(tmp_path: Path):  # type: ignore[no-untyped-def]
    with read_dump(sample_guild().write(tmp_path / "d.sql")) as found:
        yield found


def test_a_character_alone(snapshot: Snapshot) -> None:
    # Raids 1, 2, 4 and 6; the cloak; one adjustment.
    assert points_of(snapshot, 1, 1) == ("11.33", "10.25", "2.50", "3.58")


def test_with_twinks_everybody_shows_the_sum(snapshot: Snapshot) -> None:
    expected = ("17.49", "13.25", "2.17", "6.41")
    assert points_of(snapshot, 1, 1, twinks=True) == expected
    assert points_of(snapshot, 3, 1, twinks=True) == expected


def test_events_and_item_pools_that_count_twice_count_in_both(snapshot: Snapshot) -> None:
    assert points_of(snapshot, 2, 1) == ("5.83", "3.00", "0.00", "2.83")
    assert points_of(snapshot, 2, 2) == ("0.33", "3.00", "0.00", "-2.67")


def test_attendance_counts_from_the_first_raid_and_once_for_a_main(snapshot: Snapshot) -> None:
    now = dt.datetime.fromtimestamp(START + 10 * DAY, dt.UTC)
    alone = LegacyAttendance(snapshot, 1, with_twinks=False)
    # Meetings do not count in pool 1: raids 1, 2 and 6 do.
    assert (alone.of(2, now=now, days=None).attended, alone.of(2, now=now, days=None).held) == (1, 3)
    assert (alone.of(5, now=now, days=None).attended, alone.of(5, now=now, days=None).held) == (2, 2)
    together = LegacyAttendance(snapshot, 1, with_twinks=True)
    assert (together.of(2, now=now, days=None).attended, together.of(2, now=now, days=None).held) == (3, 3)
    assert together.of(2, now=now, days=5).held == 1
    assert together.of(6, now=now, days=None).percent == 0


def compare_with_oracle(snapshot: Snapshot) -> int:
    points = LegacyPoints(snapshot)
    compared = 0
    for player in legacy_data.answer("api_points.json.gz")["players"].values():
        for balance in player["points"].values():
            for suffix, figures in (
                ("", points.alone(player["id"], balance["multidkp_id"])),
                ("_with_twink", points.with_twinks(player["id"], balance["multidkp_id"])),
            ):
                for name in ("current", "earned", "spent", "adjustment"):
                    shown = balance[f"points_{name}{suffix}"]
                    assert from_cents(getattr(figures, name)) == Decimal(shown), (player["name"], name + suffix)
                    compared += 1
    return compared


@needs_oracle
def test_every_figure_equals_what_the_real_installation_answered() -> None:
    with read_dump(legacy_data.dump()) as snapshot:
        assert compare_with_oracle(snapshot) == 160 * 2 * 8


@needs_oracle
def test_the_api_exports_give_the_same_figures() -> None:
    names = ["api_points_items_adjustments.json.gz", "api_raids.json.gz", "api_events.json.gz"]
    with open_source([str(legacy_data.path(name)) for name in names]) as snapshot:
        assert compare_with_oracle(snapshot) == 160 * 2 * 8
        links = {(link.pool_id, link.itempool_id) for link in snapshot.rows(r.POOL_ITEM_POOLS)}
    # The export claims item pool 1 for pool 2 as well; the figures say otherwise.
    assert links == {(1, 1), (1, 3), (2, 2), (2, 3)}


@needs_oracle
def test_exports_that_leave_out_what_balances_are_made_of_are_refused() -> None:
    with pytest.raises(NotEqdkp, match="memberdata=items,adjustments"):
        open_source([str(legacy_data.path("api_points.xml.gz")), str(legacy_data.path("api_raids.json.gz"))])
    with pytest.raises(NotEqdkp, match="no export of “raids”"):
        open_source([str(legacy_data.path("api_points_items_adjustments.json.gz"))])
    with pytest.raises(NotEqdkp, match="“points” is missing"):
        open_source([str(legacy_data.path("api_raids.json.gz"))])


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        ('{"status":0,"error":"access denied"}', NotEqdkp, "error answer"),
        ('{"players":{"player:1":', TruncatedDump, "not complete JSON"),
        ("<response><players>", TruncatedDump, "not complete XML"),
        ('<!DOCTYPE r [<!ENTITY a "b">]><response>&a;</response>', NotEqdkp, "document type"),
        ('{"hello":1}', NotEqdkp, "not an export of"),
    ],
)
def test_what_is_no_export_is_refused(tmp_path: Path, content: str, kind: type[LegacyRefused], said: str) -> None:
    path = tmp_path / "x"
    path.write_text(content)
    with pytest.raises(kind, match=said):
        open_source([str(path)])


def mysql_address() -> tuple[str, int]:
    return os.environ.get("LEGACY_MYSQL_HOST", "127.0.0.1"), int(os.environ.get("LEGACY_MYSQL_PORT", "3306"))


@pytest.fixture
def mysql_database():  # type: ignore[no-untyped-def]
    """A database of our own on the local MySQL or MariaDB; skipped without one unless CI promised it."""
    host, port = mysql_address()
    name = f"legacy_test_{os.getpid()}"
    try:
        connection = pymysql.connect(
            host=host, port=port, user="root", password="", connect_timeout=3, charset="utf8mb4"
        )
    except pymysql.MySQLError as error:
        if legacy_data.REQUIRED:
            raise
        pytest.skip(f"no MySQL here: {error}")
    with connection, connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE IF EXISTS {name}")
        cursor.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        connection.select_db(name)
        yield cursor, f"mysql://root@{host}:{port}/{name}"
        cursor.execute(f"DROP DATABASE {name}")


def load(cursor: pymysql.cursors.Cursor, guild: LegacyGuild) -> None:
    for statement in guild.sql().decode().split(";\n"):
        lines = [line for line in statement.splitlines() if line and not line.startswith("--")]
        if lines:
            cursor.execute("\n".join(lines))
    cursor.connection.commit()


def test_a_running_database_reads_like_its_dump(mysql_database, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    cursor, url = mysql_database
    load(cursor, sample_guild())
    with open_source([url]) as live, read_dump(sample_guild().write(tmp_path / "d.sql")) as dumped:
        for spec in r.SPECS:
            assert list(live.rows(spec)) == list(dumped.rows(spec)), spec.name


def test_a_database_without_eqdkp_is_refused(mysql_database) -> None:  # type: ignore[no-untyped-def]
    cursor, url = mysql_database
    with pytest.raises(NotEqdkp, match="has no tables"):
        open_source([url])
    cursor.execute("CREATE TABLE wp_posts (id int)")
    with pytest.raises(NotEqdkp, match="not an EQdkp Plus database"):
        open_source([url])


@pytest.mark.parametrize(
    "url", ["mysql://root@127.0.0.1:1/x", "mysql://root@127.0.0.1", "mysql://root@127.0.0.1:99999/x"]
)
def test_a_database_that_does_not_answer_is_said_so(url: str) -> None:
    with pytest.raises(UnreadableSource):
        open_source([url])
