"""JSON by orjson: the hot lists come as plain rows and are written straight out."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from django.utils.encoding import force_str
from django.utils.functional import Promise
from rest_framework.renderers import JSONRenderer

from guildhall.core.money import show_points


def _default(value: object) -> object:
    if isinstance(value, Decimal):
        return show_points(value)
    if isinstance(value, Promise):
        return force_str(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, dict | list | tuple | set):
        return list(value)
    return str(value)


class OrjsonRenderer(JSONRenderer):
    """As DRF's JSON renderer, by orjson: UTF-8, times in UTC with `Z`."""

    ensure_ascii = True  # in the slow way below: half a character stays escaped, as it came

    def render(self, data: object, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        if data is None:
            return b""
        options = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
        if accepted_media_type and "indent" in accepted_media_type:
            options |= orjson.OPT_INDENT_2
        try:
            return orjson.dumps(data, default=_default, option=options)
        except TypeError:
            # What orjson cannot write: a whole number beyond 64 bits that somebody keeps in a JSON field, or half a
            # character in the words that refuse it.
            rendered: bytes = super().render(data, accepted_media_type, renderer_context)
            return rendered
