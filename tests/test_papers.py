"""The papers say what is there: links lead somewhere, settings are listed, invariants name tests that exist."""

from __future__ import annotations

import re
from importlib.metadata import requires
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# The API reference is written by `make docs`, where MkDocs checks its links.
PAPERS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")} - {ROOT / "docs/api-reference.md"})


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("paper", PAPERS, ids=shown)
def test_every_link_leads_to_a_file(paper: Path) -> None:
    text = re.sub(r"```.*?```", "", paper.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text)
    missing = [link for link in links if "://" not in link and not (paper.parent / link).exists()]
    assert missing == []


def test_every_setting_that_is_read_is_listed_in_the_example() -> None:
    # What `make run` and the tests set for themselves is not a setting of a guild's.
    own = {"GUILDHALL_EMBEDDED", "GUILDHALL_IGNORE_ENV_FILE"}
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z][A-Z0-9_]+)"', (ROOT / "config/settings.py").read_text())) - own
    listed = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", (ROOT / ".env.example").read_text(), flags=re.MULTILINE))
    assert sorted(read - listed) == []


def test_every_test_that_an_invariant_names_exists() -> None:
    missing = []
    file = ""
    for name in re.findall(r"`([^`]*(?:\.py)?::\w+|[^`]*test_\w+\.py)`", (ROOT / "docs/invariants.md").read_text()):
        place, _, test = name.partition("::")
        # "…" is the file named before, "…/" and a name one beside it.
        if place.startswith("…/"):
            file = f"{file.rpartition('/')[0]}/{place[2:]}"
        elif place not in ("…", ""):
            file = place
        found = [path for path in (ROOT / "guildhall" / file, ROOT / file) if path.exists()]
        if not found or (test and not re.search(rf"def {test}\b", found[0].read_text())):
            missing.append(name)
    assert missing == []


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "docs/decisions/0002-dependencies.md").read_text().lower()
    for source in ("base.in", "dev.in", "mysql.in", "docs.in", "uv.in"):
        for line in (ROOT / "requirements" / source).read_text().splitlines():
            name = re.split(r"[\[<>=~#\s]", line.strip(), maxsplit=1)[0].lower()
            if name and not name.startswith("-"):
                stem = name.split("-")[0] + "-*" if name.startswith("types-") else name
                assert stem in reasons, f"{name} in {source}"


def test_no_registry_and_no_machine_is_named() -> None:
    """Neither an index's address nor somebody's path belongs into what is committed."""
    wrong = []
    for path in [*ROOT.glob("requirements/*"), ROOT / "Makefile", ROOT / ".ci/run", ROOT / "pyproject.toml"]:
        if path.is_file() and re.search(r"https?://\S*(simple|registry)|--index-url|/home/\w+/", path.read_text()):
            wrong.append(shown(path))
    assert wrong == []


def test_what_celery_needs_for_redis_is_installed_without_the_tools_of_developers() -> None:
    """kombu names it in an extra; here pytest brings the same package along and hides that it is missing."""
    pinned = set(re.findall(r"^([A-Za-z0-9_.-]+)==", (ROOT / "requirements/base.txt").read_text(), flags=re.MULTILINE))
    needed = {re.split(r"[^\w-]", line)[0] for line in requires("kombu") or [] if 'extra == "redis"' in line}
    assert "redis" in needed
    assert needed <= pinned
