"""Docstrings and comments name documents, sections, requirements and tests that exist; so do the links of the documents."""

from __future__ import annotations

import io
import re
import tokenize
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("guildhall", "config", "tests", "benchmarks", "examples", "requirements")
# The API reference is written by `make docs`, where MkDocs checks its links.
DOCUMENTS = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")} - {ROOT / "docs/api-reference.md"})

DOCUMENT = re.compile(r"\b(docs/[\w/.-]+?\.md)\b(?:#([\w-]+))?")
DECISION = re.compile(r"\bdocs/decisions/(\d{4})\b(?!-)")
REQUIREMENT = re.compile(r"\bPRD (\d+(?:\.\d+)*(?:(?:, | and )\d+(?:\.\d+)+)*)")
TEST = re.compile(r"\b((?:[\w-]+/)*test_\w+\.py)\b(?:::(\w+))?")
# Papers of the project's beginning, which no reader of the repository has.
FOREIGN = re.compile(r"\b(DESIGN|API|STYLE|PRD)\.md\b")


def heading_anchor(heading: str) -> str:
    """Return the anchor that GitHub and the site give a heading."""
    text = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"\s", "-", re.sub(r"[^\w\s-]", "", text))


@cache
def anchors(path: Path) -> frozenset[str]:
    """Return the anchors of a document's headings."""
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return frozenset(heading_anchor(line) for line in re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE))


@cache
def requirement_numbers() -> frozenset[str]:
    """Return the numbers of the sections of docs/requirements.md."""
    text = (ROOT / "docs/requirements.md").read_text(encoding="utf-8")
    return frozenset(re.findall(r"^#+ (\d+(?:\.\d+)*)\.? ", text, flags=re.MULTILINE))


def prose(source: str) -> str:
    """Return the comments and the strings that stand alone (docstrings) of a Python file."""
    kept, statement_begins = [], True
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and statement_begins):
            kept.append(token.string)
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            statement_begins = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING)
    return "\n".join(kept)


def test_file(name: str, source: Path) -> Path | None:
    """Return the test file that `name` means in `source`: from the root, from guildhall/, from the app, or beside it."""
    places = [ROOT, ROOT / "guildhall", *source.parents]
    return next((place / name for place in places if (place / name).is_file()), None)


test_file.__test__ = False  # type: ignore[attr-defined]


def wrong_references(text: str, source: Path) -> list[str]:
    """Return what `text`, found in the file `source`, names and is not there."""
    wrong = [found.group() for found in FOREIGN.finditer(text)]
    for found in DOCUMENT.finditer(text):
        path, anchor = ROOT / found[1], found[2]
        if not path.is_file() or (anchor and anchor not in anchors(path)):
            wrong.append(found.group())
    for found in DECISION.finditer(text):
        if not list(ROOT.glob(f"docs/decisions/{found[1]}-*.md")):
            wrong.append(found.group())
    for found in REQUIREMENT.finditer(text):
        numbers = re.findall(r"\d+(?:\.\d+)*", found[1])
        wrong += [f"PRD {number}" for number in numbers if number not in requirement_numbers()]
    for found in TEST.finditer(text):
        path_or_none = test_file(found[1], source)
        if path_or_none is None or (found[2] and not re.search(rf"def {found[2]}\b", path_or_none.read_text())):
            wrong.append(found.group())
    return wrong


def test_docstrings_and_comments_name_what_exists() -> None:
    wrong = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            if path != Path(__file__).resolve() and (missing := wrong_references(prose(path.read_text()), path)):
                wrong[path.relative_to(ROOT).as_posix()] = missing
    assert wrong == {}


def test_the_other_files_name_what_exists() -> None:
    files = [
        ROOT / name for name in ("Makefile", "pyproject.toml", ".env.example", ".ci/run", ".pre-commit-config.yaml")
    ]
    files += [*ROOT.glob("requirements/*.in"), *ROOT.glob("guildhall/**/*.html"), *ROOT.glob(".github/**/*.y*ml")]
    wrong = {
        str(path): missing for path in files if path.exists() and (missing := wrong_references(path.read_text(), path))
    }
    assert wrong == {}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_of_documents_lead_to_sections_that_exist(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    wrong = []
    for link, anchor in re.findall(r"\]\(([^)#\s]*)#([^)\s]+)\)", text):
        target = document if not link else (document.parent / link)
        if "://" not in link and target.suffix == ".md" and anchor not in anchors(target.resolve()):
            wrong.append(f"{link}#{anchor}")
    assert wrong == []


@pytest.mark.parametrize(
    "text",
    [
        "see DESIGN.md",
        "docs/gone.md",
        "docs/sysadmin.md#no-such-section",
        "docs/decisions/9999",
        "PRD 3.99",
        "PRD 5.2.1 and 5.2.99",
        "`core/tests/test_gone.py`",
        "`core/tests/test_money.py::test_gone`",
    ],
)
def test_what_is_not_there_is_found(text: str) -> None:
    assert len(wrong_references(prose(f'"""{text}"""\nx = 1  # nothing\n'), ROOT / "guildhall/core/money.py")) == 1
    assert len(wrong_references(prose(f"x = 1  # {text}\n"), ROOT / "guildhall/core/money.py")) == 1


def test_what_is_there_is_not_found() -> None:
    text = "docs/sysadmin.md#upgrading, PRD 5.2.1 and 5.2.8, `tests/test_money.py`, docs/decisions/0018"
    assert wrong_references(text, ROOT / "guildhall/core/money.py") == []
