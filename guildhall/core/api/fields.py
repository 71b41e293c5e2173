"""Serializer fields that every room shares."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.relations import MANY_RELATION_KWARGS

from guildhall.core.errors import BadInput
from guildhall.core.money import parse_points, show_points
from guildhall.core.text import storable

from .filters import MAX_ID


@extend_schema_field({"type": "string", "format": "decimal", "pattern": r"^-?\d{1,7}\.\d{2}$", "example": "12.50"})
class PointsField(serializers.Field):
    """An amount: taken as text or number, exact; sent as text with two places (API.md, "Conventions").

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


class ManyIds(serializers.ManyRelatedField):
    """A list of ids; an object is none."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            self.fail("not_a_list", input_type=type(data).__name__)
        return super().to_internal_value(data)


class IdField(serializers.PrimaryKeyRelatedField):
    """An id that is looked up; one that is not there, or no id at all, is 400 on its field."""

    @classmethod
    def many_init(cls, *args: Any, **kwargs: Any) -> ManyIds:
        own = {name: value for name, value in kwargs.items() if name in MANY_RELATION_KWARGS}
        return ManyIds(child_relation=cls(*args, **kwargs), **own)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, str) and data.isascii() and data.isdecimal() and len(data) < 19:
            data = int(data)
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

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            self.fail("not_an_object")
        if len(json.dumps(value, ensure_ascii=False)) > MOST_JSON:
            self.fail("too_large")
        found: dict[str, Any] = value
        return found
