"""Who stands by for a raid: ready to come in, and not in it.

Invariant: a person (a character that belongs to nobody: that character) stands by once in a raid: `standing_key` is unique there,
and empty on rows that were taken off, which stay on record (`services/standby.py`, `tests/test_standby.py`). It moves no points:
attendance with the status standby does.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from guildhall.core import clock


class Standby(models.Model):
    """That somebody stands by for a raid, since when, and who said so. `character_name` is the name as it was then."""

    class Source(models.TextChoices):
        SELF = "self", "said so on the site"
        OFFICER = "officer", "put down by an officer"
        CHAT = "chat", "said so in the game's chat"

    id = models.BigAutoField(primary_key=True)
    raid = models.ForeignKey("raids.Raid", on_delete=models.CASCADE, related_name="standby")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="standby"
    )
    character = models.ForeignKey(
        "roster.Character", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    character_name = models.CharField(max_length=120)
    source = models.CharField(max_length=7, choices=Source, default=Source.SELF)
    standing_key = models.CharField(max_length=24, null=True, blank=True, editable=False)
    since = models.DateTimeField(default=clock.now)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True, help_text="when they were taken off again")
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["raid", "since", "pk"]
        verbose_name_plural = "standby"
        constraints = [
            models.UniqueConstraint(fields=["raid", "standing_key"], name="one_stands_by_once_in_a_raid"),
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True, standing_key__isnull=False)
                | Q(ended_at__isnull=False, standing_key__isnull=True),
                name="who_was_taken_off_stands_by_no_more",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.character_name} on standby for {self.raid}"
