"""Examples of answers for the schema, one per operation, out of `examples.json`.

They are recorded from real answers by `tests/contract/test_examples.py`, which also fails where an operation has none or
where one is not as the schema says.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

EXAMPLES_FILE = Path(__file__).with_name("examples.json")


@functools.cache
def examples() -> dict[str, dict[str, object]]:
    """Return the answers by operation, such as ``get /api/raids/``, and status."""
    found: dict[str, dict[str, object]] = json.loads(EXAMPLES_FILE.read_text(encoding="utf-8"))
    return found


def add_examples(result: dict[str, Any], **_: object) -> dict[str, object]:
    """Put each example on the answer it is of (a hook of drf-spectacular)."""
    for operation, by_status in examples().items():
        method, path = operation.split(" ")
        responses = result["paths"].get(path, {}).get(method, {}).get("responses", {})
        for status, example in by_status.items():
            content = responses.get(status, {}).get("content", {}).get("application/json")
            if content is not None and "examples" not in content:  # OpenAPI takes one or the other
                content.setdefault("example", example)
    return result
