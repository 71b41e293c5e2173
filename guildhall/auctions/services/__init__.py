"""Every change to auctions: `sessions` (start to cancel), `bids` (place, void), `settlement` (close, award, undo, pass on),
`results` (auctions that a bot ran itself), `rules` (who may bid). One verb each, one transaction."""

from .bids import Placed, Refusal, check_funds, keep_refusal, place_bid, try_bid, void_bid
from .results import ReportedBid, record_bid_result
from .rules import delete_rule, save_policy, save_rule
from .sessions import cancel_session, check_tie_breaks, extend_session, pause_session, resume_session, start_session
from .settlement import award_session, close_due, close_session, pass_winner, undo_award

__all__ = [
    "Placed",
    "Refusal",
    "ReportedBid",
    "award_session",
    "cancel_session",
    "check_funds",
    "check_tie_breaks",
    "close_due",
    "close_session",
    "delete_rule",
    "extend_session",
    "keep_refusal",
    "pass_winner",
    "pause_session",
    "place_bid",
    "record_bid_result",
    "resume_session",
    "save_policy",
    "save_rule",
    "start_session",
    "try_bid",
    "undo_award",
    "void_bid",
]
