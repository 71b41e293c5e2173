"""One pagination for every list (API.md, "Conventions")."""

from __future__ import annotations

from typing import Any

from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response


class Pages(PageNumberPagination):
    """`?page=` and `?page_size=` (100 unless told, at most 500)."""

    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500


def paged(request: Request, rows: Any) -> Response:
    """A page of `rows` (a list or an ordered queryset of JSON-ready rows) in the common envelope.

    A view that answers with it says ``pagination_class = Pages``, so that the schema does too.
    """
    pages = Pages()
    return pages.get_paginated_response(pages.paginate_queryset(rows, request) or [])
