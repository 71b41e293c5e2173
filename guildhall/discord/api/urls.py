"""Paths of PRD 5.2.1 and 5.2.8 that this app answers, and what goes with them."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from guildhall.discord.interactions.views import interactions

from . import views
from .claims import ClaimViewSet
from .deliveries import DeliveryViewSet

router = SimpleRouter()
router.register("role-mappings", views.MappingViewSet, basename="discord-mapping")
router.register("audit-log", views.AuditLogView, basename="discord-log")
router.register("deliveries", DeliveryViewSet, basename="discord-delivery")
router.register("claims", ClaimViewSet, basename="discord-claim")

urlpatterns = [
    path("auth/token/discord/", views.DiscordTokenView.as_view(), name="token-discord"),
    path("admin/force-discord-sync/", views.ForceSyncView.as_view(), name="force-discord-sync"),
    path("discord/roster/", views.RosterView.as_view(), name="discord-roster"),
    path("discord/roles/", views.RolesView.as_view(), name="discord-roles"),
    path("discord/members/<str:discord_id>/", views.MemberView.as_view(), name="discord-member"),
    path("discord/sync-roles/", views.SyncRolesView.as_view(), name="discord-sync-roles"),
    path("discord/drift/", views.DriftView.as_view(), name="discord-drift"),
    path("discord/connection/", views.ConnectionView.as_view(), name="discord-connection"),
    path("discord/link-member/", views.LinkMemberView.as_view(), name="discord-link-member"),
    path("discord/unlink-member/<id:user_id>/", views.UnlinkMemberView.as_view(), name="discord-unlink-member"),
    path("discord/webhooks/member-update/", views.MemberUpdateView.as_view(), name="discord-member-update"),
    path("discord/interactions/", interactions, name="discord-interactions"),
    path("discord/", include(router.urls)),
]
