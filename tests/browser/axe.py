"""What axe-core finds wrong on the page that is open: what cannot be read, or not be used without a mouse or without eyes."""

from __future__ import annotations

import functools
from importlib import resources
from typing import Any

#: WCAG 2.2 at the level that the law asks for, and what axe-core calls best practice.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """async (tags) => {
  const found = await axe.run(document, { runOnly: { type: "tag", values: tags }, resultTypes: ["violations"] });
  return found.violations.map((one) => `${one.id}: ${one.help}: ${one.nodes.map((node) => node.html).join(" | ")}`);
}"""


@functools.cache
def script() -> str:
    """Return axe-core, as its package brings it."""
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text()


def faults(page: Any) -> list[str]:
    """Return one line for each rule that `page` breaks, with the elements. The page's own policy stays in force."""
    if not page.evaluate("typeof axe === 'object'"):
        page.evaluate(f"{script()}\n;undefined")
    found: list[str] = page.evaluate(RUN, TAGS)
    return found
