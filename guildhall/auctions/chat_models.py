"""What was said in chat, and what became of it; `models` has these under its own name too."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from guildhall.core import clock


class ChatWords(models.Model):
    """The words of a line of chat: its row is locked while it is decided whether they were said before."""

    text_key = models.CharField(max_length=64, primary_key=True)

    def __str__(self) -> str:
        return self.text_key


class ChatLine(models.Model):
    """A thing said in chat that was applied, or that a person has to decide: it counts once, whoever's log it comes from."""

    class State(models.TextChoices):
        """What became of a doubt."""

        OPEN = "open", "waits for a person"
        APPLIED = "applied", "applied as a person said"
        DISMISSED = "dismissed", "dismissed: it means nothing here"

    fingerprint = models.CharField(max_length=64, unique=True)
    text_key = models.CharField(max_length=64, blank=True, help_text="the same words whenever they were said")
    line = models.CharField(max_length=500)
    speaker = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=20)
    state = models.CharField(max_length=9, choices=State, blank=True, help_text="of a doubt")
    doubt = models.JSONField(default=dict, blank=True, help_text="what was understood, what was left over, and why")
    heard = models.JSONField(
        default=list, blank=True, help_text="the logs that have it: log, channel, time, fingerprint"
    )
    raid = models.ForeignKey("raids.Raid", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    pool = models.ForeignKey("points.DKPPool", null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    session = models.ForeignKey(
        "auctions.BidSession",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="the auction it was about",
    )
    said_at = models.DateTimeField(
        null=True, blank=True, help_text="by the clock of the PC that wrote the log, as if it were UTC"
    )
    applied_at = models.DateTimeField(default=clock.now)
    applied_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    result = models.JSONField(default=dict)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["text_key", "said_at"], name="chat_line_said"),
            models.Index(fields=["said_at"], name="chat_line_when"),
            models.Index(fields=["state", "-id"], name="chat_line_state"),
        ]

    def __str__(self) -> str:
        return self.line
