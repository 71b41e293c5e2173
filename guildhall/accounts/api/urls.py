"""Paths of PRD 5.2.1. `/api/auth/token/discord/` comes with the Discord app."""

from __future__ import annotations

from django.urls import path

from .views import AccessHistoryView, APIKeyViewSet, BotKeyViewSet, TokenView
from .visitors import VisitorAccessView

urlpatterns = [
    path("guild/visitor-access/", VisitorAccessView.as_view(), name="visitor-access"),
    path("users/me/access-history/", AccessHistoryView.as_view(), name="access-history"),
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
