"""Reading applications and votes: who sees what is decided here, once, for the API, the pages and the exports.

`tiers` (how much somebody may know), `applications` (lists, one, its steps and comments), `votes`, `figures`.

Invariant (PRD 3.10.5, "Access Control and Visibility Tiers"): guests and applicants learn nothing of a vote, not even
that there is one; members and developers see totals and their own vote; recruiters and officers see every voter. What
each tier gets is built from `tier_of`; `tests/test_visibility.py` goes through every endpoint and field for every role.
"""

from .applications import (
    all_questions,
    comments_for,
    describe_steps,
    draft_of,
    earlier_applications,
    get_application,
    next_ends,
    of_others,
    on_trial,
    own_applications,
    pending,
    questions,
    recruiters,
    steps_of,
    view_of,
    visible_applications,
    votes_of,
    votes_running,
    with_status,
)
from .figures import TrialPerformance, statistics, trial_performance
from .tiers import Tier, may_edit_policy, require, require_policy_maker, tier_of
from .votes import (
    eligibility,
    may_vote_on,
    officer_view,
    own_vote,
    vote_changes,
    vote_state,
    vote_summary,
    voters,
    voters_of_the_guild,
)

__all__ = [
    "Tier",
    "TrialPerformance",
    "all_questions",
    "comments_for",
    "describe_steps",
    "draft_of",
    "earlier_applications",
    "eligibility",
    "get_application",
    "may_edit_policy",
    "may_vote_on",
    "next_ends",
    "of_others",
    "officer_view",
    "on_trial",
    "own_applications",
    "own_vote",
    "pending",
    "questions",
    "recruiters",
    "require",
    "require_policy_maker",
    "statistics",
    "steps_of",
    "tier_of",
    "trial_performance",
    "view_of",
    "visible_applications",
    "vote_changes",
    "vote_state",
    "vote_summary",
    "voters",
    "voters_of_the_guild",
    "votes_of",
    "votes_running",
    "with_status",
]
