"""Every error that leaves the API has one form (docs/api-contract.md, "Conventions"), made here.

`drf-standardized-errors` gives the form; this adds Guildhall's own exceptions, so that a service's refusal
becomes the right status and code without a view in between, and JSON for paths that do not exist.
"""

from __future__ import annotations

from typing import Any

from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from drf_standardized_errors.formatter import ExceptionFormatter as BaseFormatter
from drf_standardized_errors.handler import ExceptionHandler as BaseHandler
from rest_framework import exceptions

from guildhall.core.errors import GuildhallError, TooManyRequests
from guildhall.core.transactions import is_retryable


class ApiError(exceptions.APIException):
    """A `GuildhallError` on its way out through DRF."""

    def __init__(self, error: GuildhallError) -> None:
        self.status_code = error.status
        self.source = error
        if isinstance(error, TooManyRequests):
            self.wait = error.retry_after  # DRF makes `Retry-After` of it
        super().__init__(detail=error.detail, code=error.code)


class Busy(exceptions.APIException):
    """The database stayed busy through every retry: nothing was written, and trying again is right."""

    status_code = 409
    default_code = "busy"
    wait = 1  # DRF makes `Retry-After` of it
    default_detail = "Others are changing the same rows right now. Nothing was stored; send it again."


class ExceptionHandler(BaseHandler):
    """Turn what services and databases raise into API errors."""

    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, GuildhallError):
            return ApiError(exc)
        if isinstance(exc, DatabaseError) and is_retryable(exc):
            return Busy()
        return super().convert_known_exceptions(exc)


class ExceptionFormatter(BaseFormatter):
    """A `GuildhallError` in the common form: each of its faults with its `attr` and `figures`."""

    def format_error_response(self, error_response: Any) -> object:
        formatted = super().format_error_response(error_response)
        source = getattr(self.exc, "source", None)
        if isinstance(source, GuildhallError):
            formatted["errors"] = [_item(fault) for fault in source.faults]
        return formatted


def error_body(error: GuildhallError) -> dict[str, object]:
    """Return the common form for `error`, where no DRF view is involved."""
    return {"type": "client_error", "errors": [_item(fault) for fault in error.faults]}


def _item(fault: GuildhallError) -> dict[str, object]:
    item: dict[str, Any] = {"code": fault.code, "detail": fault.detail, "attr": fault.attr}
    if fault.figures:
        item["figures"] = fault.figures
    return item


@csrf_exempt
def api_not_found(request: HttpRequest, *args: object, **kwargs: object) -> JsonResponse:
    """Return JSON 404 for every path under /api/ that does not exist."""
    slash = "" if request.path.endswith("/") else " Paths end with a slash."
    detail = f"There is nothing at {request.path[:200]}.{slash} GET /api/schema/ lists every path."
    return JsonResponse(
        {"type": "client_error", "errors": [{"code": "not_found", "detail": detail, "attr": None}]}, status=404
    )
