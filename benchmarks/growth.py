"""How much more an answer costs in a larger guild: the same requests to the same guild at three ages (`Size.aged`).

What is compared is CPU: of the server's processes and of the database's that serve them, for each answer, with one client,
right after the guild was changed, so that every answer is made anew. CPU and not the time on a clock, because the time of
one answer differs by a tenth from run to run on the same code, and CPU by a few hundredths.
"""

from __future__ import annotations

import itertools
import time
from contextlib import closing
from dataclasses import dataclass

from .case import Case, Result, at_most
from .database import Database
from .endpoints import Site
from .load import Client
from .processes import cpu_ms

AGES = {"_young": 0.01, "": 1.0, "_old": 10.0}
"""Suffix of the database, and how many times as old as the guild of the other measurements."""
GOAL = 1.2
TURNS = 3
HEADER = (
    f"{'':<21}{'a hundredth':>17}{'the guild':>17}{'ten times':>17}   growth, goal {GOAL:g}; CPU of server + database"
)


@dataclass(slots=True)
class Cost:
    """Milliseconds of CPU for one answer, of server and database."""

    server: float = 0.0
    database: float = 0.0
    answers: int = 0

    @property
    def each(self) -> float:
        return (self.server + self.database) / self.answers if self.answers else 0.0


def _ask(case: Case, site: Site, database: Database, cost: Cost, *, seconds: float) -> None:
    requests = itertools.cycle(case.requests(site.size, site.known).values())
    with closing(Client(site.server.port)) as client:
        client.send(next(requests))
        backends = [pid for pid in database.backends() if pid != site.changer.backend]
        server, served = site.server.cpu_ms(), cpu_ms(backends)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            site.changer.change()
            client.send(next(requests))
            cost.answers += 1
        cost.server += site.server.cpu_ms() - server
        cost.database += cpu_ms(backends) - served


def measure(case: Case, sites: dict[str, tuple[Site, Database]], *, seconds: float) -> list[Result]:
    """Measure one case in each guild, `seconds` each, and print its line.

    Args:
        sites: by the suffix of `AGES`.
    """
    costs = {suffix: Cost() for suffix in sites}
    for _ in range(TURNS):
        for suffix, (site, database) in sites.items():
            _ask(case, site, database, costs[suffix], seconds=seconds / TURNS)
    young, middle, old = (costs[suffix].each for suffix in AGES)
    note = f"{young:.2f}, {middle:.2f}, {old:.2f} ms of CPU"
    results = [
        at_most(f"{case.name}: from a hundredth", middle / young, GOAL, "times", note),
        at_most(f"{case.name}: to ten times", old / middle, GOAL, "times", note),
    ]
    verdict = "pass" if all(result.is_met for result in results) else "FAIL"
    parts = "".join(
        f"{cost.server / cost.answers:>8.2f} +{cost.database / cost.answers:>7.2f}" for cost in costs.values()
    )
    print(f"{case.name:<21}{parts}   {middle / young:>6.2f}{old / middle:>6.2f}   {verdict}", flush=True)
    return results
