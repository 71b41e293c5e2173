"""Paths of PRD 5.2.2 and 5.2.3, and of 5.2.10 what is about the roster."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from guildhall.core.api.converters import register

from .admin import BulkRankUpdateView, RosterAuditView
from .people import MeView, UserViewSet
from .views import CharacterViewSet, RankViewSet

register()
router = SimpleRouter()
router.register("ranks", RankViewSet, basename="rank")
router.register("characters", CharacterViewSet, basename="character")

urlpatterns = [
    path("users/me/", MeView.as_view(), name="me"),
    path("users/", UserViewSet.as_view({"get": "list", "post": "create"}), name="users"),
    path(
        "users/<id:pk>/",
        UserViewSet.as_view({"get": "retrieve", "put": "update", "patch": "partial_update"}),
        name="user",
    ),
    path("characters/by-name/<str:name>/", CharacterViewSet.as_view({"get": "by_name"}), name="character-by-name"),
    path("admin/roster-audit/", RosterAuditView.as_view(), name="roster-audit"),
    path("admin/bulk-rank-update/", BulkRankUpdateView.as_view(), name="bulk-rank-update"),
    path("", include(router.urls)),
]
