"""Paths of PRD 5.2.9, and the statistics of 5.2.10."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from . import settings, votes
from .applications import ApplicationViewSet

router = SimpleRouter()
router.register("applications/questions", settings.QuestionViewSet, basename="application-question")
router.register("applications", ApplicationViewSet, basename="application")

urlpatterns = [
    path("applications/policy/", settings.PolicyView.as_view(), name="recruitment-policy"),
    path("applications/<id:app_id>/vote/", votes.VoteView.as_view(), name="application-vote"),
    path("applications/<id:app_id>/votes/summary/", votes.VoteSummaryView.as_view(), name="vote-summary"),
    path("applications/<id:app_id>/votes/member-view/", votes.MemberVoteView.as_view(), name="vote-member-view"),
    path("applications/<id:app_id>/votes/officer-view/", votes.OfficerVoteView.as_view(), name="vote-officer-view"),
    path("applications/<id:app_id>/votes/details/", votes.VoteDetailsView.as_view(), name="vote-details"),
    path(
        "applications/<id:app_id>/voting-eligibility/",
        votes.VotingEligibilityView.as_view(),
        name="voting-eligibility",
    ),
    path("applications/<id:app_id>/vote-changes/", votes.VoteChangesView.as_view(), name="vote-changes"),
    path("admin/application-statistics/", settings.ApplicationStatisticsView.as_view(), name="application-statistics"),
    path("", include(router.urls)),
]
