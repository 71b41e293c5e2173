"""In which form a request is answered, and what OPTIONS says of an address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rest_framework.metadata import BaseMetadata
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from guildhall.core.errors import BadInput


class Negotiation(DefaultContentNegotiation):
    """As DRF's; an unknown `?format=` is 400 and names the formats that there are, instead of "Not found"."""

    def filter_renderers(self, renderers: Iterable[BaseRenderer], format: str) -> list[BaseRenderer]:
        """Return the renderers of `format`.

        Raises:
            BadInput: ``unknown_format``.
        """
        found = [one for one in renderers if one.format == format]
        if not found:
            known = ", ".join(dict.fromkeys(str(one.format) for one in renderers))
            raise BadInput(
                f"There is no format “{format[:40]}” here. Known: {known}.", code="unknown_format", attr="format"
            )
        return found


class Metadata(BaseMetadata):
    """What OPTIONS answers: the same for everybody, without a look at the database. Fields are in the schema."""

    def determine_metadata(self, request: Request, view: Any) -> dict[str, object]:
        return {
            "name": view.get_view_name(),
            "description": view.get_view_description(),
            "methods": view.allowed_methods,
            "renders": [one.media_type for one in view.get_renderers()],
            "parses": [one.media_type for one in view.parser_classes],
            "schema": "/api/schema/",
        }
