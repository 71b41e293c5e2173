"""Paths of PRD 5.2.4, 5.2.5 and the parsing part of 5.2.6."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from .attendance_views import AttendanceSummaryView, ExplainAttendanceView, ParseAttendanceView, StatusShareView
from .event_views import EventViewSet, ItemPoolViewSet
from .guild_dump import GuildDumpView
from .leaves import LeaveViewSet
from .part_views import RaidAttendanceView, RaidCheckView, RaidUnmatchedView
from .views import RaidViewSet

router = SimpleRouter()
router.register("attendance/leaves", LeaveViewSet, basename="leave")
router.register("events", EventViewSet, basename="event")
router.register("item-pools", ItemPoolViewSet, basename="item-pool")
router.register("raids", RaidViewSet, basename="raid")

urlpatterns = [
    path("points/parse-attendance/", ParseAttendanceView.as_view(), name="parse-attendance"),
    path("roster/guild-dump/", GuildDumpView.as_view(), name="guild-dump"),
    path("attendance/", AttendanceSummaryView.as_view({"get": "list"}), name="attendance-list"),
    path("attendance/user/<id:user_id>/", ExplainAttendanceView.as_view(), name="attendance-explained"),
    path(
        "attendance/shares/",
        StatusShareView.as_view({"get": "list", "put": "update", "patch": "update"}),
        name="attendance-shares",
    ),
    path("attendance/shares/<id:pk>/", StatusShareView.as_view({"delete": "destroy"}), name="attendance-share"),
    path(
        "raids/<id:raid_id>/attendance/",
        RaidAttendanceView.as_view({"get": "list", "post": "create"}),
        name="raid-attendance",
    ),
    path(
        "raids/<id:raid_id>/attendance/<id:attendance_id>/",
        RaidAttendanceView.as_view({"delete": "destroy"}),
        name="raid-attendee",
    ),
    path("raids/<id:raid_id>/unmatched/", RaidUnmatchedView.as_view({"get": "list"}), name="raid-unmatched"),
    path(
        "raids/<id:raid_id>/unmatched/<id:unmatched_id>/resolve/",
        RaidUnmatchedView.as_view({"post": "resolve"}),
        name="raid-unmatched-resolve",
    ),
    path("raids/<id:raid_id>/checks/", RaidCheckView.as_view({"get": "list", "post": "create"}), name="raid-checks"),
    path(
        "raids/<id:raid_id>/checks/<id:check_id>/",
        RaidCheckView.as_view(
            {"get": "retrieve", "patch": "partial_update", "put": "partial_update", "delete": "destroy"}
        ),
        name="raid-check",
    ),
    path("", include(router.urls)),
]
