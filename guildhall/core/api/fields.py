"""Serializer fields that every app shares."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn
from uuid import UUID

from django.http import QueryDict
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.relations import MANY_RELATION_KWARGS

from guildhall.core.errors import BadInput
from guildhall.core.money import parse_points, show_points
from guildhall.core.text import storable
from guildhall.core.validators import is_plain_number, parse_digits

from .params import MAX_ID


@extend_schema_field({"type": "string", "format": "decimal", "pattern": r"^-?\d{1,7}\.\d{2}$", "example": "12.50"})
class PointsField(serializers.Field[Any, Any, Any, Any]):
    """An amount: taken as text or number, exact; sent as text with two places (docs/api-contract.md, "Conventions").

    Args:
        places: how many decimals are taken.
        minimum: the least amount allowed, inclusive.
    """

    def __init__(self, *, places: int = 2, minimum: Decimal | None = None, **kwargs: Any) -> None:
        self.places = places
        self.minimum = minimum
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Decimal:
        try:
            return parse_points(data, attr=self.field_name or "amount", places=self.places, minimum=self.minimum)
        except BadInput as error:
            raise serializers.ValidationError(error.detail, code=error.code) from error

    def to_representation(self, value: Any) -> str:
        return show_points(Decimal(value))


class PlainDecimalField(serializers.DecimalField):
    """A number that is no amount (a percentage, a factor): as `serializers.DecimalField`, but no text such as “1e3”."""

    def to_internal_value(self, data: int | float | str | Decimal) -> Decimal:
        if isinstance(data, str) and data.strip() and not is_plain_number(data.strip()):
            self.fail("invalid")
        return super().to_internal_value(data)


class UUIDTextField(serializers.UUIDField):
    """A UUID as text; a number is none, though `serializers.UUIDField` takes one."""

    def to_internal_value(self, data: str | int | UUID) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class ManyIds(serializers.ManyRelatedField):
    """A list of ids; an object is none."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            self.fail("not_a_list", input_type=type(data).__name__)
        return super().to_internal_value(data)


class IdField(serializers.PrimaryKeyRelatedField[Any]):
    """An id that is looked up; one that is not there, or no id at all, is 400 on its field."""

    default_error_messages = {
        "does_not_exist": "There is no {what} with the id {pk_value}.",
        "incorrect_type": "An id of a {what} is a whole number, not {data_type}.",
    }

    def fail(self, key: str, **kwargs: object) -> NoReturn:
        """Refuse, naming what the id would be of."""
        queryset = self.get_queryset()
        what = "row" if queryset is None else queryset.model._meta.verbose_name
        super().fail(key, what=what, **kwargs)

    @classmethod
    def many_init(cls, *args: Any, **kwargs: Any) -> ManyIds:
        own = {name: value for name, value in kwargs.items() if name in MANY_RELATION_KWARGS}
        return ManyIds(child_relation=cls(*args, **kwargs), **own)

    def to_internal_value(self, data: Any) -> object:
        if isinstance(data, str) and (number := parse_digits(data)) is not None:
            data = number
        if isinstance(data, bool) or not isinstance(data, int):
            self.fail("incorrect_type", data_type=type(data).__name__)
        if not 0 <= data <= MAX_ID:
            self.fail("does_not_exist", pk_value=data)
        return super().to_internal_value(data)


class PlainJSONField(serializers.JSONField):
    """JSON of any shape, without what PostgreSQL's JSON cannot hold."""

    default_error_messages = {"characters": "NUL and half characters (surrogates) cannot be stored."}

    def to_internal_value(self, data: Any) -> Any:
        value = super().to_internal_value(data)
        text = json.dumps(value, ensure_ascii=False)
        if "\\u0000" in text or not storable(text):
            self.fail("characters")
        return value


MOST_JSON = 20_000
"""Characters of JSON that an open object (preferences, metadata) may have."""


@extend_schema_field(OpenApiTypes.OBJECT)
class JSONObjectField(PlainJSONField):
    """An object of the client's own making, and a small one."""

    default_error_messages = {
        "not_an_object": "This must be an object of names and values.",
        "too_large": f"This may have {MOST_JSON} characters.",
    }

    def to_internal_value(self, data: object) -> dict[str, object]:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            self.fail("not_an_object")
        if len(json.dumps(value, ensure_ascii=False)) > MOST_JSON:
            self.fail("too_large")
        found: dict[str, object] = value
        return found


class AliasesMixin:
    """A serializer that reads some fields under a second name: `aliases` maps the second name to the field's.

    The ids of pools, people, events, raids and characters are called `dkp_pool_id`, `user_id`, `event_id`, `raid_id` and
    `character_id` wherever they are sent (docs/api-contract.md, "Conventions"); older short names go on working. Both are in the
    schema, each with the field's own rules. Sent together they must say the same (400 ``contradiction``), and an error is
    told under the name that was sent.
    """

    aliases: Mapping[str, str] = {}

    def get_fields(self) -> dict[str, Any]:
        """Return the declared fields, and a writable one for each alias."""
        fields: dict[str, Any] = super().get_fields()  # type: ignore[misc]
        for alias, name in self.aliases.items():
            field = fields[name]
            # As DRF copies a field: a child that is bound to one field must not become another's.
            options = {
                key: value if key in ("validators", "regex", "queryset") else copy.deepcopy(value)
                for key, value in field._kwargs.items()
                if key not in ("default", "source")
            }
            source = field.source or name
            if source != alias:
                options["source"] = source
            fields[alias] = type(field)(*field._args, **{**options, "required": False, "help_text": f"as `{name}`"})
        return fields

    def to_internal_value(self, data: Any) -> object:
        """Return what the serializer does, each alias read as the field that it stands for.

        Raises:
            ValidationError: ``contradiction``, and what the fields raise.
        """
        sent = {name: alias for alias, name in self.aliases.items() if isinstance(data, Mapping) and alias in data}
        if not sent:
            return super().to_internal_value(data)  # type: ignore[misc]
        data = data.copy() if isinstance(data, QueryDict) else dict(data)
        for name, alias in sent.items():
            if name in data and _values(data, name) != _values(data, alias):
                text = f"“{alias}” and “{name}” are one thing and say different ones; send “{alias}” alone."
                raise serializers.ValidationError({alias: [serializers.ErrorDetail(text, code="contradiction")]})
            if isinstance(data, QueryDict):
                data.setlist(name, data.getlist(alias))
                del data[alias]
            else:
                data[name] = data.pop(alias)
        try:
            return super().to_internal_value(data)  # type: ignore[misc]
        except serializers.ValidationError as error:
            if isinstance(error.detail, dict):
                error.detail = {sent.get(name, name): found for name, found in error.detail.items()}
            raise


def _values(data: Any, name: str) -> list[str]:
    """Return what stands under a name, so that 7 and "7" are the same."""
    values = data.getlist(name) if isinstance(data, QueryDict) else data[name]
    return [str(value) for value in (values if isinstance(values, list) else [values])]


class LogText(serializers.CharField):
    """Text out of a log, as it comes: a junky log holds NUL bytes, which mean nothing, and an editor puts a byte order mark
    before what is copied."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_blank=True, trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        return str(super().to_internal_value(data)).replace("\x00", "").removeprefix("\ufeff")
