from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django import forms
from django.core.validators import MaxValueValidator
from django.db.models import QuerySet
from django.http import HttpRequest

class Filter:
    field_class: type[forms.Field]
    field_name: str
    lookup_expr: str
    def __init__(
        self,
        field_name: str | None = ...,
        lookup_expr: str | None = ...,
        *,
        label: str | None = ...,
        method: str | Callable[..., QuerySet[Any]] | None = ...,
        distinct: bool = ...,
        exclude: bool = ...,
        **kwargs: Any,
    ) -> None: ...

class CharFilter(Filter): ...
class BooleanFilter(Filter): ...
class ChoiceFilter(Filter): ...
class MultipleChoiceFilter(Filter): ...
class ModelChoiceFilter(Filter): ...
class DateFilter(Filter): ...
class IsoDateTimeFilter(Filter): ...
class UUIDFilter(Filter): ...

class NumberFilter(Filter):
    def get_max_validator(self) -> MaxValueValidator | None: ...

class FilterSet:
    base_filters: ClassVar[dict[str, Filter]]
    filters: dict[str, Filter]
    form: forms.Form
    request: HttpRequest
    queryset: QuerySet[Any]
    def __init__(
        self,
        data: Mapping[str, Any] | None = ...,
        queryset: QuerySet[Any] | None = ...,
        *,
        request: HttpRequest | None = ...,
        prefix: str | None = ...,
    ) -> None: ...
    def is_valid(self) -> bool: ...
    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]: ...
    @property
    def qs(self) -> QuerySet[Any]: ...
