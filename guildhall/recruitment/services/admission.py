"""Who may apply now: one open application a person and a character, cool-downs, floods."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.db.models import QuerySet

from guildhall.accounts.models import RoleGroup, User
from guildhall.core import clock
from guildhall.core.errors import Conflict, NotAllowed
from guildhall.recruitment.models import Application

from .transitions import OPEN, policy

S = Application.Status


def refuse_repeats(user: User | None, key: str, discord_id: str, but: int | None) -> None:
    """Refuse a second open application of a person or a character, and one within the cool-down after a rejection.

    Whoever only shares the character's name with an application is told the same in every case, and no date: that it
    was rejected, and when, is between the guild and its applicant.
    """
    others = Application.objects.exclude(pk=but or 0)
    if user is not None:
        _refuse_own_repeats(user, discord_id, others)
    named = others.filter(name_key=key)
    if named.filter(status__in=OPEN).exists() or _cools_until(named) is not None:
        raise already_applied()


def _refuse_own_repeats(user: User, discord_id: str, others: QuerySet[Application]) -> None:
    own = others.filter(user=user)
    if discord_id:
        own = own | others.filter(discord_id=discord_id)
    if own.filter(status__in=OPEN).exists():
        raise Conflict(
            "You have an open application already. Follow that one, or withdraw it first.", code="already_applied"
        )
    if (again := _cools_until(own)) is not None:
        raise Conflict(
            f"You may apply again from {again:%d %B %Y} on.",
            code="cooling_down",
            figures={"may_apply_at": again.isoformat()},
        )


def _cools_until(applications: Any) -> dt.datetime | None:
    """Return when the cool-down after the latest rejection of these applications ends; None if none runs."""
    rejected = applications.filter(status=S.REJECTED, closed_at__isnull=False).order_by("-closed_at").first()
    again = None if rejected is None else may_apply_again_at(rejected)
    return again if again is not None and clock.now() < again else None


def may_apply_again_at(application: Application) -> dt.datetime | None:
    """Return when the applicant of a rejected application may apply again; None for any other."""
    if application.status != S.REJECTED or application.closed_at is None:
        return None
    return application.closed_at + dt.timedelta(days=policy().cooldown_days)


def refuse_floods(address: str, but: int | None) -> None:
    """Refuse more applications a day than `RecruitmentPolicy` allows."""
    rules = policy()
    today = Application.objects.exclude(pk=but or 0).filter(submitted_at__gt=clock.now() - dt.timedelta(days=1))
    if today.count() >= rules.most_a_day or (
        address and today.filter(source_address=address).count() >= rules.most_a_day_from_one
    ):
        raise Conflict("Too many applications today; please come back tomorrow.", code="too_many_applications")


def already_applied() -> Conflict:
    """Return the refusal that whoever only shares a character's name is told."""
    return Conflict(
        "There has been an application for this character already. If it was yours, follow it by its private link or "
        "sign in with the account you made it with; otherwise ask a recruiter.",
        code="already_applied",
    )


def refuse_while_closed() -> None:
    """Refuse while the guild takes no applications.

    Raises:
        Conflict: ``recruitment_closed``.
    """
    if not policy().is_open:
        raise Conflict("The guild takes no applications at the moment.", code="recruitment_closed")


def refuse_to_apply(user: User | None) -> None:
    """Say before anything is written what would be said after it: why `user` (None: a stranger) cannot apply now.

    Raises:
        NotAllowed: ``is_bot``.
        Conflict: ``already_member``, ``recruitment_closed``, ``already_applied``, ``cooling_down``.
    """
    refuse_members(user)
    if user is not None:
        _refuse_own_repeats(user, user.discord_id or "", Application.objects.all())
    refuse_while_closed()


def refuse_members(user: User | None) -> None:
    """Refuse bots and members.

    Raises:
        NotAllowed: ``is_bot``.
        Conflict: ``already_member``.
    """
    if user is not None and user.is_bot:
        raise NotAllowed("A bot does not apply for itself; leave the account out.", code="is_bot")
    if user is not None and user.role_group not in (RoleGroup.GUEST, RoleGroup.APPLICANT):
        raise Conflict("You are a member already.", code="already_member")
