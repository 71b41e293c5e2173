"""The OpenAPI schema's own rules: errors in the common form on every path, tags by room."""

from __future__ import annotations

from drf_standardized_errors.openapi import AutoSchema


class GuildhallSchema(AutoSchema):
    """drf-standardized-errors' schema, with one tag a room: the first word of the path after /api/."""

    def get_tags(self) -> list[str]:
        parts = [part for part in self.path.split("/") if part and not part.startswith("{")]
        return [parts[1] if len(parts) > 1 else "api"]
