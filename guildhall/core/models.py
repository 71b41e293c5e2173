"""Tables that every app needs: the audit trail, idempotency keys, the outbox, revision counters.

Invariant (docs/architecture.md, "The ledger", 7): the rows here are written in the transaction of the change they speak of, so they commit
with it or not at all.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from . import clock


class AuditEvent(models.Model):
    """Who did what to what, when and why. Written by services, in their transaction; never edited."""

    at = models.DateTimeField(default=clock.now, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="audit_events"
    )
    action = models.CharField(max_length=64, db_index=True, help_text="app.verb, e.g. points.adjust")
    target_type = models.CharField(max_length=64, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    summary = models.CharField(max_length=500)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["target_type", "target_id"])]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.action}: {self.summary}"


class IdempotencyKey(models.Model):
    """The answer that a POST with an `Idempotency-Key` got, kept so that repeating it repeats the answer (docs/api-contract.md)."""

    owner = models.CharField(max_length=80, help_text="whose key it is: user:ID, key:ID, stranger:HASH")
    key = models.CharField(max_length=255)
    request_hash = models.CharField(max_length=64)
    status_code = models.PositiveSmallIntegerField(null=True)
    body = models.JSONField(null=True)
    created_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner", "key"], name="idempotency_key_once")]

    def __str__(self) -> str:
        return f"{self.owner} {self.key}"


class Leased(models.Model):
    """A row that one worker at a time works on (`core.leases`)."""

    leased_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.PositiveBigIntegerField(default=0, help_text="goes up by one each time the row is leased")

    class Meta:
        abstract = True


class OutboxMessage(Leased):
    """Something that must reach the outside world at least once: written with the change, delivered by a worker.

    `topic` chooses the handler (`core.outbox.handler`). Messages with the same `order_key` are delivered one after
    another, in the order written; `dedupe_key` lets a newer wish for the same thing replace one still waiting.
    `target_type` and `target_id` name the row it is about, as in `AuditEvent`: they decide who may read it.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        SKIPPED = "skipped", "not sent"
        DEAD = "dead"

    id = models.BigAutoField(primary_key=True)
    uid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    topic = models.CharField(max_length=64)
    order_key = models.CharField(max_length=120, blank=True)
    dedupe_key = models.CharField(max_length=160, blank=True)
    target_type = models.CharField(max_length=64, blank=True)
    target_id = models.CharField(max_length=64, blank=True)
    payload = models.JSONField(default=dict)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(default=clock.now)
    delivered_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    outcome = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["state", "due_at"]),
            models.Index(fields=["state", "order_key"]),
            models.Index(fields=["state", "dedupe_key"]),
        ]

    def __str__(self) -> str:
        return f"{self.topic} #{self.pk} {self.state}"


class Batch(models.Model):
    """Something that was done to many rows in one go, and is undone in one go (`core.batches`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40, help_text="which app's and what: `core.batches` knows the kinds")
    title = models.CharField(max_length=300)
    reason = models.CharField(max_length=300, blank=True)
    size = models.PositiveIntegerField(default=0, help_text="how many parts it has")
    at = models.DateTimeField(default=clock.now, db_index=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    data = models.JSONField(default=dict, blank=True, help_text="what its kind needs to show and to undo it")
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    undo_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["-at", "-id"]
        verbose_name_plural = "batches"
        indexes = [models.Index(fields=["kind", "at"], name="batch_kind_time")]

    def __str__(self) -> str:
        return self.title


class Reversible(models.Model):
    """A document that can be reversed: when it was and who did it. Empty while it stands."""

    reversed_at = models.DateTimeField(null=True, blank=True)
    reversed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reversed_by_import = models.ForeignKey(
        Batch,
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="+",
        help_text="the import that reversed it by itself; empty where a person decided it",
    )

    class Meta:
        abstract = True


class GuildSettings(models.Model):
    """The guild's own settings, one row, changed by `core.guild`: what is empty is as the environment says."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    name = models.CharField(max_length=80, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    backup_every_days = models.PositiveSmallIntegerField(
        default=0, validators=[MaxValueValidator(365)], help_text="days from one backup to the next; 0 makes none"
    )
    backup_keep = models.PositiveSmallIntegerField(
        default=14, validators=[MinValueValidator(1), MaxValueValidator(1000)], help_text="how many are kept"
    )
    founded_at = models.DateTimeField(null=True, blank=True, help_text="when it was set up at /setup/")
    steps = models.JSONField(default=dict, blank=True, help_text="the steps of setting up that are done or left out")
    checklist_closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "guild"
        verbose_name_plural = "guild"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="one_row_of_guild_settings")]

    def __str__(self) -> str:
        return self.name or "the guild"


class Revision(models.Model):
    """A counter that an app raises in the transaction of a change, so that readers can tell whether to read again."""

    name = models.CharField(max_length=64, primary_key=True)
    value = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.name} {self.value}"


class JobRun(Leased):
    """When a scheduled job last ran and how it ended, so that health can tell and a restart knows what is due."""

    name = models.CharField(max_length=100, primary_key=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    succeeded_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)
    outcome = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return self.name


class QueuedJob(Leased):
    """Work asked for now and done by a worker: an import, a report. Written in the transaction that asks for it.

    Run at least once: a worker that dies leaves a lease that runs out, and another takes the job over
    (`core.jobs`). While one with the same `key` waits or runs, no second one is written: `waiting_key` is the key
    until it has ended, then null, and unique.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        FAILED = "failed"

    task = models.CharField(max_length=200, help_text="dotted name of the task, as Celery knows it")
    kwargs = models.JSONField(default=dict, blank=True)
    key = models.CharField(max_length=160, blank=True)
    waiting_key = models.CharField(max_length=160, null=True, blank=True, editable=False)
    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(default=clock.now)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    outcome = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["state", "due_at"]), models.Index(fields=["key"])]
        constraints = [models.UniqueConstraint(fields=["waiting_key"], name="queued_job_waits_once")]

    def __str__(self) -> str:
        return f"{self.task} #{self.pk} {self.state}"
