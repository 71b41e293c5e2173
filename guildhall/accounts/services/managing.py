"""What an officer changes of a person, all or none."""

from __future__ import annotations

from guildhall.core.transactions import use_case

from ..models import User
from ..permissions import Principal
from .access import set_active
from .people import update_person
from .roles import set_role_group


@use_case
def manage_person(
    *,
    user: User,
    by: Principal,
    display_name: str | None = None,
    role_group: str | None = None,
    is_active: bool | None = None,
    reason: str = "",
) -> User:
    """Change a person's account as an officer, all or nothing; None leaves a field as it is.

    Raises:
        NotAllowed: ``role_beyond_yours``, ``last_officer``; ``not_yourself`` for closing
            one's own account.
        BadInput: those of the verbs.
        Conflict: ``already_merged``.
    """
    if role_group is not None and role_group != user.role_group:
        user = set_role_group(user=user, role_group=role_group, actor=by.user, reason=reason, by=by)
    if is_active is not None and is_active != user.is_active:
        user = set_active(user, is_active, by.user, reason, by)
    if display_name is not None:
        user = update_person(user=user, actor=by.user, by=by, display_name=display_name)
    return user
