"""Paths of the system's health."""

from __future__ import annotations

from django.urls import path

from .api import views
from .api.audit_log import AuditLogView
from .api.batches import BatchViewSet

urlpatterns = [
    path("api/batches/", BatchViewSet.as_view({"get": "list"}), name="batches"),
    path("api/batches/<uuid:pk>/", BatchViewSet.as_view({"get": "retrieve"}), name="batch"),
    path("api/batches/<uuid:pk>/undo/", BatchViewSet.as_view({"post": "undo"}), name="batch-undo"),
    path("healthz", views.healthz, name="healthz"),
    path("metrics", views.metrics, name="metrics"),
    path("api/admin/audit-log/", AuditLogView.as_view(), name="audit-log"),
    path("api/admin/system-health/", views.SystemHealthView.as_view(), name="system-health"),
]
