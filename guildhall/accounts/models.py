"""People and their keys.

Invariants: a Discord id belongs to one user (unique); a key is stored as its SHA-256 alone and shown once (docs/api-contract.md,
"Accounts"); `role_group` is mirrored in the Django group of the same name by `services.set_role_group`, and only there.
"""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser, Group, UserManager
from django.db import models
from django.dispatch import Signal
from django.utils.crypto import salted_hmac
from simple_history.models import HistoricalRecords

from guildhall.core import clock
from guildhall.core.statements import statement

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


class People(UserManager["User"]):
    """Django's manager of users, where an administrator is an officer of the guild too."""

    use_in_migrations = False

    def get(self, *args: object, **kwargs: object) -> User:
        """Return as Django does; one person by their key by a statement that is compiled already, as each request of a session asks."""
        key = kwargs.get("pk")
        if args or len(kwargs) != 1 or type(key) is not int:
            return super().get(*args, **kwargs)
        found = _person.first(key)
        if found is None:
            raise self.model.DoesNotExist("User matching query does not exist.")
        return found

    def create_superuser(
        self, username: str, email: str | None = None, password: str | None = None, **extra_fields: object
    ) -> User:
        """Make an administrator (`manage.py createsuperuser`): an officer, unless another role is given."""
        extra_fields.setdefault("role_group", RoleGroup.OFFICER)
        made = super().create_superuser(username, email, password, **extra_fields)
        made.groups.add(Group.objects.get_or_create(name=made.role_group)[0])
        return made


@statement
def _person(pk: int) -> models.QuerySet[User]:
    return User.objects.filter(pk=pk)


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
    extra_scopes = models.JSONField(
        default=list, blank=True, editable=False, help_text="what their permission groups give, kept by services.groups"
    )

    #: Who is setting the password of this instance, for the record; None for the server's command line.
    password_setter: User | None = None

    objects: ClassVar[People] = People()
    history = HistoricalRecords(excluded_fields=["password", "last_login", "session_epoch", "extra_scopes"])

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


class PermissionGroup(models.Model):
    """Scopes that officers give to people, beside what their role gives (docs/decisions, "Permission groups").

    Each is a Django group too, which its holders are in (`services.groups`). A group `for_role` is held by everybody with that
    role: what somebody on trial may see is the one for applicants.
    """

    name = models.CharField(max_length=60, unique=True)
    description = models.CharField(max_length=200, blank=True)
    scopes = models.JSONField(default=list)
    for_role = models.CharField(max_length=12, choices=RoleGroup, blank=True, default="")
    group = models.OneToOneField(Group, on_delete=models.PROTECT, related_name="permission_group", editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class GroupMembership(models.Model):
    """That somebody has a group, and where from: a person gave it, or a Discord role that they hold stands for it.

    `via` is the id of that Discord role, empty where a person gave it.
    """

    class Source(models.TextChoices):
        PERSON = "person", "given by a person"
        DISCORD = "discord", "by a Discord role"

    group = models.ForeignKey(PermissionGroup, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="group_memberships")
    source = models.CharField(max_length=8, choices=Source, default=Source.PERSON)
    via = models.CharField(max_length=20, blank=True, default="")
    given_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    given_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["given_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["group", "user", "source", "via"], name="a_group_is_held_once_a_source")
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.group} ({self.get_source_display()})"


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


class SetupCode(models.Model):
    """The code that opens `/setup/` on a guild that has no officer: one row, its hash alone (`services.founding`)."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    code_hash = models.CharField(max_length=64, blank=True)
    made_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField(default=clock.now)
    closed_at = models.DateTimeField(null=True, blank=True, help_text="when the first officer came; it stays closed")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_row_of_setup_codes")]

    def __str__(self) -> str:
        return "the code of the setup"


class SignInLink(models.Model):
    """A link by which a person sets a user name and password without Discord: its hash alone (`services.sign_in_links`).

    An invitation makes new people, as many as `most_uses` (any number where empty). A link for a person gives that one a
    password, once: an officer made it, or it went to their e-mail address (`Kind.MAIL`).
    """

    class Kind(models.TextChoices):
        INVITATION = "invitation"
        PERSON = "person", "for one person"
        MAIL = "mail", "sent by e-mail"

    kind = models.CharField(max_length=10, choices=Kind)
    token_hash = models.CharField(max_length=64, unique=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="sign_in_links"
    )
    role_group = models.CharField(max_length=12, choices=RoleGroup, blank=True, default="")
    group = models.ForeignKey(PermissionGroup, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    note = models.CharField(max_length=80, blank=True)
    most_uses = models.PositiveIntegerField(null=True, blank=True)
    uses = models.PositiveIntegerField(default=0)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    made_at = models.DateTimeField(default=clock.now)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(most_uses=None) | models.Q(uses__lte=models.F("most_uses")),
                name="a_link_is_used_as_often_as_it_says",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="invitation", user=None)
                | models.Q(kind__in=["person", "mail"], user__isnull=False, most_uses=1),
                name="a_link_for_a_person_works_once",
            ),
            models.CheckConstraint(condition=models.Q(expires_at__gt=models.F("made_at")), name="a_link_expires"),
            models.CheckConstraint(
                condition=~models.Q(kind="invitation") | ~models.Q(role_group=""),
                name="an_invitation_gives_a_role",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}" + (f" “{self.note}”" if self.note else "")

    @property
    def state(self) -> str:
        """Return ``open``, ``used``, ``revoked`` or ``expired``."""
        if self.most_uses is not None and self.uses >= self.most_uses:
            return "used"
        if self.revoked_at is not None:
            return "revoked"
        return "open" if self.expires_at > clock.now() else "expired"


class SignInLinkUse(models.Model):
    """That somebody came in by a link."""

    link = models.ForeignKey(SignInLink, on_delete=models.CASCADE, related_name="used")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    used_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["used_at", "pk"]
        constraints = [models.UniqueConstraint(fields=["link", "user"], name="a_person_uses_a_link_once")]

    def __str__(self) -> str:
        return f"{self.user}: {self.link}"


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
