"""The calendar's tables: dates that people sign up for, and their answers. `calendar/` reads and writes them."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from guildhall.core import clock
from guildhall.core.fields import PointsField


class CalendarEvent(models.Model):
    """A date that people sign up for: the sign-up sheet of a raid, or another date.

    `raid` (`Raid.date`) is the raid that it is the sheet of. A date of an import, a private one and one that names no event
    have none until somebody starts it.
    """

    class Kind(models.TextChoices):
        RAID = "raid"
        EVENT = "event"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=5, choices=Kind, default=Kind.RAID)
    title = models.CharField(max_length=255)
    event_id = models.BigIntegerField(null=True, blank=True, help_text="the kind of raid (raids.Event)")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    all_day = models.BooleanField(default=False)
    is_private = models.BooleanField(default=False)
    is_closed = models.BooleanField(default=False)
    cancelled_at = models.DateTimeField(null=True, blank=True, help_text="when it was called off")
    deadline_hours = models.PositiveIntegerField(default=0, help_text="sign-ups close so many hours before the start")
    places = models.PositiveIntegerField(default=0, help_text="how many are wanted; 0 for any number")
    points = PointsField(null=True, blank=True)
    notes = models.TextField(blank=True)
    by_role = models.BooleanField(default=False, help_text="places are given by role instead of by class")
    distribution = models.JSONField(default=dict, blank=True, help_text="places per role or class")
    leaders = models.JSONField(default=list, blank=True, help_text="characters who lead it")
    calendar_name = models.CharField(max_length=120, default="Raids")
    calendar_color = models.CharField(max_length=10, blank=True)
    calendar_number = models.IntegerField(default=1)
    creator = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        db_table = "eqdkp_calendarevent"  # where it was when the calendar was EQdkp Plus's; backups name it so
        ordering = ["starts_at", "id"]

    def __str__(self) -> str:
        return f"{self.title} on {self.starts_at:%Y-%m-%d}"


class CalendarSignup(models.Model):
    """One character's (or guest's) answer to a planned raid. Status numbers are those of the old system."""

    class Status(models.IntegerChoices):
        CONFIRMED = 0, "confirmed"
        SIGNED_IN = 1, "signed in"
        SIGNED_OFF = 2, "signed off"
        BACKUP = 3, "backup"
        NOT_SIGNED = 4, "not signed"

    id = models.BigAutoField(primary_key=True)
    event = models.ForeignKey(CalendarEvent, on_delete=models.CASCADE, related_name="signups")
    character = models.ForeignKey("roster.Character", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    guest_name = models.CharField(max_length=120, blank=True)
    guest_class = models.IntegerField(default=0)
    status = models.PositiveSmallIntegerField(choices=Status, default=Status.SIGNED_IN)
    role = models.IntegerField(default=0)
    raidgroup = models.IntegerField(default=0)
    note = models.CharField(max_length=255, blank=True)
    signed_by_officer = models.BooleanField(default=False)
    signed_at = models.DateTimeField(default=clock.now)
    changed_at = models.DateTimeField(default=clock.now)

    class Meta:
        db_table = "eqdkp_calendarsignup"
        ordering = ["event", "status", "id"]
        constraints = [
            models.UniqueConstraint(fields=["event", "character"], name="one_signup_a_character"),
            models.CheckConstraint(
                condition=models.Q(character__isnull=False) | ~models.Q(guest_name=""), name="a_signup_is_somebodys"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.character or self.guest_name}: {self.get_status_display()}"
