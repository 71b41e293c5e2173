"""Paths of PRD 5.2.1. `/api/auth/token/discord/` comes with the Discord room."""

from __future__ import annotations

from django.urls import path

from .views import APIKeyViewSet, BotKeyViewSet, TokenView

urlpatterns = [
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
