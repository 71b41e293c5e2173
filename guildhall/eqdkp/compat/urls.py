"""The two old doors."""

from __future__ import annotations

from django.urls import path

from . import views

urlpatterns = [
    path("api.php", views.api, name="eqdkp-api"),
    path("exchange.php", views.exchange, name="eqdkp-exchange"),
]
