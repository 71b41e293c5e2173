"""Suggestions for unknown names: the likeliest first, and never more work than a call may cost."""

from __future__ import annotations

import pytest
from rapidfuzz import fuzz

from guildhall.core import likeness


def suggest(*names: str, known: list[str]) -> dict[str, list[str]]:
    return likeness.alike(names, known, limit=2, cutoff=70, longest=60)


def test_the_likeliest_come_first_whatever_the_case() -> None:
    known = ["Tannik", "Tannika", "Orla"]
    assert suggest("TANNIK", "Zzz", known=known) == {"TANNIK": ["Tannik", "Tannika"], "Zzz": []}
    assert suggest("Orla", known=[]) == {"Orla": []}


def test_names_beyond_the_budget_are_listed_and_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "MOST_COMPARISONS", 7)
    compared: list[str] = []
    extract = likeness.process.extract

    def counted(name: str, *args: object, **options: object) -> object:
        compared.append(name)
        return extract(name, *args, **options)

    monkeypatch.setattr(likeness.process, "extract", counted)
    found = suggest("Tannix", "Orlo", "Fenm", "Quaf", known=["Tannik", "Orla", "Fenn"])
    assert compared == ["tannix", "orlo"]
    assert list(found) == ["Tannix", "Orlo", "Fenm", "Quaf"]
    assert found["Fenm"] == []


def test_a_long_name_is_compared_by_its_beginning() -> None:
    assert fuzz.ratio("orla", "orla" + "x" * 100) < 70
    found = likeness.alike(["Orla" + "x" * 100], ["Orla"], limit=1, cutoff=70, longest=4)
    assert list(found.values()) == [["Orla"]]
