"""Which tests run on every database: those that together reach every statement whose meaning the database decides.

The PostgreSQL round runs every test and records, per test, the places in `guildhall/` that sent such a statement and its
kinds (`KINDS`): a lock, an upsert, a text search, an order of text or NULLs, a sum, a refused row. `choose` takes a cheap
set of tests that reaches every (place, kind) which the tests marked by hand do not; their ids stand in
`tests/every_database.txt`, and `conftest.py` marks them ``every_database``. `missed` returns the (place, kind) that no such test
reaches; `make test` fails with them.

    python -m tests.statements --check    # what the last PostgreSQL round recorded, against the marks
    python -m tests.statements --write    # adds to the list what is missing
    python -m tests.statements --anew     # chooses the whole list again
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import heapq
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
CHOSEN = ROOT / "tests" / "every_database.txt"
RECORDING = ROOT / "var" / "statements"
#: Set by `tests/run_suite.py` for the PostgreSQL round: the folder that each process writes its recording into.
VARIABLE = "GUILDHALL_RECORD_STATEMENTS"
#: Seconds that any test costs beside its own time (fixtures that another test would have shared, reports).
FIXED_COST = 0.05
#: How many tests are to send each statement on every database, where so many send it: a function is called in several ways.
DEPTH = 3
#: Seconds from which a test is long: one is chosen only for what no other test reaches.
LONG = 4.0

#: What a statement does whose meaning, or whose spelling by Django, differs between the databases.
KINDS = {
    "lock": r"\bFOR (?:NO KEY )?(?:UPDATE|SHARE)\b|\bpg_(?:try_)?advisory|\bLOCK TABLE\b",
    "json": r"->|#>|@>|\bjsonb?_|::jsonb?\b",
    "time": r"\bDATE_TRUNC\b|\bEXTRACT\b|\bAT TIME ZONE\b|\bINTERVAL\b|::date\b|\bMAKE_INTERVAL\b",
    "text": r"\bI?LIKE\b|\bUPPER\(|\bLOWER\(|\bSUBSTRING?\(|\bREPLACE\(|\bCONCAT|\|\||\bLPAD\(| ~\*? |\bCOLLATE\b",
    "upsert": r"\bON CONFLICT\b",
    "bulk insert": r"\AINSERT\b.*(?:\bUNNEST\(|\), \()",
    "window": r"\bOVER \(",
    "aggregate": r"\b(?:SUM|AVG|MAX|MIN|STRING_AGG|ARRAY_AGG|BOOL_OR|BOOL_AND)\(|\bGROUP BY\b|\bCASE WHEN\b",
    "arithmetic": r" / |\bROUND\(|\bABS\(|\bGREATEST\(|\bLEAST\(| %% ",
    "write by a subquery": r"\A(?:UPDATE|DELETE)\b.*\bSELECT\b",
    "combined": r"\b(?:UNION|INTERSECT|EXCEPT)\b",
    "schema": r"\A\s*(?:CREATE|ALTER|DROP|TRUNCATE|PRAGMA|SET)\b",
}
_KINDS = {kind: re.compile(pattern, re.IGNORECASE | re.DOTALL) for kind, pattern in KINDS.items()}
_ORDER = re.compile(r"\bORDER BY (.+?)(?:\bLIMIT\b|\bFOR\b|\bOFFSET\b|\)|\Z)", re.DOTALL)
_COLUMN = re.compile(r'\A"(\w+)"\."(\w+)"')
#: Found by the recorder, not in the statement's text: sent by our own `cursor.execute`, refused by a constraint or else.
RAW, CONSTRAINT, REFUSED = "raw", "constraint", "refused"
#: An order of text (collations) or of a column that may be NULL (first or last).
ORDER = "order"

_GUILDHALL = str(ROOT / "guildhall") + os.sep
_BACKENDS = str(ROOT / "guildhall" / "core" / "databases") + os.sep
_TESTS = str(ROOT / "tests") + os.sep
#: Where Django and REST framework hold the view that is being answered, for queries that no code of ours sent directly.
_VIEWS = {
    ("rest_framework/views.py", "dispatch"),
    ("django/contrib/admin/options.py", "changelist_view"),
    ("django/contrib/admin/options.py", "changeform_view"),
    ("django/contrib/admin/options.py", "delete_view"),
}


@functools.lru_cache(maxsize=20_000)
def kinds(sql: str) -> tuple[str, ...]:
    """Return the `KINDS` of a statement in PostgreSQL's spelling, and `ORDER`; most statements are of none."""
    found = [kind for kind, pattern in _KINDS.items() if pattern.search(sql)]
    if any(_order_differs(part) for clause in _ORDER.findall(sql) for part in clause.split(", ")):
        found.append(ORDER)
    return tuple(found)


def _order_differs(part: str) -> bool:
    """Return whether the databases may order by `part` (a column, or an expression, of ORDER BY) differently."""
    if part.startswith("("):
        return True
    column = _COLUMN.match(part)
    if column is None:
        return True
    return _columns().get((column[1], column[2]), False)


@functools.cache
def _columns() -> dict[tuple[str, str], bool]:
    """Return by table and column whether it holds text or NULLs."""
    from django.apps import apps
    from django.db.models import CharField, TextField

    return {
        (model._meta.db_table, one.column): isinstance(one, CharField | TextField) or one.null
        for model in apps.get_models(include_auto_created=True)
        for one in model._meta.concrete_fields
    }


@functools.cache
def _label(code: CodeType) -> str:
    """Return ``guildhall/…:function`` for our own code, "stop" where the tests begin, "view" for `_VIEWS`, else ""."""
    name = code.co_filename
    if name == __file__:  # a recorder of a recorder, in the tests of this module
        return ""
    if name.startswith(_TESTS) or (name.startswith(_GUILDHALL) and f"{os.sep}tests{os.sep}" in name):
        return "stop"
    if name.startswith(_BACKENDS):  # every statement passes through them; their own has tests of its own
        return "stop" if code.co_name == "store_revisions" else ""
    if name.startswith(_GUILDHALL):
        function = code.co_qualname.split(".<locals>")[0]
        return f"{name[len(str(ROOT)) + 1 :].replace(os.sep, '/')}:{function}"
    if any(name.endswith(file) and code.co_name == function for file, function in _VIEWS):
        return "view"
    return ""


def place(frame: FrameType | None) -> str:
    """Return who sent a statement: the innermost function in `guildhall/`, and for one of `core/` who called it.

    Empty where a test or a migration sent it itself.
    """
    inner = ""
    while frame is not None:
        label = _label(frame.f_code)
        if label == "stop" or "/migrations/" in label:
            break
        if label == "view":
            view = type(frame.f_locals.get("self"))
            if view.__module__.startswith("guildhall."):
                name = f"{view.__module__}.{view.__qualname__}"
                return f"{inner} for {name}" if inner else name
        elif label:
            is_generic = label.startswith("guildhall/core/") or "/middleware.py:" in label
            if not inner:
                inner = label
            if not is_generic:
                return label if inner == label else f"{inner} for {label}"
        frame = frame.f_back
    return inner


def _is_raw(frame: FrameType | None) -> bool:
    """Return whether code of ours called `cursor.execute` itself."""
    passed_through = (__file__, os.path.join("django", "db", "backends", "utils.py"), f"{_BACKENDS}revised.py")
    while frame is not None and frame.f_code.co_filename.endswith(passed_through):
        frame = frame.f_back
    return frame is not None and _label(frame.f_code).startswith("guildhall/")


Pair = tuple[str, str]


@dataclass(slots=True)
class Recorded:
    """One test: what it took, whether it is marked by hand (or by its folder), whether it passed, and what it reached."""

    seconds: float = 0.0
    is_marked: bool = False
    has_passed: bool = False
    pairs: set[Pair] = field(default_factory=set)


class Recorder:
    """A pytest plugin that records the (place, kind) of each test in this process and writes them at the end."""

    def __init__(self, folder: Path, worker: str) -> None:
        self.path = folder / f"{worker}.json"
        self.tests: dict[str, Recorded] = {}
        self.current: Recorded | None = None
        self.chosen = chosen_ids()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """Attribute what is sent until the test's end to it, its fixtures included."""
        by_hand = item.get_closest_marker("every_database") is not None and item.nodeid not in self.chosen
        self.current = self.tests[item.nodeid] = Recorded(is_marked=by_hand)
        begun = time.monotonic()
        try:
            return (yield)
        finally:
            self.current.seconds += round(time.monotonic() - begun, 3)
            self.current = None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep whether the test ran and passed."""
        if report.when == "call" and report.nodeid in self.tests:
            self.tests[report.nodeid].has_passed = report.passed

    def pytest_sessionfinish(self) -> None:
        """Write what was recorded."""
        if not self.tests:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(dumps(self.tests))

    def wrapper(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        """Record a statement, as an `execute_wrapper` of a connection, and run it."""
        current = self.current
        if current is None:
            return execute(sql, params, many, context)
        found = list(kinds(str(sql)))
        try:
            result = execute(sql, params, many, context)
        except Exception as error:
            found.append(CONSTRAINT if type(error).__name__ == "IntegrityError" else REFUSED)
            self.add(current, found)
            raise
        self.add(current, found)
        return result

    def add(self, current: Recorded, found: list[str]) -> None:
        """Add the pairs of a statement that the caller's caller sent."""
        sender = sys._getframe(2)
        if _is_raw(sender):
            found.append(RAW)
        if found and (where := place(sender)):
            current.pairs.update((where, kind) for kind in found)

    def listen(self, connection: Any, **_: Any) -> None:
        """Install `wrapper` on a connection that was opened (`connection_created`)."""
        if self.wrapper not in connection.execute_wrappers:
            connection.execute_wrappers.append(self.wrapper)


_recorder: Recorder | None = None


@contextmanager
def paused() -> Iterator[None]:
    """Record nothing meanwhile: the making of the test database is no test's."""
    if _recorder is None:
        yield
        return
    kept, _recorder.current = _recorder.current, None
    begun = time.monotonic()
    try:
        yield
    finally:
        _recorder.current = kept
        if kept is not None:
            kept.seconds -= round(time.monotonic() - begun, 3)


def install(config: pytest.Config) -> None:
    """Record in this process, where `VARIABLE` asks for it."""
    global _recorder
    folder = os.environ.get(VARIABLE)
    if not folder:
        return
    from django.db.backends.signals import connection_created

    _recorder = Recorder(Path(folder), os.environ.get("PYTEST_XDIST_WORKER", "main"))
    config.pluginmanager.register(_recorder, "statements")
    connection_created.connect(_recorder.listen, weak=False)


def dumps(tests: Mapping[str, Recorded]) -> str:
    """Return a recording as JSON, each pair written once."""
    pairs = sorted({pair for one in tests.values() for pair in one.pairs})
    numbers = {pair: number for number, pair in enumerate(pairs)}
    rows = {
        name: [one.seconds, one.is_marked, one.has_passed, sorted(numbers[pair] for pair in one.pairs)]
        for name, one in tests.items()
    }
    return json.dumps({"pairs": pairs, "tests": rows})


def loads(text: str) -> dict[str, Recorded]:
    """Return the recording that `dumps` wrote."""
    read = json.loads(text)
    pairs = [(where, kind) for where, kind in read["pairs"]]
    return {
        name: Recorded(seconds, is_marked, has_passed, {pairs[number] for number in numbers})
        for name, (seconds, is_marked, has_passed, numbers) in read["tests"].items()
    }


def recorded(folder: Path = RECORDING) -> dict[str, Recorded]:
    """Return what the processes of the last PostgreSQL round wrote into `folder`."""
    found: dict[str, Recorded] = {}
    for path in sorted(folder.glob("*.json")):
        found |= loads(path.read_text())
    return found


def missed(tests: Mapping[str, Recorded]) -> dict[Pair, str]:
    """Return the pairs that no marked test reached, each with the cheapest test that does."""
    reached = {pair for one in tests.values() if one.is_marked for pair in one.pairs}
    found: dict[Pair, str] = {}
    for name, one in sorted(tests.items(), key=lambda named: (named[1].seconds, named[0])):
        for pair in one.pairs - reached:
            found.setdefault(pair, name)
    return found


def choose(tests: Mapping[str, Recorded], depth: int = DEPTH) -> list[str]:
    """Return ids of unmarked tests so that, with the marked ones, each pair is reached by `depth` tests, or by all there are.

    Long ones (`LONG`) are not counted in where another test reaches the pair.
    At each step the test is taken that reaches the most pairs a second which are not reached often enough.
    """
    candidates = {
        name: one.pairs for name, one in tests.items() if not one.is_marked and one.has_passed and name.isprintable()
    }
    marked = Counter(pair for one in tests.values() if one.is_marked for pair in one.pairs)
    short = Counter(pair for name, pairs in candidates.items() if tests[name].seconds < LONG for pair in pairs)
    need = {
        pair: min(depth - marked[pair], max(short[pair], 1 - marked[pair]))
        for pairs in candidates.values()
        for pair in pairs
        if marked[pair] < depth
    }

    def worth(name: str) -> float:
        return sum(need.get(pair, 0) > 0 for pair in candidates[name]) / (tests[name].seconds + FIXED_COST)

    heap = [(-worth(name), name) for name in candidates]
    heapq.heapify(heap)
    chosen: list[str] = []
    while heap:
        before, name = heapq.heappop(heap)
        now = -worth(name)
        if not now:
            continue
        if now > before:  # others have taken some of its pairs: back into the queue, at what it is worth now
            heapq.heappush(heap, (now, name))
            continue
        chosen.append(name)
        for pair in candidates[name]:
            if pair in need:
                need[pair] -= 1
    return sorted(_needed(tests, chosen, need))


def _needed(tests: Mapping[str, Recorded], chosen: list[str], need: Mapping[Pair, int]) -> list[str]:
    """Return `chosen` without those, the dearest first, whose pairs the others reach often enough (`need` below zero)."""
    spare = {pair: -count for pair, count in need.items()}
    kept = set(chosen)
    for name in sorted(chosen, key=lambda name: (-tests[name].seconds, name)):
        pairs = [pair for pair in tests[name].pairs if pair in spare]
        if all(spare[pair] > 0 for pair in pairs):
            kept.remove(name)
            for pair in pairs:
                spare[pair] -= 1
    return sorted(kept)


def chosen_ids(path: Path = CHOSEN) -> set[str]:
    """Return the test ids of `tests/every_database.txt`."""
    return {line for line in path.read_text().splitlines() if line and not line.startswith("# ")}


HEADING = """# Tests that run on SQLite and MariaDB too, beside those marked every_database: together they reach every statement whose
# meaning the database decides. Chosen by `make test-places` (tests/statements.py); not edited by hand.
"""


def write(ids: Collection[str], path: Path = CHOSEN) -> None:
    """Write `tests/every_database.txt`."""
    path.write_text(HEADING + "".join(f"{name}\n" for name in sorted(ids)))


def with_chosen(tests: Mapping[str, Recorded], chosen: Collection[str]) -> dict[str, Recorded]:
    """Return `tests` with those of `chosen` marked too."""
    return {name: dataclasses.replace(one, is_marked=one.is_marked or name in chosen) for name, one in tests.items()}


def still_there(chosen: Collection[str], tests: Collection[str]) -> set[str]:
    """Return those of `chosen` that a recording knows, or cannot know because it is of other files."""
    files = {name.split("::")[0] for name in tests}
    return {
        name
        for name in chosen
        if name in tests or ((file := name.split("::")[0]) not in files and (ROOT / file).exists())
    }


def check(tests: Mapping[str, Recorded], chosen: Collection[str]) -> list[str]:
    """Return what is wrong with the marks and the list `chosen`, in lines that say what to do; empty if nothing is."""
    if not tests:
        return ["no recording of a PostgreSQL round in var/statements: run make test"]
    lines = [
        f"{where} ({kind}): no test that runs on every database reaches it, but {name} does"
        for (where, kind), name in sorted(missed(with_chosen(tests, chosen)).items())
    ]
    lines += [f"{name}: no such test, but it is in {CHOSEN.name}" for name in sorted(set(chosen) - set(tests))]
    return [*lines, "Mark a test every_database, or run make test-places."] if lines else []


def main(arguments: list[str] | None = None) -> int:
    """Run the command line in the module's docstring; 1 if the marks do not reach everything."""
    parser = argparse.ArgumentParser(prog="python -m tests.statements", description=(__doc__ or "").splitlines()[0])
    group = parser.add_mutually_exclusive_group(required=True)
    for name in ("check", "write", "anew"):
        group.add_argument(f"--{name}", action="store_true")
    asked = parser.parse_args(arguments)
    tests = recorded()
    if not tests or asked.check:
        problems = check(tests, chosen_ids())
        print("\n".join(problems) or f"{len(tests)} tests; the marked ones reach every statement on every database")
        return 1 if problems else 0
    kept = set() if asked.anew else still_there(chosen_ids(), tests)
    chosen = kept | set(choose(with_chosen(tests, kept)))
    write(chosen)
    by_hand = [one for one in tests.values() if one.is_marked]
    print(
        f"{len(chosen)} tests chosen ({sum(tests[name].seconds for name in chosen & set(tests)):.0f} s on PostgreSQL) beside "
        f"{len(by_hand)} marked by hand ({sum(one.seconds for one in by_hand):.0f} s), of {len(tests)}"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
