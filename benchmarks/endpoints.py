"""Each hot endpoint beside its floor: with 50 clients, where what is kept of it is sent again, and with one client right after
the guild was changed, where it must be made anew. Slices of case and floor follow each other in turn, so that what else
the machine does meets both."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass

from .case import Case, Kind, Result, at_most
from .changer import Changer
from .guild import Size
from .load import Client, Load, Measured
from .serving import Server

SLICES = 3
TIMES_FLOOR = 2.0
"""The goal of a list or page: at most so many times its floor."""
LEVEL = 1.1
"""The goal of a kept answer, "at the level of its floor": a tenth is what two runs of the same code differ by."""
TIMES_BARE = 1.5
"""The goal of an answer of one record: at most so many times the bare view."""
P95 = 200.0
BARE_AT_START = 3.1
"""Milliseconds of CPU of the server's processes for a request to the bare view before the work on issue 18 (0a51991)."""
FIRST_ROUNDS, FIRST_SECONDS = 25, 1.0


@dataclass(frozen=True, slots=True)
class Site:
    """A running server with its guild: what every measurement needs."""

    server: Server
    size: Size
    known: Mapping[str, str]
    changer: Changer


@dataclass(slots=True)
class Row:
    """What was measured of one case; times in milliseconds."""

    case: Case
    found: Measured
    floor: Measured | None
    cpu_ms: float
    first: float
    floor_first: float
    is_kept: bool

    @property
    def ratio(self) -> float:
        """Return how many times as many answers its floor gives in the same time."""
        return self.floor.rate / self.found.rate if self.floor is not None and self.found.rate else 0.0

    @property
    def first_ratio(self) -> float:
        """Return how many times as long as its floor it takes to be made anew."""
        return self.first / self.floor_first if self.floor_first else 0.0

    def results(self) -> list[Result]:
        """Return its figures beside their goals."""
        name, kind = self.case.name, self.case.kind
        found = [at_most(f"{name}: p95 with many clients", self.found.quantile(0.95), P95, "ms")]
        if kind is Kind.BARE:
            unit = "ms of CPU for a request"
            found.append(at_most(f"{name}: toll, half of what it was", self.cpu_ms, BARE_AT_START / 2, unit))
        elif kind is Kind.RECORD:
            found.append(at_most(f"{name}", self.ratio, TIMES_BARE, "times the bare view"))
        else:
            goal = LEVEL if self.is_kept else TIMES_FLOOR
            said = "kept" if self.is_kept else "again"
            found.append(at_most(f"{name}: {said}", self.ratio, goal, "times its floor"))
            found.append(at_most(f"{name}: first time", self.first_ratio, TIMES_FLOOR, "times its floor"))
        if self.found.wrong or (self.floor is not None and self.floor.wrong):
            wrong = {**self.found.wrong, **(self.floor.wrong if self.floor else {})}
            found.append(at_most(f"{name}: answers that are no answer", sum(wrong.values()), 0, f"of {wrong}"))
        return found


HEADER = (
    f"{'':<21}{'p50':>8}{'p95':>8}{'req/s':>8}{'KiB':>7}{'CPU':>7}  |{'floor p50':>10}{'req/s':>8}{'times':>7}{'goal':>6}"
    f"  |{'first ms':>9}{'floor':>7}{'times':>7}{'goal':>6}"
)


def line(row: Row) -> str:
    """Return the row as it is printed under `HEADER`; the floor of an answer of one record is the bare view."""
    found = row.found
    said = f"{row.case.name:<21}{found.quantile(0.5):>8.1f}{found.quantile(0.95):>8.1f}{found.rate:>8.0f}"
    said += f"{found.size / 1024:>7.1f}{row.cpu_ms:>7.2f}  |"
    results = row.results()
    verdict = "pass" if all(result.is_met for result in results) else "FAIL"
    if row.floor is None:
        return f"{said}   toll at most {BARE_AT_START / 2:.2f} ms of CPU  {verdict}"
    goal = TIMES_BARE if row.case.kind is Kind.RECORD else LEVEL if row.is_kept else TIMES_FLOOR
    first_goal = "" if row.case.kind is Kind.RECORD else f"{TIMES_FLOOR:g}"
    said += f"{row.floor.quantile(0.5):>10.1f}{row.floor.rate:>8.0f}{row.ratio:>7.2f}{goal:>6g}"
    return f"{said}  |{row.first:>9.1f}{row.floor_first:>7.1f}{row.first_ratio:>7.2f}{first_goal:>6}  {verdict}"


def first_times(site: Site, requests: Iterable[bytes], floors: Iterable[bytes]) -> tuple[float, float]:
    """Return the median milliseconds of an answer right after the guild was changed, and of its floor; one client."""
    ours: list[float] = []
    theirs: list[float] = []
    until = time.monotonic() + FIRST_SECONDS
    turn, floor_turn = itertools.cycle(requests), itertools.cycle(floors)
    with closing(Client(site.server.port)) as client:
        while len(ours) < FIRST_ROUNDS and (time.monotonic() < until or len(ours) < 5):
            site.changer.change()
            ours.append(client.send(next(turn)).seconds)
            theirs.append(client.send(next(floor_turn)).seconds)
    return 1000 * sorted(ours)[len(ours) // 2], 1000 * sorted(theirs)[len(theirs) // 2]


def measure(case: Case, site: Site, *, clients: int, seconds: float) -> Row:
    """Measure one case and its floor; `seconds` for each with many clients."""
    requests = case.requests(site.size, site.known)
    floors = {} if case.kind is Kind.BARE else case.floor_requests(site.size, site.known)
    first = floor_first = 0.0
    with closing(Client(site.server.port)) as client:
        warm = [client.send(request) for request in (*requests.values(), *floors.values())]
    is_kept = case.kind is Kind.LIST and "etag" in warm[0].headers
    if floors:
        first, floor_first = first_times(site, requests.values(), floors.values())
    load = Load(port=site.server.port, requests=requests, clients=clients, etag=case.etag)
    floor = Load(port=site.server.port, requests=floors, clients=clients) if floors else None
    cpu = 0.0
    load.run(0.2)
    load.measured = Measured()
    for _ in range(SLICES):
        begun = site.server.cpu_ms()
        load.run(seconds / SLICES)
        cpu += site.server.cpu_ms() - begun
        if floor is not None:
            floor.run(seconds / SLICES)
    found = load.measured
    return Row(case, found, floor.measured if floor else None, cpu / len(found.seconds), first, floor_first, is_kept)
