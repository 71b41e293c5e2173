"""Every change to applications: `applying` (the applicant's side; `answers` brings what they say into form, `admission`
says who may), `reviewing` (the recruiters'), `voting` (the members' and the clock's), `reopening` (what was decided by
mistake), `trials`, and `transitions`, through which every status change goes."""

from .applying import apply, claim_application, save_draft, submit_draft, withdraw, withdraw_by_link
from .reopening import cancel_voting, reopen
from .reviewing import accept_trial, add_comment, assign, edit_policy, promote_trial, reject, save_question
from .trials import end_due_trials, remind_due_trials
from .voting import cast_vote, close_due_votes, close_vote, start_voting, withdraw_vote

__all__ = [
    "accept_trial",
    "add_comment",
    "apply",
    "assign",
    "cancel_voting",
    "cast_vote",
    "claim_application",
    "close_due_votes",
    "close_vote",
    "edit_policy",
    "end_due_trials",
    "promote_trial",
    "reject",
    "remind_due_trials",
    "reopen",
    "save_draft",
    "save_question",
    "start_voting",
    "submit_draft",
    "withdraw",
    "withdraw_by_link",
    "withdraw_vote",
]
