"""What is out of order on the roster (PRD 5.2.10): found and named, with what to do; nothing is changed here."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db.models import F, Q

from guildhall.accounts.models import RoleGroup, User

from .models import Character

OUTSIDE = (RoleGroup.APPLICANT, RoleGroup.GUEST)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing out of order: a person, a character, or both, and why."""

    detail: str
    user_id: int | None = None
    display_name: str | None = None
    character_id: int | None = None
    character_name: str | None = None


@dataclass(slots=True)
class Audit:
    """The findings by kind. `advice` says what to do about each kind."""

    people_without_main: list[Finding] = field(default_factory=list)
    people_without_characters: list[Finding] = field(default_factory=list)
    mains_of_nobody: list[Finding] = field(default_factory=list)
    characters_without_owner: list[Finding] = field(default_factory=list)
    ranks_out_of_step: list[Finding] = field(default_factory=list)
    characters_without_rank: list[Finding] = field(default_factory=list)
    closed_accounts_with_active_characters: list[Finding] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Return how many findings there are."""
        return sum(len(getattr(self, name)) for name in self.__dataclass_fields__)


ADVICE = {
    "people_without_main": "Choose their main: POST /api/characters/{id}/make-main/.",
    "people_without_characters": "Give them their character, or close the account.",
    "mains_of_nobody": "The main they follow is somebody else's, is removed or is not a main: reassign, or choose another.",
    "characters_without_owner": "Find out whose they are and reassign them.",
    "ranks_out_of_step": "Change the rank (POST /api/admin/bulk-rank-update/) or the person's role.",
    "characters_without_rank": "Give them a rank.",
    "closed_accounts_with_active_characters": "Reassign the characters or set their status.",
}


def roster_audit() -> Audit:
    """Look the roster over. Six queries, whatever its size."""
    audit = Audit()
    on_roster = Character.objects.exclude(status=Character.Status.REMOVED).select_related("user", "rank")
    people = User.objects.filter(merged_into=None, is_bot=False, is_active=True)
    owned = on_roster.filter(user__isnull=False)
    mains = owned.filter(is_main=True).values("user_id")
    for user in people.filter(pk__in=owned.values("user_id")).exclude(pk__in=mains).order_by("pk"):
        audit.people_without_main.append(Finding(f"{user} has characters and no main.", user.pk, str(user)))
    lost = people.exclude(role_group__in=OUTSIDE).filter(is_placeholder=False)
    for user in lost.exclude(pk__in=owned.values("user_id")).order_by("pk"):
        audit.people_without_characters.append(
            Finding(f"{user} is a {user.role_group} without a character.", user.pk, str(user))
        )
    strays = on_roster.filter(main_character__isnull=False).exclude(
        Q(main_character__is_main=True)
        & Q(main_character__user_id=F("user_id"))
        & ~Q(main_character__status=Character.Status.REMOVED)
    )
    for character in strays.select_related("main_character").order_by("name"):
        audit.mains_of_nobody.append(
            _about(character, f"{character} follows {character.main_character}, which is not its person's main.")
        )
    for character in on_roster.filter(user=None).order_by("name"):
        audit.characters_without_owner.append(_about(character, f"{character} belongs to nobody."))
    for character in owned.select_related("main_character__rank").order_by("name"):
        _judge(character, audit)
    return audit


def _judge(character: Character, audit: Audit) -> None:
    user, rank, main = character.user, character.rank, character.main_character
    assert user is not None
    if not user.is_active and character.is_active:
        detail = f"{character} is active and {user}'s account is closed."
        audit.closed_accounts_with_active_characters.append(_about(character, detail))
    if rank is None:
        audit.characters_without_rank.append(_about(character, f"{character} has no rank."))
    elif character.is_main and user.role_group in OUTSIDE and not rank.is_trial:
        audit.ranks_out_of_step.append(
            _about(character, f"{character} is {rank}, and {user} has the role {user.role_group}.")
        )
    elif not character.is_main and main is not None and main.rank is not None and rank.order < main.rank.order:
        audit.ranks_out_of_step.append(
            _about(character, f"{character} is {rank}, higher than its main {main} ({main.rank}).")
        )


def _about(character: Character, detail: str) -> Finding:
    user: object = character.user
    return Finding(detail, character.user_id, str(user) if user else None, character.pk, character.name)
