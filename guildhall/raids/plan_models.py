"""The plan of an event, and what a raid keeps of it.

Invariant: a raid is made of a copy (its `AttendanceCheck`s, its `RaidBoss`es, its `full_bonus`), so a later change of the
event's plan moves no point of a raid that is there already (`services/plan.py`, `tests/test_raid_plans.py`).
"""

from __future__ import annotations

from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q

from guildhall.core.fields import PointsField
from guildhall.core.money import ZERO

MOST_MINUTES = 24 * 60


class PlannedCheck(models.Model):
    """One line of an event's plan: when its raids take attendance, and what being there is worth.

    `offset_minutes` counts from the raid's start; of an `END` line back from its end; it says nothing of a `KILL` line, which
    is what a boss is worth that names no worth of its own. An hourly line repeats every `every_minutes` until the raid ends.
    """

    class Kind(models.TextChoices):
        ON_TIME = "on_time", "on time"
        HOURLY = "hourly", "every so many minutes"
        KILL = "kill", "at each kill"
        END = "end", "end"

    event = models.ForeignKey("raids.Event", on_delete=models.CASCADE, related_name="planned_checks")
    kind = models.CharField(max_length=8, choices=Kind)
    label = models.CharField(max_length=120, blank=True)
    offset_minutes = models.PositiveIntegerField(default=0, validators=[MaxValueValidator(MOST_MINUTES)])
    every_minutes = models.PositiveIntegerField(default=0, validators=[MaxValueValidator(MOST_MINUTES)])
    points = PointsField(null=True, blank=True, help_text="what being there is worth; empty: the event's worth")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["event", "position"]
        constraints = [
            models.UniqueConstraint(fields=["event", "position"], name="one_planned_check_a_position"),
            models.CheckConstraint(
                condition=Q(kind="hourly", every_minutes__gt=0) | (~Q(kind="hourly") & Q(every_minutes=0)),
                name="an_hourly_check_repeats",
            ),
        ]

    def __str__(self) -> str:
        return self.label or self.get_kind_display()


class Boss(models.Model):
    """What a boss is, of an event and of a raid: its name, its worth and the loot that is expected."""

    name = models.CharField(max_length=120)
    points = PointsField(null=True, blank=True, help_text="what being at its kill is worth; empty: the plan's")
    loot = models.JSONField(default=list, blank=True, help_text="names of items")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name


class EventBoss(Boss):
    """A boss of an event."""

    event = models.ForeignKey("raids.Event", on_delete=models.CASCADE, related_name="bosses")

    class Meta:
        ordering = ["event", "position"]
        constraints = [models.UniqueConstraint(fields=["event", "position"], name="one_boss_a_position")]


class RaidBoss(Boss):
    """A boss of a raid, copied from its event. `attendance_check` is the check of its kill, once it is dead."""

    raid = models.ForeignKey("raids.Raid", on_delete=models.CASCADE, related_name="bosses")
    points = PointsField(default=ZERO, help_text="what being at its kill is worth")
    attendance_check = models.OneToOneField(
        "raids.AttendanceCheck", null=True, blank=True, on_delete=models.SET_NULL, related_name="boss"
    )

    class Meta:
        ordering = ["raid", "position"]
        constraints = [models.UniqueConstraint(fields=["raid", "position"], name="one_boss_of_a_raid_a_position")]
