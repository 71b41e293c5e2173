"""One module per app; each has a list `CASES`. A new module is found by itself."""

from __future__ import annotations

import importlib
import pkgutil

from benchmarks.case import Case


def all_cases() -> list[Case]:
    """Return every case of every module here, by module name."""
    found: list[Case] = []
    for module in sorted(pkgutil.iter_modules(__path__), key=lambda info: info.name):
        found += importlib.import_module(f"{__name__}.{module.name}").CASES
    return found
