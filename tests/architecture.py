"""The picture of which app imports which, made from the imports themselves: ``python -m tests.architecture --write``."""

from __future__ import annotations

import ast
import sys
from collections import Counter
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/architecture.md"
PICTURE = ROOT / "docs/pictures/imports.svg"
BEGIN, END = "<!-- imports: begin -->", "<!-- imports: end -->"
APPS = [
    "core", "accounts", "roster", "points", "raids", "loot", "auctions", "recruitment", "discord", "eqdkp", "ops", "web", "demo",
]  # fmt: skip


def imports() -> dict[str, Counter[str]]:
    """Return for each app how many of its modules import each other app; tests and migrations left out."""
    found: dict[str, Counter[str]] = {app: Counter() for app in APPS}
    for app in APPS:
        for path in sorted((ROOT / "guildhall" / app).rglob("*.py")):
            if {"tests", "migrations"} & set(path.parts):
                continue
            found[app].update(_imported(ast.parse(path.read_text(encoding="utf-8"))) - {app})
    return found


def _imported(tree: ast.Module) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("guildhall"):
            parts = (node.module or "").split(".")
            names |= {parts[1]} if len(parts) > 1 else {one.name for one in node.names}
        elif isinstance(node, ast.Import):
            names |= {one.name.split(".")[1] for one in node.names if one.name.startswith("guildhall.")}
    return names & set(APPS)


def table(found: dict[str, Counter[str]]) -> str:
    """Return the imports as a Markdown table."""
    used = [app for app in APPS if any(found[other][app] for other in APPS)]
    rows = [f"| | {' | '.join(f'`{app}`' for app in used)} |", f"| --- |{' :-: |' * len(used)}"]
    for app in APPS:
        if found[app]:
            rows.append(f"| `{app}` | {' | '.join('•' if found[app][other] else '' for other in used)} |")
    picture = "![Which app imports which](pictures/imports.svg)"
    note = "The app on the left imports the app above:"
    return "\n".join([BEGIN, "", picture, "", note, "", *rows, "", END])


def drawing(found: dict[str, Counter[str]]) -> str:
    """Return an SVG: the apps in their order, an arc for each import that no other import implies."""
    top, step, left, width = 24, 34, 20, 130
    middle = {app: top + step * place + 12 for place, app in enumerate(APPS)}
    lines = []
    for app in APPS:
        for other in sorted(found[app], key=APPS.index):
            if any(other in found[between] for between in found[app] if between != other):
                continue  # implied by a longer way
            start, end = middle[app], middle[other]
            bend = left + width + 14 * (APPS.index(app) - APPS.index(other)) + 10
            lines.append(
                f'<path d="M{left + width} {start} C{bend} {start} {bend} {end} {left + width + 7} {end}" marker-end="url(#a)"/>'
            )
    boxes = [
        f'<rect x="{left}" y="{y - 12}" width="{width}" height="24" rx="4"/>'
        f'<text x="{left + width / 2}" y="{y + 4}">{escape(app)}</text>'
        for app, y in middle.items()
    ]
    height = top + step * len(APPS)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 360 {height}" width="360" height="{height}" role="img">'
        "<title>Which app of Guildhall imports which</title>"
        "<style>rect{fill:#eef3ee;stroke:#4a6b57}text{font:13px sans-serif;text-anchor:middle;fill:#1d2b22}"
        "path{fill:none;stroke:#4a6b57;stroke-width:1.2}marker path{fill:#4a6b57;stroke:none}</style>"
        '<rect x="0" y="0" width="100%" height="100%" style="fill:#fff;stroke:none"/>'
        '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z"/></marker></defs>' + "".join([*lines, *boxes]) + "</svg>\n"
    )


def written() -> tuple[str, str]:
    """Return the page and the picture as they should be."""
    found = imports()
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    return head + table(found) + rest.partition(END)[2], drawing(found)


def main() -> int:
    """Write both with ``--write``, else say whether they are current."""
    page, picture = written()
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page, encoding="utf-8")
        PICTURE.write_text(picture, encoding="utf-8")
        return 0
    current = (
        PAGE.read_text(encoding="utf-8") == page and PICTURE.exists() and PICTURE.read_text(encoding="utf-8") == picture
    )
    return 0 if current else 1


if __name__ == "__main__":
    sys.exit(main())
