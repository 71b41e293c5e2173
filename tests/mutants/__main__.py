"""`make mutants`: take out each guard in a copy of the tree, run its tests there, and report those that no test misses.

Everything that git knows or would add is copied, so what is not committed yet counts too. The tests of all guards first run
with every guard in place: a test that fails then says nothing. The working tree itself is never changed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests import bytecode
from tests.mutants.guards import ROOT, Guard, load
from tests.run_suite import POSTGRES, database_is_reachable

TIMEOUT = 600  # seconds for the tests of one guard


def copy_tree(target: Path) -> None:
    """Copy the working tree to `target`, without what git ignores."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, check=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.decode().split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    (target / "var").mkdir(exist_ok=True)


def run_tests(root: Path, tests: Sequence[str], *, needs: str) -> tuple[int, str]:
    """Run `tests` in the tree at `root` until one fails; pytest's exit code and the last lines of its output."""
    environment = {**os.environ, "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1", bytecode.SWITCHED_OFF: "1"}
    environment.pop("PYTHONPYCACHEPREFIX", None)
    environment.pop("DATABASE_URL", None)
    if needs == "postgresql":
        environment["DATABASE_URL"] = POSTGRES
    command = [sys.executable, "-m", "pytest", "-x", "-q", "--tb=line", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return 1, f"no end after {TIMEOUT} seconds"  # a guard against waiting for ever: it is missed
    return done.returncode, "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])


def judge(root: Path, guard: Guard) -> str:
    """Take `guard` out, run its tests, put it back: empty if a test failed, else what is wrong."""
    if problem := guard.problem(root):
        return problem
    before = guard.take_out(root)
    try:
        code, output = run_tests(root, guard.tests, needs=guard.needs)
    finally:
        (root / guard.file).write_text(before)
    if code == 1:
        return ""
    if code == 0:
        return "SURVIVED: its tests pass without it"
    return f"its tests could not be run (pytest ended with {code})\n{output}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("-k", metavar="TEXT", default="", help="only guards with this in their name, file or list")
    parser.add_argument("--list", action="store_true", help="name them, run nothing")
    chosen = parser.parse_args()
    guards = [one for one in load() if chosen.k in f"{one.name} {one.file} {one.source}"]
    if chosen.list:
        print("\n".join(f"{one.source}: {one.name}" for one in guards))
        return 0
    without_server = database_is_reachable(POSTGRES) if any(one.needs for one in guards) else ""
    skipped = [one for one in guards if one.needs and without_server]
    guards = [one for one in guards if one not in skipped]
    failed: list[Guard] = []
    with tempfile.TemporaryDirectory(prog := "guildhall-mutants-") as folder:
        root = Path(folder)
        copy_tree(root)
        for needs in sorted({one.needs for one in guards}):
            tests = sorted({test for one in guards if one.needs == needs for test in one.tests})
            code, output = run_tests(root, tests, needs=needs)
            if code != 0:
                print(f"{prog}: the tests fail with every guard in place:\n{output}")
                return 2
        for number, guard in enumerate(guards, 1):
            begun = time.monotonic()
            problem = judge(root, guard)
            took = time.monotonic() - begun
            print(f"{number:3}/{len(guards)} {guard.name} ({took:.0f} s): {problem or 'noticed'}", flush=True)
            if problem:
                failed.append(guard)
    for guard in skipped:
        print(f"skipped {guard.name}: {without_server}")
    print(f"{len(guards)} guards taken out, {len(guards) - len(failed)} noticed by a test, {len(failed)} not")
    required = os.environ.get("REQUIRE_SERVICES", "") not in ("", "0")
    return 1 if failed or (skipped and required) else 0


if __name__ == "__main__":
    sys.exit(main())
