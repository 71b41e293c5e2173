"""Paths of the calendar."""

from __future__ import annotations

from rest_framework.routers import SimpleRouter

from .views import CalendarViewSet

router = SimpleRouter()
router.register("calendar", CalendarViewSet, basename="calendar")

urlpatterns = router.urls
