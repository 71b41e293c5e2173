"""The OpenAPI schema's own rules: errors in the common form on every path, idempotency and limits said, tags by room."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from .idempotency import HEADER, MAX_LENGTH

WRITES = ("POST", "PUT", "PATCH", "DELETE")
_EXAMPLES: dict[str, tuple[str, dict[str, Any]]] = {
    "400": ("validation_error", {"code": "required", "detail": "This field is required.", "attr": "reason"}),
    "401": (
        "client_error",
        {"code": "not_authenticated", "detail": "Authentication credentials were not provided.", "attr": None},
    ),
    "403": (
        "client_error",
        {"code": "permission_denied", "detail": "Your role or your key does not allow this.", "attr": None},
    ),
    "404": ("client_error", {"code": "unknown_pool", "detail": "There is no DKP pool 7.", "attr": "dkp_pool_id"}),
    "405": (
        "client_error",
        {"code": "method_not_allowed", "detail": 'Method "TRACE" not allowed.', "attr": None},
    ),
    "406": (
        "client_error",
        {"code": "not_acceptable", "detail": "Could not satisfy the request Accept header.", "attr": None},
    ),
    "409": (
        "client_error",
        {"code": "already_reversed", "detail": "This has been reversed already.", "attr": None},
    ),
    "415": (
        "client_error",
        {"code": "unsupported_media_type", "detail": 'Unsupported media type "text/x" in request.', "attr": None},
    ),
    "429": (
        "client_error",
        {"code": "throttled", "detail": "Too many requests. Wait 17 seconds and go on.", "attr": None},
    ),
}
_WORDS = {
    "400": "What came in is not right; nothing was stored.",
    "401": "No credentials, or bad ones.",
    "403": "Known, and not allowed.",
    "404": "There is no such thing.",
    "405": "Not with this method.",
    "406": "Not in that format.",
    "409": "The state of things does not allow it.",
    "415": "Not read in that format; send JSON.",
    "429": "Too fast: `Retry-After` says how many seconds to wait.",
}


class ErrorItemSerializer(serializers.Serializer[Any]):
    """One thing that is wrong: a stable code, words for a person, the field to blame, the figures behind it."""

    code = serializers.CharField(help_text="stable; programs may compare it")
    detail = serializers.CharField(help_text="for a person: what is wrong and what to do")
    attr = serializers.CharField(allow_null=True, help_text="the input field to blame, where one is")
    figures = serializers.DictField(required=False, help_text="the numbers behind a refusal; amounts as text")


class ErrorSerializer(serializers.Serializer[Any]):
    """Every error has this form, on every path."""

    type = serializers.ChoiceField(choices=["validation_error", "client_error", "server_error"])
    errors = ErrorItemSerializer(many=True)  # type: ignore[assignment]


class GuildhallSchema(AutoSchema):
    """One tag a room (the first word of the path after /api/), and the common answers on every operation."""

    def get_tags(self) -> list[str]:
        parts = [part for part in self.path.split("/") if part and not part.startswith("{")]
        return [parts[1] if len(parts) > 1 else "api"]

    def _get_serializer_name(self, serializer: Any, direction: Any, bypass_extensions: bool = False) -> str:
        """Two rooms may both have a `ReasonInput`: a component carries its room's name."""
        name: str = super()._get_serializer_name(serializer, direction, bypass_extensions)
        serializer_class = serializer if isinstance(serializer, type) else type(serializer)
        parts = serializer_class.__module__.split(".")
        room = parts[1].capitalize() if parts[0] == "guildhall" and len(parts) > 1 else ""
        return name if room in ("", "Core") or name.startswith(room) else f"{room}{name}"

    def get_override_parameters(self) -> list[Any]:
        found = list(super().get_override_parameters())
        if self.method == "POST" and self._is_idempotent():
            found.append(
                OpenApiParameter(
                    HEADER,
                    OpenApiTypes.STR,
                    OpenApiParameter.HEADER,
                    description=f"Sent twice, it does one thing and answers the same (at most {MAX_LENGTH} characters).",
                )
            )
        if self._answers_etag():
            found.append(
                OpenApiParameter(
                    "If-None-Match",
                    OpenApiTypes.STR,
                    OpenApiParameter.HEADER,
                    description="The `ETag` of an answer that you have: 304 without a body as long as nothing is new.",
                )
            )
        return found

    def _is_idempotent(self) -> bool:
        return self._has_mark("is_idempotent")

    def _answers_etag(self) -> bool:
        return self.method == "GET" and self._has_mark("answers_etag")

    def _has_mark(self, mark: str) -> bool:
        names = [getattr(self.view, "action", None), str(self.method).lower()]
        handlers = [getattr(self.view, name, None) for name in names if name]
        return any(getattr(handler, mark, False) for handler in handlers)

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        found: dict[str, Any] = super()._get_response_bodies(direction=direction)  # type: ignore[arg-type]
        if direction != "response" or not self.path.startswith("/api/"):
            return found
        if self._answers_etag():
            found["304"] = {"description": "Nothing is new since the answer with that `ETag`."}
        for status in self._error_statuses():
            found.setdefault(status, self._error_response(status))
        return found

    def _error_statuses(self) -> list[str]:
        statuses = ["400", "401", "403", "404", "405", "406", "429"]
        if self.method in WRITES:
            statuses += ["409", "415"]
        return sorted(statuses)

    def _error_response(self, status: str) -> dict[str, Any]:
        component = self.resolve_serializer(ErrorSerializer, "response")
        kind, item = _EXAMPLES[status]
        return {
            "description": _WORDS[status],
            "content": {
                "application/json": {
                    "schema": component.ref,
                    "examples": {item["code"]: {"value": {"type": kind, "errors": [item]}}},
                }
            },
        }
