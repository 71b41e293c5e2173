"""Form fields that the pages and the admin share. They read what was typed by the functions that the serializers use.

Each refuses control characters, too long a text, a wrong number and nothing where something is needed, each with a text of
its own; `web/tests/test_forms.py` sends all of that to each field of each form.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypedDict, Unpack

from django import forms
from django.core.exceptions import ValidationError
from django.db import models
from django.utils import timezone

from .errors import BadInput
from .money import parse_points, show_points
from .validators import parse_day, parse_digits, parse_moment, validate_no_control_characters

TEXTS = {
    "required": "Please fill this in.",
    "max_length": "At most %(limit_value)d characters; this has %(show_value)d.",
    "null_characters_not_allowed": "There is a control character in it, which cannot be seen or printed; type it again.",
}
CHOICE = "This is none of the choices here; choose one of the list."


class FieldOptions(TypedDict, total=False):
    """What every field takes besides."""

    initial: object
    help_text: str
    widget: forms.Widget
    disabled: bool


class TextOptions(FieldOptions, total=False):
    """What a field of text takes besides."""

    max_length: int | None
    min_length: int | None
    strip: bool


def _as_text(value: object) -> str | None:
    return None if value is None else str(value)


def _texts(required: bool | str, **more: str) -> dict[str, str]:
    return {**TEXTS, **more, **({"required": required} if isinstance(required, str) else {})}


class TextField(forms.CharField):
    """One line of text, without the space around it.

    Args:
        required: true, or the sentence to refuse nothing with.
        log: text that a game wrote, with whatever characters are in it.
    """

    def __init__(
        self,
        label: str = "",
        *,
        required: bool | str = False,
        log: bool = False,
        rows: int = 0,
        **options: Unpack[TextOptions],
    ) -> None:
        widget = forms.Textarea(attrs={"rows": rows}) if rows else forms.TextInput()
        options.setdefault("widget", widget)
        super().__init__(label=label, required=bool(required), error_messages=_texts(required), **options)
        self.log = log
        if log:
            self.validators = [v for v in self.validators if not hasattr(v, "code") or v.code == "max_length"]
        else:
            self.validators = [validate_no_control_characters, *self.validators]

    def to_python(self, value: object) -> str:
        text = super().to_python(value) or ""
        return text.replace("\x00", "") if self.log else text


def text_of(
    model: type[models.Model],
    name: str,
    label: str,
    *,
    required: bool | str = False,
    rows: int = 0,
    **options: Unpack[FieldOptions],
) -> TextField:
    """Return a text field with the limits and the validators of a model's field."""
    column = model._meta.get_field(name)
    assert isinstance(column, models.Field)
    field = TextField(label, required=required, rows=rows, max_length=column.max_length, **options)
    if isinstance(column, models.EmailField):
        field.error_messages["invalid"] = "That is not an e-mail address."
    known = {type(validator) for validator in field.validators}
    field.validators += [validator for validator in column.validators if type(validator) not in known]
    return field


class PointsField(forms.Field):
    """An amount of points, read by `parse_points`; None for nothing."""

    def __init__(
        self,
        label: str = "",
        *,
        required: bool | str = False,
        places: int = 2,
        minimum: Decimal | None = None,
        **options: Unpack[FieldOptions],
    ) -> None:
        options.setdefault("widget", forms.TextInput(attrs={"inputmode": "decimal"}))
        super().__init__(label=label, required=bool(required), error_messages=_texts(required), **options)
        self.places, self.minimum = places, minimum

    def to_python(self, value: object) -> Decimal | None:
        text = str(value or "").strip()
        if not text:
            return None
        try:
            return parse_points(text, places=self.places, minimum=self.minimum)
        except BadInput as error:
            raise ValidationError(error.detail, code=error.code) from error

    def prepare_value(self, value: object) -> object:
        return show_points(value) if isinstance(value, Decimal) else value

    def has_changed(self, initial: object, data: object) -> bool:
        try:
            return bool(self.to_python(data) != (None if initial in (None, "") else Decimal(str(initial))))
        except ValidationError:
            return True


class NumberField(forms.Field):
    """A whole number; None for nothing.

    Args:
        least, most: the bounds, inclusive; None where the service has them.
    """

    def __init__(
        self,
        label: str = "",
        *,
        required: bool | str = False,
        least: int | None = 0,
        most: int | None = None,
        **options: Unpack[FieldOptions],
    ) -> None:
        options.setdefault("widget", forms.TextInput(attrs={"inputmode": "numeric"}))
        super().__init__(label=label, required=bool(required), error_messages=_texts(required), **options)
        self.least, self.most = least, most

    def to_python(self, value: object) -> int | None:
        text = str("" if value is None else value).strip()
        if not text:
            return None
        number = parse_digits(text.removeprefix("-"))
        if number is None:
            raise ValidationError(f"“{text[:40]}” is not a whole number; write it as 12.", code="not_a_number")
        number = -number if text.startswith("-") else number
        if (self.least is not None and number < self.least) or (self.most is not None and number > self.most):
            bounds = f"{self.least or 0} to {self.most}" if self.most is not None else f"{self.least} or more"
            raise ValidationError(f"{number} is out of range: this may be {bounds}.", code="out_of_range")
        return number


class MomentField(forms.Field):
    """A time in the guild's time zone; None for nothing. A date alone means its last moment."""

    def __init__(self, label: str = "", *, required: bool | str = False, **options: Unpack[FieldOptions]) -> None:
        options.setdefault("widget", forms.TextInput(attrs={"type": "datetime-local"}))
        super().__init__(label=label, required=bool(required), error_messages=_texts(required), **options)

    def to_python(self, value: object) -> dt.datetime | None:
        try:
            return parse_moment(_as_text(value))
        except BadInput as error:
            raise ValidationError(error.detail, code=error.code) from error

    def prepare_value(self, value: object) -> object:
        return timezone.localtime(value).strftime("%Y-%m-%dT%H:%M") if isinstance(value, dt.datetime) else value


class DayField(forms.Field):
    """A day; None for nothing."""

    def __init__(self, label: str = "", *, required: bool | str = False, **options: Unpack[FieldOptions]) -> None:
        options.setdefault("widget", forms.TextInput(attrs={"type": "date"}))
        super().__init__(label=label, required=bool(required), error_messages=_texts(required), **options)

    def to_python(self, value: object) -> dt.date | None:
        try:
            return parse_day(_as_text(value))
        except BadInput as error:
            raise ValidationError(error.detail, code=error.code) from error

    def prepare_value(self, value: object) -> object:
        return value.isoformat() if isinstance(value, dt.date) else value


class FlagField(forms.BooleanField):
    """A box to tick: true where it is ticked."""

    def __init__(self, label: str = "", **options: Unpack[FieldOptions]) -> None:
        options.setdefault("widget", forms.CheckboxInput(attrs={"value": "1"}, check_test=bool))
        super().__init__(label=label, required=False, **options)


class ChoiceField(forms.ChoiceField):
    """One of several values."""

    def __init__(
        self,
        label: str = "",
        *,
        choices: Iterable[Any] = (),
        required: bool | str = True,
        **options: Unpack[FieldOptions],
    ) -> None:
        texts = _texts(required, invalid_choice=CHOICE)
        super().__init__(label=label, choices=choices, required=bool(required), error_messages=texts, **options)


class ChoicesField(forms.MultipleChoiceField):
    """Some of several values, ticked.

    Attributes:
        known: values that are passed on to the service too, which refuses them with the reason.
    """

    known: frozenset[str] = frozenset()

    def valid_value(self, value: object) -> bool:
        return value in self.known or super().valid_value(value)

    def __init__(
        self,
        label: str = "",
        *,
        choices: Iterable[Any] = (),
        required: bool | str = False,
        **options: Unpack[FieldOptions],
    ) -> None:
        texts = _texts(required, invalid_choice=CHOICE, invalid_list=CHOICE)
        options.setdefault("widget", forms.CheckboxSelectMultiple())
        super().__init__(label=label, choices=choices, required=bool(required), error_messages=texts, **options)


class RowField(ChoiceField):
    """One of some rows, by its id; cleaned it is the row. `set_rows` says which."""

    def __init__(
        self,
        label: str = "",
        *,
        empty: str | None = "choose",
        required: bool | str = True,
        **options: Unpack[FieldOptions],
    ) -> None:
        super().__init__(label, required=required, **options)
        self.empty = empty
        self.rows: Mapping[str, models.Model] = {}

    def __deepcopy__(self, memo: dict[int, object]) -> RowField:
        copied: RowField = super().__deepcopy__(memo)
        copied.rows = {}
        return copied

    def set_rows(self, rows: Iterable[models.Model], label: Any = str) -> None:
        """Offer these rows."""
        self.rows = {str(row.pk): row for row in rows}
        first = [] if self.empty is None else [("", self.empty)]
        self.choices = [*first, *((pk, label(row)) for pk, row in self.rows.items())]

    def clean(self, value: object) -> object:
        return self.rows.get(super().clean(value))

    def prepare_value(self, value: object) -> object:
        return str(value.pk) if isinstance(value, models.Model) else value


class RowsField(ChoicesField):
    """Some of some rows, by their ids; cleaned it is the list of the rows. `set_rows` says which."""

    rows: Mapping[str, models.Model] = {}

    def set_rows(self, rows: Iterable[models.Model], label: Any = str) -> None:
        """Offer these rows."""
        self.rows = {str(row.pk): row for row in rows}
        self.choices = [(pk, label(row)) for pk, row in self.rows.items()]

    def clean(self, value: object) -> list[object]:
        return [self.rows[pk] for pk in dict.fromkeys(super().clean(value))]


class ValuesInput(forms.MultipleHiddenInput):
    """Several fields of one name, which the template writes."""


class ValuesField(forms.Field):
    """All values of one name, in order, each a text without control characters; for rows that the template writes.

    Args:
        longest: how many characters each may have.
        most: how many there may be.
    """

    widget = ValuesInput

    def __init__(
        self, label: str = "", *, longest: int = 200, most: int = 5000, **options: Unpack[FieldOptions]
    ) -> None:
        super().__init__(label=label, required=False, **options)
        self.longest, self.most = longest, most

    def to_python(self, value: Sequence[str] | None) -> list[str]:
        values = [str(one).strip() for one in value or ()]
        if len(values) > self.most:
            raise ValidationError(f"At most {self.most} of these; there are {len(values)}.", code="too_many")
        for one in values:
            validate_no_control_characters(one)
            if len(one) > self.longest:
                raise ValidationError(f"At most {self.longest} characters each; one has {len(one)}.", code="max_length")
        return values
