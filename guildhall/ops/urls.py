"""Where the state of the house is read."""

from __future__ import annotations

from django.urls import path

from .api import views

urlpatterns = [
    path("healthz", views.healthz, name="healthz"),
    path("metrics", views.metrics, name="metrics"),
    path("api/admin/system-health/", views.SystemHealthView.as_view(), name="system-health"),
]
