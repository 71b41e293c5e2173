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
