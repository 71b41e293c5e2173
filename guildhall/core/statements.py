"""Queries of the ORM that are compiled once for a process, and run with other parameters each time.

Building a queryset and compiling it takes more of an answer that is made anew than reading its rows does. Where a query is always the
same but for the values in it, its function is a `statement`:

    @statement
    def _checks(raid_id: int) -> Query:
        return AttendanceCheck.objects.filter(raid=raid_id).order_by("position").values_list("pk", "kind")

    for pk, kind in _checks(raid.pk):

The function is called once, with a value of its own kind in place of each positional parameter; where those stand in the compiled SQL, the
given values are put. Its rows are those of the queryset: models (also those of `select_related`), dicts, tuples or single values.
A keyword argument is no parameter: each value of it makes a statement of its own, such as a different set of filters.

What the function must not do: decide by a parameter's value, look it up, or compare a text in another way than exactly. It is asked
again in no later call, so it may not read the clock either: a moment is a parameter.
"""

from __future__ import annotations

import datetime as dt
import functools
import inspect
import re
import threading
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, Generic, TypeAlias, TypeVar, cast
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models import QuerySet
from django.db.models import query as of_django
from django.db.models.query import (
    FlatValuesListIterable,
    ModelIterable,
    ValuesIterable,
    ValuesListIterable,
)

T = TypeVar("T")
Django: TypeAlias = Any
"""Django's compilers and connections, whose insides have no types."""
Query: TypeAlias = QuerySet[Django]
"""What a function that is a statement returns, where it is not models."""
Bind: TypeAlias = Callable[[object], object]
_PLACE = re.compile(r"(?<!%)%s")
_MARKERS: dict[str, Callable[[int], object]] = {
    "int": lambda number: 1_987_654_000 + number,
    "str": lambda number: f"\x02parameter {number}\x03",
    "dt.datetime": lambda number: dt.datetime(2187, 3, 1 + number, 4, 5, 6, tzinfo=dt.UTC),
    "UUID": lambda number: UUID(int=0x5A5A_0000_0000_4000_8000_0000_0000_0000 + number),
}
_LIST = re.compile(r"(?:Sequence|Collection|list)\[(\w+)\]")
_LARGEST = 2**63
_NOTHING = {"mysql": "SELECT NULL FROM DUAL WHERE 1 = 0"}
"""What `IN ()` is written as."""


class _Many:
    """A parameter that stands for any number of values, in `IN (…)`."""

    def __init__(self, marker: object) -> None:
        self.marker = marker


class _Compiled:
    """SQL in pieces with the values between them, and how its rows become the queryset's."""

    def __init__(self, queryset: Query, markers: Sequence[object], *, counts: bool = False) -> None:
        if queryset._prefetch_related_lookups:  # type: ignore[attr-defined]
            raise ImproperlyConfigured("a statement has no prefetch_related: each of those is a query of its own")
        compiler: Django = queryset.query.get_compiler(using=queryset.db)
        sql, params = compiler.as_sql(with_col_aliases=counts)
        if counts:
            sql = f"SELECT COUNT(*) FROM ({sql}) counted"  # noqa: S608 - Django's own
        self.pieces = _PLACE.split(sql)
        if len(self.pieces) != len(params) + 1:
            raise ImproperlyConfigured(f"a percent sign in {sql} is taken for a parameter")
        self.params = list(params)
        self.places: list[tuple[int, int, Bind]] = []
        self.many: list[tuple[int, int]] = []
        found = set()
        for place, param in enumerate(params):
            for number, marker in enumerate(markers):
                plain = marker.marker if isinstance(marker, _Many) else marker
                if param != _adapted(plain):
                    continue
                found.add(number)
                if isinstance(marker, _Many):
                    if not (self.pieces[place].endswith("IN (") and self.pieces[place + 1].startswith(")")):
                        raise ImproperlyConfigured(f"a list stands in IN () alone, and not so in {sql}")
                    self.many.append((place, number))
                else:
                    self.places.append((place, number, _binder(param, plain)))
        if len(found) != len(markers):
            raise ImproperlyConfigured(f"not every parameter stands in {sql}")
        self._make_rows(compiler, queryset)
        self.sql = "%s".join(self.pieces)
        if self.many and connection.vendor == "postgresql":
            for place, _ in self.many:
                self.pieces[place] = self.pieces[place].removesuffix("IN (") + "= ANY("
            self.sql = "%s".join(self.pieces)

    def _make_rows(self, compiler: Django, queryset: Query) -> None:
        select = compiler.select
        self.width = compiler.col_count if compiler.has_extra_select else None
        self.converters = list(compiler.get_converters([one[0] for one in select[: compiler.col_count]]).items())
        self.kind = queryset._iterable_class
        query: Django = queryset.query
        if self.kind is ModelIterable:
            info = compiler.klass_info
            fields = info["select_fields"]
            self.model, self.part = info["model"], slice(fields[0], fields[-1] + 1)
            self.names = [one[0].target.attname for one in select[self.part]]
            populators: Django = of_django.get_related_populators
            self.related = populators(info, select, queryset.db)
            self.annotated = compiler.annotation_col_map or {}
        elif self.kind is ValuesIterable:
            self.names = list(query.selected or [*query.extra_select, *query.values_select, *query.annotation_select])
        elif self.kind not in (ValuesListIterable, FlatValuesListIterable):
            raise ImproperlyConfigured(f"a statement has no rows of the kind {self.kind.__name__}")

    def run(self, given: Sequence[object], part: slice | None = None) -> list[object]:
        if _is_beyond(given):
            return []
        found = self._execute(given, "" if part is None else _limit(part))
        return self._rows(found)

    def count(self, given: Sequence[object]) -> int:
        if _is_beyond(given):
            return 0
        ((number,),) = self._execute(given)
        return cast(int, number)

    def _execute(self, given: Sequence[object], limit: str = "") -> list[tuple[object, ...]]:
        params = self.params.copy()
        for place, number, bind in self.places:
            params[place] = bind(given[number])
        sql = self.sql
        if self.many:
            sql, params = self._with_lists(sql, params, given)
        with connection.cursor() as cursor:
            cursor.execute(sql + limit, params)
            return list(cursor.fetchall())

    def _with_lists(self, sql: str, params: list[object], given: Sequence[object]) -> tuple[str, list[object]]:
        lists = {place: list(cast("Iterable[object]", given[number])) for place, number in self.many}
        if connection.vendor == "postgresql":
            for place, values in lists.items():
                params[place] = values
            return sql, params
        nothing = _NOTHING.get(connection.vendor, "SELECT NULL WHERE 1 = 0")
        written, bound = [self.pieces[0]], []
        for place, param in enumerate(params):
            values = lists.get(place, [param])
            written += [", ".join(["%s"] * len(values)) or nothing, self.pieces[place + 1]]
            bound += values
        return "".join(written), bound

    def _rows(self, found: Iterable[tuple[object, ...]]) -> list[object]:
        if self.width is not None:
            found = [row[: self.width] for row in found]
        if self.converters:
            found = self._converted(found)
        if self.kind is ValuesListIterable:
            return [*map(tuple, found)] if self.converters or connection.vendor == "mysql" else list(found)
        if self.kind is FlatValuesListIterable:
            return [row[0] for row in found]
        if self.kind is ValuesIterable:
            return [dict(zip(self.names, row, strict=True)) for row in found]
        return [self._instance(row) for row in found]

    def _converted(self, found: Iterable[Sequence[object]]) -> list[tuple[object, ...]]:
        rows: list[list[object]] = [list(row) for row in found]
        for place, (converters, expression) in self.converters:
            for convert in converters:
                for row in rows:
                    row[place] = convert(row[place], expression, connection)
        return cast("list[tuple[object, ...]]", rows)

    def _instance(self, row: Sequence[object]) -> object:
        made = self.model.from_db(connection.alias, self.names, row[self.part])
        for one in self.related:
            one.populate(row, made)
        for name, place in self.annotated.items():
            setattr(made, name, row[place])
        return made


def _is_beyond(given: Sequence[object]) -> bool:
    """Return whether one of the values is a whole number that no column holds: as with Django's own, nothing equals it."""
    return any(isinstance(one, int) and not -_LARGEST <= one < _LARGEST for one in given)


def _limit(part: slice) -> str:
    """Return the clause for a part of the rows; numbers alone, whatever was asked for."""
    start, stop = int(part.start or 0), int(part.stop)
    return f" LIMIT {max(0, stop - start)} OFFSET {start}"


def _adapted(value: object) -> object:
    """Return a marker as it stands among the parameters of compiled SQL."""
    if isinstance(value, dt.datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, UUID) and not connection.features.has_native_uuid_field:
        return value.hex
    return value


def _binder(param: object, marker: object) -> Bind:
    """Return how a given value becomes a parameter, as Django made `param` of the marker."""
    if isinstance(marker, dt.datetime | UUID):
        return _adapted
    if type(param) is type(marker):
        return lambda value: value
    return cast(Bind, type(param))  # psycopg's numbers of so many bytes


class Statement(Generic[T]):
    """A query that is compiled once; made by `statement`."""

    def __init__(self, make: Callable[..., Iterable[T]]) -> None:
        functools.update_wrapper(self, make)
        self._make, self._lock = make, threading.Lock()
        self._compiled: dict[Hashable, _Compiled] = {}
        self._markers = [
            _marker(parameter.annotation, number)
            for number, parameter in enumerate(inspect.signature(make).parameters.values())
            if parameter.kind is not parameter.KEYWORD_ONLY
        ]

    def __call__(self, *parameters: object, **fixed: Hashable) -> list[T]:
        """Return the rows.

        Raises:
            ImproperlyConfigured: the function is not fit for it (the module's docstring).
            TypeError: a parameter too many or too few, or None for one.
        """
        return cast("list[T]", self._of(parameters, fixed).run(parameters))

    def part(self, part: slice, *parameters: object, **fixed: Hashable) -> list[T]:
        """Return the rows from ``part.start`` up to ``part.stop``, as slicing a queryset does."""
        return cast("list[T]", self._of(parameters, fixed).run(parameters, part))

    def count(self, *parameters: object, **fixed: Hashable) -> int:
        """Return how many rows there are."""
        return self._of(parameters, fixed, counts=True).count(parameters)

    def _of(self, parameters: Sequence[object], fixed: dict[str, Hashable], *, counts: bool = False) -> _Compiled:
        if len(parameters) != len(self._markers) or any(one is None for one in parameters):
            raise TypeError(f"{self._make.__name__} takes {len(self._markers)} parameters, none of them None")
        key = (connection.vendor, counts, *fixed.items())
        compiled = self._compiled.get(key)
        if compiled is None:
            with self._lock:
                plain = [one.marker if isinstance(one, _Many) else one for one in self._markers]
                given = [
                    [one] if isinstance(two, _Many) else one for one, two in zip(plain, self._markers, strict=True)
                ]
                queryset = cast(Query, self._make(*given, **fixed))
                if counts:
                    queryset = queryset.order_by()
                compiled = self._compiled[key] = _Compiled(queryset, self._markers, counts=counts)
        return compiled

    def first(self, *parameters: object, **fixed: Hashable) -> T | None:
        """Return the first row, None where there is none."""
        found = self(*parameters, **fixed)
        return found[0] if found else None

    def listed(self, *parameters: object, **fixed: Hashable) -> Listed[T]:
        """Return its rows as what the pages of a list are cut from."""
        return Listed(self, parameters, fixed)

    def queryset(self, *parameters: object, **fixed: Hashable) -> Iterable[T]:
        """Return the queryset itself, made of these values: for what goes on from it, and for tests."""
        return self._make(*parameters, **fixed)


class Listed(Generic[T]):
    """The rows of a statement, read where a part of them is asked for; what a paginator cuts pages from."""

    ordered = True
    """For Django's paginator; the statement is."""

    def __init__(self, of: Statement[T], parameters: Sequence[object], fixed: dict[str, Hashable]) -> None:
        self._of, self._parameters, self._fixed = of, parameters, fixed

    def count(self) -> int:
        """Return how many there are. One query."""
        return self._of.count(*self._parameters, **self._fixed)

    def __len__(self) -> int:
        return self.count()

    def __getitem__(self, part: slice) -> list[T]:
        return self._of.part(part, *self._parameters, **self._fixed)

    def __iter__(self) -> Iterator[T]:
        return iter(self._of(*self._parameters, **self._fixed))


def _marker(annotation: object, number: int) -> object:
    several = _LIST.fullmatch(str(annotation))
    name = several[1] if several else str(annotation)
    if name not in _MARKERS:
        raise ImproperlyConfigured(f"a statement has no parameters of the type {annotation}")
    made = _MARKERS[name](number)
    return _Many(made) if several else made


def statement(make: Callable[..., Iterable[T]]) -> Statement[T]:
    """Make a statement of a function that returns a queryset; its positional parameters are annotated ``int``, ``str``,
    ``dt.datetime``, ``UUID``, or ``Sequence[…]`` of one of them."""
    return Statement(make)
