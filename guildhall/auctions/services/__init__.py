"""Every change to auctions: `sessions` (start to cancel), `bids` (place), `voiding`, `refusals` (kept in the history),
`closing` (close, pass on), `awarding` (award, undo), `results` (auctions that a bot ran itself), `rules` (who may bid). One
verb each, one transaction. What is decided from what was read under the locks is in `auctions/decisions/`."""

from ..decisions.bid import BidRequest, require_one_way
from .awarding import award_session, undo_award
from .bids import check_funds, may_group, place_bid, place_bid_once, try_bid
from .closing import close_due, close_session, pass_winner
from .placing import AskedBid, Once, PlacedBid
from .refusals import Refusal, keep_refusal
from .results import ReportedBid, record_bid_result
from .rolls import NewRoll, record_roll, remove_roll
from .rules import delete_rule, restore_rule, save_policy, save_rule, stored_rule
from .sessions import (
    NewSession,
    cancel_session,
    check_tie_breaks,
    extend_session,
    pause_session,
    resume_session,
    start_session,
)
from .voiding import void_bid, withdraw_bid

__all__ = [
    "AskedBid",
    "BidRequest",
    "NewRoll",
    "NewSession",
    "Once",
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
    "may_group",
    "pass_winner",
    "pause_session",
    "place_bid",
    "place_bid_once",
    "record_bid_result",
    "record_roll",
    "remove_roll",
    "require_one_way",
    "restore_rule",
    "resume_session",
    "save_policy",
    "save_rule",
    "start_session",
    "stored_rule",
    "try_bid",
    "undo_award",
    "void_bid",
    "withdraw_bid",
]
