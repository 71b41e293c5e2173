"""Filters, search and ordering that every list shares. Whatever is in the query string, the answer is never a 500."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.filters import OrderingFilter, SearchFilter
from rest_framework.request import Request

from guildhall.core.errors import BadInput

from .params import flag, moment

MAX_ID = 2**63 - 1
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

    def get_filterset(self, request: Request, queryset: QuerySet[Any], view: Any) -> Any:
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
    """`?ordering=name,-level`. An unknown field is 400 and names the known ones; equal rows come in a fixed order."""

    def get_ordering(self, request: Request, queryset: QuerySet[Any], view: Any) -> Sequence[str] | None:
        wanted = [part.strip() for part in request.query_params.get(self.ordering_param, "").split(",") if part.strip()]
        if not wanted:
            return self.get_default_ordering(view)
        known = [name for name, _ in self.get_valid_fields(queryset, view, {"request": request})]
        unknown = [part for part in wanted if part.lstrip("-") not in known]
        if unknown:
            raise BadInput(
                f"This list cannot be ordered by {unknown[0][:40]}. It can by: {', '.join(known)}.",
                code="invalid_ordering",
                attr=self.ordering_param,
            )
        last = "-pk" if wanted[-1].startswith("-") else "pk"
        return [*wanted, last]
