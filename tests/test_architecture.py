"""The page of the architecture is current, and no two modules import each other by whatever way round (in functions too).

Between apps import-linter holds the order (`pyproject.toml`); this holds it between the modules of one app as well.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from . import architecture

ROOT = Path(__file__).resolve().parent.parent

Graph = dict[str, set[str]]


def sources() -> dict[str, tuple[str, bool]]:
    """Return the text of each module of `guildhall` by its dotted name, and whether it is a package."""
    found = {}
    for path in sorted((ROOT / "guildhall").rglob("*.py")):
        if {"tests", "migrations"} & set(path.parts):
            continue
        parts = path.relative_to(ROOT).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        found[".".join(parts[:-1] if is_package else parts)] = (path.read_text(encoding="utf-8"), is_package)
    return found


def graph(modules: dict[str, tuple[str, bool]]) -> Graph:
    """Return for each module which other ones it names in an import, wherever in it that stands."""
    found: Graph = {}
    for name, (text, is_package) in modules.items():
        package = name.split(".") if is_package else name.split(".")[:-1]
        named: set[str] = set()
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                above = package[: len(package) - node.level + 1] if node.level else []
                base = ".".join([*above, *([node.module] if node.module else [])])
                whole = {f"{base}.{one.name}": base for one in node.names}
                named |= {full if full in modules else of for full, of in whole.items()}
            elif isinstance(node, ast.Import):
                named |= {one.name for one in node.names}
        found[name] = (named & set(modules)) - {name}
    return found


def circles(imports: Graph) -> list[list[str]]:
    """Return the groups of modules that all import each other, directly or by others (Tarjan)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in sorted(imports[name]):
            if other not in order:
                visit(other)
                lowest[name] = min(lowest[name], lowest[other])
            elif other in stack:
                lowest[name] = min(lowest[name], order[other])
        if lowest[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in imports:
        if name not in order:
            visit(name)
    return found


def test_no_modules_import_each_other() -> None:
    assert circles(graph(sources())) == []


@pytest.mark.parametrize(
    "inner",
    [
        "from guildhall.a.one import x",
        "from .one import x",
        "from . import one",
        "from guildhall.a import one",
        "import guildhall.a.one",
        "def f():\n    from .one import x",
    ],
)
def test_a_circle_is_found_however_it_is_written(inner: str) -> None:
    modules = {
        "guildhall.a": ("", True),
        "guildhall.a.one": ("from .two import y", False),
        "guildhall.a.two": ("from .three import z", False),
        "guildhall.a.three": (inner, False),
        "guildhall.a.four": ("from .one import x", False),
    }
    assert circles(graph(modules)) == [["guildhall.a.one", "guildhall.a.three", "guildhall.a.two"]]


def test_the_page_shows_the_imports_as_they_are() -> None:
    """Where it does not, ``python -m tests.architecture --write`` makes it anew."""
    page, picture = architecture.written()
    assert architecture.PAGE.read_text(encoding="utf-8") == page
    assert architecture.PICTURE.read_text(encoding="utf-8") == picture
