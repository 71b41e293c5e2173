"""Filters, search and ordering that every list shares. Whatever is in the query string, the answer is never a 500."""

from __future__ import annotations

from typing import Any

import django_filters
from django import forms
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.request import Request

from .columns import Query, ordered, orders_of, wanted_order
from .params import MAX_ID as MAX_ID
from .params import flag, moment

MOST_SEARCH_WORDS = 8


class IdFilter(django_filters.NumberFilter):
    """A filter on an id: a whole number that fits the database, or 400."""

    field_class = forms.IntegerField

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, min_value=0, max_value=MAX_ID, **kwargs)

    def get_max_validator(self) -> None:  # the bounds above are the field's own
        return None


class Filters(DjangoFilterBackend):
    """The filters that a list names. Django would ignore a true or false that is neither, and would fail on a time that
    is beyond the years when it is turned to UTC; both are read as everywhere else (`params.py`)."""

    def filter_queryset(self, request: Request, queryset: Query, view: Any) -> Any:
        """Return the rows that the query string asks for. Where it names no filter nothing is built: a filter set copies
        its filters and makes a form of them, which takes longer than the list."""
        filterset_class = getattr(view, "filterset_class", None)
        if filterset_class is None or not request.query_params.keys() & filterset_class.base_filters.keys():
            return queryset
        return super().filter_queryset(request, queryset, view)

    def get_filterset(self, request: Request, queryset: Query, view: Any) -> Any:
        filterset_class = self.get_filterset_class(view, queryset)
        if filterset_class is None:
            return None
        options = self.get_filterset_kwargs(request, queryset, view)
        given = options["data"].copy()
        for name, one in filterset_class.base_filters.items():
            if isinstance(one, django_filters.BooleanFilter) and given.get(name, "").strip():
                given[name] = "true" if flag(request, name) else "false"
            elif isinstance(one, django_filters.IsoDateTimeFilter) and (at := moment(request, name)) is not None:
                given[name] = at.isoformat()
        return filterset_class(**{**options, "data": given})


class Search(SearchFilter):
    """`?search=`: every word must be found. Words beyond the eighth are left out, as a search engine would."""

    def get_search_terms(self, request: Request) -> list[str]:
        return [term[:100] for term in super().get_search_terms(request)][:MOST_SEARCH_WORDS]


class Ordering(OrderingFilter):
    """`?ordering=name,-level`, by the list's columns (`columns.py`). An unknown one is 400 and names the known ones; equal
    rows come in a fixed order."""

    def get_valid_fields(self, queryset: object, view: object, context: object = None) -> list[tuple[str, str]]:
        return [(name, name) for name in orders_of(view)]

    def filter_queryset(self, request: Request, queryset: Query, view: Any) -> Query:
        if request.query_params.get("ordering", "").strip():
            known = orders_of(view)
            wanted = wanted_order(request, known)
            if wanted:
                return ordered(queryset, wanted, known)
        default = self.get_default_ordering(view)
        return queryset.order_by(*default) if default else queryset
