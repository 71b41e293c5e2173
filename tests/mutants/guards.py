"""The list of guards: one `[[guard]]` each in the TOML files of this folder."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
_REQUIRED, _OPTIONAL = {"name", "file", "old", "new", "tests"}, {"needs"}


@dataclass(frozen=True, slots=True)
class Guard:
    """A guard, how it is taken out, and the tests of which at least one must fail then.

    Attributes:
        file: where it is, from the root of the repository.
        old, new: the text that stands in the file exactly once, and what takes its place.
        tests: pytest node ids.
        needs: ``postgresql`` where SQLite cannot show it.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    needs: str = ""
    source: str = ""

    def problem(self, root: Path = ROOT) -> str:
        """Why it cannot be taken out as it is written here; empty where it can."""
        path = root / self.file
        if not path.is_file():
            return f"{self.file} is not there"
        count = path.read_text().count(self.old)
        if count != 1:
            return f"its text stands {count} times in {self.file}, not once"
        if self.old == self.new:
            return "old and new are the same"
        if not self.tests:
            return "it names no test"
        for test in self.tests:
            test_path, _, rest = test.partition("::")
            if not (root / test_path).exists():
                return f"{test_path} is not there"
            function = rest.rpartition("::")[2].partition("[")[0]
            if function and f"def {function}(" not in (root / test_path).read_text():
                return f"{test_path} has no {function}"
        return "" if self.needs in ("", "postgresql") else f"needs = {self.needs!r} is not known"

    def take_out(self, root: Path) -> str:
        """Take it out of the tree at `root`; returns the file's text as it was."""
        path = root / self.file
        before = path.read_text()
        path.write_text(before.replace(self.old, self.new))
        return before


def load(folder: Path = HERE) -> list[Guard]:
    """Every guard, by file and then as written.

    Raises:
        ValueError: one lacks a key, has an unknown one, or has the name of another.
    """
    found: dict[str, Guard] = {}
    for path in sorted(folder.glob("*.toml")):
        for row in tomllib.loads(path.read_text()).get("guard", []):
            found_keys: set[str] = set(row)
            if not _REQUIRED <= found_keys <= _REQUIRED | _OPTIONAL:
                raise ValueError(f"{path.name}, {row.get('name', '?')}: keys {sorted(found_keys)}")
            values: dict[str, Any] = {**row, "tests": tuple(row["tests"]), "source": path.name}
            if row["name"] in found:
                raise ValueError(f"{path.name}: there are two guards {row['name']}")
            found[row["name"]] = Guard(**values)
    return list(found.values())
