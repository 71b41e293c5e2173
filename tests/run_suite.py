"""`make test`: the whole suite on every database that is there, what was skipped and why, and the coverage.

1. PostgreSQL with Redis: every test but the browsers. It records which tests send the statements whose meaning the
   database decides (`tests/statements.py`); `make test` fails if no test that runs on every database sends one of them.
2. SQLite: the tests marked ``every_database``, and the browsers. Where there is no PostgreSQL, everything.
3. MariaDB: the tests marked ``every_database``.

A server that does not answer is skipped and said; with `REQUIRE_SERVICES=1` (CI) it is a failure, and so is a test that
ran on no database at all.

Coverage is measured in the round that runs every test, on a part of them (`tests/tracing.py`), and of the ledger in each:
at least 90 % of `guildhall/`, and every branch of the ledger. Last come the slowest twenty tests.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests import bytecode, statements, tracing

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
REQUIRED = os.environ.get("REQUIRE_SERVICES", "") not in ("", "0")
POSTGRES = os.environ.get("TEST_POSTGRES_URL", "postgres://postgres@127.0.0.1:5432/postgres")
MARIADB = os.environ.get("TEST_MYSQL_URL", "mysql://root@127.0.0.1:3306/test")
REDIS = os.environ.get("TEST_REDIS_URL", "redis://127.0.0.1:6379/8")
CORES = os.environ.get("TEST_PROCESSES", str(min(4, os.cpu_count() or 1)))
COVERAGE = ["--cov=guildhall", "--cov-append", "--cov-report="]
LEAST_COVERAGE = 90
SLOWEST = 20
LEDGER = "guildhall/points/ledger/*"
LEDGER_TESTS = "guildhall/points/"


def say(line: str = "") -> None:
    """One line for who watches."""
    print(line, flush=True)


def answers(url: str) -> bool:
    """Whether something listens at the host and port of `url`."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 0), timeout=3):
            return True
    except OSError:
        return False


def database_is_reachable(url: str) -> str:
    """Empty if Django can talk to the database at `url`, else why it cannot."""
    if not answers(url):
        return f"no server answers at {urlsplit(url).hostname}:{urlsplit(url).port}"
    code = "import django; django.setup(); from django.db import connection; connection.ensure_connection()"
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings", "REDIS_URL": ""}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
    )
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["cannot connect"])[-1]


def mysqlclient() -> str:
    """Empty once mysqlclient can be imported; it is compiled here if it can be. Else why not."""
    if subprocess.run([sys.executable, "-c", "import MySQLdb"], capture_output=True).returncode == 0:
        return ""
    if shutil.which("mariadb_config") is None and shutil.which("mysql_config") is None:
        return "mysqlclient is compiled and needs libmariadb-dev, pkg-config and gcc"
    done = subprocess.run(
        [sys.executable, ROOT / "requirements" / "install.py", "mysql"], capture_output=True, text=True
    )
    return (
        "" if done.returncode == 0 else f"mysqlclient could not be installed: {done.stdout[-300:]}{done.stderr[-300:]}"
    )


@dataclass(slots=True)
class Round:
    """One run of pytest: its name, its environment, its arguments, and how it ended."""

    name: str
    environment: dict[str, str]
    arguments: list[str]
    missing: str = ""
    code: int = 0
    seconds: float = 0.0
    outcomes: dict[str, str] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)

    def count(self, outcome: str) -> int:
        """How many tests ended so."""
        return sum(one == outcome for one in self.outcomes.values())


def rounds() -> list[Round]:
    """What there is to run, each with the reason why it cannot be where it cannot."""
    no_redis = "" if answers(REDIS) else "no Redis answers"
    redis = "" if no_redis else REDIS
    no_postgresql = database_is_reachable(POSTGRES) or (no_redis if REQUIRED else "")
    no_mariadb = database_is_reachable(MARIADB) if not (lacks := mysqlclient()) else lacks
    return [
        Round(
            "PostgreSQL, Redis" if redis else "PostgreSQL",
            {"DATABASE_URL": POSTGRES, "REDIS_URL": redis, statements.VARIABLE: str(statements.RECORDING)},
            [*COVERAGE, "-m", "not browser"],
            missing=no_postgresql,
        ),
        Round(
            "SQLite",
            {"DATABASE_URL": "", "REDIS_URL": "", tracing.VARIABLE: "" if no_postgresql else LEDGER_TESTS},
            [*COVERAGE, *([] if no_postgresql else ["-m", "every_database or browser"])],
        ),
        Round(
            "MariaDB",
            {"DATABASE_URL": MARIADB, "REDIS_URL": "", tracing.VARIABLE: LEDGER_TESTS},
            [*COVERAGE, "-m", "every_database"],
            missing=no_mariadb,
        ),
    ]


def run(one: Round) -> None:
    """Run pytest for `one`."""
    report = ROOT / "var" / f"tests-{one.name.split(',')[0].lower()}.xml"
    report.parent.mkdir(exist_ok=True)
    report.unlink(missing_ok=True)
    environment = {
        name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL", "DEBUG")
    }
    environment |= {name: value for name, value in one.environment.items() if value}
    environment |= {
        "GUILDHALL_IGNORE_ENV_FILE": "1",
        "TEST_POSTGRES_URL": POSTGRES,
        "TEST_REDIS_URL": REDIS,
        **bytecode.environment(),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-m", "pytest", "-n", CORES, "--dist", "worksteal", f"--junitxml={report}"]
    command += ["-o", "junit_family=xunit1", *one.arguments]
    say(f"\n=== {one.name} ===")
    begun = time.monotonic()
    one.code = subprocess.run([*command, *sys.argv[1:]], cwd=ROOT, env=environment).returncode
    one.seconds = time.monotonic() - begun
    if report.exists():
        for case in ET.parse(report).getroot().iter("testcase"):
            ended = next((kind.tag for kind in case if kind.tag in ("failure", "error", "skipped")), "passed")
            name = f"{case.get('file') or case.get('classname')}::{case.get('name')}"
            one.outcomes[name] = ended
            one.times[name] = float(case.get("time") or 0)


def say_slowest(ran: list[Round]) -> None:
    """Print the tests that took longest, with their fixtures, each in the round where it did."""
    say(f"\n=== The slowest {SLOWEST} ===")
    times = [(seconds, one.name, name) for one in ran for name, seconds in one.times.items()]
    for seconds, where, name in sorted(times, reverse=True)[:SLOWEST]:
        say(f"{seconds:6.1f} s  {where}: {name}")


def marks_ok(ran: list[Round]) -> bool:
    """Print which statements are sent on PostgreSQL alone, and say whether there are none."""
    if not any(statements.VARIABLE in one.environment for one in ran):
        return True
    problems = statements.check(statements.recorded(), statements.chosen_ids())
    if problems:
        say("\n=== Statements that no test sends on every database (tests/statements.py) ===")
        say("\n".join(problems))
    return not problems


def coverage_ok() -> bool:
    """Print the coverage of guildhall/ and say whether it is enough."""
    say("\n=== Coverage of guildhall/ ===")
    tool = [str(BIN / "coverage")]
    if list(ROOT.glob(".coverage.*")):
        subprocess.run([*tool, "combine", "--append", "--quiet"], cwd=ROOT)
    whole = subprocess.run([*tool, "report", f"--fail-under={LEAST_COVERAGE}", "--sort=cover"], cwd=ROOT)
    ledger = subprocess.run([*tool, "report", f"--include={LEDGER}", "--fail-under=100", "--show-missing"], cwd=ROOT)
    if whole.returncode:
        say(f"guildhall/ is covered by less than {LEAST_COVERAGE} %.")
    if ledger.returncode:
        say(f"{LEDGER}: a branch is not covered.")
    return not (whole.returncode or ledger.returncode)


def main() -> int:
    """Run the rounds, then say in a few lines how it stands."""
    for old in ROOT.glob(".coverage*"):
        if old.is_file():
            old.unlink()
    for old in statements.RECORDING.glob("*.json"):
        old.unlink()
    planned = rounds()
    for one in planned:
        if not one.missing:
            run(one)
    ran = [one for one in planned if not one.missing]
    # A part of the suite, as its arguments ask for, neither reaches everything nor covers it.
    enough = coverage_ok() if not sys.argv[1:] else True
    marked = marks_ok(ran) if not sys.argv[1:] else True
    say_slowest(ran)
    say("\n=== Summary ===")
    for one in planned:
        if one.missing:
            say(f"{one.name}: SKIPPED: {one.missing}")
        else:
            counts = ", ".join(f"{one.count(kind)} {kind}" for kind in ("passed", "failure", "error", "skipped"))
            say(f"{one.name}: {counts} in {one.seconds:.0f} s")
    everywhere = {name for one in ran for name in one.outcomes}
    passed = {name for one in ran for name, outcome in one.outcomes.items() if outcome == "passed"}
    failed = {name for one in ran for name, outcome in one.outcomes.items() if outcome in ("failure", "error")}
    nowhere = sorted(everywhere - passed - failed)
    for name in nowhere:
        say(f"ran nowhere: {name}")
    problems = [f"{one.name} failed" for one in ran if one.code]
    if REQUIRED:
        problems += [f"{one.name} is required: {one.missing}" for one in planned if one.missing]
        problems += [f"{len(nowhere)} tests ran on no database"] if nowhere else []
    if not enough:
        problems.append("coverage is too low")
    if not marked:
        problems.append("some statements are tested on PostgreSQL alone")
    for problem in problems:
        say(f"FAILED: {problem}")
    say(
        f"{sum(one.count('passed') for one in ran)} passed, "
        f"{sum(one.count('failure') + one.count('error') for one in ran)} failed, {len(nowhere)} skipped"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
