"""The rows of a list as plain columns: one query, no model instances, no serializer for each row.

Invariant: a list answers, byte for byte, what its `serializer_class` makes of its queryset;
`tests/contract/test_rows.py` asks every list for every caller in both ways and compares, and fails for a list whose rows
a serializer makes one by one without a reason. The serializer stays the one declaration: the schema, the filters
and the orders are read from it (`columns.py`), and single answers are made by it.

`maker_of` reads a serializer class once. A field that shows a column (by its name or its `source`, also across a relation) becomes
a column of one `values_list`, converted as the field's `to_representation` does. What is not a column is said in the
serializer's `row_fields`, by field:

- `Made(needs, make)`: made of other columns of the row, ``make(*values)``;
- `OfPage(needs, make)`: made for all rows of a page at once, ``make(page, *columns)``: lists that hang on a row, look-ups,
  what depends on the caller (`Page.context`, as the serializer's);
- `children`, `related_ids` and `person`, which make these for the usual cases.

A serializer with a `to_representation` of its own says its fields in their order in `row_names`.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, TypeAlias, TypeVar, cast

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db.models import Model
from django.http import Http404
from rest_framework import serializers
from rest_framework.fields import Field
from rest_framework.response import Response

from guildhall.core.money import show_points

from .columns import Query as Query
from .columns import is_narrowed, narrowed
from .fields import PointsField

Row: TypeAlias = dict[str, object]
Column: TypeAlias = Sequence[Any]
Context: TypeAlias = Mapping[str, Any]
Conversion: TypeAlias = Callable[[Any], object]
AnyField: TypeAlias = Field[Any, Any, Any, Any]
SerializerClass: TypeAlias = Any
View: TypeAlias = Any
T = TypeVar("T")


@dataclass
class Page:
    """What the rows of one answer have in common: the serializer's `context`, and what was looked up for all of them."""

    context: Context
    _found: dict[Hashable, object] = field(default_factory=dict)

    def once(self, key: Hashable, find: Callable[[], T]) -> T:
        """Return what `find` returns, asked once for each `key` and page."""
        if key not in self._found:
            self._found[key] = find()
        return cast(T, self._found[key])


@dataclass(frozen=True)
class Made:
    """A field made of columns of its own row: ``make(*values of needs)``."""

    needs: tuple[str, ...]
    make: Callable[..., object]


@dataclass(frozen=True)
class OfPage:
    """A field made for a page at once: ``make(page, *columns of needs)`` returns its value for each row, in their order."""

    needs: tuple[str, ...]
    make: Callable[..., Column]


# --- the usual cases --------------------------------------------------------------------------------------------------

_PERSON = ("display_name", "discord_global_name", "discord_username", "username")


def _name(*names: str | None) -> str | None:
    return next((name for name in names if name), None)


def person(path: str = "", *, nobody: str | None = None) -> Made:
    """Return a field with a person's name, as ``str(user)``; `path` leads to the person, "" for themselves.

    Args:
        nobody: what stands where there is no person.
    """
    before = f"{path}__" if path else ""
    needs = tuple(f"{before}{name}" for name in _PERSON)
    return Made(needs, _name if nobody is None else lambda *names: _name(*names) or nobody)


def by_model(model: type[Model], tell: Conversion, *names: str) -> Made:
    """Return a field that a rule of the model tells: ``tell(instance)`` of an instance that has these columns alone."""

    def make(*values: object) -> object:
        return tell(model(**dict(zip(names, values, strict=True))))

    return Made(names, make)


def children(serializer_class: SerializerClass, rows: Callable[[], Query], by: str, key: str = "pk") -> OfPage:
    """Return a field with the list of rows that hang on each row, written as `serializer_class` does. One query.

    Args:
        rows: makes the queryset of all of them, in their order within a list.
        by: their column that says on what they hang.
        key: the column of the row that it names.
    """

    def find(page: Page, keys: Column) -> Column:
        found: dict[object, list[Row]] = defaultdict(list)
        for parent, row in maker_of(serializer_class).keyed(rows().filter(**{f"{by}__in": set(keys)}), by, page):
            found[parent].append(row)
        return [found.get(one, []) for one in keys]

    def make(page: Page, keys: Column) -> Column:
        return page.once((rows, serializer_class, by, key), lambda: find(page, keys))

    return OfPage((key,), make)


def related_ids(links: Callable[[], Query], by: str, value: str, key: str = "pk") -> OfPage:
    """Return a field with the list of ids that belong to each row. One query.

    Args:
        links: makes the queryset of the links, in their order within a list.
        by: the column of a link that says to which row it belongs.
        value: the column of a link with the id.
        key: the column of the row that `by` names.
    """

    def find(keys: Column) -> Column:
        found: dict[object, list[object]] = defaultdict(list)
        for parent, one in links().filter(**{f"{by}__in": set(keys)}).values_list(by, value):
            found[parent].append(one)
        return [found.get(one, []) for one in keys]

    def make(page: Page, keys: Column) -> Column:
        return page.once((links, by, value, key), lambda: find(keys))

    return OfPage((key,), make)


# --- reading a serializer ---------------------------------------------------------------------------------------------


def moment(value: dt.datetime) -> str:
    """Return a time as DRF's own field writes it: in UTC, with `Z`."""
    text = value.isoformat() if value.tzinfo is dt.UTC else value.astimezone(dt.UTC).isoformat()
    return f"{text[:-6]}Z"


_PLAIN = (
    serializers.BooleanField,
    serializers.IntegerField,
    serializers.CharField,
    serializers.ChoiceField,
    serializers.ReadOnlyField,
    serializers.PrimaryKeyRelatedField,
)
"""Fields that show what is in the column."""


def _is_own(declared: AnyField, classes: type | tuple[type, ...]) -> bool:
    """Return whether a field writes values as one of DRF's (or ours) named here does, and not in a way of its own."""
    names = classes if isinstance(classes, tuple) else (classes,)
    written = type(declared).to_representation
    return any(isinstance(declared, one) and written is one.to_representation for one in names)  # type: ignore[attr-defined]


def _conversion(declared: AnyField) -> Conversion | None:
    """Return how a column's value, where it is not null, becomes the field's; None where it is the same."""
    if _is_own(declared, _PLAIN):
        return None
    if _is_own(declared, serializers.DateTimeField) and not hasattr(declared, "format"):
        return moment
    if _is_own(declared, PointsField):
        return show_points
    if _is_own(declared, serializers.UUIDField) and declared.uuid_format == "hex_verbose":  # type: ignore[attr-defined]
        return str
    convert: Conversion = declared.to_representation
    return convert


@dataclass(frozen=True)
class _Shown:
    """A field that shows a column."""

    path: str
    convert: Conversion | None


Cell: TypeAlias = "Made | OfPage | _Shown"


def _cell(name: str, declared: Any, said: Mapping[str, Made | OfPage]) -> Cell:
    if name in said:
        return said[name]
    where = f"{type(declared.parent).__name__}.{name}"
    path = (declared.source or name).replace(".", "__")
    if path == "__str__" or path.endswith("____str__"):
        return person(path.removesuffix("__str__").removesuffix("__"))
    if isinstance(declared, serializers.StringRelatedField):
        return person(path)  # all that are shown by their text are people
    if path == "*" or isinstance(declared, serializers.BaseSerializer | serializers.ManyRelatedField):
        raise ImproperlyConfigured(f"{where} is no column; say in row_fields how it is made (core/api/rows.py).")
    return _Shown(path, _conversion(declared))


class Maker:
    """Makes the rows of one serializer class."""

    def __init__(self, serializer_class: SerializerClass) -> None:
        self.serializer_class = serializer_class
        fields = serializer_class().fields
        said: Mapping[str, Made | OfPage] = getattr(serializer_class, "row_fields", {})
        names: Sequence[str] | None = getattr(serializer_class, "row_names", None)
        if names is None:
            if serializer_class.to_representation not in _PLAINLY:
                raise ImproperlyConfigured(
                    f"{serializer_class.__name__} writes rows in a way of its own; say their fields in row_names."
                )
            names = [name for name, one in fields.items() if not one.write_only]
        self.names = tuple(names)
        self.cells = [said[name] if name not in fields else _cell(name, fields[name], said) for name in self.names]
        self.columns: list[str] = []
        for cell in self.cells:
            self.columns += [cell.path] if isinstance(cell, _Shown) else cell.needs
        self.columns = list(dict.fromkeys(self.columns))
        self._at = {path: place for place, path in enumerate(self.columns)}

    def rows(self, queryset: Query, page: Page) -> list[Row]:
        """Return the rows of a queryset of models, in its order."""
        return self._made(list(self._plain(queryset).values_list(*self.columns)), page)

    def keyed(self, queryset: Query, key: str, page: Page) -> Iterator[tuple[object, Row]]:
        """Yield the rows of a queryset, each with its value of the column `key`."""
        found = list(self._plain(queryset).values_list(*self.columns, key))
        return zip([row[-1] for row in found], self._made(found, page), strict=True)

    def of(self, things: Iterable[object], page: Page) -> list[Row]:
        """Return the rows of what was put together in Python, by its attributes."""
        read = [attrgetter(path.replace("__", ".")) for path in self.columns]
        return self._made([tuple(get(one) for get in read) for one in things], page)

    def _plain(self, queryset: Query) -> Query:
        return queryset.select_related(None).prefetch_related(None)

    def _made(self, found: Sequence[tuple[Any, ...]], page: Page) -> list[Row]:
        if not found:
            return []
        columns: list[Column] = list(zip(*found, strict=True))
        made = [self._column(cell, columns, page) for cell in self.cells]
        names = self.names
        return [dict(zip(names, row, strict=True)) for row in zip(*made, strict=True)]

    def _column(self, cell: Cell, columns: list[Column], page: Page) -> Column:
        if isinstance(cell, _Shown):
            column, convert = columns[self._at[cell.path]], cell.convert
            return column if convert is None else [None if value is None else convert(value) for value in column]
        needed = [columns[self._at[path]] for path in cell.needs]
        return list(map(cell.make, *needed)) if isinstance(cell, Made) else cell.make(page, *needed)


_PLAINLY = (serializers.Serializer.to_representation, serializers.ModelSerializer.to_representation)
_makers: dict[object, Maker] = {}


def maker_of(serializer_class: SerializerClass) -> Maker:
    """Return what makes the rows of a serializer class; read once for a process.

    Raises:
        ImproperlyConfigured: for a field that is no column and of which the class does not say how it is made.
    """
    found = _makers.get(serializer_class)
    if found is None:
        found = _makers[serializer_class] = Maker(serializer_class)
    return found


def made(queryset: Query, serializer_class: SerializerClass, context: Context | None = None) -> list[Row]:
    """Return all rows of a queryset as `serializer_class` writes them."""
    return maker_of(serializer_class).rows(queryset, Page(context or {}))


def made_of(things: Iterable[object], serializer_class: SerializerClass) -> list[Row]:
    """Return things that were put together in Python (dataclasses) as `serializer_class` writes them."""
    return maker_of(serializer_class).of(things, Page({}))


class Rows:
    """The rows of a queryset, made where a part of them is asked for; what the pages of a list are cut from."""

    ordered = True
    """For Django's paginator; the queryset is, or its list warned before."""

    def __init__(self, queryset: Query, serializer_class: SerializerClass, context: Context | None = None) -> None:
        self._queryset, self._serializer_class, self._context = queryset, serializer_class, context

    def count(self) -> int:
        """Return how many there are. One query, without the joins and annotations that no filter needs."""
        return self._queryset.select_related(None).order_by().count()

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, part: slice) -> list[Row]:
        return made(self._queryset[part], self._serializer_class, self._context)

    def __iter__(self) -> Iterator[Row]:
        return iter(made(self._queryset, self._serializer_class, self._context))


def rows_of(view: View, queryset: Query) -> Rows:
    """Return the rows of a queryset as a view's `serializer_class` writes them for its caller."""
    return Rows(queryset, view.get_serializer_class(), view.get_serializer_context())


def page_of(view: View, queryset: Query) -> Response:
    """Return the page of a queryset that was asked for; all of it where the view has no pages. Two queries, and one for
    each field of the serializer that is an `OfPage`."""
    rows = rows_of(view, queryset)
    page = view.paginate_queryset(rows)
    response: Response = Response(list(rows)) if page is None else view.get_paginated_response(page)
    return response


def narrowed_page(view: View, queryset: Query) -> Response:
    """Return `page_of` for a list some of whose columns are made in Python: where the query string asks for a filter
    or an order, all rows are made, and then narrowed (`columns.narrowed`)."""
    rows = rows_of(view, queryset)
    found = narrowed(view, view.request, rows) if is_narrowed(view, view.request) else rows
    response: Response = view.get_paginated_response(view.paginate_queryset(found))
    return response


def record_of(view: View, queryset: Query) -> Row:
    """Return the row of a queryset that a view's URL names, as its `serializer_class` writes it; what DRF's `get_object` and
    the serializer would.

    Raises:
        Http404: there is none.
    """
    lookup = {view.lookup_field: view.kwargs[view.lookup_url_kwarg or view.lookup_field]}
    try:
        rows = queryset.filter(**lookup)
    except (TypeError, ValueError, ValidationError):  # no id of any row, as DRF has it (`generics.get_object_or_404`)
        raise Http404 from None
    found = row_of(rows, view.get_serializer_class(), view.get_serializer_context())
    if found is None:
        raise Http404(f"No {queryset.model._meta.object_name} matches the given query.")
    return found


def row_of(queryset: Query, serializer_class: SerializerClass, context: Context | None = None) -> Row | None:
    """Return the first row of a queryset, None where there is none. One query, and one for each `OfPage`."""
    found = made(queryset[:1], serializer_class, context)
    return found[0] if found else None
