"""Import runs, what each brought, what was odd, and the parts of the old system that belong to no other app.

Invariants:
- A row of the old system has at most one `LegacyRecord` (unique per source, kind and legacy id); it names the row of
  ours that it became. Running an import again finds it there and brings nothing twice.
- A record is written in the transaction that writes what it names, so a killed import left whole batches or nothing.
- The documents of an import's ledger entries begin with the run's `key` (`ImportRun.document`): which entries a run
  wrote can be told from the ledger itself, however the run ended.
- Nothing odd is dropped in silence: every row that was kept with a repair, or not brought at all, has a `LegacyProblem`.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterator

from django.conf import settings
from django.db import models

from guildhall.core import clock
from guildhall.core.models import Leased


def make_key() -> str:
    """Sixteen hex digits that begin every document of a run, with the version of a UUID of one's own making (8).

    Of any other version MariaDB refuses some and sorts the rest from their end, and a run's documents are found by
    their range. It also refuses ``80`` where the variant stands, so each goes on with a ``9``.
    """
    digits = secrets.token_hex(8)
    return f"{digits[:12]}8{digits[13:]}"


class ImportRun(Leased):
    """One import (or dry run) of one source, with its progress, its counts and its proof."""

    class State(models.TextChoices):
        UPLOADED = "uploaded", "waiting to be read"
        READING = "reading", "being read"
        CHECKED = "checked", "dry run done"
        RUNNING = "running", "importing"
        DONE = "done", "imported"
        FAILED = "failed", "stopped by an error"
        UNDOING = "undoing", "being undone"
        UNDONE = "undone", "undone"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=16, unique=True, default=make_key, editable=False)
    source = models.CharField(
        max_length=40, default="eqdkp", help_text="which old installation, where there are several"
    )
    origin = models.CharField(max_length=300, blank=True, help_text="the file or database, without any password")
    upload = models.CharField(max_length=300, blank=True, help_text="the uploaded file while it is needed")
    prefix = models.CharField(max_length=64, blank=True)
    version = models.CharField(max_length=20, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True, db_index=True)
    state = models.CharField(max_length=10, choices=State, default=State.UPLOADED)
    is_commit = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    step = models.CharField(max_length=40, blank=True)
    done_rows = models.BigIntegerField(default=0)
    total_rows = models.BigIntegerField(default=0)
    beat_at = models.DateTimeField(null=True, blank=True, help_text="last sign of life of whoever runs it")
    counts = models.JSONField(default=dict, blank=True, help_text="per table: read, new, changed, same, held, gone")
    report = models.JSONField(default=dict, blank=True)
    settings = models.JSONField(default=dict, blank=True, help_text="the old installation's own settings that are kept")
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.origin or 'import'} ({self.get_state_display()})"

    def save_outcome(self) -> None:
        """Save everything but the lease, which is renewed meanwhile."""
        fields = (field.name for field in self._meta.concrete_fields if not field.primary_key)
        self.save(update_fields=[name for name in fields if name not in ("leased_until", "lease_token")])

    def document(self) -> uuid.UUID:
        """Return a new document id that says which run it came from: the run's key, then the variant and 60 random bits."""
        return uuid.UUID(f"{self.key}9{secrets.randbits(60):015x}")

    def documents(self, count: int, step: int = 1) -> Iterator[uuid.UUID]:
        """Return many new document ids, one after another, ``step`` apart: quick to make and kind to indexes."""
        start = uuid.UUID(self.key + "9" + "0" * 15).int + (secrets.randbits(53) << 7)
        return (uuid.UUID(int=start + number * step) for number in range(count))

    @property
    def first_document(self) -> uuid.UUID:
        """Return the lowest document id of this run (inclusive)."""
        return uuid.UUID(self.key + "0" * 16)

    @property
    def last_document(self) -> uuid.UUID:
        """Return the highest document id of this run (inclusive)."""
        return uuid.UUID(self.key + "f" * 16)


class LegacyRecord(models.Model):
    """That a row of the old system is this row of ours."""

    class Kind(models.TextChoices):
        USER = "user"
        PERSON = "person", "person (a main with its twinks)"
        RANK = "rank"
        MEMBER = "member"
        POOL = "pool"
        EVENT = "event"
        ITEM_POOL = "itempool", "item pool"
        RAID = "raid"
        ITEM = "item"
        ADJUSTMENT = "adjustment"
        CALENDAR_EVENT = "calevent", "calendar event"
        SIGNUP = "signup", "sign-up"
        GUEST = "guest"
        COMMENT = "comment"
        LOG = "log", "log line"

    class State(models.TextChoices):
        LIVE = "live"
        GONE = "gone", "deleted in the old system"
        HELD = "held", "not brought"
        UNDONE = "undone", "undone"

    id = models.BigAutoField(primary_key=True)
    source = models.CharField(max_length=40, default="eqdkp")
    kind = models.CharField(max_length=12, choices=Kind)
    legacy_id = models.BigIntegerField()
    object_id = models.BigIntegerField(null=True, blank=True)
    content = models.CharField(max_length=32, blank=True, help_text="fingerprint of the legacy row as it was brought")
    state = models.CharField(max_length=8, choices=State, default=State.LIVE)
    created = models.BooleanField(default=True, help_text="made by the import, not found here already")
    data = models.JSONField(default=dict, blank=True, help_text="what of the legacy row has no other place here")
    run = models.ForeignKey(ImportRun, on_delete=models.PROTECT, related_name="records")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["source", "kind", "legacy_id"], name="a_legacy_row_once"),
        ]
        indexes = [
            models.Index(fields=["kind", "object_id"], name="legacy_by_object"),
            models.Index(fields=["run", "kind"], name="legacy_by_run"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.legacy_id}"


class LegacyChange(models.Model):
    """What a later import changed of an earlier one's row: the state before, so that the later one can be undone."""

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="changes")
    record = models.ForeignKey(LegacyRecord, on_delete=models.CASCADE, related_name="changes")
    before = models.JSONField()
    after = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["run", "record"], name="a_change_once_a_run")]

    def __str__(self) -> str:
        return f"{self.record} changed by {self.run_id}"


class LegacyProblem(models.Model):
    """A row of the old system that is broken or does not fit (the import_issues), and what became of it.

    Each is written down once among the imports of a source, by the one that met it first; a dry run writes its own. It is
    open until a later import finds the row corrected there, or an officer says that it is dealt with here.
    """

    class Outcome(models.TextChoices):
        REPAIRED = "repaired", "brought, with a repair"
        HELD = "held", "excluded"

    id = models.BigAutoField(primary_key=True)
    run = models.ForeignKey(ImportRun, on_delete=models.CASCADE, related_name="problems")
    source = models.CharField(max_length=40, default="eqdkp")
    table = models.CharField(max_length=40)
    legacy_id = models.CharField(max_length=60)
    code = models.CharField(max_length=40)
    detail = models.CharField(max_length=500)
    outcome = models.CharField(max_length=8, choices=Outcome)
    row = models.JSONField(default=dict, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    resolution = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["table", "id"]
        constraints = [
            models.UniqueConstraint(fields=["run", "table", "legacy_id", "code"], name="a_legacy_problem_once")
        ]

    def __str__(self) -> str:
        return f"{self.table} {self.legacy_id}: {self.detail}"


class LegacyComment(models.Model):
    """A comment of the old site: read-only history."""

    id = models.BigAutoField(primary_key=True)
    page = models.CharField(max_length=120, blank=True)
    attach_id = models.CharField(max_length=120, blank=True)
    calendar_event = models.ForeignKey(
        "raids.CalendarEvent", null=True, blank=True, on_delete=models.CASCADE, related_name="comments"
    )
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    author_name = models.CharField(max_length=120, blank=True)
    text = models.TextField()
    reply_to = models.BigIntegerField(default=0)
    written_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["written_at", "id"]

    def __str__(self) -> str:
        return f"{self.author_name}: {self.text[:40]}"


class LegacyLog(models.Model):
    """A line of the old site's log: who did what there, read-only."""

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(null=True, blank=True, db_index=True)
    tag = models.CharField(max_length=120, blank=True)
    plugin = models.CharField(max_length=60, blank=True)
    username = models.CharField(max_length=120, blank=True)
    record = models.CharField(max_length=255, blank=True)
    record_id = models.CharField(max_length=120, blank=True)
    result = models.IntegerField(default=1)
    data = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.tag} {self.record}".strip()
