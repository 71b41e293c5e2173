"""The base classes of every API view. They are DRF's, and refuse what the operation does not take (`contract.py`).

Import these instead of `rest_framework.views.APIView` and its like; ruff refuses those (`pyproject.toml`), and
`tests/contract/test_strict.py` fails for a view under /api/ that is not one of these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any, TypeVar

from django.conf import settings
from django.db.models import Model
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework import exceptions, generics, views, viewsets
from rest_framework.request import Request, clone_request
from rest_framework.response import Response

from guildhall.core.errors import TooLarge

from .contract import Contract, Fault, body_faults, contract_of, control_faults, parameter_faults
from .export import CSVRenderer, XLSXRenderer
from .kept import Making
from .renderers import OrjsonRenderer
from .rows import page_of, record_of

M = TypeVar("M", bound=Model)
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


def refuse(faults: list[Fault]) -> None:
    """Raise what was found, each fault with its own `attr`.

    Raises:
        ValidationError: where there is a fault.
    """
    if faults:
        raise exceptions.ValidationError(
            {fault.attr: [exceptions.ErrorDetail(fault.detail, code=fault.code)] for fault in faults}
        )


class StrictView:
    """A mixin for DRF views: after authentication, permissions and throttles, the request must fit the contract."""

    # A list's columns (`columns.py`); here so that an `@action` may have its own.
    column_paths: object = {}
    column_aliases: object = {}
    hidden_columns: object = {}
    own_parameters: object = frozenset()
    ordering: object = None
    ordering_fields: object = None

    def dispatch(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase:
        """Do what DRF does; an answer that is to be kept is, once it is whole (`kept.py`)."""
        response: HttpResponseBase | None = None
        try:
            response = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
            return response
        finally:
            making: Making | None = request.__dict__.pop("_guildhall_making", None)
            if making is not None:
                making.end(request, response)

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        """Do what DRF does, then refuse unknown parameters and fields.

        Raises:
            ValidationError: ``unknown_parameter``, ``repeated_parameter``, ``contradiction``, ``unknown_field``, ``read_only_field``.
        """
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        method = request.method or "GET"
        if method == "OPTIONS" or not hasattr(self, method.lower()):
            return
        contract = self.contract(method)
        if request.query_params:
            refuse(parameter_faults(contract.parameters, request.query_params))
        if method in WITH_BODY:
            self.check_body_size(request)
            if request.data or not isinstance(request.data, Mapping):  # an empty list is not a body either
                self.check_body(request, contract)

    def get_renderers(self) -> list[Any]:
        """Return DRF's renderers; a list can be had as CSV and XLSX too (`export.py`)."""
        found: list[Any] = super().get_renderers()  # type: ignore[misc]
        request = getattr(self, "request", None)
        if (
            isinstance(request, Request)
            and request.method in ("GET", "HEAD")
            and hasattr(self, "get")
            and not getattr(self, "swagger_fake_view", False)
            and not any(one.format == "csv" for one in found)
            and self.contract("GET").columns is not None
        ):
            found += [CSVRenderer(), XLSXRenderer()]
        return found

    def check_permissions(self, request: Request) -> None:
        """Do what DRF does; OPTIONS is open to anybody, as the schema is."""
        if request.method != "OPTIONS":
            super().check_permissions(request)  # type: ignore[misc]

    def check_body_size(self, request: Request) -> None:
        """Refuse a body that is too large for this view, before it is read. Views that take whole logs override it: what they
        are sent lies on the disk meanwhile, which nobody else may fill.

        Raises:
            TooLarge: ``too_large``.
        """
        length = str(request.META.get("CONTENT_LENGTH") or "0")
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1_000_000  # a file of that size, and the form round it
        if length.isdecimal() and int(length[:19]) > most:
            raise TooLarge(f"At most {most // 1_000_000} MB are read in one go here.")

    def check_body(self, request: Request, contract: Contract) -> None:
        """Refuse fields that the operation does not take; a view with a better reason for some says it before.

        Raises:
            ValidationError: ``unknown_field``, ``read_only_field``, ``control_character``.
        """
        present = (lambda: self._present(request)) if request.method in ("PUT", "PATCH") else None
        refuse(body_faults(contract.body, request.data, present))
        refuse(control_faults(request.data))

    def contract(self, method: str) -> Contract:
        """Return what this view takes with `method`."""
        match = getattr(self.request, "resolver_match", None)  # type: ignore[attr-defined]
        callback = match.func if match is not None and getattr(match.func, "cls", None) is type(self) else None
        if callback is None:  # called without a URL, as tests do
            actions = getattr(self, "action_map", None)
            callback = SimpleNamespace(cls=type(self), initkwargs={}, actions=actions)
        return contract_of(callback, method)

    def _present(self, request: Request) -> object:
        """Return what GET at this URL answers to this caller, as JSON; None where there is no such answer."""
        handler_name = (getattr(self, "action_map", None) or {"get": "get"}).get("get")
        if handler_name is None or not hasattr(self, handler_name):
            return None
        view: Any = type(self)()
        view.__dict__.update(self.__dict__)
        view.request = clone_request(request, "GET")
        view.action = handler_name
        try:
            response: HttpResponseBase = getattr(view, handler_name)(view.request, *view.args, **view.kwargs)
        except exceptions.PermissionDenied:
            return None
        if not isinstance(response, Response) or response.data is None:
            return None
        found: Any = json.loads(OrjsonRenderer().render(response.data))
        return found if isinstance(found, Mapping) else None


class APIView(StrictView, views.APIView):
    """DRF's, strict."""


class ListModelMixin:
    """As DRF's; the rows are plain columns (`rows.py`)."""

    # Without a docstring, which the schema would show in place of the view's.
    def list(self, request: Request, *args: object, **kwargs: object) -> Response:
        return page_of(self, self.filter_queryset(self.get_queryset()))  # type: ignore[attr-defined]


class RetrieveModelMixin:
    """As DRF's; the answer is made of plain columns (`rows.py`)."""

    def retrieve(self, request: Request, *args: object, **kwargs: object) -> Response:
        return Response(record_of(self, self.filter_queryset(self.get_queryset())))  # type: ignore[attr-defined]


class ListAPIView(StrictView, ListModelMixin, generics.ListAPIView[M]):
    """DRF's, strict."""


class GenericViewSet(StrictView, viewsets.GenericViewSet[M]):
    """DRF's, strict."""


class ModelViewSet(StrictView, ListModelMixin, RetrieveModelMixin, viewsets.ModelViewSet[M]):
    """DRF's, strict."""
