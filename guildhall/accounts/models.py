"""People and their keys.

Invariants: a Discord id belongs to one user (unique); a key is stored as its SHA-256 alone and shown once (API.md,
"Accounts"); `role_group` is mirrored in the Django group of the same name by `services.set_role_group`, and only there.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from simple_history.models import HistoricalRecords

from guildhall.core import clock


class RoleGroup(models.TextChoices):
    """The guild's roles (PRD 3.1.2)."""

    OFFICER = "officer"
    RECRUITER = "recruiter"
    DEVELOPER = "developer"
    MEMBER = "member"
    APPLICANT = "applicant"
    GUEST = "guest"


class User(AbstractUser):
    """A person (or a bot). Points belong here, never to a character (DESIGN.md, "The ledger").

    The Discord fields are empty until the person links an account. `is_placeholder` marks somebody who came with an
    import and can be claimed; `merged_into` names who they turned out to be.
    """

    display_name = models.CharField(max_length=80, blank=True)
    discord_id = models.CharField(max_length=20, unique=True, null=True, blank=True)
    discord_username = models.CharField(max_length=80, blank=True)
    discord_discriminator = models.CharField(max_length=8, blank=True)
    discord_global_name = models.CharField(max_length=80, blank=True)
    avatar_url = models.URLField(max_length=300, blank=True)
    role_group = models.CharField(max_length=12, choices=RoleGroup, default=RoleGroup.GUEST, db_index=True)
    preferences = models.JSONField(default=dict, blank=True)
    is_bot = models.BooleanField(default=False)
    is_placeholder = models.BooleanField(default=False)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT, related_name="merged_from")

    history = HistoricalRecords(excluded_fields=["password", "last_login"])

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"

    def __str__(self) -> str:
        return self.display_name or self.discord_global_name or self.discord_username or self.username

    def save(self, *args: Any, **kwargs: Any) -> None:
        # An empty string would be "taken" by the first person who has none.
        self.discord_id = self.discord_id or None
        super().save(*args, **kwargs)


class APIKey(models.Model):
    """A key for programs: a personal one does what its owner may, a bot's what an administrator granted."""

    class Kind(models.TextChoices):
        PERSONAL = "personal"
        BOT = "bot"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PERSONAL)
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16, db_index=True)
    key_hash = models.CharField(max_length=64, unique=True)
    previous_hash = models.CharField(max_length=64, unique=True, null=True, blank=True)
    previous_valid_until = models.DateTimeField(null=True, blank=True)
    scopes = models.JSONField(default=list)
    created_at = models.DateTimeField(default=clock.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    usage_count = models.BigIntegerField(default=0)

    class Meta:
        ordering = ["-created_at"]
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_live(self) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > clock.now())
