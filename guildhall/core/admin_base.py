"""What every admin page here stands on: pages that only show, and forms that save through a service.

Invariant: the admin writes nothing by itself. A form's `perform` calls the app's service; what the service refuses
is shown at the field that is to blame, and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.overrides import FORMFIELD_OVERRIDES
from unfold.widgets import UnfoldAdminDecimalFieldWidget

from .errors import GuildhallError
from .fields import PointsField
from .generics import ModelForm
from .text import CONTROL_CHARACTER, has_control_characters

# The theme draws fields by their class and knows not ours: without this an amount's box has no border. Guildhall's
# admin is found first (INSTALLED_APPS), so it holds in every app.
FORMFIELD_OVERRIDES[PointsField] = {"widget": UnfoldAdminDecimalFieldWidget}


class GuildhallAdmin(ModelAdmin):
    """The look that all pages share."""

    list_per_page = 50
    list_fullwidth = True
    list_filter_submit = True
    warn_unsaved_form = True


class ConcealsFields:
    """A mixin for an admin page that must not show some fields of its model to anybody, nor answer questions about them.

    The admin shows every field on a row's own page and filters by any of them that the address names
    (``?amount__gt=17``), which tells a secret as surely as a column does.
    """

    concealed: tuple[str, ...] = ()

    def get_exclude(self, request: HttpRequest, obj: object = None) -> list[str]:
        return [*(super().get_exclude(request, obj) or ()), *self.concealed]  # type: ignore[misc]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        if lookup.partition("__")[0] in self.concealed:
            return False
        return bool(super().lookup_allowed(lookup, value, request))  # type: ignore[misc]


class ReadOnlyAdmin(GuildhallAdmin):
    """Shows, and changes nothing; `actions` may still call services."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        # The list stays open to those who may act on it; a row's own page is read-only.
        return obj is None and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


class ServiceForm(ModelForm):
    """A form that saves by calling `perform`, once everything else about it is right."""

    actor: Any = None
    saved: object = None

    def perform(self, values: dict[str, object]) -> Model:
        """Call the service with what was entered; `values` are the changed fields (all of them for a new row)."""
        raise NotImplementedError

    def clean(self) -> dict[str, object]:
        cleaned: dict[str, Any] = super().clean() or {}
        for name, value in list(cleaned.items()):  # a refused one is taken out
            if isinstance(value, str) and has_control_characters(value):
                self.add_error(name if name in self.fields else None, CONTROL_CHARACTER)
        # The service says what is taken, in better words, and knows what it will correct itself.
        self._validate_unique = self._validate_constraints = False
        return cleaned

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]
        if self.errors:
            return
        names = self.fields if self.instance.pk is None else self.changed_data
        values = {name: self.cleaned_data[name] for name in names if name in self.cleaned_data}
        try:
            self.saved = self.perform(values)
        except GuildhallError as error:
            self.add_error(error.attr if error.attr in self.fields else None, error.detail)

    def save(self, commit: bool = True) -> object:
        self.save_m2m: Callable[[], None] = lambda: None
        return self.saved


class ServiceAdmin(GuildhallAdmin):
    """Adds and changes through a `ServiceForm`; nothing is deleted but by a service."""

    def get_form(self, request: HttpRequest, obj: object = None, change: bool = False, **kwargs: object) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.actor = request.user  # the class is made anew for each request
        return form

    def save_model(self, request: HttpRequest, obj: object, form: ModelForm, change: bool) -> None:
        """Nothing: the form's service has saved it."""

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


def actor_of(request: HttpRequest) -> Any:
    """Return who is at work in the admin; nobody comes in here without signing in."""
    return request.user


def each(admin: Any, request: HttpRequest, rows: Iterable[Any], act: Callable[[Any], object], done: str) -> None:
    """Call `act` for each row; say what was refused and how many were done (`done` follows the number)."""
    count = 0
    for row in rows:
        try:
            act(row)
            count += 1
        except GuildhallError as error:
            admin.message_user(request, error.detail, messages.ERROR)
    if count:
        admin.message_user(request, f"{count} {done}")
