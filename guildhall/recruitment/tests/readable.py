"""What a person reads of a page or a letter: random secrets are letters too, and spell words now and then."""

from __future__ import annotations

import re

_HIDDEN = re.compile(r"<input[^>]*type=\"hidden\"[^>]*>")
_TOKENS = re.compile(r"(token=|csrf[a-z]*\"?[:=]\s*\"?)[\w.%-]+", re.IGNORECASE)


def readable(text: str) -> str:
    """Return `text` without hidden fields and tokens, which are made at random."""
    return _TOKENS.sub(r"\1", _HIDDEN.sub("", text))
