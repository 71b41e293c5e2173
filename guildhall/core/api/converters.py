"""Path converters. `<id:user_id>` is a whole number that fits a BIGINT; a longer one is not a path of ours: 404."""

from __future__ import annotations

from django.urls import register_converter
from django.urls.converters import IntConverter
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

ID_PATTERN = r"[0-9]{1,18}"
"""For a viewset's `lookup_value_regex`."""


@extend_schema_field(OpenApiTypes.INT)
class IdConverter(IntConverter):
    """An id in a path."""

    regex = ID_PATTERN


def register() -> None:
    """Make `<id:…>` known to the URL configuration. Safe to repeat."""
    from django.urls.converters import get_converters

    if "id" not in get_converters():
        register_converter(IdConverter, "id")
