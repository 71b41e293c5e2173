"""A number that came in as text is spelt as people write one, wherever it comes in: nobody means a thousand by “1e3”."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.urls import URLResolver, get_resolver
from rest_framework import serializers

from guildhall.core.api.fields import PlainDecimalField, PointsField
from guildhall.core.errors import BadInput
from guildhall.core.fields import PlainDecimalField as AdminField
from guildhall.core.form_fields import NumberField
from guildhall.core.form_fields import PointsField as FormField
from guildhall.core.validators import is_plain_number, parse_whole
from guildhall.raids.api.serializers import SummarySerializer
from guildhall.raids.services.events import _clean_modifier

ODD = ["1e3", "1E3", "1_000", "٣", "１", "NaN", "Infinity", "0x10", "1.2.3", "--1", "", "."]


@pytest.mark.parametrize("text", ODD)
def test_no_reader_takes_an_odd_spelling(text: str) -> None:
    assert not is_plain_number(text)
    assert parse_whole(text) is None
    fields = [
        PlainDecimalField(max_digits=9, decimal_places=2),
        PointsField(),
        FormField(),
        NumberField(),
        AdminField(),
    ]
    for field in fields:
        read = field.run_validation if isinstance(field, serializers.Field) else field.to_python
        try:
            assert read(text) is None, field  # type: ignore[operator]
        except Exception as error:
            assert type(error).__name__ == "ValidationError", field
    with pytest.raises(BadInput):
        _clean_modifier(text)


@pytest.mark.parametrize(("text", "meant"), [("12", 12), ("-3", -3), ("+7", 7), (" 60 ", 60), (60, 60)])
def test_what_people_write_is_read(text: object, meant: int) -> None:
    assert parse_whole(text) == meant
    assert parse_whole(True) is None


def serializers_of(patterns: object = None) -> Iterator[type]:
    """Every serializer that a view of the API names."""
    for one in get_resolver().url_patterns if patterns is None else patterns:  # type: ignore[attr-defined]
        if isinstance(one, URLResolver):
            yield from serializers_of(one.url_patterns)
        elif (made := getattr(getattr(one.callback, "cls", None), "serializer_class", None)) is not None:
            yield made


@pytest.mark.django_db
def test_every_number_that_the_api_takes_is_read_so() -> None:
    """`SummarySerializer` is only ever sent."""
    loose = {
        f"{made.__name__}.{name}"
        for made in set(serializers_of()) - {SummarySerializer}
        for name, field in made().fields.items()
        if isinstance(field, serializers.DecimalField) and not field.read_only
        if not isinstance(field, PlainDecimalField) and issubclass(made, serializers.ModelSerializer)
    }
    assert loose == set()
