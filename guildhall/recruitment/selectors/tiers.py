"""Who may know how much of an application, and who may change the policy."""

from __future__ import annotations

from enum import IntEnum

from guildhall.accounts.permissions import Principal
from guildhall.core.errors import NotAllowed
from guildhall.recruitment.models import Application
from guildhall.recruitment.services.voting import VOTERS


class Tier(IntEnum):
    """How much somebody may know of an application."""

    NOTHING = 0
    OWN = 1
    MEMBER = 2
    RECRUITER = 3


def tier_of(who: Principal, application: Application | None = None) -> Tier:
    """Return the tier of `who`, for one application or (None) at large. One's own application is never seen as a
    member."""
    user = who.user
    if user is None:
        return Tier.NOTHING
    own = application is not None and application.user_id is not None and application.user_id == user.pk
    if own:
        return Tier.OWN
    if who.is_recruiter or who.is_bot:
        return Tier.RECRUITER
    if user.role_group in VOTERS:
        return Tier.MEMBER
    return Tier.NOTHING


def require(who: Principal, least: Tier, application: Application | None = None) -> None:
    """Refuse whoever is below `least`, in words that tell nothing.

    Raises:
        NotAllowed: ``permission_denied``.
    """
    if tier_of(who, application) < least:
        raise NotAllowed("You do not have permission to see this.")


def may_edit_policy(who: Principal) -> bool:
    """Officers (and bots that act for them): the policy names the ranks that people get, so recruiters do not change
    it."""
    return who.acts_for_others


def require_policy_maker(who: Principal) -> None:
    """Refuse whoever may not change the policy.

    Raises:
        NotAllowed: ``permission_denied``.
    """
    if not may_edit_policy(who):
        raise NotAllowed("Only officers change how the guild recruits.")
