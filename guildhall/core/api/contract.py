"""What each operation takes, read from its place in the schema, and the refusal of everything else.

Invariant: a request is understood as a whole or refused. A query parameter that the schema does not list for the
operation is 400 ``unknown_parameter``; a body field that it does not list is 400 ``unknown_field``. Both come from
drf-spectacular's view of the same handler, so what `GET /api/schema/` says and what is accepted cannot differ, and a new
endpoint needs nothing of its own. `core/api/views.py` applies this to every view; `tests/contract/test_strict.py` fails
where one does not.

A contract is built once per handler and process, at its first request. After that a request costs a dictionary look-up
for its parameters and one pass over the names in its body.
"""

from __future__ import annotations

import copy
import difflib
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from django.http import QueryDict
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.plumbing import ComponentRegistry, force_instance
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import OpenApiRequest, OpenApiResponse, PolymorphicProxySerializer
from rest_framework import serializers

from guildhall.core.text import CONTROL_CHARACTER, LOG_FIELDS, has_control_characters

TOLERATED_IN_FORMS = frozenset({"csrfmiddlewaretoken"})
MOST_FAULTS = 20
"""Unknown names that one refusal lists."""
MOST_NAMED = 60
"""Known names that one refusal lists."""


class Anything:
    """A value whose inside nobody declared: a scalar, or an object of the client's own making."""


@dataclass(frozen=True)
class Items:
    """A list or a mapping, each of whose values is as `each`."""

    each: Shape


@dataclass(frozen=True)
class Fields:
    """An object: the names that may be written, and those that are only shown."""

    writable: Mapping[str, Shape]
    read_only: frozenset[str] = frozenset()


Shape: TypeAlias = "Anything | Items | Fields"
ANYTHING = Anything()


@dataclass(frozen=True)
class Parameter:
    """A query parameter, and whether it may be given more than once. `same_as`: the other name of the same thing."""

    name: str
    is_repeatable: bool = False
    same_as: str = ""


@dataclass(frozen=True)
class Contract:
    """What one operation takes: query parameters by name; `body` None where it takes none.

    `columns` names the columns of the file that a list can be had as (`core/api/export.py`); None where it is not a list.
    """

    parameters: Mapping[str, Parameter]
    body: Shape | None
    columns: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Fault:
    """Something that came in and cannot be taken."""

    attr: str
    code: str
    detail: str


# --- building ---------------------------------------------------------------------------------------------------------

_built: dict[tuple[Any, str], Contract] = {}
_lock = threading.RLock()


def contract_of(callback: Any, method: str) -> Contract:
    """Return the contract of a URL's view function (what `as_view()` returned) for `method`; HEAD is as GET."""
    method = "GET" if method == "HEAD" else method
    key = (callback, method)
    found = _built.get(key)
    if found is None:
        with _lock:
            found = _built.get(key) or _build(callback, method)
            _built[key] = found
    return found


def _build(callback: Any, method: str) -> Contract:
    generator: Any = SchemaGenerator()  # type: ignore[no-untyped-call] # the view's schema lives as long as this does
    view = generator.create_view(callback, method)
    view.request = spectacular_settings.GET_MOCK_REQUEST(method, "/api/", view, None)
    schema = view.schema
    if not generator.schemas_storage:  # one that every request for the schema itself shares
        schema = copy.copy(schema)
        schema.view = view
    schema.registry, schema.method = ComponentRegistry(), method
    schema.path, schema.path_regex, schema.path_prefix = "/api/", "", "^/api/"
    return Contract(parameters=_parameters(schema), body=_body(schema), columns=list_columns(schema))


def list_columns(schema: Any) -> tuple[str, ...] | None:
    """Return the columns of an operation that answers a list: its rows' fields, an object's as ``raid.name``; else None."""
    if schema.method != "GET":
        return None
    declared = schema.get_response_serializers()
    if isinstance(declared, Mapping):
        declared = next((one for status, one in declared.items() if str(status).startswith("200")), None)
    if isinstance(declared, OpenApiResponse):
        declared = declared.response
    declared = force_instance(declared)  # type: ignore[no-untyped-call]
    row = declared.child if isinstance(declared, serializers.ListSerializer) else declared
    if not isinstance(row, serializers.BaseSerializer) or not hasattr(row, "fields"):
        return None
    if row is declared and not schema._is_list_view(declared):
        return None
    return tuple(_column_names(row.fields))


def _column_names(fields: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, field in fields.items():
        if field.write_only:
            continue
        inside = getattr(field, "fields", None)
        if isinstance(inside, Mapping):
            yield from _column_names(inside, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def _parameters(schema: Any) -> dict[str, Parameter]:
    found: dict[str, Any] = {}
    for one in [*schema._get_filter_parameters(), *schema._get_pagination_parameters()]:
        found[one["name"]] = one
    for (name, location), one in schema._process_override_parameters().items():
        if location != "query":
            continue
        if one is None:
            found.pop(name, None)
        else:
            found[name] = one
    made = {
        name: Parameter(
            name,
            is_repeatable=one.get("schema", {}).get("type") == "array",
            same_as=_same_as(name, one, found),
        )
        for name, one in found.items()
    }
    made.setdefault("format", Parameter("format"))
    return made


_OTHER_NAME = re.compile(r"as `([a-z_]+)`")


def _same_as(name: str, described: Mapping[str, Any], all_of_them: Mapping[str, Any]) -> str:
    """Return the other name of a parameter: the one that its description names, or the same with ``_id`` where both are ids."""
    match = _OTHER_NAME.match(described.get("description", ""))
    if match is not None and match[1] in all_of_them:
        return match[1]
    longer = all_of_them.get(f"{name}_id")
    both = [one.get("schema", {}).get("type") for one in (described, longer) if one is not None]
    return f"{name}_id" if both == ["integer", "integer"] else ""


def _body(schema: Any) -> Shape | None:
    if schema.method not in ("POST", "PUT", "PATCH", "DELETE"):
        return None
    declared = schema.get_request_serializer()
    if isinstance(declared, Mapping):
        shapes = [found for found in (_shape(one) for one in declared.values()) if found is not None]
        return _union(shapes) if shapes else None
    return _shape(declared)


def _shape(declared: Any) -> Shape | None:
    if isinstance(declared, OpenApiRequest):
        declared = declared.request
    if declared is None:
        return None
    if isinstance(declared, PolymorphicProxySerializer):
        options = declared.serializers
        many = options.values() if isinstance(options, Mapping) else options
        return _union([found for found in (_shape(one) for one in many) if found is not None])
    declared = force_instance(declared)  # type: ignore[no-untyped-call]
    return shape_of(declared) if isinstance(declared, serializers.Field) else ANYTHING


def shape_of(field: serializers.Field[Any, Any, Any, Any]) -> Shape:
    """Return the names that a serializer or a field reads, nested ones too."""
    if isinstance(field, serializers.ListSerializer | serializers.ListField | serializers.DictField):
        child: Any = field.child
        inside = ANYTHING if child is None else shape_of(child)
        return ANYTHING if isinstance(inside, Anything) else Items(inside)
    if isinstance(field, serializers.BaseSerializer) and hasattr(field, "fields"):
        fields: Mapping[str, Any] = field.fields
        return Fields(
            writable={name: shape_of(one) for name, one in fields.items() if not one.read_only},
            read_only=frozenset(name for name, one in fields.items() if one.read_only),
        )
    return ANYTHING


def _union(shapes: Sequence[Shape]) -> Shape:
    fields = [one for one in shapes if isinstance(one, Fields)]
    if len(fields) < len(shapes):
        return ANYTHING
    writable: dict[str, Shape] = {}
    for one in fields:
        writable.update(one.writable)
    return Fields(writable, frozenset().union(*(one.read_only for one in fields)) - set(writable))


# --- query parameters -------------------------------------------------------------------------------------------------


def parameter_faults(known: Mapping[str, Parameter], given: QueryDict) -> list[Fault]:
    """Return what in a query string the operation does not take."""
    found = []
    for name in given:
        one = known.get(name)
        if one is None:
            found.append(_unknown_parameter(name, known))
        elif not one.is_repeatable and len(given.getlist(name)) > 1:
            detail = f"“{name}” stands more than once in the query string; send it once."
            found.append(Fault(name, "repeated_parameter", detail))
    return [*found, *_contradictions(known, given)][:MOST_FAULTS]


def _contradictions(known: Mapping[str, Parameter], given: QueryDict) -> Iterator[Fault]:
    """Yield two names of one thing with different values. What is empty says nothing."""
    said: dict[str, tuple[str, str]] = {}
    for name in given:
        one = known.get(name)
        value = str(given[name]).strip()
        if one is None or not value:
            continue
        thing = one.same_as or name
        before, was = said.setdefault(thing, (name, value))
        if _plain_value(was) != _plain_value(value):
            yield Fault(
                name,
                "contradiction",
                f"“{before}” and “{name}” are two names of the same thing and say different things here: "
                f"“{shown(was)}” and “{shown(value)}”. Send one of them.",
            )


def _plain_value(value: str) -> str | int:
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 19 else value.casefold()


def _unknown_parameter(name: str, known: Mapping[str, Parameter]) -> Fault:
    others = [one for one in known if one != "format"]
    said = f"There is no parameter “{shown(name)}” here{_guess(name, others)}"
    if not others:
        return Fault(shown(name), "unknown_parameter", f"{said} This call takes none.")
    return Fault(shown(name), "unknown_parameter", f"{said} Known: {_listed(known)}.")


# --- bodies -----------------------------------------------------------------------------------------------------------


def body_faults(shape: Shape | None, body: Any, present: Callable[[], Any] | None = None) -> list[Fault]:
    """Return what in a body the operation does not take.

    Args:
        shape: the contract's `body`.
        body: parsed JSON, or a form.
        present: answers the object as GET shows it now, None where it does not; asked only where the body has a name
            that is not written. A client may send back what it read: a field that is only shown is passed over where its
            value is still the present one, and refused (``read_only_field``) where it differs.
    """
    if shape is None:
        shape = Fields({})
        if not isinstance(body, Mapping):
            return [Fault("non_field_errors", "unknown_field", "This call takes no fields; send it without a body.")]
    if isinstance(body, QueryDict):
        return _form_faults(shape, body)[:MOST_FAULTS]
    now = _Once(present)
    return list(_walk(shape, body, now, ()))[:MOST_FAULTS]


class _Once:
    """The present object, fetched at most once."""

    def __init__(self, fetch: Callable[[], Any] | None) -> None:
        self._fetch, self._value, self._is_fetched = fetch, None, False

    def at(self, path: tuple[str | int, ...]) -> tuple[bool, Any]:
        """Return whether there is something at `path`, and what."""
        if self._fetch is None:
            return False, None
        if not self._is_fetched:
            self._value, self._is_fetched = self._fetch(), True
        value: Any = self._value
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return False, None
        return True, value


def _walk(shape: Shape, value: Any, now: _Once, path: tuple[str | int, ...]) -> Iterator[Fault]:
    if isinstance(shape, Items):
        if isinstance(value, Mapping):
            for name, one in value.items():
                yield from _walk(shape.each, one, now, (*path, name))
        elif isinstance(value, list):
            for place, one in enumerate(value):
                yield from _walk(shape.each, one, now, (*path, place))
    elif isinstance(shape, Fields) and isinstance(value, Mapping):
        for name, one in value.items():
            inside = shape.writable.get(name)
            if inside is None:
                is_there, is_now = now.at((*path, name))
                if not is_there or is_now != one:
                    yield _unknown_field(name, shape, (*path, name), is_read_only=is_there)
            elif not isinstance(inside, Anything):
                yield from _walk(inside, one, now, (*path, name))


def _unknown_field(name: str, shape: Fields, path: tuple[str | int, ...], *, is_read_only: bool) -> Fault:
    attr = ".".join(shown(str(step)) for step in path)
    known = _listed(shape.writable)
    if is_read_only or name in shape.read_only:
        can = f" Fields that can: {known}." if known else ""
        return Fault(attr, "read_only_field", f"“{shown(name)}” cannot be set here; leave it out.{can}")
    said = f"There is no field “{shown(name)}”"
    if not known:
        return Fault(attr, "unknown_field", f"{said}: this call takes none. Send it without a body.")
    return Fault(attr, "unknown_field", f"{said}{_guess(name, list(shape.writable))} Known: {known}.")


_STEP = re.compile(r"\[(\d+)\]|\.?([^.\[\]]+)")


def _form_faults(shape: Shape, form: QueryDict) -> list[Fault]:
    """Return the same of a form, where `attendees[0]status` and `bid.amount` stand for what is nested."""
    found, seen = [], set()
    for name in form:
        if name in TOLERATED_IN_FORMS:
            continue
        at: Shape = shape
        path: tuple[str | int, ...] = ()
        for index, word in _STEP.findall(name) or [("", name)]:
            step: str | int = int(index) if index else word
            path = (*path, step)
            if isinstance(at, Items):
                at = at.each
                if not index and isinstance(at, Fields):  # DRF reads `items.0.name` of no form, but refuses it itself
                    break
            elif isinstance(at, Fields):
                inside = at.writable.get(str(step))
                if inside is None:
                    if path not in seen:
                        found.append(_unknown_field(str(step), at, path, is_read_only=False))
                    seen.add(path)
                    break
                at = inside
            else:
                break
    return found


def control_faults(body: Any) -> list[Fault]:
    """Return text with control characters anywhere in a body, but for logs."""
    found: list[Fault] = []
    waiting: list[tuple[tuple[str, ...], Any]] = [((), body)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, str):
            if has_control_characters(value):
                attr = ".".join(shown(step) for step in path)
                found.append(Fault(attr or "non_field_errors", "control_character", CONTROL_CHARACTER))
        elif isinstance(value, QueryDict):
            waiting += [((name,), one) for name, many in value.lists() for one in many if name not in LOG_FIELDS]
        elif isinstance(value, Mapping):
            waiting += [((*path, str(name)), one) for name, one in value.items() if name not in LOG_FIELDS]
        elif isinstance(value, list):
            waiting += [((*path, str(place)), one) for place, one in enumerate(value)]
    return sorted(found[:MOST_FAULTS], key=lambda fault: fault.attr)


# --- words ------------------------------------------------------------------------------------------------------------


def shown(name: str) -> str:
    """Return a name out of a request, short and without what cannot be printed."""
    return "".join(one if one.isprintable() else "�" for one in name[:60])


def _listed(known: Mapping[str, Any]) -> str:
    names = [name for name in known if "__" not in name]
    more = ["…"] if len(names) > MOST_NAMED else []
    ways = [f"_{name.partition('__')[2]}" for name in known if "__" in name]
    also = f" (some also with {', '.join(f'_{way}' for way in dict.fromkeys(ways))})" if ways else ""
    return ", ".join([*names[:MOST_NAMED], *more]) + also


def _guess(name: str, known: Sequence[str]) -> str:
    """Return the end of a sentence that names what is not known: a question, or a full stop where nothing is like it."""
    nearest = nearest_name(name, known)
    return f"; did you mean “{nearest}”?" if nearest else "."


def nearest_name(name: str, known: Sequence[str]) -> str | None:
    """Return the known name that is most likely meant: one that has all its words (`pool`: `dkp_pool_id`), else one alike."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name[:60]).lower().replace("-", "_")
    words = {word for word in plain.split("_") if word}
    if plain in known:
        return plain
    wider = [one for one in known if words and words <= set(one.split("_"))]
    if wider:
        return min(wider, key=lambda one: (not one.endswith("_id"), len(one), one))
    alike = difflib.get_close_matches(plain, known, n=1, cutoff=0.6)
    if alike:
        return alike[0]
    within = [one for one in known if set(one.split("_")) <= words]
    return max(within, key=len) if within else None
