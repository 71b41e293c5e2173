"""Where the recorded answers of a real EQdkp Plus lie, for the tests that compare with them.

They are not part of this repository. Beside it, in `../shared/legacy`, they are in CI, which says so with
`REQUIRE_SERVICES=1`: then a missing folder is a failure and not a skip.
"""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).resolve().parents[3]
_CANDIDATES = [Path(os.environ["LEGACY_DIR"])] if "LEGACY_DIR" in os.environ else [_ROOT.parent / "shared" / "legacy"]
FOLDER = next((path for path in _CANDIDATES if path.is_dir()), None)
REQUIRED = os.environ.get("REQUIRE_SERVICES") == "1"

needs_oracle = pytest.mark.skipif(
    FOLDER is None and not REQUIRED, reason="the recordings of a real EQdkp Plus are not beside this clone"
)


def path(name: str) -> Path:
    """The full path of one recording; fails where CI promised it."""
    assert FOLDER is not None, "REQUIRE_SERVICES=1 but ../shared/legacy is missing"
    return FOLDER / name


def dump() -> Path:
    return path("eqdkp_plus_2.3.39.sql.gz")


def raw(name: str) -> bytes:
    return gzip.decompress(path(name).read_bytes())


def answer(name: str) -> Any:
    return json.loads(raw(name))


def recordings() -> dict[str, dict[str, Any]]:
    """The recorded calls by name."""
    return {call["name"]: call for call in answer("api_recordings.json.gz")}
