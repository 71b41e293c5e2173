"""Serializer fields that every room shares."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from guildhall.core.errors import BadInput
from guildhall.core.money import parse_points, show_points


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


MOST_JSON = 20_000
"""Characters of JSON that an open object (preferences, metadata) may have."""


@extend_schema_field(OpenApiTypes.OBJECT)
class JSONObjectField(serializers.JSONField):
    """An object of the client's own making: small, and without what PostgreSQL's JSON cannot hold."""

    default_error_messages = {
        "not_an_object": "This must be an object of names and values.",
        "too_large": f"This may have {MOST_JSON} characters.",
        "characters": "NUL and half characters (surrogates) cannot be stored.",
    }

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        value = super().to_internal_value(data)
        if not isinstance(value, dict):
            self.fail("not_an_object")
        text = json.dumps(value, ensure_ascii=False)
        if len(text) > MOST_JSON:
            self.fail("too_large")
        if "\\u0000" in text or any("\ud800" <= character <= "\udfff" for character in text):
            self.fail("characters")
        found: dict[str, Any] = value
        return found
