"""What joining means: an account, a character, a rank, a role (PRD 3.10.3). Called inside the deciding transaction."""

from __future__ import annotations

from guildhall.accounts.models import RoleGroup, User
from guildhall.accounts.permissions import SYSTEM
from guildhall.accounts.services import create_person, set_role_group
from guildhall.core import audit
from guildhall.recruitment.models import Application, ApplicationComment
from guildhall.roster.classes import known_class
from guildhall.roster.models import Character, Rank
from guildhall.roster.selectors import find_character
from guildhall.roster.services import create_character, reassign_character, set_rank, update_character

from .transitions import policy


def trial_rank() -> Rank | None:
    """Return the rank of somebody on trial: the policy's, else the guild's highest trial rank."""
    return policy().trial_rank or Rank.objects.filter(is_trial=True).first()


def member_rank() -> Rank | None:
    """Return the rank of a new member: the policy's, else the guild's default one, as long as that is not a trial rank."""
    return policy().member_rank or Rank.objects.filter(is_default=True, is_trial=False).first()


def is_trial_rank(rank: Rank) -> bool:
    """Return whether a rank says "on trial": by its own mark, or because the policy uses it so."""
    return rank.is_trial or rank == policy().trial_rank


def is_member(user: User) -> bool:
    """Return whether somebody belongs to the guild already, by whatever way they came. Recruiting changes nothing of theirs."""
    return user.is_superuser or user.is_bot or user.role_group not in (RoleGroup.GUEST, RoleGroup.APPLICANT)


def ensure_person(application: Application, *, role: str, actor: User | None) -> User:
    """Return the applicant's account, made where there is none; with at least `role`."""
    user = application.user
    if user is None and application.discord_id:
        user = User.objects.filter(discord_id=application.discord_id).first()
    if user is None:
        user = create_person(
            display_name=application.character_name,
            role_group=role,
            discord_id=application.discord_id or None,
            discord_username=application.discord_username,
            email=application.email,
            actor=actor,
            by=SYSTEM,
        )
        application.account_made = True
    elif not is_member(user) and user.role_group != role:
        # Deciding on applications is what recruits somebody, also with a key that may do that alone; it never reaches
        # beyond guests and applicants, and never gives more than a member's role. The applicant is told of the decision.
        reason = f"application {application.pk}"
        user = set_role_group(user=user, role_group=role, actor=actor, reason=reason, by=SYSTEM, tell=False)
    application.user = user
    return user


def ensure_character(
    application: Application, *, user: User, rank: Rank | None, actor: User | None
) -> Character | None:
    """Return the applicant's character, made or linked, with `rank`. A character that is somebody else's is left alone.

    Returns:
        The character; None where its name belongs to another person, which a note on the application then says.
    """
    character = application.character or find_character(application.character_name)
    if character is None:
        character = create_character(
            name=application.character_name,
            user=user,
            character_class=known_class(application.character_class),
            level=application.level,
            rank=rank,
            actor=actor,
        )
    elif character.user_id is None:
        reason = "application accepted"  # as with the role: accepting is what recruits, also with a key for that alone
        character = reassign_character(character=character, user=user, actor=actor, by=SYSTEM, reason=reason)
    elif character.user_id != user.pk:
        words = f"{character} belongs to {character.user}, not to the applicant {user}: sort it out by hand."
        audit.record(action="recruitment.character_conflict", summary=words, actor=actor, target=application)
        if not ApplicationComment.objects.filter(application=application, author=None, body=words).exists():
            ApplicationComment.objects.create(application=application, body=words)
        return None
    if character.status != Character.Status.ACTIVE:
        character = update_character(character=character, actor=actor, status=Character.Status.ACTIVE)
    if rank is not None:
        set_rank(character=character, rank=rank, actor=actor, reason=f"application {application.pk}")
        character.refresh_from_db()
    application.character = character
    return character
