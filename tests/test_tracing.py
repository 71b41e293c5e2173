"""Which tests are traced for the coverage, and that the others are not."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from tests import tracing


def traced(*tests: tuple[str, set[str]]) -> list[bool]:
    """Whether each test, given by its id and its marks, is traced."""
    items: list[Any] = [
        SimpleNamespace(nodeid=name, stash={}, get_closest_marker=lambda mark, marks=marks: mark in marks)
        for name, marks in tests
    ]
    tracing.choose(items)
    return [item.stash[tracing.IS_TRACED] for item in items]


def test_the_first_case_of_an_apps_function_is_traced() -> None:
    names = ("guildhall/a.py::f[1]", "guildhall/a.py::f[2]", "guildhall/a.py::g", "tests/a.py::f")
    assert traced(*((name, set()) for name in names)) == [True, False, True, False]


def test_every_case_of_what_runs_on_every_database_is_traced() -> None:
    assert traced(("a.py::f[1]", {"every_database"}), ("a.py::f[2]", {"every_database"})) == [True, True]
    assert traced(("guildhall/a.py::f[1]", set()), ("guildhall/a.py::f[2]", {"without_database"})) == [True, True]


def test_what_is_slow_is_not_traced() -> None:
    slow = {"slow", "every_database"}
    assert traced(("guildhall/a.py::f", {"slow"}), ("guildhall/a.py::g", slow), ("tests/a.py::h", slow)) == [
        *(False, True, False),
    ]


def test_a_later_round_traces_what_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(tracing.VARIABLE, "guildhall/points/")
    assert traced(("guildhall/points/a.py::f", set()), ("guildhall/raids/a.py::f", {"every_database"})) == [True, False]


def test_the_tracer_comes_back_after_a_pause() -> None:
    before, events = sys.gettrace(), []

    def tracer(frame: Any, event: str, argument: Any) -> None:
        events.append((frame.f_code.co_name, event))

    def during() -> None: ...

    def afterwards() -> None: ...

    sys.settrace(tracer)
    try:
        with tracing.paused():
            during()
        afterwards()
    finally:
        sys.settrace(before)
    assert ("during", "call") not in events
    assert ("afterwards", "call") in events


def item_of(name: str, *marks: str) -> Any:
    """A test that may be traced."""
    return SimpleNamespace(nodeid=name, stash={tracing.IS_TRACED: True}, get_closest_marker=lambda mark: mark in marks)


def given(worth: tracing.Worth, item: Any, news: list[int]) -> list[bool]:
    """Whether `item`, run once for each of `news`, was traced; what is traced reaches so much that is new."""
    found = []
    for new in news:
        found.append(worth.is_given(item))
        if found[-1]:
            worth.learn(item, new)
    return found


def test_where_nothing_new_is_reached_a_sample_is_traced() -> None:
    worth, item = tracing.Worth(), item_of("guildhall/web/a.py::f")
    assert all(given(worth, item, [0] * tracing.PATIENCE))
    assert given(worth, item, [0] * 2 * tracing.SAMPLED) == 2 * [*[False] * (tracing.SAMPLED - 1), True]
    assert given(worth, item_of("guildhall/web/b.py::f"), [0]) == [True]
    assert given(worth, item_of("guildhall/web/a.py::g", "every_database"), [0]) == [True]


def test_what_reaches_something_new_makes_the_file_worth_tracing_again() -> None:
    worth, item = tracing.Worth(), item_of("guildhall/web/a.py::f")
    given(worth, item, [0] * tracing.PATIENCE)
    assert given(worth, item, [1] * (tracing.SAMPLED + 3)) == [*[False] * (tracing.SAMPLED - 1), *[True] * 4]


def test_tests_that_may_be_the_only_ones_to_reach_a_branch_of_the_ledger_are_all_traced() -> None:
    assert all(given(tracing.Worth(), item_of("guildhall/raids/tests/a.py::f"), [0] * 2 * tracing.PATIENCE))


def test_what_is_not_chosen_is_never_traced() -> None:
    item = item_of("guildhall/a.py::f")
    item.stash[tracing.IS_TRACED] = False
    assert given(tracing.Worth(), item, [1]) == [False]


def test_what_was_reached_is_counted_where_coverage_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coverage.Coverage.current", lambda: None)
    assert tracing.reached() == 0
    measured = SimpleNamespace(_collector=SimpleNamespace(data={"a.py": {1, 2}, "b.py": {(1, 2)}}))
    monkeypatch.setattr("coverage.Coverage.current", lambda: measured)
    assert tracing.reached() == 3
