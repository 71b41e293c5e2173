"""Editing what somebody else may have changed meanwhile: the form carries the version that it shows.

Invariant: a service that is given a version compares it, with the row locked, with that of what it is about to change, and
writes nothing where they differ; the refusal says what is there now (`raids/tests/test_stale_edits.py`). A service that
changes a row through `update_model` passes the version on as `seen`; `tests/contract/test_stale_forms.py` walks every form of the
pages that begins with what is stored.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import models

from .errors import Conflict

LONGEST_SHOWN = 200


class StaleEdit(Conflict):
    """Somebody else changed what is being edited since it was shown (HTTP 409, code ``stale_edit``)."""

    default_code = "stale_edit"


def version_of(values: Mapping[str, object]) -> str:
    """Return a text that is another one whenever one of these values is."""
    return hashlib.sha256(json.dumps(values, default=str, sort_keys=True).encode()).hexdigest()[:24]


def require_version(version: str | None, values: Mapping[str, object], *, what: str, now: str) -> None:
    """Pass where `version` is None, or that of `values`, which were read under the lock.

    Args:
        what: what is edited, for the refusal.
        now: how it stands, for a person.

    Raises:
        StaleEdit: they differ.
    """
    current = version_of(values)
    if version is None or version == current:
        return
    raise StaleEdit(
        f"Nothing was stored: somebody else changed {what} since you opened it. It stands now as: {now}. What you entered is "
        "still in the fields; send it again to put it in its place, or leave the page to keep what is there.",
        figures={"now": {name: str(value) for name, value in values.items()}, "version": current},
    )


def row_version(row: models.Model, names: Iterable[str]) -> str:
    """Return the version of the named columns of a row, as `update_model` takes it. It says which they are.

    One query for each many-to-many field that is not prefetched.
    """
    known = sorted(name for name in names if _is_stored(row, name))
    return f"{version_of({name: _plain(_stored(row, name)) for name in known})}:{','.join(known)}"


def require_row(version: str, row: models.Model, changes: Mapping[str, object]) -> None:
    """Refuse a stale edit of a row, which is locked. Changes that are what stands there already pass.

    Raises:
        StaleEdit: ``stale_edit``, saying what is there now and what was sent instead.
    """
    current = row_version(row, version.partition(":")[2].split(","))
    if version == current:
        return
    differing = {
        name: value
        for name, value in changes.items()
        if _is_stored(row, name) and _plain(_stored(row, name)) != _plain(_typed(row, name, value))
    }
    if not differing:
        return
    both = "; ".join(
        f"{_label(row, name)}: {_shown(row, name, _stored(row, name))} (you sent {_shown(row, name, value)})"
        for name, value in differing.items()
    )
    raise StaleEdit(
        f"Nothing was stored: somebody else changed {row} since you opened it. What differs from yours is now {both}. What you "
        "entered is still in the fields; send it again to put it in its place, or leave the page to keep what is there.",
        figures={"now": {name: _shown(row, name, _stored(row, name)) for name in differing}, "version": current},
    )


def _is_stored(row: models.Model, name: str) -> bool:
    return any(name in (column.name, column.attname) for column in row._meta.concrete_fields) or _is_link(row, name)


def _is_link(row: models.Model, name: str) -> bool:
    return any(link.name == name for link in row._meta.many_to_many)


def _stored(row: models.Model, name: str) -> object:
    if _is_link(row, name):
        return [] if row._state.adding else list(getattr(row, name).all())
    return getattr(row, name)


def _typed(row: models.Model, name: str, value: object) -> object:
    """Return a value as its column keeps it; one that the column does not take as it is, since `update_model` refuses it."""
    if _is_link(row, name) or isinstance(value, models.Model) or value is None:
        return value
    try:
        return row._meta.get_field(name).to_python(value)  # type: ignore[union-attr] # `_is_stored` says that it is a column
    except ValidationError:
        return value


def _plain(value: object) -> object:
    """Return a value as text that is the same wherever it is read: of a row its id, of a number no trailing zeros."""
    if isinstance(value, models.Model):
        return value.pk
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, dt.datetime) and value.tzinfo is not None:
        return value.astimezone(dt.UTC).isoformat()
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        found = [_plain(one) for one in value]
        rows = isinstance(value, models.QuerySet) or any(isinstance(one, models.Model) for one in value)
        return sorted(found, key=str) if rows or isinstance(value, set | frozenset) else found
    return value


def _label(row: models.Model, name: str) -> str:
    return str(getattr(row._meta.get_field(name), "verbose_name", name))


def _shown(row: models.Model, name: str, value: object) -> str:
    """Return a value for a person."""
    value = _typed(row, name, value)
    labels = dict(getattr(row._meta.get_field(name), "flatchoices", ()))
    if value in (None, "") or (isinstance(value, list | tuple | dict) and not value):
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str | int) and value in labels:
        return f"“{labels[value]}”"
    if isinstance(value, dt.datetime):
        return f"{value.astimezone(dt.UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(value, Mapping):
        text = json.dumps(value, default=str, ensure_ascii=False, sort_keys=True)
    elif isinstance(value, Iterable) and not isinstance(value, str):
        text = ", ".join(str(one) for one in value)
    else:
        text = str(_plain(value)) if isinstance(value, Decimal) else str(value)
    return f"“{text}”" if len(text) <= LONGEST_SHOWN else f"“{text[:LONGEST_SHOWN]}…”"
