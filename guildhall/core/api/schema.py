"""The OpenAPI schema's own rules: errors in the common form on every path, idempotency and limits said, tags by app."""

from __future__ import annotations

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.permissions import AllowAny

from guildhall.core.api.serializers import Serializer

from .contract import list_columns
from .export import CSVRenderer, XLSXRenderer
from .idempotency import HEADER, MAX_LENGTH

IDEMPOTENCY = (
    "Sent twice, it does one thing and answers the same, with the header `Idempotent-Replayed: true` (at most {most} "
    "characters; kept at least 24 hours). It belongs to the key or session it came with. A refusal is kept under its key "
    "like an answer, so a corrected call takes a new key; 429, 503 and 409 `busy` are not kept and are safe to repeat "
    "with the same key. A secret (`link_token`) is in the first answer alone."
)
WRITES = ("POST", "PUT", "PATCH", "DELETE")
_EXAMPLES: dict[str, tuple[str, dict[str, object]]] = {
    "400": ("validation_error", {"code": "required", "detail": "This field is required.", "attr": "reason"}),
    "401": (
        "client_error",
        {"code": "not_authenticated", "detail": "Authentication credentials were not provided.", "attr": None},
    ),
    "403": (
        "client_error",
        {
            "code": "permission_denied",
            "detail": "This needs the permission points:write, which this key does not have. Use a key that has it.",
            "attr": None,
        },
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
    "404": "Not found, or not visible to the caller.",
    "405": "Not with this method.",
    "406": "Not in that format.",
    "409": "The state of things does not allow it.",
    "415": "Not read in that format; send JSON.",
    "429": "Too fast: `Retry-After` says how many seconds to wait.",
}


class ErrorItemSerializer(Serializer):
    """One thing that is wrong: a stable code, words for a person, the field to blame, the figures behind it."""

    code = serializers.CharField(help_text="stable; programs may compare it")
    detail = serializers.CharField(help_text="for a person: what is wrong and what to do")
    attr = serializers.CharField(allow_null=True, help_text="the input field to blame, where one is")
    figures = serializers.DictField(required=False, help_text="the numbers behind a refusal; amounts as text")


class ErrorSerializer(Serializer):
    """Every error has this form, on every path."""

    type = serializers.ChoiceField(choices=["validation_error", "client_error", "server_error"])
    errors = ErrorItemSerializer(many=True)  # type: ignore[assignment]


class GuildhallSchema(AutoSchema):
    """One tag per app (the first word of the path after /api/), and the common answers on every operation."""

    def get_tags(self) -> list[str]:
        parts = [part for part in self.path.split("/") if part and not part.startswith("{")]
        return [parts[1] if len(parts) > 1 else "api"]

    def get_request_serializer(self) -> Any:
        """DELETE takes no body unless its `extend_schema` declares one."""
        return None if self.method == "DELETE" else super().get_request_serializer()

    def map_renderers(self, attribute: str) -> list[object]:
        """Return drf-spectacular's renderers; a list can be had as CSV and XLSX too (`export.py`)."""
        found: list[object] = super().map_renderers(attribute)
        if list_columns(self) is not None:
            found += [kind for one in (CSVRenderer, XLSXRenderer) if (kind := getattr(one, attribute)) not in found]
        return found

    def get_auth(self) -> list[dict[str, Any]]:
        """Return how a caller may sign in for this operation; ``{}`` among them where nobody has to.

        A view's permission classes say so: `AllowAny`, none at all, or `admits_strangers(view, method)`.
        """
        schemes = [scheme for scheme in super().get_auth() if scheme]
        if not self.view.authentication_classes:
            return [{}]
        return [*schemes, {}] if self._admits_strangers() else schemes

    def _admits_strangers(self) -> bool:
        for permission in self.view.permission_classes:
            admits = getattr(permission, "admits_strangers", None)
            if permission is not AllowAny and (admits is None or not admits(self.view, self.method)):
                return False
        return True

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Return the operation with the scopes of which the caller needs one, in words and as `x-required-scopes`."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        needs = [getattr(permission, "scopes_for", None) for permission in self.view.permission_classes]
        scopes = next((find(self.view, self.method) for find in needs if find is not None), ())
        operation["x-required-scopes"] = list(scopes)
        text = operation.get("description", "")
        if scopes:
            named = " or ".join(f"`{scope}`" for scope in scopes)
            operation["description"] = f"{text}\n\nNeeds the scope {named}.".strip()
        elif {} not in operation.get("security", []):
            operation["description"] = f"{text}\n\nSigning in is enough; no scope is needed.".strip()
        return operation

    def _get_serializer_name(self, serializer: object, direction: object, bypass_extensions: bool = False) -> str:
        """Return the component's name with its app's: two apps may both have a `ReasonInput`."""
        name: str = super()._get_serializer_name(serializer, direction, bypass_extensions)
        serializer_class = serializer if isinstance(serializer, type) else type(serializer)
        parts = serializer_class.__module__.split(".")
        app = parts[1].capitalize() if parts[0] == "guildhall" and len(parts) > 1 else ""
        return name if app in ("", "Core") or name.startswith(app) else f"{app}{name}"

    def get_override_parameters(self) -> list[Any]:
        found = list(super().get_override_parameters())
        if self.method == "POST" and self._is_idempotent():
            found.append(
                OpenApiParameter(
                    HEADER,
                    OpenApiTypes.STR,
                    OpenApiParameter.HEADER,
                    description=IDEMPOTENCY.format(most=MAX_LENGTH),
                )
            )
        if self._supports_etag():
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

    def _supports_etag(self) -> bool:
        return self.method == "GET" and self._has_mark("supports_etag")

    def _has_mark(self, mark: str) -> bool:
        names = [getattr(self.view, "action", None), str(self.method).lower()]
        handlers = [getattr(self.view, name, None) for name in names if name]
        return any(getattr(handler, mark, False) for handler in handlers)

    def _get_response_bodies(self, direction: str = "response") -> dict[str, object]:
        found: dict[str, object] = super()._get_response_bodies(direction=direction)  # type: ignore[arg-type]
        if direction != "response" or not self.path.startswith("/api/"):
            return found
        if self._supports_etag():
            found["304"] = {"description": "Nothing is new since the answer with that `ETag`."}
        for status in self._error_statuses():
            found.setdefault(status, self._error_response(status))
        return found

    def _error_statuses(self) -> list[str]:
        statuses = ["400", "401", "403", "404", "405", "406", "429"]
        if self.method in WRITES:
            statuses += ["409", "415"]
        return sorted(statuses)

    def _error_response(self, status: str) -> dict[str, object]:
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
