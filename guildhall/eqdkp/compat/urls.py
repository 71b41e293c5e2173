"""The two paths of the old API. A tool whose base address ends in a slash asks for `//api.php`, which web servers folded."""

from __future__ import annotations

from django.urls import re_path

from . import views

urlpatterns = [
    re_path(r"^(?:/+)?api\.php$", views.api, name="eqdkp-api"),
    re_path(r"^(?:/+)?exchange\.php$", views.exchange, name="eqdkp-exchange"),
]
