from typing import Any

from django.db.models import QuerySet
from rest_framework.filters import BaseFilterBackend
from rest_framework.request import Request
from rest_framework.views import APIView

from . import BooleanFilter as BooleanFilter
from . import CharFilter as CharFilter
from . import FilterSet as FilterSet

class DjangoFilterBackend(BaseFilterBackend):
    def get_filterset_class(self, view: APIView, queryset: QuerySet[Any] | None = ...) -> type[FilterSet] | None: ...
    def get_filterset_kwargs(self, request: Request, queryset: QuerySet[Any], view: APIView) -> dict[str, Any]: ...
    def get_filterset(self, request: Request, queryset: QuerySet[Any], view: APIView) -> FilterSet | None: ...
