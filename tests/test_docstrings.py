"""A function's docstring says first what is returned, yielded or done, in the form that Django's own have."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

#: Words with which a sentence about a thing begins, not one about what a function does.
NOT_VERBS = frozenset(
    [
        "A",
        "After",
        "All",
        "Amounts",
        "An",
        "As",
        "Before",
        "Each",
        "Every",
        "Everybody",
        "For",
        "From",
        "How",
        "If",
        "In",
        "It",
        "Its",
        "JSON",
        "Many",
        "My",
        "Neither",
        "Nobody",
        "Of",
        "One",
        "People",
        "Points",
        "Rows",
        "Somebody",
        "Text",
        "That",
        "The",
        "These",
        "They",
        "This",
        "Those",
        "To",
        "Two",
        "What",
        "When",
        "Where",
        "Whether",
        "Which",
        "Who",
        "Whom",
        "Whose",
        "Why",
        "With",
        "Without",
    ]
)


def functions_with_docstrings() -> list[tuple[str, str]]:
    """Return the place and the docstring of each function outside tests and migrations."""
    found = []
    for path in sorted((ROOT / "guildhall").rglob("*.py")):
        if {"tests", "migrations"} & set(path.parts):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (text := ast.get_docstring(node)):
                found.append((f"{path.relative_to(ROOT)}:{node.lineno} {node.name}", text))
    return found


def test_a_docstring_begins_with_a_verb() -> None:
    wrong = [
        f"{place}: {text.splitlines()[0]}"
        for place, text in functions_with_docstrings()
        if text.split()[0] in NOT_VERBS or not text[0].isupper()
    ]
    assert wrong == []
