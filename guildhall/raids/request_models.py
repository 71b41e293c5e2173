"""What members ask officers for: an alt of theirs, another main, a character for somebody else, "I was at that check".

Invariants: a request changes nothing until it is approved, and is decided once, under its own row's lock
(`services.requests`). One open request of a person for the same thing (`open_key` unique; empty once it is decided).
"""

from __future__ import annotations

from django.conf import settings
from django.db import models

from guildhall.core import clock


class MemberRequest(models.Model):
    """One request, with what became of it."""

    class Kind(models.TextChoices):
        ALT = "alt", "a character of mine"
        MAIN = "main", "another main"
        TRANSFER = "transfer", "a character for somebody else"
        ATTENDANCE = "attendance", "I was at that check"

    class State(models.TextChoices):
        OPEN = "open"
        APPROVED = "approved"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    kind = models.CharField(max_length=10, choices=Kind)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="requests")
    character = models.ForeignKey("roster.Character", null=True, blank=True, on_delete=models.CASCADE, related_name="+")
    character_name = models.CharField(max_length=120)
    character_class = models.CharField(max_length=40, blank=True)
    level = models.PositiveIntegerField(null=True, blank=True)
    to_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    check_asked = models.ForeignKey(
        "raids.AttendanceCheck", null=True, blank=True, on_delete=models.CASCADE, related_name="requests"
    )
    message = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN, db_index=True)
    open_key = models.CharField(max_length=120, null=True, blank=True, unique=True, editable=False)
    created_at = models.DateTimeField(default=clock.now)
    decided_at = models.DateTimeField(null=True, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    by_itself = models.BooleanField(default=False, help_text="the guild lets this kind through without an officer")
    decision = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        if self.kind == self.Kind.ALT:
            return f"{self.character_name} as a character of {self.user}"
        if self.kind == self.Kind.MAIN:
            return f"{self.character_name} as the main of {self.user}"
        if self.kind == self.Kind.TRANSFER:
            return f"{self.character_name} of {self.user} for {self.to_user}"
        return f"{self.character_name} of {self.user} at “{self.check_asked}” of {self.check_asked and self.check_asked.raid}"


class RequestPolicy(models.Model):
    """Which kinds of requests are done at once, without an officer: one row, all off until an officer turns one on."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    alt = models.BooleanField("an own character is added", default=False)
    main = models.BooleanField("the own main is changed", default=False)
    transfer = models.BooleanField("an own character is given to somebody else", default=False)
    attendance = models.BooleanField("attendance is paid", default=False)

    class Meta:
        verbose_name = "requests that need no officer"
        verbose_name_plural = "requests that need no officer"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_row_of_request_policy")]

    def __str__(self) -> str:
        return "Requests that need no officer"
