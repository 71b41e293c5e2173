"""What MkDocs changes in the documents for the site: links out of docs/ become text, since the site has docs/ alone."""

from __future__ import annotations

import posixpath
import re
from typing import Any


def on_page_markdown(markdown: str, *, page: Any, config: Any, files: Any) -> str:
    """Return the page's text with each link that leads out of docs/ replaced by its own text."""
    folder = posixpath.dirname(page.file.src_uri)

    def inside(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(folder, found[2].partition("#")[0]))
        return found[1] if target.startswith("..") else found[0]

    return re.sub(r"\[([^\]]*)\]\((\.\./[^)\s]*)\)", inside, markdown)
