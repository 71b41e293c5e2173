"""People and their keys.

Invariants: a Discord id belongs to one user (unique); a key is stored as its SHA-256 alone and shown once (docs/api-contract.md,
"Accounts"); `role_group` is mirrored in the Django group of the same name by `services.set_role_group`, and only there.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.dispatch import Signal
from django.utils.crypto import salted_hmac
from simple_history.models import HistoricalRecords

from guildhall.core import clock

#: A person's password was set, in the transaction that stored it. Argument: user.
password_changed = Signal()


class RoleGroup(models.TextChoices):
    """The guild's roles (PRD 3.1.2)."""

    OFFICER = "officer"
    RECRUITER = "recruiter"
    DEVELOPER = "developer"
    MEMBER = "member"
    APPLICANT = "applicant"
    GUEST = "guest"


class User(AbstractUser):
    """A person (or a bot). Points belong here, never to a character (docs/architecture.md, "The ledger").

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
    session_epoch = models.PositiveIntegerField(
        default=0, editable=False, help_text="raised to end every session of this person"
    )

    history = HistoricalRecords(excluded_fields=["password", "last_login", "session_epoch"])

    class Meta:
        verbose_name = "person"
        verbose_name_plural = "people"

    def __str__(self) -> str:
        return self.display_name or self.discord_global_name or self.discord_username or self.username

    def save(self, *args: object, **kwargs: Any) -> None:
        # An empty string would be "taken" by the first person who has none.
        self.discord_id = self.discord_id or None
        password_set = self._password is not None and not self._state.adding  # type: ignore[attr-defined]
        super().save(*args, **kwargs)
        if password_set:  # wherever it was set: the admin site, the command line, a service
            password_changed.send(sender=User, user=self)

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        """Return what a session must agree with: the password, as Django has it, and `session_epoch`."""
        found = self.password if not self.session_epoch else f"{self.password}#{self.session_epoch}"
        salt = "django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash"
        return salted_hmac(salt, found, secret=secret, algorithm="sha256").hexdigest()


class Section(models.TextChoices):
    """The parts of the site that officers may open to people who are not signed in."""

    STANDINGS = "standings"
    ROSTER = "roster"
    RAIDS = "raids"
    CALENDAR = "calendar"
    ITEMS = "items"
    RECRUITMENT = "recruitment"


class VisitorAccess(models.Model):
    """What strangers (people who are not signed in) may see: one row, one switch for each `Section`, all of them off
    until an officer turns one on. Changed by `visitors.edit_visitor_access`."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    standings = models.BooleanField(default=False, help_text="pools and everybody's points")
    roster = models.BooleanField(default=False, help_text="characters, their ranks and whose they are")
    raids = models.BooleanField(default=False, help_text="raids, events and who was there")
    calendar = models.BooleanField(default=False, help_text="planned raids and who signed up, with the calendar feed")
    items = models.BooleanField(default=False, help_text="items, who got them and for how much")
    recruitment = models.BooleanField(
        default=False, help_text="the application form: people without an account may apply"
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name = "what strangers may see"
        verbose_name_plural = "what strangers may see"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_row_of_visitor_access")]

    def __str__(self) -> str:
        return "What strangers may see"

    @property
    def open_sections(self) -> frozenset[str]:
        """Return the sections that are open to strangers."""
        return frozenset(name for name in Section.values if getattr(self, name))


class APIKey(models.Model):
    """A key for programs: a personal one does what its owner may, a bot's what an administrator granted.

    A sign-in key is what `POST /api/auth/token/` returns: it expires, and the oldest gives way to a new one.
    """

    class Kind(models.TextChoices):
        PERSONAL = "personal"
        BOT = "bot"
        SIGN_IN = "sign_in"

    class Origin(models.TextChoices):
        """How whoever made the key had proven who they were; what that proof opened is closed with it."""

        UNKNOWN = ""
        PASSWORD = "password"  # noqa: S105 - a word, not a password
        DISCORD = "discord"
        COMMAND = "command", "command line"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_keys")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PERSONAL)
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.UNKNOWN, blank=True)
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
    def idempotency_owner(self) -> str:
        """Return whose an `Idempotency-Key` is that comes with this key (`core.api.idempotency`)."""
        return f"key:{self.pk}"

    @property
    def is_live(self) -> bool:
        """Return whether the key is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > clock.now())
