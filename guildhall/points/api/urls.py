"""Paths of PRD 5.2.6. `/api/points/parse-attendance/` comes with the raids."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from guildhall.core.api.converters import register

from .balances import (
    CharacterAttributionView,
    LeaderboardView,
    UserPointHistoryView,
    UserPointsView,
    UserPoolPointsView,
)
from .pools import DKPPoolViewSet, MergeView, RuleRunViewSet, RuleViewSet
from .writing import EntryViewSet, PointAdjustmentViewSet

register()
router = SimpleRouter()
router.register("dkp-pools", DKPPoolViewSet, basename="dkp-pool")
router.register("points/rules", RuleViewSet, basename="point-rule")
router.register("points/rule-runs", RuleRunViewSet, basename="point-rule-run")

urlpatterns = [
    path("points/user/<id:user_id>/", UserPointsView.as_view(), name="user-points"),
    path("points/user/<id:user_id>/pool/<id:dkp_pool_id>/", UserPoolPointsView.as_view(), name="user-pool-points"),
    path("points/history/user/<id:user_id>/", UserPointHistoryView.as_view({"get": "list"}), name="user-point-history"),
    path("points/leaderboard/<id:dkp_pool_id>/", LeaderboardView.as_view({"get": "list"}), name="leaderboard"),
    path(
        "points/adjustments/",
        PointAdjustmentViewSet.as_view({"get": "list", "post": "create"}),
        name="point-adjustments",
    ),
    path("points/entries/", EntryViewSet.as_view({"get": "list"}), name="entries"),
    path("points/entries/<id:pk>/", EntryViewSet.as_view({"get": "retrieve"}), name="entry"),
    path("points/entries/<id:pk>/reverse/", EntryViewSet.as_view({"post": "reverse"}), name="entry-reverse"),
    path(
        "points/character-attribution/<str:character_name>/",
        CharacterAttributionView.as_view(),
        name="character-attribution",
    ),
    path("users/<id:user_id>/merge/", MergeView.as_view(), name="user-merge"),
    path("", include(router.urls)),
]
