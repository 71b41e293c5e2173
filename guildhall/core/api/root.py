"""`GET /api/`: every path of the API with its methods, for whoever explores it."""

from __future__ import annotations

import functools

from drf_spectacular.generators import EndpointEnumerator
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from guildhall import __version__
from guildhall.core.api.serializers import Serializer

from .views import APIView


class EndpointOutput(Serializer):
    """One path. `url` is null where the path has placeholders."""

    path = serializers.CharField()
    url = serializers.URLField(allow_null=True)
    methods = serializers.ListField(child=serializers.CharField())


class RootOutput(Serializer):
    """Where the API is described, and all of its paths."""

    version = serializers.CharField(help_text="the version of this Guildhall")
    schema = serializers.URLField(help_text="the OpenAPI description of every operation")
    docs = serializers.URLField(help_text="the same as a page on which calls can be tried")
    endpoints = EndpointOutput(many=True)


class _Endpoints(EndpointEnumerator):
    """The API's views, and plain Django views under /api/ that name their methods in `api_methods` (the stream)."""

    def should_include_endpoint(self, path: str, callback: object) -> bool:
        if hasattr(callback, "api_methods"):
            return True
        return bool(super().should_include_endpoint(path, callback))

    def get_allowed_methods(self, callback: object) -> list[str]:
        found: list[str] = getattr(callback, "api_methods", None) or super().get_allowed_methods(callback)  # type: ignore[no-untyped-call]
        return found


@functools.cache
def endpoints() -> dict[str, list[str]]:
    """Return the methods of every path under /api/, from the URL conf; computed once per process."""
    methods: dict[str, set[str]] = {}
    for path, _, method, _ in _Endpoints().get_api_endpoints():  # type: ignore[no-untyped-call]
        if path.startswith("/api/"):
            methods.setdefault(path.replace("{pk}", "{id}"), set()).add(method)
    return {path: sorted(found) for path, found in sorted(methods.items())}


class RootView(APIView):
    """Every path of the API with its methods. Needs no sign-in."""

    permission_classes = [AllowAny]

    @extend_schema(operation_id="api_root", responses=RootOutput)
    def get(self, request: Request) -> Response:
        listed = [
            {
                "path": path,
                "url": None if "{" in path else request.build_absolute_uri(path),
                "methods": methods,
            }
            for path, methods in endpoints().items()
        ]
        return Response(
            {
                "version": __version__,
                "schema": reverse("schema", request=request),
                "docs": reverse("api-docs", request=request),
                "endpoints": listed,
            }
        )
