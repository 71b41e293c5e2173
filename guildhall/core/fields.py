"""Database fields that every app shares."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

from .errors import BadInput
from .money import CENT, MAX_POINTS, parse_points
from .validators import is_plain_number

if TYPE_CHECKING:
    # What a checker sees: the plugin of django-stubs gives a nullable field its None.
    _ST = TypeVar("_ST", contravariant=True)
    _GT = TypeVar("_GT", covariant=True)

    class _PointsBase(models.Field[_ST, _GT]):
        _pyi_private_set_type: Decimal | int | str
        _pyi_private_get_type: Decimal
        _pyi_lookup_exact_type: Decimal | int | str
else:
    _ST = _GT = Any

    class _PointsBase(models.Field):
        def __class_getitem__(cls, item: Any) -> type:
            return cls


class PlainDecimalField(forms.DecimalField):
    """A number in a form of the admin, spelt as people write one."""

    def to_python(self, value: object) -> Decimal | None:  # type: ignore[override] # the stubs take it for an IntegerField
        if isinstance(value, str) and value.strip() and not is_plain_number(value.strip()):
            raise ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class PointsField(_PointsBase[_ST, _GT]):
    """An amount of points: a `Decimal` with two places in Python, a BIGINT of hundredths in the database.

    Whole numbers make sums and CHECK constraints exact on SQLite too, where a DECIMAL column is a float.
    In raw SQL divide by 100.
    """

    description = "points, two decimal places"

    def get_internal_type(self) -> str:
        return "BigIntegerField"

    def from_db_value(self, value: Any, expression: object, connection: object) -> Decimal | None:
        if type(value) is int:
            return Decimal(value).scaleb(-2)
        return None if value is None else (Decimal(value) / 100).quantize(CENT)

    def to_python(self, value: object) -> Decimal | None:
        if value is None or value == "":
            return None
        try:
            return parse_points(value)
        except BadInput as error:
            raise ValidationError(error.detail, code=error.code) from error

    def get_prep_value(self, value: Any) -> int | None:
        if value is None or hasattr(value, "resolve_expression"):
            return value  # type: ignore[no-any-return] # an expression stays one
        cents = Decimal(str(value) if isinstance(value, float) else value) * 100
        whole = int(cents)
        if cents != whole:
            raise ValueError(f"{value} has more than two decimal places")
        return whole

    def value_to_string(self, obj: Any) -> str:
        value = self.value_from_object(obj)
        return "" if value is None else str(value)

    def formfield(self, **kwargs: Any) -> Any:
        options = {"max_digits": 9, "decimal_places": 2, "max_value": MAX_POINTS, "min_value": -MAX_POINTS}
        return super().formfield(**{"form_class": PlainDecimalField, **options, **kwargs})
