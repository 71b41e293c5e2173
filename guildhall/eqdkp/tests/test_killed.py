"""Killed at any moment and started again, an import ends as if nothing had happened. With real processes and kills."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from .maker import big_guild

ROOT = Path(__file__).resolve().parents[3]
KILLS = 10

#: Everything an import brings, without keys, ids and times of writing: the same for every way of getting there.
STATE = {
    "people": "SELECT username, display_name, is_active, is_placeholder FROM accounts_user ORDER BY 1",
    "characters": "SELECT c.name, u.username, c.is_main, m.name, c.level, c.status FROM roster_character c LEFT JOIN "
    "accounts_user u ON u.id = c.user_id LEFT JOIN roster_character m ON m.id = c.main_character_id ORDER BY 1",
    "raids": "SELECT started_at, name, points, notes, reversed_at FROM raids_raid ORDER BY 1, 2",
    "attendance": "SELECT r.started_at, a.character_name, u.username, a.points, a.credited_user_id IS NULL, a.reversed_at "
    "FROM raids_raidattendance a JOIN raids_attendancecheck k ON k.id = a.attendance_check_id JOIN raids_raid r ON r.id = "
    "k.raid_id JOIN accounts_user u ON u.id = a.user_id ORDER BY 1, 2, 3",
    "loot": "SELECT item_name, character_name, points_spent, awarded_at, reversed_at FROM loot_lootdistribution "
    "ORDER BY 1, 2, 3, 4",
    "adjustments": "SELECT character_name, amount, reason, occurred_at FROM points_pointadjustment ORDER BY 1, 2, 3, 4",
    "entries": "SELECT u.username, p.name, e.kind, e.bucket, e.amount, e.occurred_at, e.character_name, e.description FROM "
    "points_ledgerentry e JOIN accounts_user u ON u.id = e.user_id JOIN points_dkppool p ON p.id = e.pool_id "
    "ORDER BY 1, 2, 3, 4, 5, 6, 7, 8",
    "balances": "SELECT u.username, p.name, s.earned, s.spent, s.adjusted, s.balance FROM points_userpointssummary s JOIN "
    "accounts_user u ON u.id = s.user_id JOIN points_dkppool p ON p.id = s.pool_id ORDER BY 1, 2",
    "records": "SELECT kind, legacy_id, content, state FROM eqdkp_legacyrecord ORDER BY 1, 2",
}  # fmt: skip


def environment(folder: Path) -> dict[str, str]:
    return {
        **{k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")},
        "GUILDHALL_VAR": str(folder), "GUILDHALL_IGNORE_ENV_FILE": "1", "DATABASE_URL": f"sqlite:///{folder}/db.sqlite3",
        "REDIS_URL": "",
    }  # fmt: skip


def manage(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.Popen(
        command, env=environment(folder), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def finish(folder: Path, *arguments: str) -> str:
    process = manage(folder, *arguments)
    output = process.communicate(timeout=900)[0].decode()
    assert process.returncode == 0, output[-3000:]
    return output


def state(folder: Path) -> dict[str, str]:
    with sqlite3.connect(folder / "db.sqlite3") as connection:
        return {
            name: hashlib.sha256(repr(connection.execute(query).fetchall()).encode()).hexdigest()
            for name, query in STATE.items()
        }


@pytest.mark.slow
def test_killed_at_ten_random_moments_the_result_is_the_same(tmp_path: Path) -> None:
    dump = big_guild(members=60, raids=500, attendances=12_500, items=1_500).write(tmp_path / "guild.sql.gz")
    template = tmp_path / "template"
    template.mkdir()
    finish(template, "migrate", "-v0")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    for folder in (whole, broken):
        folder.mkdir()
        (folder / "db.sqlite3").write_bytes((template / "db.sqlite3").read_bytes())
    began = time.monotonic()
    finish(whole, "import_eqdkp", str(dump), "--commit", "--no-progress")
    took = time.monotonic() - began
    rng = random.Random(os.environ.get("KILL_SEED", "20"))
    killed = 0
    for _ in range(KILLS):
        process = manage(broken, "import_eqdkp", str(dump), "--commit", "--no-progress")
        try:
            # Each part begins where the last one ended, so the moments spread over the whole import.
            process.communicate(timeout=rng.uniform(0.25, 0.8) * took)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            killed += 1
    output = finish(broken, "import_eqdkp", str(dump), "--commit", "--no-progress")
    assert killed >= 3, "the import was too fast to be killed"
    assert "0 unexplained" in output
    assert state(broken) == state(whole)
    assert "adds up" in finish(broken, "verify_ledger")
