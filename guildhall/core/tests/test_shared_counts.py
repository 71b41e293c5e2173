"""Without Redis, limits are counted by all processes of the machine together (`core/shared_counts.py`)."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from guildhall.core.cache import count, forget, peek, uncount
from guildhall.core.shared_counts import SharedCounts

_COUNTING = """
import sys
from pathlib import Path
from guildhall.core.shared_counts import SharedCounts
counts = SharedCounts(Path(sys.argv[1]))
for _ in range(200):
    counts.count("limit", 60, 1)
"""


@pytest.fixture
def _in_a_file(settings: Any, tmp_path: Path) -> None:
    """Counts as on a server without Redis, also where the tests have one."""
    settings.CACHES = {"default": {"BACKEND": "guildhall.core.cache.CountingLocMemCache"}}
    settings.COUNTS_FILE = str(tmp_path / "counts.sqlite3")


def test_processes_count_together(tmp_path: Path) -> None:
    path = tmp_path / "counts.sqlite3"
    running = [subprocess.Popen([sys.executable, "-c", _COUNTING, str(path)]) for _ in range(3)]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    assert SharedCounts(path).peek("limit")[0] == 600


def test_threads_count_together(tmp_path: Path) -> None:
    counts = SharedCounts(tmp_path / "counts.sqlite3")

    def run() -> None:
        for _ in range(50):
            counts.count("limit", 60, 2)

    threads = [threading.Thread(target=run) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert counts.peek("limit")[0] == 400


def test_a_count_runs_out_and_begins_anew(tmp_path: Path) -> None:
    counts = SharedCounts(tmp_path / "counts.sqlite3")
    assert counts.count("limit", 0.05, 1)[0] == 1
    assert counts.count("limit", 60, 1)[0] == 2  # still of the first time
    time.sleep(0.06)
    assert counts.peek("limit") == (0, 0.0)
    assert counts.count("limit", 60, 1)[0] == 1


def test_what_has_run_out_is_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guildhall.core.shared_counts.CLEAN_EVERY", 3)
    counts = SharedCounts(tmp_path / "counts.sqlite3")
    counts.count("old", -1, 1)
    for _ in range(2):
        counts.count("new", 60, 1)
    assert counts._connection().execute("SELECT name FROM counts").fetchall() == [("new",)]


@pytest.mark.usefixtures("_in_a_file")
def test_limits_are_counted_in_the_file(settings: Any) -> None:
    assert [count("a", seconds=60).number for _ in "123"] == [1, 2, 3]
    assert SharedCounts(Path(settings.COUNTS_FILE)).peek("a")[0] == 3
    uncount("a")
    assert peek("a").number == 2
    forget("a")
    assert peek("a").number == 0


@pytest.mark.usefixtures("_in_a_file")
def test_where_the_file_cannot_be_used_the_process_counts(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "in the way").write_text("")
    settings.COUNTS_FILE = str(tmp_path / "in the way" / "counts.sqlite3")
    assert [count("b", seconds=60).number for _ in "123"] == [1, 2, 3]
    assert peek("b").number == 3
