"""Every change to auctions: `sessions` (start to cancel), `bids` (place), `judging` (whether a bid is good), `voiding`,
`refusals` (kept in the history), `settlement` (close, award, undo, pass on),
`results` (auctions that a bot ran itself), `rules` (who may bid). One verb each, one transaction."""

from .bids import PlacedBid, check_funds, place_bid, try_bid
from .judging import require_one_way
from .refusals import Refusal, keep_refusal
from .results import ReportedBid, record_bid_result
from .rules import delete_rule, save_policy, save_rule
from .sessions import cancel_session, check_tie_breaks, extend_session, pause_session, resume_session, start_session
from .settlement import award_session, close_due, close_session, pass_winner, undo_award
from .voiding import void_bid, withdraw_bid

__all__ = [
    "PlacedBid",
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
    "require_one_way",
    "resume_session",
    "save_policy",
    "save_rule",
    "start_session",
    "try_bid",
    "undo_award",
    "void_bid",
    "withdraw_bid",
]
