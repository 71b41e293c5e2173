"""Paths of PRD 5.2.7 (bidding) and the bidding half of 5.2.8."""

from __future__ import annotations

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from . import bid_views, discord_views, rule_views, running_views, views
from .chat_view import ParseChatView
from .doubt_views import ApplyDoubtView, DismissDoubtView, DoubtsView, ReopenDoubtView
from .stream_view import bidding_stream

router = SimpleRouter()
router.register("bidding/rules", rule_views.RuleViewSet, basename="bidding-rule")

SESSION = "bidding/<str:bid_session_id>/"

urlpatterns = [
    path("items/<id:item_id>/bid-history/", views.ItemBidHistoryView.as_view(), name="item-bid-history"),
    path("bidding/start-bid/", running_views.StartBidView.as_view(), name="start-bid"),
    path("bidding/place-bid/", bid_views.PlaceBidView.as_view(), name="place-bid"),
    path("bidding/close-bid/", running_views.CloseBidView.as_view(), name="close-bid"),
    path("bidding/award-item/", running_views.AwardItemView.as_view(), name="award-item"),
    path("bidding/parse-chat/", ParseChatView.as_view(), name="parse-chat"),
    path("bidding/chat-doubts/", DoubtsView.as_view(), name="chat-doubts"),
    path("bidding/chat-doubts/<str:fingerprint>/apply/", ApplyDoubtView.as_view(), name="chat-doubt-apply"),
    path("bidding/chat-doubts/<str:fingerprint>/dismiss/", DismissDoubtView.as_view(), name="chat-doubt-dismiss"),
    path("bidding/chat-doubts/<str:fingerprint>/reopen/", ReopenDoubtView.as_view(), name="chat-doubt-reopen"),
    path("bidding/active/", views.ActiveBidsView.as_view(), name="active-bids"),
    path("bidding/sessions/", views.SessionsView.as_view(), name="bid-sessions"),
    path("bidding/stream/", bidding_stream, name="bidding-stream"),
    path("bidding/me/", bid_views.MyBalancesView.as_view(), name="bidding-me"),
    path("bidding/policies/<id:dkp_pool_id>/", rule_views.PolicyView.as_view(), name="bidding-policy"),
    path("bidding/user/<str:discord_id>/max-bid/", bid_views.MaxBidView.as_view(), name="max-bid"),
    path("", include(router.urls)),
    path(SESSION, views.SessionView.as_view(), name="bid-session"),
    path(f"{SESSION}bids/", views.SessionBidsView.as_view(), name="bid-session-bids"),
    path(f"{SESSION}pause/", running_views.PauseView.as_view(), name="bid-session-pause"),
    path(f"{SESSION}resume/", running_views.ResumeView.as_view(), name="bid-session-resume"),
    path(f"{SESSION}extend/", running_views.ExtendView.as_view(), name="bid-session-extend"),
    path(f"{SESSION}cancel/", running_views.CancelView.as_view(), name="bid-session-cancel"),
    path(f"{SESSION}pass/", running_views.PassView.as_view(), name="bid-session-pass"),
    path(f"{SESSION}undo-award/", running_views.UndoAwardView.as_view(), name="bid-session-undo-award"),
    path(f"{SESSION}withdraw/", bid_views.WithdrawBidView.as_view(), name="bid-session-withdraw"),
    path(f"{SESSION}rolls/", running_views.RollsView.as_view(), name="bid-session-rolls"),
    path(f"{SESSION}void-bid/", running_views.VoidBidView.as_view(), name="bid-session-void-bid"),
    path("discord/bid-results/", discord_views.BidResultsView.as_view(), name="discord-bid-results"),
    path("discord/user/<str:discord_id>/balance/", discord_views.UserBalanceView.as_view(), name="discord-balance"),
    path("discord/validate-bid/", discord_views.ValidateBidView.as_view(), name="discord-validate-bid"),
    path("discord/active-bids/", views.ActiveBidsView.as_view(), name="discord-active-bids"),
]
