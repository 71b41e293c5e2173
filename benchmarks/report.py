"""What `make bench` prints of its results, and whether it failed."""

from __future__ import annotations

from collections.abc import Iterable

from .case import Result

VERDICTS = {True: "pass", False: "FAIL", None: ""}


def line(result: Result) -> str:
    """Return one result as a line: its name, figure, unit, goal, pass or FAIL, and its note."""
    measured = f"{result.figure:,.3g} {result.unit}" if result.figure < 100 else f"{result.figure:,.0f} {result.unit}"
    return f"{result.name:<52}{measured:>26}   {result.goal:<17}{VERDICTS[result.is_met]:<5} {result.note}".rstrip()


def missed(results: Iterable[Result]) -> list[Result]:
    """Return the results that miss their goal."""
    return [result for result in results if result.is_met is False]


def conclude(results: list[Result]) -> int:
    """Print what missed its goal, and return the exit code: 1 where something did, or where nothing was measured."""
    late = missed(results)
    with_goal = [result for result in results if result.is_met is not None]
    if not results:
        print("Nothing was measured.")
        return 1
    print(f"\n{len(with_goal) - len(late)} of {len(with_goal)} goals are met." + (" Missed:" if late else ""))
    for result in late:
        print("  " + line(result))
    return 1 if late else 0
