"""Modules and functions stay small enough to be read at once: lines here, complexity by ruff (C901, `pyproject.toml`).

There are no exceptions: what grows beyond a limit is parted by what it is about.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LONGEST_MODULE = 500
LONGEST_FUNCTION = 60
"""Lines from `def` to the end, the docstring not counted."""
MOST_PARAMETERS = 10
MOST_ANY = 612


def modules() -> Iterator[tuple[str, str]]:
    """Yield the path and the text of each module that is not a test or a migration."""
    for top in ("config", "guildhall"):
        for path in sorted((ROOT / top).rglob("*.py")):
            if not {"tests", "migrations"} & set(path.parts):
                yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Yield each function with its name, such as ``guildhall/core/clock.py:now``."""
    for path, text in modules():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path}:{node.name}", node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many lines a function has without its docstring."""
    whole = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is None:
        return whole
    return whole - ((first.end_lineno or 0) - first.lineno + 1)


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return how many parameters a function names."""
    given = function.args
    return len([*given.posonlyargs, *given.args, *given.kwonlyargs])


def above(sizes: Iterator[tuple[str, int]], most: int) -> dict[str, int]:
    """Return what is larger than the limit."""
    return {name: size for name, size in sizes if size > most}


def test_no_module_is_long() -> None:
    assert above(((path, len(text.splitlines())) for path, text in modules()), LONGEST_MODULE) == {}


def test_no_function_is_long() -> None:
    assert above(((name, length(node)) for name, node in functions()), LONGEST_FUNCTION) == {}


def test_no_function_has_many_parameters() -> None:
    assert above(((name, parameters(node)) for name, node in functions()), MOST_PARAMETERS) == {}


def test_no_function_takes_changes_of_any_type() -> None:
    """What may be set is a `TypedDict` (``**changes: Unpack[…]``), which mypy and the code read alike."""
    loose = [
        name
        for name, node in functions()
        if node.args.kwarg is not None and node.args.kwarg.arg in ("changes", "columns")
        if isinstance(node.args.kwarg.annotation, ast.Name) and node.args.kwarg.annotation.id == "Any"
    ]
    assert loose == []


def test_any_is_not_used_more_than_it_was() -> None:
    """Lower `MOST_ANY` when there are fewer: `object` where nothing is known, else the type itself."""
    found = sum(
        isinstance(node, ast.Name) and node.id == "Any" for _, text in modules() for node in ast.walk(ast.parse(text))
    )
    assert MOST_ANY - 25 <= found <= MOST_ANY
