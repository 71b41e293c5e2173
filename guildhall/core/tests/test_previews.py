"""Whatever is previewed carries a digest, and a preview that no use case is tied to fails here."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from decimal import Decimal
from pathlib import Path

import pytest
from drf_spectacular.generators import SchemaGenerator

import guildhall
from guildhall.core import previews
from guildhall.core.previews import PreviewChanged, Shown, require, what_changed

#: Previews that nobody carries out by pressing a second button, with the reason.
NOT_CARRIED_OUT: dict[str, str] = {}
#: Operations with such a field whose answer nobody confirms.
NO_PREVIEW = {"/api/bidding/parse-chat/": "each line is judged when it is applied, in the order of the auction"}


def every_preview() -> set[str]:
    found = set()
    for module in pkgutil.walk_packages(guildhall.__path__, "guildhall."):
        if re.search(r"\.(tests|migrations|management|admin|web|api)\b", module.name):
            continue
        for name, thing in inspect.getmembers(importlib.import_module(module.name), inspect.isfunction):
            if name.startswith("preview_") and thing.__module__ == module.name:
                found.add(f"{thing.__module__}.{thing.__qualname__}")
    return found


def test_every_preview_has_a_use_case_that_takes_its_digest() -> None:
    assert len(every_preview()) >= 8
    assert every_preview() - set(NOT_CARRIED_OUT) == set(previews.registered())


def test_a_use_case_that_takes_no_digest_cannot_carry_a_preview_out() -> None:
    with pytest.raises(TypeError, match="must take the digest"):
        previews.executes_preview(every_preview)(lambda: None)


def _body(schema: dict, operation: dict) -> dict:
    content = operation.get("requestBody", {}).get("content", {})
    body = next(iter(content.values()), {}).get("schema", {})
    name = body.get("$ref", "").rpartition("/")[2]
    return schema["components"]["schemas"].get(name, body).get("properties", {})


def test_every_operation_that_previews_returns_a_digest_and_takes_one() -> None:
    schema = SchemaGenerator().get_schema(request=None, public=True)
    seen = 0
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            if not isinstance(operation, dict):
                continue
            given = _body(schema, operation)
            previewing = {"preview", "dry_run", "apply"} & given.keys()
            if path in NO_PREVIEW or not (previewing or path.endswith("/preview/")):
                continue
            seen += 1
            answer = str(operation["responses"])
            names = re.findall(r"schemas/(\w+)", answer)
            carried = any("digest" in schema["components"]["schemas"][name].get("properties", {}) for name in names)
            assert carried, f"{method} {path} previews and returns no digest"
            if previewing:
                assert "digest" in given, f"{method} {path} previews and takes no digest"
    assert seen >= 7


def test_every_page_that_previews_ties_its_form_to_what_it_shows() -> None:
    folder = Path(guildhall.__path__[0]) / "web" / "templates" / "web"
    pages = [page for page in folder.rglob("*.html") if 'value="preview"' in page.read_text()]
    pages.remove(folder / "console.html")  # its form is sent to the page of imports, which shows the preview
    pages.remove(folder / "setup_step.html")  # what a step makes, before anything is there that could change meanwhile
    assert len(pages) >= 4
    for page in pages:
        text = page.read_text()
        assert "{% previewed " in text, f"{page.name} previews and carries no digest"
        assert "data-previewed" in text, f"{page.name}: no button is disabled when the form is changed"


def test_a_digest_is_the_same_for_what_is_the_same() -> None:
    one = Shown("points.adjust", [1, Decimal("10")], {"Aelric": [3, Decimal("1.5")], "Borin": None})
    same = Shown("points.adjust", [1, Decimal("10.00")], {"Borin": None, "Aelric": [3, Decimal("1.50")]})
    assert one.digest == same.digest
    assert len(one.digest) <= previews.MAX_LENGTH
    assert one.digest != Shown("points.run_rule", one.given, one.rows).digest


@pytest.mark.parametrize(
    ("now", "input_changed", "words"),
    [
        (Shown("k", [2], {"Aelric": 1}), True, "entered differently"),
        (Shown("k", [1], {"Aelric": 2}), False, "changed since the preview"),
    ],
)
def test_anything_else_is_not_carried_out(now: Shown, input_changed: bool, words: str) -> None:
    before = Shown("k", [1], {"Aelric": 1})
    require(before.digest, lambda: before)
    require(None, lambda: now)
    with pytest.raises(PreviewChanged, match=words) as refused:
        require(before.digest, lambda: now)
    assert refused.value.input_changed is input_changed
    assert (refused.value.status, refused.value.code) == (409, "preview_changed")


@pytest.mark.parametrize("digest", ["", ".", "\ud800", "é" * 80, "a.b.c"])
def test_a_digest_that_is_none_matches_nothing(digest: str) -> None:
    with pytest.raises(PreviewChanged):
        require(digest, lambda: Shown("k", [1], {}))


def test_what_changed_names_the_rows() -> None:
    before = Shown("k", 1, {"Aelric": 1, "Borin": 2, "Calla": 3}).marks()
    now = Shown("k", 1, {"Aelric": 1, "Borin": 5, "Dain": 4})
    assert what_changed(before, now) == "different now: Borin; new: Dain; no longer in it: Calla"
    assert what_changed(now.marks(), now) == ""


def test_two_rows_of_one_name_both_count() -> None:
    assert previews.by_label([("Aelric", 1), ("Aelric", 2)]) == {"Aelric": 1, "Aelric (2)": 2}
