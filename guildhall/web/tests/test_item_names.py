"""Every field of a page where an item is named: its names are suggested as one types, and the view asks about a name nobody knows.

A new field is found by its name; it gets a line in `FIELDS` once its template and its view do both.
"""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

import guildhall.web.forms
from guildhall.core.form_fields import TextField
from guildhall.web.forms.base import PageForm

PAGES = Path(__file__).parents[1]
#: By field: a template that draws it, and the view or form that asks (`loot.doubts`).
FIELDS = {
    "item_name": ("raid.html", "views/raids.py", "item_called("),
    "expected": ("parts/event_fields.html", "forms/plans.py", "expected_items("),
}
#: Fields that hold a name and name no item that is there: what an item is called from now on, texts that are read whole.
OTHER = {"item_categories", "loot_tags"}


def _forms(of: type[PageForm]) -> set[type[PageForm]]:
    return {of, *(found for one in of.__subclasses__() for found in _forms(one))}


def test_every_field_for_an_item_suggests_names_and_asks_about_a_new_one() -> None:
    for module in pkgutil.iter_modules(guildhall.web.forms.__path__):
        importlib.import_module(f"guildhall.web.forms.{module.name}")
    named: dict[str, set[str]] = {}
    for form in _forms(PageForm):
        for name, field in form.base_fields.items():
            is_text = isinstance(field, TextField)
            if is_text and (name in FIELDS or "item" in name or "loot" in name) and name not in OTHER:
                named.setdefault(name, set()).add(form.__name__)
    unknown = {name: sorted(forms) for name, forms in named.items() if name not in FIELDS and name != "item"}
    assert unknown == {}
    for name, (template, asks, call) in FIELDS.items():
        drawn = (PAGES / "templates" / "web" / template).read_text()
        assert "{% item_field " in drawn
        assert f'"{name}"' in drawn
        assert call in (PAGES / asks).read_text()
    for template in (PAGES / "templates" / "web").rglob("*.html"):  # drawn without suggestions nowhere
        for line in template.read_text().splitlines():
            assert not any(
                f'{{% field {form} "{name}"' in line for name in FIELDS for form in ("form", "loot", "correct")
            )
