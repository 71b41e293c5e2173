"""Paths of PRD 5.2.1. `/api/auth/token/discord/` comes with the Discord app."""

from __future__ import annotations

from django.urls import path

from guildhall.core.api.converters import register

from .groups import PermissionGroupViewSet
from .views import AccessHistoryView, APIKeyViewSet, BotKeyViewSet, TokenView
from .visitors import VisitorAccessView

register()
urlpatterns = [
    path("guild/visitor-access/", VisitorAccessView.as_view(), name="visitor-access"),
    path("users/me/access-history/", AccessHistoryView.as_view(), name="access-history"),
    path(
        "permission-groups/",
        PermissionGroupViewSet.as_view({"get": "list", "post": "create"}),
        name="permission-groups",
    ),
    path(
        "permission-groups/<id:pk>/",
        PermissionGroupViewSet.as_view({"get": "retrieve", "patch": "partial_update", "delete": "destroy"}),
        name="permission-group",
    ),
    path("permission-groups/<id:pk>/members/", PermissionGroupViewSet.as_view({"post": "give"}), name="group-members"),
    path(
        "permission-groups/<id:pk>/members/<id:user_id>/",
        PermissionGroupViewSet.as_view({"delete": "take"}),
        name="group-member",
    ),
    path("auth/token/", TokenView.as_view(), name="token"),
    path("auth/api-keys/", APIKeyViewSet.as_view({"get": "list", "post": "create"}), name="api-keys"),
    path("auth/api-keys/<uuid:pk>/", APIKeyViewSet.as_view({"delete": "destroy"}), name="api-key"),
    path("auth/api-keys/<uuid:pk>/rotate/", APIKeyViewSet.as_view({"post": "rotate"}), name="api-key-rotate"),
    path("auth/bot-keys/", BotKeyViewSet.as_view({"get": "list", "post": "create"}), name="bot-keys"),
    path("auth/bot-keys/<uuid:pk>/", BotKeyViewSet.as_view({"delete": "destroy"}), name="bot-key"),
    path(
        "auth/bot-keys/<uuid:pk>/permissions/",
        BotKeyViewSet.as_view({"put": "update_permissions", "patch": "update_permissions"}),
        name="bot-key-permissions",
    ),
]
