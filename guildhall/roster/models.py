"""Ranks and characters.

Invariants: a name is one character's, whatever its case (`name_key` unique; aliases have keys of their own and a
character's name beats an alias); a person has at most one main (`main_user` unique); an alt's main is a character of
the same person, kept so by the services; who owned a character and what rank it held is on the record with times.
Nothing here holds points: moving a character moves none (PRD 3.4.3).
"""

from __future__ import annotations

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Case, F, Q, When
from simple_history.models import HistoricalRecords

from guildhall.core import clock


class CharacterClass(models.TextChoices):
    """EverQuest's classes, by the names that the game writes."""

    WARRIOR = "Warrior"
    CLERIC = "Cleric"
    PALADIN = "Paladin"
    RANGER = "Ranger"
    SHADOW_KNIGHT = "Shadow Knight"
    DRUID = "Druid"
    MONK = "Monk"
    BARD = "Bard"
    ROGUE = "Rogue"
    SHAMAN = "Shaman"
    NECROMANCER = "Necromancer"
    WIZARD = "Wizard"
    MAGICIAN = "Magician"
    ENCHANTER = "Enchanter"
    BEASTLORD = "Beastlord"
    BERSERKER = "Berserker"
    UNKNOWN = "", "Unknown"


class Rank(models.Model):
    """A rank within the guild. `order` 1 is the highest."""

    name = models.CharField(max_length=60, unique=True)
    order = models.PositiveIntegerField(default=100)
    is_hidden = models.BooleanField(default=False, help_text="characters of this rank are left out of public lists")
    is_trial = models.BooleanField(default=False)
    is_default = models.BooleanField(default=False, help_text="given to new characters that come without a rank")

    history = HistoricalRecords()

    class Meta:
        ordering = ["order", "name"]

    def __str__(self) -> str:
        return self.name


class Character(models.Model):
    """A character of the game: owned by a person, or by nobody yet."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        INACTIVE = "inactive"
        ON_LEAVE = "on_leave"
        RETIRED = "retired"
        REMOVED = "removed"

    name = models.CharField(max_length=120)
    name_key = models.CharField(max_length=200, unique=True, editable=False)
    character_class = models.CharField(max_length=40, blank=True, db_index=True)
    race = models.CharField(max_length=40, blank=True)
    level = models.PositiveIntegerField(null=True, blank=True, validators=[MaxValueValidator(200)])
    rank = models.ForeignKey(Rank, null=True, blank=True, on_delete=models.PROTECT, related_name="characters")
    status = models.CharField(max_length=10, choices=Status, default=Status.ACTIVE, db_index=True)
    is_active = models.BooleanField(default=True)
    is_main = models.BooleanField(default=False)
    main_character = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="alts")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="characters"
    )
    main_user = models.GeneratedField(
        expression=Case(When(is_main=True, then=F("user_id")), default=None),
        output_field=models.BigIntegerField(null=True),
        db_persist=True,
    )
    joined_at = models.DateTimeField(default=clock.now, help_text="when the character came into the guild")
    note = models.TextField(blank=True)
    profile = models.JSONField(default=dict, blank=True, help_text="what else an import brought")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    history = HistoricalRecords(excluded_fields=["main_user"])

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["main_user"], name="one_main_a_person"),
            models.CheckConstraint(
                condition=Q(is_main=False) | Q(main_character__isnull=True), name="a_main_has_no_main"
            ),
            models.CheckConstraint(condition=Q(is_main=False) | Q(user__isnull=False), name="a_main_is_somebodys"),
        ]

    def __str__(self) -> str:
        return self.name


class CharacterAlias(models.Model):
    """Another name for a character: a former one, or a typo that keeps coming up."""

    class Kind(models.TextChoices):
        FORMER = "former", "former name"
        TYPO = "typo", "known typo"
        BOX = "box", "box or pilot name"

    name = models.CharField(max_length=120)
    name_key = models.CharField(max_length=200, unique=True, editable=False)
    character = models.ForeignKey(Character, on_delete=models.CASCADE, related_name="aliases")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.TYPO)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "character aliases"

    def __str__(self) -> str:
        return f"{self.name} → {self.character}"


class CharacterOwnership(models.Model):
    """One stretch of a character's ownership (PRD 3.2.1). `ended_at` is empty for the present one."""

    character = models.ForeignKey(Character, on_delete=models.CASCADE, related_name="ownerships")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="ownerships"
    )
    started_at = models.DateTimeField(default=clock.now)
    ended_at = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ["character", "started_at", "id"]

    def __str__(self) -> str:
        return f"{self.character}: {self.user or 'nobody'} from {self.started_at:%Y-%m-%d}"


class RankChange(models.Model):
    """One change of a character's rank. `batch` ties together what a bulk update changed, so that it can be undone."""

    character = models.ForeignKey(Character, on_delete=models.CASCADE, related_name="rank_changes")
    from_rank = models.ForeignKey(Rank, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    to_rank = models.ForeignKey(Rank, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(default=clock.now)
    reason = models.CharField(max_length=300, blank=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    batch = models.UUIDField(null=True, blank=True, db_index=True)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.character}: {self.from_rank or 'none'} → {self.to_rank or 'none'}"
