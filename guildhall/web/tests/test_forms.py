"""Every field of every form of the pages refuses what is not a value for it; views read what was sent through forms alone."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.contrib.auth.models import AnonymousUser
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

import guildhall.web.forms
from guildhall.core.form_fields import (
    ChoiceField,
    DayField,
    FlagField,
    MomentField,
    NumberField,
    PointsField,
    RowField,
    TextField,
    ValuesField,
)
from guildhall.recruitment.models import ApplicationQuestion
from guildhall.recruitment.services.answers import REQUIRED
from guildhall.web.forms.base import PageForm
from guildhall.web.forms.imports import FilesField
from guildhall.web.forms.recruitment import AnswerField, ApplyForm

from .conftest import Guild, token

pytestmark = pytest.mark.django_db

VIEWS = Path(__file__).parents[1] / "views"
CONTROL = "a\x07b"


def _subclasses(of: type) -> Iterator[type]:
    for one in of.__subclasses__():
        yield one
        yield from _subclasses(one)


for module in pkgutil.iter_modules(guildhall.web.forms.__path__):
    importlib.import_module(f"guildhall.web.forms.{module.name}")
FORMS = sorted(
    {one for one in _subclasses(PageForm) if one.__module__.startswith("guildhall.web.forms")},
    key=lambda one: one.__name__,
)
FIELDS = [(one, name) for one in FORMS for name in one.base_fields]


def form_with(which: type[PageForm], data: dict[str, Any]) -> PageForm:
    request = RequestFactory().post("/", {"form": "tried", **data})
    request.user = AnonymousUser()
    return which(request, "tried")


def errors(which: type[PageForm], name: str, value: Any) -> list[str]:
    form = form_with(which, {} if value is None else {name: value})
    return [error.code for error in form.errors.as_data().get(name, [])]


def _id(value: Any) -> str:
    return value.__name__ if isinstance(value, type) else str(value)


@pytest.mark.parametrize(("which", "name"), FIELDS, ids=_id)
def test_a_hostile_value_is_an_error_of_its_field(which: type[PageForm], name: str) -> None:
    field = which.base_fields[name]
    tried: dict[str, Any] = {}
    if isinstance(field, TextField):
        if not field.log:
            tried["control_character"] = CONTROL
        if field.max_length:
            tried["max_length"] = "x" * (field.max_length + 1)
    elif isinstance(field, NumberField):
        tried["not_a_number"] = "²"
    elif isinstance(field, PointsField):
        tried |= {"not_a_number": "ten", "out_of_range": "1000000000", "too_many_decimals": "1.234"}
    elif isinstance(field, MomentField):
        tried["invalid_time"] = "2026-02-30 20:00"
    elif isinstance(field, DayField):
        tried["invalid_date"] = "2026-02-30"
    elif isinstance(field, ValuesField):
        tried |= {"control_character": CONTROL, "max_length": "x" * (field.longest + 1)}
    elif isinstance(field, forms.ChoiceField):
        tried["invalid_choice"] = "of my own"
    elif isinstance(field, FlagField | FilesField) or type(field) is forms.CharField:
        assert errors(which, name, CONTROL * 10_000) is not None  # anything ticks a box; a password is any text
    else:
        raise AssertionError(f"{type(field).__name__} is a field that this test does not know")
    for code, value in tried.items():
        assert code in errors(which, name, value), (code, value)


@pytest.mark.parametrize(("which", "name"), FIELDS, ids=_id)
def test_an_absent_value_is_an_error_where_one_is_needed(which: type[PageForm], name: str) -> None:
    field = which.base_fields[name]
    found = errors(which, name, None)
    needed = field.required or (which is ApplyForm and name in REQUIRED)  # a draft of an application needs nothing
    assert ("required" in found) == needed or found == ["empty"]
    if field.required:
        text = form_with(which, {}).errors[name][0]
        assert text.endswith(".")
        assert text != "This field is required."


@pytest.mark.parametrize(("which", "name"), FIELDS, ids=_id)
def test_two_values_are_an_error_where_one_is_meant(which: type[PageForm], name: str) -> None:
    field = which.base_fields[name]
    several = isinstance(field, forms.MultipleChoiceField | ValuesField | forms.FileField)
    assert ("repeated" in errors(which, name, ["1", "2"])) != several


@pytest.mark.parametrize("which", FORMS, ids=_id)
def test_what_was_typed_stays_and_the_error_is_tied_to_its_field(which: type[PageForm]) -> None:
    from guildhall.web.templatetags.guildhall import field as tag

    for name, field in which.base_fields.items():
        if not isinstance(field, TextField) or not field.max_length:
            continue
        typed = "y" * (field.max_length + 1)
        form = form_with(which, {name: typed})
        shown = tag(form, name)
        assert typed in shown
        assert 'aria-invalid="true"' in shown
        assert f'aria-describedby="{form[name].auto_id}_error"' in shown
        assert f'id="{form[name].auto_id}_error"' in shown
        assert "<label" in shown


def test_every_field_has_a_label() -> None:
    assert [f"{which.__name__}.{name}" for which, name in FIELDS
            if not which.base_fields[name].label and name not in ("carried", "standings", "roster", "raids", "calendar", "items",
                                                                  "recruitment")] == []  # fmt: skip


@pytest.mark.parametrize("kind", ApplicationQuestion.Kind.values)
def test_answers_are_checked_as_the_service_checks_them(kind: str) -> None:
    question = ApplicationQuestion(wording="Why?", kind=kind, choices=["a", "b"])
    field = AnswerField(question)
    bad = {"text": CONTROL, "long": CONTROL, "choice": "c", "multiple": ["a", "c"], "yes_no": "maybe", "number": "²"}[
        kind
    ]
    with pytest.raises(forms.ValidationError):
        field.clean(bad)
    assert not field.clean(None)


def test_a_file_field_takes_files_alone() -> None:
    field = FilesField("File", required="Choose one.", several=True)
    with pytest.raises(forms.ValidationError, match="Choose one"):
        field.clean([])
    assert len(field.clean([SimpleUploadedFile("a.sql", b""), SimpleUploadedFile("b.sql", b"x")])) == 2


def test_rows_are_offered_by_the_form_that_was_made() -> None:
    one, two = RowField("One"), RowField("One")
    one.set_rows([ApplicationQuestion(pk=3, wording="Why?")])
    assert one.clean("3").pk == 3
    assert isinstance(two, ChoiceField)
    with pytest.raises(forms.ValidationError):
        two.clean("3")


def test_a_refused_page_shows_the_error_beside_the_field(sign_in: Any, guild: Guild) -> None:
    client = sign_in("officer")
    path = "/officers/pools/"
    page = client.post(
        path, {"form": "create", "once": token(client.get(path)), "name": "Bad\x07name", "start_points": "ten"}
    )
    text = page.content.decode()
    assert page.status_code == 400
    assert 'id="id_create_name_error"' in text
    assert 'id="id_create_start_points_error"' in text
    assert 'href="#id_create_start_points"' in text
    assert 'value="ten"' in text


READS_THE_REQUEST = {"signin.py": ["POST"]}
"""Views that read the request themselves: where to go after signing in is not a form's field but that of three buttons."""


def reads(tree: ast.Module) -> list[str]:
    """What a view reads of a request that was sent, without a form."""
    return [
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in ("POST", "FILES", "body")
    ]


def test_views_read_what_was_sent_through_forms() -> None:
    found = {path.name: reads(ast.parse(path.read_text())) for path in sorted(VIEWS.glob("*.py"))}
    assert {name: names for name, names in found.items() if names} == READS_THE_REQUEST
    assert reads(ast.parse("def view(request):\n    return request.POST['name']")) == ["POST"]


def test_every_view_that_is_sent_something_has_a_form() -> None:
    """`.run` and `.sent` belong to forms; a view without a form, made there or handed to it, has neither, and none is a bare `PageForm`."""
    names = {one.__name__ for one in FORMS}
    for path in sorted(VIEWS.glob("*.py")):
        tree = ast.parse(path.read_text())
        used = {
            node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        sends = any(isinstance(node, ast.Attribute) and node.attr in ("run", "sent") for node in ast.walk(tree))
        assert "PageForm" not in used, path.name
        if sends:
            handed = {
                node.annotation.id
                for node in ast.walk(tree)
                if isinstance(node, ast.arg) and isinstance(node.annotation, ast.Name)
            }
            made = (used | handed) & names or "ACTIONS" in path.read_text()
            assert made, f"{path.name} is sent something without a form"
