"""Paths of PRD 5.2.4, 5.2.5 and the parsing part of 5.2.6."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from .attendance_views import AttendanceSummaryView, ExplainAttendanceView, ParseAttendanceView, StatusShareView
from .calendar_views import CalendarViewSet
from .event_views import EventPlanView, EventViewSet, ItemPoolViewSet
from .guild_dump import GuildDumpView
from .leaves import LeaveViewSet
from .log_views import RaidLogView, RaidPresenceView
from .night_views import CloseRaidView, RaidBossView, RaidStateView
from .note_rules import NoteRulesView
from .part_views import RaidAttendanceView, RaidCheckView, RaidUnmatchedView
from .request_views import MemberRequestViewSet, RequestPolicyView
from .standby_views import MarkStandbyView, RaidStandbyView
from .views import RaidViewSet

router = SimpleRouter()
router.register("attendance/leaves", LeaveViewSet, basename="leave")
router.register("calendar", CalendarViewSet, basename="calendar")
router.register("events", EventViewSet, basename="event")
router.register("item-pools", ItemPoolViewSet, basename="item-pool")
router.register("raids", RaidViewSet, basename="raid")
router.register("requests", MemberRequestViewSet, basename="request")

urlpatterns = [
    path("points/parse-attendance/", ParseAttendanceView.as_view(), name="parse-attendance"),
    path("roster/note-patterns/", NoteRulesView.as_view(), name="note-patterns"),
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
    path("requests/policy/", RequestPolicyView.as_view(), name="request-policy"),
    path("events/<id:event_id>/plan/", EventPlanView.as_view(), name="event-plan"),
    *(
        path(f"raids/<id:raid_id>/{name}/", RaidStateView.as_view({"post": name}), name=f"raid-{name}")
        for name in ("start", "cancel", "reopen")
    ),
    path("raids/<id:raid_id>/close/", CloseRaidView.as_view(), name="raid-close"),
    path("raids/<id:raid_id>/closing/", RaidStateView.as_view({"get": "closing"}), name="raid-closing"),
    path("raids/<id:raid_id>/bosses/", RaidBossView.as_view({"get": "list"}), name="raid-bosses"),
    path("raids/<id:raid_id>/bosses/<id:boss_id>/kill/", RaidBossView.as_view({"post": "kill"}), name="raid-boss-kill"),
    path(
        "raids/<id:raid_id>/standby/", RaidStandbyView.as_view({"get": "list", "post": "create"}), name="raid-standby"
    ),
    path("raids/<id:raid_id>/standby/mark/", MarkStandbyView.as_view(), name="raid-standby-mark"),
    path(
        "raids/<id:raid_id>/standby/<id:standby_id>/",
        RaidStandbyView.as_view({"delete": "destroy"}),
        name="raid-standby-entry",
    ),
    path("raids/<id:raid_id>/checks/", RaidCheckView.as_view({"get": "list", "post": "create"}), name="raid-checks"),
    path(
        "raids/<id:raid_id>/checks/<id:check_id>/",
        RaidCheckView.as_view(
            {"get": "retrieve", "patch": "partial_update", "put": "partial_update", "delete": "destroy"}
        ),
        name="raid-check",
    ),
    path("raids/<id:raid_id>/log/", RaidLogView.as_view({"get": "list", "post": "create"}), name="raid-log"),
    *(
        path(
            f"raids/<id:raid_id>/log/<id:finding_id>/{name}/",
            RaidLogView.as_view({"post": name}),
            name=f"raid-log-{name}",
        )
        for name in ("settle", "dismiss", "reopen")
    ),
    path("raids/<id:raid_id>/presence/", RaidPresenceView.as_view(), name="raid-presence"),
    path("", include(router.urls)),
]
