"""The site's addresses and one more: a view that checks a key and answers a constant, the floor of answers of one record."""

from __future__ import annotations

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView  # noqa: TID251 - what DRF's own costs

from config.urls import (  # noqa: F401 - Django looks for them here
    handler400,
    handler403,
    handler404,
    handler500,
)
from config.urls import (
    urlpatterns as site_urls,
)


class BareView(APIView):
    """What every call to the API costs: the middlewares, finding the key, counting its use, rendering."""

    required_scopes = "points:read"

    def get(self, request: Request) -> Response:
        return Response({"status": "ok"})


urlpatterns = [path("api/bare/", BareView.as_view()), *site_urls]
