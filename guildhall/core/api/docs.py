"""`/api/schema/` and `/api/docs/`: drf-spectacular's views, with refusals as everywhere else under /api/."""

from __future__ import annotations

from typing import Any

from django.http import JsonResponse
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView


class _RefusesInJson:
    """A refusal is JSON in the common form. The views' own renderers write a schema or a page, and no refusal."""

    def handle_exception(self, exc: Exception) -> Any:
        """Do what DRF does, in JSON."""
        refusal = super().handle_exception(exc)  # type: ignore[misc]
        kept = {name: value for name, value in refusal.items() if name.lower() != "content-type"}
        return JsonResponse(refusal.data, status=refusal.status_code, headers=kept)


class SchemaView(_RefusesInJson, SpectacularAPIView):
    """`GET /api/schema/`."""


class DocsView(_RefusesInJson, SpectacularSwaggerSplitView):
    """`GET /api/docs/`, in two parts, the page and its script: no script stands in a page here
    (`core/middleware.py`)."""

    url_name = "schema"
    template_name = "web/api_docs.html"
