"""Changing the fields of one row: which may be set, what changed, and the audit row that says so.

Invariant: every service that changes the fields a caller names goes through `update_model`, so an unknown field is
refused with one code (``unknown_field``), a value of the wrong type is refused before it reaches the database, only
columns that changed are written, and a change that changes nothing leaves no audit row. The fields that a service takes
are the keys of a `TypedDict`, which is also the type of its keyword arguments (docs/developing.md, "A service").
`core/tests/test_model_updates.py` fails without each, and where a service sets fields by itself.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction

from . import audit
from .errors import BadInput, GuildhallError
from .versions import require_row


@dataclass(frozen=True, slots=True)
class Difference:
    """What an update changed: the named fields with their values before and after, and every column that was written."""

    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    written: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.written)

    def __contains__(self, name: str) -> bool:
        return name in self.after

    def __str__(self) -> str:
        return ", ".join(self.after) or "nothing"

    @property
    def data(self) -> dict[str, Any]:
        """Return the difference as an audit row stores it: texts under ``before`` and ``after``."""
        return {"before": _as_texts(self.before), "after": _as_texts(self.after)}


def update_model(
    instance: models.Model,
    changes: Mapping[str, Any],
    *,
    fields: type,
    actor: Any,
    action: str | None,
    summary: Callable[[Difference], str] | str = "",
    check: Callable[[], None] | None = None,
    full_clean: bool = False,
    conflict: Callable[[], GuildhallError] | None = None,
    seen: str | None = None,
) -> Difference:
    """Set `changes` on a row, save the columns that changed, and record them in the audit trail.

    The caller holds the row's lock and the transaction. A row that is not in the database yet is inserted.

    Args:
        fields: the `TypedDict` whose keys may be set. A many-to-many field takes the rows that are to be linked.
        action: the audit row's action; None where the caller records the change (`Difference.data`).
        summary: the audit row's line, or a function of the difference.
        check: called when the fields are set and before they are saved; may raise, or set other fields of the row.
        full_clean: whether the model's own validators run.
        conflict: the error to raise where a unique constraint refuses the row.
        seen: the `versions.row_version` of the row that was being looked at; None: not asked.

    Returns:
        The difference; it is false where nothing changed, and then nothing was written.

    Raises:
        BadInput: ``unknown_field``; ``required`` for None where the column takes none; ``invalid`` (or the field's own
            code) for a value of the wrong type, and what `full_clean` finds.
        StaleEdit: ``stale_edit``: somebody else changed the row since.
    """
    adding = instance._state.adding
    old = {} if adding else _stored(instance)
    links = {name: rows for name, rows in changes.items() if _is_many_to_many(instance, name)}
    if seen is not None and not adding:
        require_row(seen, instance, changes)
    refuse_unknown_fields(changes, fields)
    set_fields(instance, {name: value for name, value in changes.items() if name not in links}, fields=fields)
    if check is not None:
        check()
    if full_clean:
        _full_clean(instance)
    new = _stored(instance)
    written = frozenset(name for name, value in new.items() if adding or old[name] != value)
    if written:
        _save(instance, None if adding else written, conflict)
    difference = _difference(instance, old, written, frozenset(changes) if adding else field_names(fields))
    for name, rows in links.items():
        difference = _link(instance, name, rows, difference, adding=adding)
    if action is not None and difference:
        line = summary if isinstance(summary, str) else summary(difference)
        audit.record(action=action, summary=line, actor=actor, target=instance, data=difference.data)
    return difference


def refuse_unknown_fields(given: Iterable[str], fields: type) -> None:
    """Pass where every name is a key of the `TypedDict` `fields`.

    Raises:
        BadInput: ``unknown_field`` with the first name that is not.
    """
    known = field_names(fields)
    unknown = sorted(set(given) - known)
    if unknown:
        raise BadInput(
            f"There is no field “{unknown[0][:60]}” to set here. Fields: {', '.join(sorted(known))}.",
            code="unknown_field",
            attr=unknown[0][:60],
        )


def set_fields(instance: models.Model, values: Mapping[str, object], *, fields: type | None = None) -> None:
    """Set plain fields of a row without saving it, each brought into its column's type.

    Args:
        fields: the `TypedDict` whose keys may be set; None where the names do not come from a caller.

    Raises:
        BadInput: as `update_model`.
    """
    if fields is not None:
        refuse_unknown_fields(values, fields)
    for name, value in values.items():
        setattr(instance, name, _typed(instance, name, value) if fields is not None else value)


def field_names(fields: type) -> frozenset[str]:
    """Return the keys of a `TypedDict`."""
    return frozenset(fields.__required_keys__ | fields.__optional_keys__)  # type: ignore[attr-defined] # a TypedDict's


def _typed(instance: models.Model, name: str, value: object) -> object:
    """Return a value as its column keeps it."""
    column = instance._meta.get_field(name)
    if not isinstance(column, models.Field):
        return value
    if value is None:
        if not column.null:
            raise BadInput("This needs a value.", code="required", attr=name)
        return None
    if column.is_relation:
        return value
    try:
        found = column.to_python(value)
    except ValidationError as error:
        text = " ".join(error.messages)
        if isinstance(column, models.IntegerField):
            text = f"“{str(value)[:40]}” is not a whole number; write it as 12."
        raise BadInput(text, code=error.code or "invalid", attr=name) from error
    if isinstance(found, str) and column.max_length is not None and len(found) > column.max_length:
        raise BadInput(f"At most {column.max_length} characters; this has {len(found)}.", code="too_long", attr=name)
    return found


def _is_many_to_many(instance: models.Model, name: str) -> bool:
    return any(link.name == name for link in instance._meta.many_to_many)


def _stored(instance: models.Model) -> dict[str, object]:
    """Return the values of a row by column; not those that the database or `save` fills in."""
    return {
        column.attname: copy.deepcopy(getattr(instance, column.attname))
        for column in instance._meta.concrete_fields
        if not column.primary_key and not column.generated and not getattr(column, "auto_now", False)
    }


def _difference(
    instance: models.Model, old: Mapping[str, object], written: frozenset[str], known: frozenset[str]
) -> Difference:
    """Return what changed of the named fields; of a related row that it replaces, the row itself. A new row has no `before`."""
    before: dict[str, object] = {}
    after: dict[str, object] = {}
    for column in instance._meta.concrete_fields:
        name = column.name if column.name in known else column.attname
        if column.attname not in written or name not in known:
            continue
        after[name] = getattr(instance, name)
        if old:
            before[name] = old[column.attname]
            if column.remote_field is not None and name == column.name and before[name] is not None:
                before[name] = column.remote_field.model._base_manager.filter(pk=before[name]).first()
    return Difference(before, after, written)


def _link(
    instance: models.Model, name: str, rows: Iterable[models.Model], difference: Difference, *, adding: bool
) -> Difference:
    """Link the rows of a many-to-many field; return the difference with it."""
    linked = [] if adding else sorted(getattr(instance, name).all(), key=lambda row: row.pk)
    wanted = sorted(rows, key=lambda row: row.pk)
    if linked == wanted:
        return difference
    getattr(instance, name).set(wanted)
    return Difference(
        difference.before if adding else {**difference.before, name: linked},
        {**difference.after, name: wanted},
        difference.written | {name},
    )


def _full_clean(instance: models.Model) -> None:
    try:
        instance.full_clean()
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise BadInput(" ".join(messages), attr=name) from error


def _save(
    instance: models.Model, written: frozenset[str] | None, conflict: Callable[[], GuildhallError] | None
) -> None:
    if written is not None:
        columns = instance._meta.concrete_fields
        filled_in = {column.attname for column in columns if getattr(column, "auto_now", False)}
        options: dict[str, Any] = {"update_fields": written | filled_in}
    else:
        options = {}
    if conflict is None:
        instance.save(**options)
        return
    try:
        with transaction.atomic():
            instance.save(**options)
    except IntegrityError as error:
        raise conflict() from error


def _as_texts(values: Mapping[str, object]) -> dict[str, object]:
    return {
        name: [str(one) for one in value] if isinstance(value, list) else str(value) for name, value in values.items()
    }
