"""What a log said of a raid beside its rosters: joins and leaves, who was away, loot, kills, calls, check-ins from the bench.

Invariants: nothing here moves a point or a status; an officer settles what is offered (loot, standby), once, under the row's
lock (`services.log_findings`). The same line is kept once, however often and by however many loggers it is sent.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q

from guildhall.core import clock


class LogFinding(models.Model):
    """One line of a log that matters to a raid.

    `logger` is the character whose log it stood in first, empty where nobody knows. `how` says of loot how it was got
    (looted, stolen, grabbed, given, won, left) and of a call whether it is one for a kill. `text` is what stood beside the word of
    a check-in; the line itself is not kept. `document` is the award that settled a loot line.
    """

    class Kind(models.TextChoices):
        JOINED = "joined", "joined the raid"
        LEFT = "left", "left the raid"
        AFK = "afk", "said to be away"
        BACK = "back", "said to be back"
        CRASHED = "crashed", "said to have crashed"
        LINKDEAD = "linkdead", "was linkdead in /who"
        SEEN_AFK = "seen_afk", "was AFK in /who"
        STANDBY = "standby", "checked in from standby"
        LOOT = "loot", "loot"
        KILL = "kill", "kill"
        CALL = "call", "call for attendance"

    class State(models.TextChoices):
        OPEN = "open"
        DONE = "done"
        DISMISSED = "dismissed"

    raid = models.ForeignKey("raids.Raid", on_delete=models.CASCADE, related_name="log_findings")
    kind = models.CharField(max_length=9, choices=Kind)
    at = models.DateTimeField()
    logger = models.CharField(max_length=64, blank=True)
    character_name = models.CharField(max_length=120, blank=True)
    name_key = models.CharField(max_length=200, blank=True, editable=False)
    item = models.CharField(
        max_length=200, blank=True, help_text="of loot the item, of a kill the boss, of a call its label"
    )
    quantity = models.PositiveIntegerField(default=1)
    how = models.CharField(max_length=10, blank=True)
    source = models.CharField(max_length=120, blank=True, help_text="the corpse or chest; of a kill the zone")
    text = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    document = models.UUIDField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False, db_index=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True, editable=False)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["at", "pk"]
        indexes = [models.Index(fields=["raid", "kind", "at"], name="finding_of_raid")]
        constraints = [
            models.CheckConstraint(
                condition=~Q(state="open") | Q(decided_at__isnull=True, document__isnull=True),
                name="an_open_finding_is_not_decided",
            )
        ]

    def __str__(self) -> str:
        return f"{self.character_name or self.item} {self.get_kind_display()}".strip()
