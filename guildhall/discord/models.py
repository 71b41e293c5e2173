"""What this app remembers of Discord: which role means what, what was changed there, what was last seen there.

Invariants:
1. A change of a member's role is one `DiscordSyncLog` row, written before the call and finished after it. While it is
   open nobody opens a second one for the same person and role (`open_key` is unique), so a worker that was killed in
   between finishes the same row: each change is logged once (`tests/test_thousand_changes.py`).
2. Tokens are stored encrypted (`crypto`), never in clear (`tests/test_tokens.py` reads the column).
3. What comes in twice counts once: `InboundEvent.event_id`, `SeenInteraction.interaction_id` and `DiscordPost.key`
   are unique.
"""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from guildhall.accounts.models import PermissionGroup
from guildhall.core import clock
from guildhall.core.models import Leased
from guildhall.roster.models import Rank


class DiscordRole(models.Model):
    """A role of the server as the bot last saw it, so that pages need not ask Discord."""

    role_id = models.CharField(max_length=20, primary_key=True)
    name = models.CharField(max_length=120)
    position = models.IntegerField(default=0)
    color = models.PositiveIntegerField(default=0)
    is_managed = models.BooleanField(default=False, help_text="belongs to an integration; nobody can hand it out")
    is_assignable = models.BooleanField(default=True, help_text="below the bot's own highest role")
    is_deleted = models.BooleanField(default=False)
    problem = models.TextField(blank=True, help_text="why the bot cannot hand it out, in words")
    circumstances = models.CharField(
        max_length=80, blank=True, editable=False, help_text="positions and permissions when the problem was met"
    )
    seen_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["-position", "name"]

    def __str__(self) -> str:
        return self.name


class DiscordRoleMapping(models.Model):
    """That people of a rank, role group or status, on trial, or simply linked, hold a role (PRD 3.9.1). By id."""

    class Kind(models.TextChoices):
        RANK = "rank"
        ROLE_GROUP = "role_group", "role group"
        STATUS = "status", "status of the main character"
        TRIAL = "trial", "on trial"
        LINKED = "linked", "everybody who is linked"

    role_id = models.CharField(max_length=20, db_index=True)
    role_name = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=10, choices=Kind)
    rank = models.ForeignKey(Rank, null=True, blank=True, on_delete=models.CASCADE, related_name="discord_mappings")
    value = models.CharField(max_length=20, blank=True, help_text="the role group or the status")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    history = HistoricalRecords()

    class Meta:
        ordering = ["kind", "rank__order", "value"]
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind="rank", rank__isnull=False) | (~Q(kind="rank") & Q(rank__isnull=True))),
                name="a_rank_mapping_names_its_rank",
            ),
            models.UniqueConstraint(fields=["role_id", "kind", "value", "rank"], name="one_mapping_a_meaning"),
        ]

    def __str__(self) -> str:
        return f"{self.meaning} → {self.role_name or self.role_id}"

    @property
    def meaning(self) -> str:
        """Return what the mapping is from, in words."""
        if self.kind == self.Kind.RANK:
            return f"rank {self.rank}"
        if self.kind in (self.Kind.ROLE_GROUP, self.Kind.STATUS):
            return f"{self.get_kind_display()} {self.value}"
        return str(self.get_kind_display())


class DiscordMember(models.Model):
    """A member of the server as last seen: what drift is measured against, without a call."""

    discord_id = models.CharField(max_length=20, primary_key=True)
    username = models.CharField(max_length=80, blank=True)
    global_name = models.CharField(max_length=80, blank=True)
    nickname = models.CharField(max_length=80, blank=True)
    role_ids = models.JSONField(default=list)
    is_bot = models.BooleanField(default=False)
    in_server = models.BooleanField(default=True)
    joined_at = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True)
    seen_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["username"]

    def __str__(self) -> str:
        return self.nickname or self.global_name or self.username or self.discord_id


class DiscordSyncLog(models.Model):
    """One change in Discord, made or seen, and how it ended (PRD 3.9.3)."""

    class Action(models.TextChoices):
        ROLE_ADD = "role_add", "role given"
        ROLE_REMOVE = "role_remove", "role taken"
        LINK = "link", "linked"
        UNLINK = "unlink", "unlinked"
        JOINED = "joined"
        LEFT = "left"
        NICKNAME = "nickname"
        ROLES_SEEN = "roles_seen", "roles changed in Discord"
        RECONCILE = "reconcile"

    class Outcome(models.TextChoices):
        PENDING = "pending"
        DONE = "done"
        REFUSED = "refused"
        DROPPED = "dropped", "not needed any more"
        SEEN = "seen"

    at = models.DateTimeField(default=clock.now, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="discord_log"
    )
    discord_id = models.CharField(max_length=20, blank=True, db_index=True)
    action = models.CharField(max_length=12, choices=Action)
    role_id = models.CharField(max_length=20, blank=True)
    role_name = models.CharField(max_length=120, blank=True)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.PENDING)
    source = models.CharField(max_length=20, blank=True, help_text="what led to it: change, sync, force, nightly, …")
    reason = models.CharField(max_length=300, blank=True)
    detail = models.TextField(blank=True, help_text="what happened, in words an officer can act on")
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    open_key = models.CharField(max_length=60, null=True, blank=True, unique=True, editable=False)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.get_action_display()} {self.role_name} {self.discord_id}: {self.outcome}"


class DiscordToken(Leased):
    """A person's OAuth2 tokens, encrypted. Refreshed before they lapse; `problem` says why that stopped working."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="discord_token", primary_key=True
    )
    access_token = models.TextField(help_text="encrypted")
    refresh_token = models.TextField(blank=True, help_text="encrypted")
    scopes = models.CharField(max_length=200, blank=True)
    expires_at = models.DateTimeField()
    refreshed_at = models.DateTimeField(default=clock.now)
    problem = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"Discord token of {self.user}"


class Claim(models.Model):
    """Somebody says "that is me": a character, or a person that came with an import, history and all (PRD 3.9.4).

    Proven by a one-time code spoken in the game and seen in an uploaded log, or by an officer. One open claim per
    claimant and target (`open_key`).
    """

    class Kind(models.TextChoices):
        CHARACTER = "character"
        PERSON = "person"

    class State(models.TextChoices):
        OPEN = "open"
        APPROVED = "approved"
        REFUSED = "refused"
        WITHDRAWN = "withdrawn"

    class Proof(models.TextChoices):
        NONE = ""
        CODE = "code", "code seen in a log"
        OFFICER = "officer", "an officer's word"

    kind = models.CharField(max_length=9, choices=Kind)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="claims")
    character = models.ForeignKey(
        "roster.Character", null=True, blank=True, on_delete=models.CASCADE, related_name="claims"
    )
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="claims_on"
    )
    state = models.CharField(max_length=9, choices=State, default=State.OPEN, db_index=True)
    proof = models.CharField(max_length=7, choices=Proof, blank=True, default=Proof.NONE)
    code = models.CharField(max_length=12, blank=True)
    code_expires_at = models.DateTimeField(null=True, blank=True)
    message = models.CharField(max_length=500, blank=True, help_text="what the claimant says")
    decision = models.CharField(max_length=500, blank=True)
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    open_key = models.CharField(max_length=60, null=True, blank=True, unique=True, editable=False)

    class Meta:
        ordering = ["-created_at", "-id"]

    def __str__(self) -> str:
        return f"{self.user} claims {self.character or self.person}"


class DiscordPost(models.Model):
    """A message that was, or is to be, posted once for `key`; its id lets a later one change it."""

    key = models.CharField(max_length=120, unique=True)
    kind = models.CharField(max_length=20)
    message_id = models.CharField(max_length=20, blank=True)
    channel_id = models.CharField(max_length=20, blank=True)
    created_at = models.DateTimeField(default=clock.now, db_index=True)
    posted_at = models.DateTimeField(null=True, blank=True)
    shown = models.CharField(max_length=120, blank=True, help_text="what it showed last, for what changes often")

    def __str__(self) -> str:
        return self.key


class InboundEvent(models.Model):
    """Something a bot told us once, under the id it gave."""

    event_id = models.CharField(max_length=120, unique=True)
    discord_id = models.CharField(max_length=20)
    kind = models.CharField(max_length=20)
    received_at = models.DateTimeField(default=clock.now, db_index=True)
    answer = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.kind} {self.event_id}"


class SeenInteraction(models.Model):
    """An interaction that was answered already: a replay of it is refused."""

    interaction_id = models.CharField(max_length=25, primary_key=True)
    seen_at = models.DateTimeField(default=clock.now, db_index=True)

    def __str__(self) -> str:
        return self.interaction_id


class DiscordGroupMapping(models.Model):
    """That whoever holds a role of the server has a permission group here (`roles.groups`). By id, as the other mappings."""

    role_id = models.CharField(max_length=20, db_index=True)
    role_name = models.CharField(max_length=120, blank=True)
    group = models.ForeignKey(PermissionGroup, on_delete=models.CASCADE, related_name="discord_mappings")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    history = HistoricalRecords()

    class Meta:
        ordering = ["role_name", "pk"]
        constraints = [models.UniqueConstraint(fields=["role_id", "group"], name="a_role_gives_a_group_once")]

    def __str__(self) -> str:
        return f"{self.role_name or self.role_id} → {self.group}"
