"""The list of guards is true to the code: each can be taken out, and names tests that are there. `make mutants` runs them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.__main__ import judge
from tests.mutants.guards import Guard, load

GUARDS = load()


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: guard.name)
def test_a_guard_stands_where_the_list_says(guard: Guard) -> None:
    assert guard.problem() == ""


def test_there_are_at_least_as_many_as_there_were() -> None:
    assert len(GUARDS) >= 25


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        ("assert guarded(-1) == 0", ""),
        ("assert guarded(1) == 1", "SURVIVED"),
        ("import nothing_of_this_name", ""),
        ("pass\nimport nothing_of_this_name", "could not be run"),
    ],
)
def test_a_guard_that_no_test_misses_is_found(body: str, verdict: str, tmp_path: Path) -> None:
    (tmp_path / "code.py").unlink(missing_ok=True)
    (tmp_path / "guarded_code.py").write_text("def guarded(n):\n    return max(n, 0)\n")
    inside, _, outside = body.partition("\n")
    text = f"{outside}\nfrom guarded_code import guarded\n\ndef test_it():\n    {inside}\n"
    (tmp_path / "test_code.py").write_text(text)
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = -p no:django\n")
    guard = Guard("g", "guarded_code.py", "max(n, 0)", "n", ("test_code.py::test_it",))
    found = judge(tmp_path, guard)
    assert (verdict in found) if verdict else (found == "")
    assert "max(n, 0)" in (tmp_path / "guarded_code.py").read_text()
