"""The columns of a list: one declaration for filtering, ordering and the schema of both.

Invariant: whatever scalar column a list shows can be filtered and ordered by, under the column's own name;
`tests/contract/test_columns.py` walks every list and fails for a column that cannot and is not excused with a reason.

A view declares nothing in the plain case: the columns are the fields of its `serializer_class`, and where each stands in
the query is the field's `source`. What that does not tell is in the view's attributes:

- ``column_paths``: by column, a path of the ORM, an expression, or a `Column`;
- ``column_aliases``: older names of a column, which go on working (``{"user": "user_id"}``);
- ``own_parameters``: parameters named as a column that the view reads itself;
- ``hidden_columns``: columns that some callers do not see, by name with the reason; they are neither filtered nor ordered by,
  or the order would tell what is hidden.

A list that is computed in Python is passed through `narrowed`, which reads the same declaration from the rows.

Each column is filtered by equality (text whatever the case), numbers and times also by ``__gte`` and ``__lte``, text by
``__icontains``, and what may be empty by ``__isnull``. An id that is not there matches nothing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias
from uuid import UUID

from django.db.models import F, Model, QuerySet, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, NullIf
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework import serializers
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.core.errors import BadInput
from guildhall.core.text import storable
from guildhall.core.validators import is_plain_number

from . import params
from .fields import PointsField

NUMBER, AMOUNT, MOMENT, FLAG, CHOICE, TEXT, UID = "number", "amount", "moment", "flag", "choice", "text", "uuid"
_FORMS: dict[str, dict[str, object]] = {
    NUMBER: {"type": "integer"},
    AMOUNT: {"type": "number"},
    MOMENT: {"type": "string", "format": "date-time"},
    FLAG: {"type": "boolean"},
    TEXT: {"type": "string"},
    CHOICE: {"type": "string"},
    UID: {"type": "string", "format": "uuid"},
}
_LOOKUPS: dict[str, tuple[str, ...]] = {
    NUMBER: ("gte", "lte"),
    AMOUNT: ("gte", "lte"),
    MOMENT: ("gte", "lte"),
    TEXT: ("icontains",),
}
LONGEST = 300
"""Characters of a text that is looked for."""


Query: TypeAlias = QuerySet[Any]
Path: TypeAlias = "str | Combinable | Callable[[], Combinable]"


@dataclass(frozen=True)
class Column:
    """One column: where it stands in the query (`path`, None for the column's name), and what is in it.

    A `path` that depends on the moment is a function that makes the expression.
    """

    path: Path | None = None
    kind: str = TEXT
    is_nullable: bool = False
    choices: tuple[str, ...] = ()


def person_name(path: str) -> Combinable:
    """Return a person's name as pages show it (`str(user)`), for `column_paths`; `path` leads to the person, "" for themselves."""
    before = f"{path}__" if path else ""
    return Coalesce(NullIf(F(f"{before}display_name"), Value("")), F(f"{before}username"))


# --- what there is ----------------------------------------------------------------------------------------------------

_known: dict[tuple[object, object], dict[str, Column]] = {}


def columns_of(view: object) -> dict[str, Column]:
    """Return the columns of a view's list by name, in the order in which it shows them."""
    serializer_class = getattr(view, "serializer_class", None)
    key = (type(view), serializer_class)
    found = _known.get(key)
    if found is None:
        found = _known[key] = _columns(view, serializer_class)
    return found


def _columns(view: object, serializer_class: Any) -> dict[str, Column]:
    paths: Mapping[str, Any] = getattr(view, "column_paths", {})
    hidden: Mapping[str, str] = getattr(view, "hidden_columns", {})
    if serializer_class is None:
        return {}
    found = {}
    for name, field in serializer_class().fields.items():
        if name in hidden or field.write_only:
            continue
        column = paths.get(name)
        if isinstance(column, Column):
            found[name] = column
            continue
        kind = _kind(field)
        if kind is None and isinstance(field, serializers.ReadOnlyField) and name.endswith("_id"):
            found[name] = Column(name, NUMBER, is_nullable=True)  # a `ModelSerializer` has them for a relation's id
        if kind is None:
            continue
        source = (field.source or name).replace(".", "__")
        path = column if column is not None else source
        if isinstance(path, str) and (path == "__str__" or path.endswith("____str__")):
            path = person_name(path.removesuffix("__str__").removesuffix("__"))
        elif isinstance(field, serializers.StringRelatedField) and column is None:
            path = person_name(source)  # all that are shown by their text are people
        choices = tuple(str(one) for one in field.choices) if kind == CHOICE else ()
        found[name] = Column(path, kind, bool(getattr(field, "allow_null", False)), choices)
    return found


def _kind(field: object) -> str | None:
    for classes, kind in (
        (serializers.BooleanField, FLAG),
        ((serializers.IntegerField, serializers.PrimaryKeyRelatedField), NUMBER),
        ((PointsField, serializers.DecimalField, serializers.FloatField), AMOUNT),
        (serializers.DateTimeField, MOMENT),
        (serializers.UUIDField, UID),
        (serializers.ChoiceField, CHOICE),
        ((serializers.CharField, serializers.StringRelatedField), TEXT),
    ):
        if isinstance(field, classes):
            return None if isinstance(field, serializers.MultipleChoiceField) else kind
    return None


def _uses_filterset(view: Any) -> bool:
    return any(issubclass(one, DjangoFilterBackend) for one in getattr(view, "filter_backends", ()))


_lookups: dict[Any, dict[str, tuple[str, str]]] = {}


def filters_of(view: object) -> dict[str, tuple[str, str]]:
    """Return every filter by parameter: the column and the lookup (``exact``, ``gte`` …)."""
    key = (type(view), getattr(view, "serializer_class", None))
    found = _lookups.get(key)
    if found is None:
        filterset = getattr(view, "filterset_class", None) if _uses_filterset(view) else None
        taken = set(getattr(filterset, "base_filters", {})) | getattr(view, "own_parameters", frozenset())
        found = {}
        for name, column in columns_of(view).items():
            if name not in taken:
                found[name] = (name, "exact")
            for lookup in _LOOKUPS.get(column.kind, ()):
                found[f"{name}__{lookup}"] = (name, lookup)
            if column.is_nullable:
                found[f"{name}__isnull"] = (name, "isnull")
        for alias, name in getattr(view, "column_aliases", {}).items():
            if alias not in taken:
                found[alias] = (name, "exact")
        _lookups[key] = found
    return found


def orders_of(view: object) -> dict[str, Path]:
    """Return what a list can be ordered by: the columns, their aliases and the view's `ordering_fields`."""
    found: dict[str, Path] = {name: column.path or name for name, column in columns_of(view).items()}
    for alias, name in getattr(view, "column_aliases", {}).items():
        found.setdefault(alias, found[name])
    for name in getattr(view, "ordering_fields", None) or ():
        found.setdefault(name, name)
    return found


# --- reading the query ------------------------------------------------------------------------------------------------


def _value(request: Request, parameter: str, column: Column, lookup: str) -> object:
    """Return the parameter's value, None where it is not given."""
    text = request.query_params.get(parameter, "").strip()
    if not text:
        return None
    if lookup == "isnull" or column.kind == FLAG:
        return params.flag(request, parameter)
    if column.kind == MOMENT:
        return params.moment(request, parameter)
    if column.kind == CHOICE:
        return params.one_of(request, parameter, column.choices)
    if column.kind == NUMBER:
        plain = text.removeprefix("-")
        if not (plain.isascii() and plain.isdecimal()) or len(plain) > 18:
            raise BadInput(f"{parameter} is a whole number, such as 7.", code="invalid", attr=parameter)
        return int(text)
    if column.kind == AMOUNT:
        return _amount(text, parameter)
    if column.kind == UID:
        try:
            return UUID(text)
        except ValueError as error:
            raise BadInput(f"{parameter} is a UUID.", code="invalid", attr=parameter) from error
    if not storable(text):
        raise BadInput(f"{parameter} has characters that are not allowed.", code="invalid", attr=parameter)
    return text[:LONGEST]


def _amount(text: str, parameter: str) -> Decimal:
    try:
        value = Decimal(text) if len(text) <= 20 and is_plain_number(text) else None
    except InvalidOperation:
        value = None
    if value is None or not value.is_finite() or abs(value) >= 10**12:
        raise BadInput(f"{parameter} is a number, such as 12.50.", code="invalid", attr=parameter)
    return value.quantize(Decimal("0.0001"))


def given_filters(view: object, request: Request) -> list[tuple[Column, str, str, object]]:
    """Return the filters in the query string: column, its name, lookup and value.

    Raises:
        BadInput: ``invalid``, ``invalid_choice``.
    """
    known, columns, found = filters_of(view), columns_of(view), []
    for parameter in request.query_params:
        meant = known.get(parameter)
        if meant is None:
            continue
        name, lookup = meant
        value = _value(request, parameter, columns[name], lookup)
        if value is not None:
            found.append((columns[name], name, lookup, value))
    return found


def wanted_order(request: Request, known: Mapping[str, object]) -> list[tuple[str, bool]]:
    """Return `?ordering=` as names and whether each descends.

    Raises:
        BadInput: ``invalid_ordering``.
    """
    found = []
    for part in request.query_params.get("ordering", "").split(","):
        name = part.strip()
        if not name:
            continue
        is_down, name = name.startswith("-"), name.removeprefix("-")
        if name not in known:
            raise BadInput(
                f"This list cannot be ordered by {name[:40]}. It can by: {', '.join(known)}.",
                code="invalid_ordering",
                attr="ordering",
            )
        found.append((name, is_down))
    return found


# --- querysets --------------------------------------------------------------------------------------------------------


class Columns(BaseFilterBackend):
    """The filter backend of every list (settings, `DEFAULT_FILTER_BACKENDS`)."""

    def filter_queryset(self, request: Request, queryset: Query, view: Any) -> Query:
        for column, name, lookup, value in given_filters(view, request):
            queryset, path = _placed(queryset, column.path or name, name)
            if lookup == "exact" and column.kind == TEXT:
                lookup = "iexact"
            queryset = queryset.filter(**{f"{path}__{lookup}": value})
        return queryset

    def get_schema_operation_parameters(self, view: object) -> list[dict[str, Any]]:
        """Return every filter, for the schema."""
        columns = columns_of(view)
        found = []
        for parameter, (name, lookup) in filters_of(view).items():
            column = columns[name]
            form = _FORMS[FLAG] if lookup == "isnull" else dict(_FORMS[column.kind])
            if column.kind == CHOICE and lookup == "exact" and column.choices:
                form = {**form, "enum": list(column.choices)}
            one: dict[str, object] = {"name": parameter, "in": "query", "required": False, "schema": form}
            if parameter in getattr(view, "column_aliases", {}):
                one["description"] = f"as `{name}`"
            found.append(one)
        return found


def _placed(queryset: Query, path: Path, name: str) -> tuple[Query, str]:
    """Return the queryset with `path` as something to filter by."""
    if isinstance(path, str):
        return queryset, path
    return queryset.alias(**{f"by_{name}": path() if callable(path) else path}), f"by_{name}"


def ordered(queryset: Query, wanted: Sequence[tuple[str, bool]], known: Mapping[str, Any]) -> Query:
    """Return the queryset in the wanted order, equal rows in a fixed one."""
    terms: list[Any] = []
    for name, is_down in wanted:
        path = known[name]
        term = F(path) if isinstance(path, str) else path() if callable(path) else path
        terms.append(term.desc() if is_down else term.asc())
    terms.append(F("pk").desc() if wanted[-1][1] else F("pk").asc())
    return queryset.order_by(*terms)


# --- rows computed in Python ------------------------------------------------------------------------------------------


def narrowed(view: Any, request: Request, rows: Iterable[Mapping[str, object]]) -> list[Any]:
    """Return rows (mappings by column) that the query string asks for, in its order; without one as they came.

    Raises:
        BadInput: as for querysets.
    """
    found = list(rows)
    for column, name, lookup, value in given_filters(view, request):
        found = [row for row in found if _matches(_plain(row.get(name), column), lookup, value, column)]
    for name, is_down in reversed(wanted_order(request, orders_of(view))):
        name = getattr(view, "column_aliases", {}).get(name, name)
        column = columns_of(view)[name]
        found.sort(key=_sort_key(name, column), reverse=is_down)
    return found


def _sort_key(name: str, column: Column) -> Callable[[Mapping[str, object]], Any]:
    def key(row: Mapping[str, object]) -> object:
        value = _plain(row.get(name), column)
        return (value is not None, value.casefold() if isinstance(value, str) else value if value is not None else 0)

    return key


def _plain(value: object, column: Column) -> object:
    """Return a row's value as something to compare: rows may be written for JSON already."""
    if value is None or isinstance(value, Model):
        return None if value is None else str(value)
    if column.kind == AMOUNT:
        return Decimal(str(value))
    if column.kind == MOMENT and isinstance(value, str):
        return dt.datetime.fromisoformat(value)
    if column.kind == UID:
        return UUID(str(value))
    if column.kind in (TEXT, CHOICE):
        return str(value)
    return value


def _matches(value: Any, lookup: str, wanted: Any, column: Column) -> bool:
    if lookup == "isnull":
        return (value is None) is wanted
    if value is None:
        return False
    if lookup == "icontains":
        return bool(wanted.casefold() in value.casefold())
    if lookup == "gte":
        return bool(value >= wanted)
    if lookup == "lte":
        return bool(value <= wanted)
    return bool(value.casefold() == wanted.casefold() if column.kind == TEXT else value == wanted)


def is_narrowed(view: object, request: Request) -> bool:
    """Return whether the query string filters or orders by a column."""
    known = filters_of(view)
    return any(name == "ordering" or name in known for name in request.query_params)


def shown_page(view: Any, request: Request, rows: Any, show: Callable[[list[Any]], Any]) -> Response:
    """Return a page of `rows` (a queryset or a list), each as `show` writes it.

    For lists whose columns are made by `show`: only where the query string asks for a filter or an order are all rows
    shown, and then narrowed.
    """
    if is_narrowed(view, request):
        rows = narrowed(view, request, show(list(rows)))
        return view.get_paginated_response(view.paginate_queryset(rows))  # type: ignore[no-any-return]
    return view.get_paginated_response(show(list(view.paginate_queryset(rows) or [])))  # type: ignore[no-any-return]
