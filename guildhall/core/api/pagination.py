"""One pagination for every list (docs/api-contract.md, "Conventions")."""

from __future__ import annotations

from typing import Any

from django.core.paginator import Page, Paginator
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

from guildhall.core.errors import BadInput, TooLarge

from .columns import is_narrowed, narrowed
from .export import wants_file

MOST_FILE_ROWS = 50_000
MOST_OFFSET = 10**9
"""Rows before a page up to which it is looked for before they are counted."""


def _number(request: Request, name: str, most: int, allowed: str) -> int | None:
    """Return a whole number from 1 to `most` in the query string; None where there is none."""
    text = request.query_params.get(name, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 1 <= int(text) <= most):
        raise BadInput(f"{allowed} “{text[:30]}” is not.", code="invalid", attr=name)
    return int(text)


class _RowsFirst(Paginator):  # type: ignore[type-arg] # generic for a checker alone
    """Reads the page's rows before it counts all: a page that is not full says itself how many there are."""

    def page(self, number: int | str) -> Page[Any]:
        """Return a page.

        Raises:
            EmptyPage: there is no such page.
        """
        whole = int(number)
        bottom = (whole - 1) * self.per_page
        if self.per_page > Pages.max_page_size or bottom > MOST_OFFSET:
            return super().page(number)
        rows = self.object_list[bottom : bottom + self.per_page]
        if not isinstance(rows, list):  # a queryset, which is read where its rows are
            return super().page(number)
        if len(rows) < self.per_page and (rows or whole == 1):
            self.count = bottom + len(rows)
        else:
            self.validate_number(whole)
        return Page(rows, whole, self)


class Pages(PageNumberPagination):
    """`?page=` and `?page_size=` (100 unless told, at most 500). What is not a page or no size is 400, not another one."""

    django_paginator_class = _RowsFirst
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500
    page_query_description = "Which page, from 1; `last` is the last one. 404 beyond it."
    page_size_query_description = f"How many rows a page has: 1 to {max_page_size}, {page_size} unless told."

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any] | None:
        """Return a page of rows; all of them where a file was asked for.

        Raises:
            BadInput: ``invalid`` for a `page` or a `page_size` that is none.
            NotFound: there is no such page.
            TooLarge: more than `MOST_FILE_ROWS` rows for one file.
        """
        found: list[object] | None = super().paginate_queryset(queryset, request, view)
        if wants_file(request) and self.page is not None and self.page.paginator.count > MOST_FILE_ROWS:
            raise TooLarge(
                f"{self.page.paginator.count} rows are too many for one file (at most {MOST_FILE_ROWS}); filter them."
            )
        return found

    def get_page_size(self, request: Request) -> int | None:
        """Return how many rows a page has.

        Raises:
            BadInput: ``invalid``.
        """
        allowed = f"page_size is a whole number from 1 to {self.max_page_size}."
        asked = _number(request, "page_size", self.max_page_size, allowed)
        return MOST_FILE_ROWS if wants_file(request) else asked or self.page_size

    def get_page_number(self, request: Request, paginator: Any) -> Any:
        """Return the page asked for.

        Raises:
            BadInput: ``invalid``.
        """
        if request.query_params.get("page") in self.last_page_strings:
            return 1 if wants_file(request) else paginator.num_pages
        asked = _number(request, "page", 10**18, "page is a whole number from 1, or last.")
        return 1 if wants_file(request) else asked or 1


def paged(request: Request, rows: Any, *, view: object = None) -> Response:
    """Return a page of `rows` (a list or an ordered queryset of JSON-ready rows) in the common envelope.

    A view that answers with it says ``pagination_class = Pages``, so that the schema does too. With `view` the rows, which
    are mappings, are filtered and ordered by its columns (`columns.narrowed`).
    """
    pages = Pages()
    if view is not None and is_narrowed(view, request):
        rows = narrowed(view, request, rows)
    return pages.get_paginated_response(pages.paginate_queryset(rows, request) or [])
