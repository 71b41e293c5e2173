"""Changing one's own password in the admin: the old one is a password that is tried, so it meets the throttle."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.forms import AdminPasswordChangeForm
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponseBase
from django.urls import reverse_lazy

from . import throttle


class _Form(AdminPasswordChangeForm):
    def __init__(self, *args: Any, request: HttpRequest, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.request = request

    def clean_old_password(self) -> str:
        attempt = throttle.password_attempt(self.request, self.user.get_username())
        try:
            old: str = super().clean_old_password()
        except ValidationError:
            attempt.failed()
            raise
        attempt.succeeded(self.user)
        self.user.password_setter = self.user
        return old


class _View(PasswordChangeView):
    form_class = _Form
    success_url = reverse_lazy("admin:password_change_done")
    template_name = admin.site.password_change_template or "registration/password_change_form.html"

    def get_form_kwargs(self) -> dict[str, object]:
        return {**super().get_form_kwargs(), "request": self.request}


def password_change(request: HttpRequest) -> HttpResponseBase:
    """Return the admin's page for a new password, as `AdminSite.password_change` shows it."""
    request.current_app = admin.site.name  # as the admin does, for its templates
    return _View.as_view(extra_context=admin.site.each_context(request))(request)
