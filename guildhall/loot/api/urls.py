"""Paths of PRD 5.2.5 and 5.2.7 that are about items and awards."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from .views import AwardViewSet, ItemViewSet, RaidLootView

router = SimpleRouter()
router.register("items", ItemViewSet, basename="item")
router.register("loot", AwardViewSet, basename="award")

urlpatterns = [
    path("raids/<id:raid_id>/loot/", RaidLootView.as_view({"get": "list", "post": "create"}), name="raid-loot"),
    path("", include(router.urls)),
]
