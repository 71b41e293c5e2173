"""Compiled modules, kept in `var/pycache` from one run of the tests to the next, and for the processes that tests start.

Without them Django and the project are compiled again in each process (6 s of 9 s), and pytest rewrites the assertions
of every test module in each worker (10 s). They lie outside the tree, which stays as it was cloned.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / "var" / "pycache"
#: Set by `make mutants`, which changes files faster than their times show.
SWITCHED_OFF = "GUILDHALL_NO_BYTECODE"


def environment() -> dict[str, str]:
    """Return the variables of a process that keeps and uses compiled modules."""
    return {"PYTHONPYCACHEPREFIX": str(FOLDER)}


def keep() -> None:
    """Keep compiled modules in this process and its children."""
    if os.environ.get(SWITCHED_OFF):
        return
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ.update(environment())
    sys.dont_write_bytecode = False
    sys.pycache_prefix = str(FOLDER)
