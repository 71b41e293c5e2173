"""What is measured: an endpoint beside its floor (`Case`), and a figure beside its goal (`Result`)."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .guild import Size
from .load import request_bytes

BARE_PATH = "/api/bare/"
Paths = Callable[[Size], list[str]]


class Kind(enum.Enum):
    """What an answer is, which decides its goals: an answer of one record is measured beside the bare view."""

    LIST = "list"
    PAGE = "page"
    RECORD = "record"
    BARE = "bare"


@dataclass(frozen=True, slots=True)
class Case:
    """An endpoint and its floor.

    Args:
        name: one word, stands in the report and in the floor's address.
        paths: the addresses to ask for, in turn, given the guild's size.
        floor: the same answer by hand-written SQL: gets a database cursor and the path, returns what becomes JSON, with its
            rows in a list under ``results``. None for an answer of one record, whose floor is the bare view.
        kind: a page is asked for by a signed-in member, all else by a bot with every scope.
        etag: ask again with the `ETag` of the first answer, as a client that polls does; a 304 then counts as good.
        bodies: what is sent with POST, given the guild's size; None for a GET.
        accepts: the `Accept-Encoding`; empty for none.
        row_mark: a regular expression that is found once for each of the floor's rows in a page.
        grows: whether it is measured in guilds of other sizes too.
    """

    name: str
    paths: Paths
    floor: Callable[[Any, str], Any] | None = None
    kind: Kind = Kind.LIST
    etag: bool = False
    bodies: Callable[[Size], list[bytes]] | None = None
    accepts: str = ""
    row_mark: str = ""
    grows: bool = True

    def requests(self, size: Size, known: Mapping[str, str]) -> dict[str, bytes]:
        """Return the requests as they are sent, by a label of their own; `known` has ``key`` and ``session``."""
        headers = {"Authorization": f"Token {known['key']}"}
        if self.kind is Kind.PAGE:
            headers = {"Cookie": f"sessionid={known['session']}", "Accept": "text/html"}
        if self.accepts:
            headers["Accept-Encoding"] = self.accepts
        if self.bodies is None:
            return {path: request_bytes(path, headers) for path in self.paths(size)}
        headers["Content-Type"] = "application/json"
        path = self.paths(size)[0]
        return {
            f"{path} {number}": request_bytes(path, headers, "POST", body)
            for number, body in enumerate(self.bodies(size))
        }

    def floor_requests(self, size: Size, known: Mapping[str, str]) -> dict[str, bytes]:
        """Return the requests of the floor: one for each path, or the bare view's."""
        if self.floor is None:
            return {BARE_PATH: request_bytes(BARE_PATH, {"Authorization": f"Token {known['key']}"})}
        paths = [f"/floor/{self.name}{path.split('?')[0]}" for path in self.paths(size)]
        return {path: request_bytes(path, {}) for path in paths}


@dataclass(frozen=True, slots=True)
class Result:
    """A measured figure and its goal; made by `at_most`, `at_least` or `without_goal`. `make bench` prints it as a line.

    Args:
        name: what was measured, in words that stand by themselves in the list of what missed its goal.
        figure: what came out, in `unit`.
        unit: what `figure` is: ``ms``, ``/s``, ``times its floor``.
        goal: the goal in words, with its figure; empty where there is none.
        is_met: whether `figure` meets it; None where there is no goal.
        note: what else a reader should know: the other figures of a ratio, what it was measured on.
    """

    name: str
    figure: float
    unit: str
    goal: str = ""
    is_met: bool | None = None
    note: str = ""


def at_most(name: str, figure: float, goal: float, unit: str, note: str = "") -> Result:
    """Return the result of a figure that must not be more than `goal`."""
    return Result(name, figure, unit, f"at most {goal:g}", figure <= goal, note)


def at_least(name: str, figure: float, goal: float, unit: str, note: str = "") -> Result:
    """Return the result of a figure that must not be less than `goal`."""
    return Result(name, figure, unit, f"at least {goal:g}", figure >= goal, note)


def without_goal(name: str, figure: float, unit: str, note: str = "") -> Result:
    """Return the result of a figure that is printed to compare with others."""
    return Result(name, figure, unit, note=note)


def rows(cursor: Any, sql: str, *parameters: Any) -> list[dict[str, Any]]:
    """Return the answer to `sql` as a list of dicts, for a floor."""
    cursor.execute(sql, parameters)
    names = [column.name for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def one(cursor: Any, sql: str, *parameters: Any) -> Any:
    """Return the one figure that `sql` answers with."""
    cursor.execute(sql, parameters)
    return cursor.fetchone()[0]


def number_in(path: str) -> int:
    """Return the last number in `path`; 1, the guild's first pool, where there is none."""
    return next((int(part) for part in reversed(path.split("?")[0].split("/")) if part.isdigit()), 1)
