"""What an answer costs the first time, in one process: CPU of Python and of the database, and statements, beside its floor.

    BENCH_DATABASE_URL=… python -m benchmarks.one_process [--only raids] [--suffix _old] [--profile]

For a machine that others use too: there is no server and no load, and CPU is counted in place of time. Before each answer
every table gets a new revision, as in `benchmarks.endpoints`, and its floor is asked in turn with it. The guild is made
where it is not there (`benchmarks.database`); `--profile` prints where Python spends its time in place of the figures.
"""

from __future__ import annotations

import argparse
import cProfile
import itertools
import os
import pstats
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from io import BytesIO
from typing import Any

from .case import Case
from .cases import all_cases
from .changer import Changer
from .database import ENVIRONMENT, REDIS, Database, answers, prepare
from .guild import Size
from .processes import cpu_ms

HEADER = (
    f"{'':<20}{'statements':>11}{'Python':>9}{'database':>10}{'all':>8}  |{'floor':>7}{'database':>10}{'all':>8}"
    f"{'times':>8}   median ms of CPU"
)


def environ(request: bytes) -> dict[str, Any]:
    """Return the WSGI environment of a request as the load client sends it."""
    head, _, body = request.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    found: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "SCRIPT_NAME": "",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(body),
        "wsgi.errors": None,
    }
    for line in lines:
        name, _, value = line.partition(": ")
        key = name.upper().replace("-", "_")
        found[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    return found


@dataclass(slots=True)
class Costs:
    """Milliseconds of CPU of each answer, in this process and in the database's, and its statements."""

    python: list[float]
    database: list[float]
    statements: list[int]

    def medians(self) -> tuple[float, float, float]:
        """Return the medians: Python's, the database's, and of both together."""
        both = [sum(pair) for pair in zip(self.python, self.database, strict=True)]
        return _median(self.python), _median(self.database), _median(both)


def _median(values: list[Any]) -> Any:
    return sorted(values)[len(values) // 2] if values else 0


class Process:
    """This process as the server: the application, its one connection, and what its answers cost."""

    def __init__(self, application: Callable[..., Iterable[bytes]]) -> None:
        self._application = application
        self._sent: list[str] = []
        from django.db import connection

        self._connection = connection

    def ask(self, request: bytes) -> str:
        """Answer one request and return its status."""
        said: list[str] = []
        given = environ(request)
        body = self._application(given, lambda status, headers: said.append(status))
        size = sum(len(part) for part in body)
        if hasattr(body, "close"):
            body.close()
        return f"{said[0]}, {size} bytes"

    @contextmanager
    def _counted(self, costs: Costs) -> Iterator[None]:
        number = 0

        def count(execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
            nonlocal number
            number += 1
            return execute(sql, params, many, context)

        self._connection.ensure_connection()
        backend = [self._connection.connection.info.backend_pid]
        self._connection.close()  # to the pool
        served, begun = cpu_ms(backend), time.process_time()
        with self._connection.execute_wrapper(count):
            yield
        costs.python.append(1000 * (time.process_time() - begun))
        time.sleep(0.002)  # the scheduler counts a running process's time at its next tick
        costs.database.append(cpu_ms(backend) - served)
        costs.statements.append(number)

    def cost(self, requests: Iterable[bytes], floors: Iterable[bytes], changer: Changer, rounds: int) -> list[Costs]:
        """Return what answers made anew cost, and their floor, in turns."""
        found = [Costs([], [], []), Costs([], [], [])]
        turns = [itertools.cycle(requests), itertools.cycle(floors)]
        for number in range(rounds + 2):
            changer.change()
            for costs, turn in zip(found, turns, strict=True):
                unmeasured = Costs([], [], [])
                with self._counted(costs if number > 1 else unmeasured):
                    self.ask(next(turn))
        return found


def _line(case: Case, ours: Costs, floor: Costs) -> str:
    python, database, both = ours.medians()
    floor_python, floor_database, floor_both = floor.medians()
    said = f"{case.name:<20}{_median(ours.statements):>11}{python:>9.2f}{database:>10.2f}{both:>8.2f}  |"
    return f"{said}{floor_python:>7.2f}{floor_database:>10.2f}{floor_both:>8.2f}{both / floor_both:>8.2f}"


def _profile(process: Process, requests: Iterable[bytes], changer: Changer, rounds: int) -> None:
    profiler, turn = cProfile.Profile(time.process_time), itertools.cycle(requests)
    for number in range(rounds + 2):
        changer.change()
        request = next(turn)
        if number < 2:
            process.ask(request)
        else:
            profiler.runcall(process.ask, request)
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(90)


def arguments() -> argparse.Namespace:
    """Return the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_process", description=__doc__)
    for name, value in asdict(Size()).items():
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--exactly", default="", help="cases of these names, with commas between")
    parser.add_argument(
        "--suffix", default="", choices=["", "_young", "_old"], help="the guild a hundredth or ten times as old"
    )
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--profile", action="store_true")
    return parser.parse_args()


def main() -> None:
    """Make the guild where it is not there, and print a line for each case."""
    os.environ.update(ENVIRONMENT)
    os.environ["REDIS_URL"] = REDIS if answers(REDIS) else ""
    options = arguments()
    size = Size(options.characters, options.raids, options.attendances, options.items)
    size = size.aged({"": 1.0, "_young": 0.01, "_old": 10.0}[options.suffix])
    database = Database(options.suffix)
    prepare([(database, size)], keep=True)
    os.environ.update(database.environment)
    import django

    django.setup()
    from django.db import connection

    from .__main__ import credentials
    from .server import wsgi

    known = credentials(database)
    connection.settings_dict["OPTIONS"]["pool"] = {"min_size": 1, "max_size": 1}  # whose process is known
    changer, process = Changer(database.environment), Process(wsgi)
    if not options.profile:
        print(HEADER)
    for case in all_cases():
        exactly = options.exactly.split(",") if options.exactly else [case.name]
        if options.only not in case.name or case.name not in exactly:
            continue
        requests = list(case.requests(size, known).values())
        if options.profile:
            print(case.name, process.ask(requests[0]))
            _profile(process, requests, changer, options.rounds)
            continue
        status = process.ask(requests[0])
        if not status.startswith("200"):
            print(f"{case.name}: {status}")
            continue
        floors = case.floor_requests(size, known)
        print(_line(case, *process.cost(requests, floors.values(), changer, options.rounds)), flush=True)
    changer.stop()


if __name__ == "__main__":
    main()
