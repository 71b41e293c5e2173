"""Events, raids, attendance checks and who was there.

Invariants (docs/architecture.md, "The ledger", 4 to 6; docs/invariants.md says which test fails without each):
- One person earns once per attendance check, however many of their characters were there: `credited_user` is unique
  within a check. It is empty on rows that credit nobody: a second character, a reversed row, a duplicate that an import
  brought (the old system paid both, and what it paid is kept). NULLs do not collide, so this needs no partial index.
- A `RaidAttendance` is a document: its ledger entries carry its `document`, and in each pool they add up to what it
  says (`amounts`, or `points` in every pool where `amounts` is empty), or to nothing once it is reversed.
- Every raid has a first check (position 0); its worth is the raid's points unless somebody said otherwise.
- A name that nobody recognises is kept as `UnmatchedName`; it is never dropped and never invents a character.
- The same upload counts once for a check: its fingerprint is unique there.
- A raid that starts within a person's `Leave` counts neither for nor against their attendance (`attendance.py`).
"""

from __future__ import annotations

import datetime as dt
import uuid
from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from guildhall.core import clock
from guildhall.core.fields import PointsField
from guildhall.core.ids import UserId
from guildhall.core.models import Reversible
from guildhall.core.money import ZERO
from guildhall.points.models import DKPPool
from guildhall.roster.models import Character

from .calendar_models import CalendarEvent, CalendarSignup
from .log_models import LogFinding
from .note_models import NoteRules
from .plan_models import MOST_MINUTES, EventBoss, PlannedCheck, RaidBoss
from .request_models import MemberRequest, RequestPolicy
from .standby_models import Standby

__all__ = [
    "AttendanceCheck", "AttendanceStatus", "AttendanceUpload", "CalendarEvent", "CalendarSignup", "Event", "EventBoss", "EventPool",
    "ItemPool", "Leave", "LogFinding", "MemberAttendanceSummary", "MemberRequest", "NoteRules", "PlannedCheck", "Raid",
    "RaidAttendance", "RaidBoss", "RequestPolicy", "Standby", "StatusShare", "UnmatchedName", "span_of_days",
]  # fmt: skip


class ItemPool(models.Model):
    """A group of items whose awards are charged together: in one pool of points or in several (PRD 3.5.2)."""

    name = models.CharField(max_length=120, unique=True)
    description = models.TextField(blank=True)
    pools = models.ManyToManyField(DKPPool, blank=True, related_name="item_pools", help_text="where its awards count")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Event(models.Model):
    """A kind of raid: what it is worth, and into which pools it pays (PRD 3.5)."""

    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    default_points = PointsField(default=ZERO, help_text="what a raid of this event is worth")
    difficulty_modifier = models.DecimalField(
        max_digits=6,
        decimal_places=3,
        default=Decimal(1),
        validators=[MinValueValidator(0), MaxValueValidator(100)],
        help_text="the default points are multiplied by it",
    )
    pools = models.ManyToManyField(DKPPool, through="EventPool", related_name="events")
    item_pools = models.ManyToManyField(ItemPool, blank=True, related_name="events")
    is_active = models.BooleanField(default=True, help_text="no new raids of an inactive event")
    counts_for_attendance = models.BooleanField(default=True)
    icon = models.CharField(max_length=120, blank=True)
    usual_weekday = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(6)], help_text="0 is Monday, in the guild's time zone"
    )
    usual_time = models.TimeField(null=True, blank=True, help_text="when it begins, in the guild's time zone")
    usual_minutes = models.PositiveIntegerField(
        null=True, blank=True, validators=[MaxValueValidator(MOST_MINUTES)], help_text="how long it lasts"
    )
    full_bonus = PointsField(default=ZERO, help_text="for whoever is there at the first and at the last check")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    history = HistoricalRecords()

    class Meta:
        ordering = ["name", "pk"]
        indexes = [models.Index(fields=["is_active", "name"])]

    def __str__(self) -> str:
        return self.name

    @property
    def dkp_pool(self) -> DKPPool | None:
        """Return the first pool it pays into; the one that counts where a call names none. Prefetch
        ``event_pools__pool``."""
        first = next(iter(self.event_pools.all()), None)
        return first.pool if first else None


class EventPool(models.Model):
    """That an event pays into a pool. With `no_attendance` its raids do not count there as attendance."""

    event = models.ForeignKey(Event, on_delete=models.CASCADE, related_name="event_pools")
    pool = models.ForeignKey(DKPPool, on_delete=models.PROTECT, related_name="event_pools")
    position = models.PositiveSmallIntegerField(default=0, help_text="0 is the event's own pool")
    no_attendance = models.BooleanField(default=False)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["event", "pool"], name="an_event_pays_a_pool_once")]

    def __str__(self) -> str:
        return f"{self.event} → {self.pool}"


class Raid(Reversible):
    """One raid night, or one target of it. `context` is what its ledger entries carry, attendance and loot alike.

    `state` says how far it is (`services/night.py`): a raid that is planned or cancelled holds no attendance and no points.
    `date` is its sign-up sheet in the calendar.
    """

    class State(models.TextChoices):
        PLANNED = "planned"
        RUNNING = "running"
        DONE = "done"
        CANCELLED = "cancelled"

    event = models.ForeignKey(Event, on_delete=models.PROTECT, related_name="raids")
    name = models.CharField(max_length=160)
    state = models.CharField(max_length=9, choices=State, default=State.DONE, db_index=True)
    date = models.OneToOneField(
        CalendarEvent, null=True, blank=True, on_delete=models.SET_NULL, related_name="raid", help_text="its sign-ups"
    )
    started_at = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    leader = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="raids_led"
    )
    notes = models.TextField(blank=True)
    points = PointsField(default=ZERO, help_text="its worth; belongs to the first check unless said otherwise")
    full_bonus = PointsField(default=ZERO, help_text="for whoever is there at the first and at the last check")
    closed_at = models.DateTimeField(null=True, blank=True, editable=False, help_text="when it was closed")
    context = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reversal_reason = models.CharField(max_length=300, blank=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["-started_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_at__isnull=True) | Q(ended_at__gte=models.F("started_at")),
                name="a_raid_ends_after_it_starts",
            ),
            models.CheckConstraint(condition=Q(closed_at__isnull=True) | Q(state="done"), name="a_closed_raid_is_done"),
        ]
        indexes = [models.Index(fields=["event", "started_at"])]

    def __str__(self) -> str:
        return self.name


class AttendanceCheck(models.Model):
    """One moment at which a raid's attendance is taken: on time, hourly, at a kill, at the end. A raid has one or
    more."""

    class Kind(models.TextChoices):
        ON_TIME = "on_time", "on time"
        HOURLY = "hourly", "hourly"
        KILL = "kill", "kill"
        END = "end", "end"
        TICK = "tick", "tick"
        BONUS = "bonus", "there from first to last"  # made by closing the raid alone

    raid = models.ForeignKey(Raid, on_delete=models.CASCADE, related_name="checks")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.TICK)
    label = models.CharField(max_length=120, blank=True)
    taken_at = models.DateTimeField()
    points = PointsField(default=ZERO, help_text="what being there is worth, before shares and rounding")
    position = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["raid", "position"]
        constraints = [models.UniqueConstraint(fields=["raid", "position"], name="one_check_a_position")]

    def __str__(self) -> str:
        return self.label or self.get_kind_display()


class AttendanceStatus(models.TextChoices):
    """How somebody was there (docs/api-contract.md, "Raids")."""

    PRESENT = "present"
    LATE = "late"
    EARLY_LEAVE = "early_leave", "left early"
    ABSENT = "absent"
    STANDBY = "standby"


class AttendanceUpload(models.Model):
    """That a log, a dump or a list was committed to a check. The same one counts once there."""

    raid = models.ForeignKey(Raid, on_delete=models.CASCADE, related_name="uploads")
    attendance_check = models.ForeignKey(AttendanceCheck, on_delete=models.CASCADE, related_name="uploads")
    fingerprint = models.CharField(max_length=64)
    format = models.CharField(max_length=40, blank=True)
    file_name = models.CharField(max_length=200, blank=True)
    taken_at = models.DateTimeField(null=True, blank=True)
    result = models.JSONField(default=dict, blank=True, help_text="what it did: counts by outcome")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["attendance_check", "fingerprint"], name="an_upload_counts_once_a_check")
        ]

    def __str__(self) -> str:
        return f"{self.file_name or self.format or 'upload'} for {self.attendance_check}"


class RaidAttendance(Reversible):
    """That a character was at a check, and what its person earned by it (PRD 3.6.2). A document of the ledger.

    `user` is who earned; `character_name` is the name as it was then. `points` is the amount in the event's first pool;
    `amounts` has the amount of each pool by its id as text (``{"3": "10.00"}``), empty where every pool got `points`.
    `given_points` is a worth that somebody named for this row in place of the check's.
    """

    id = models.BigAutoField(primary_key=True)
    document = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    attendance_check = models.ForeignKey(AttendanceCheck, on_delete=models.PROTECT, related_name="attendance")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="attendance"
    )
    credited_user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    character = models.ForeignKey(
        Character, null=True, blank=True, on_delete=models.SET_NULL, related_name="attendance"
    )
    character_name = models.CharField(max_length=120)
    name_key = models.CharField(max_length=200, editable=False)
    status = models.CharField(max_length=11, choices=AttendanceStatus, default=AttendanceStatus.PRESENT)
    points = PointsField(default=ZERO)
    amounts = models.JSONField(default=dict, blank=True)
    given_points = PointsField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True)
    upload = models.ForeignKey(
        AttendanceUpload, null=True, blank=True, on_delete=models.SET_NULL, related_name="attendance"
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    amended_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="when an officer put it right; no later call raises it then"
    )
    reversal_reason = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ["attendance_check", "character_name", "pk"]
        verbose_name_plural = "raid attendance"
        constraints = [
            models.UniqueConstraint(fields=["attendance_check", "credited_user"], name="a_person_earns_once_a_check"),
            models.CheckConstraint(
                condition=Q(credited_user__isnull=True) | Q(credited_user=models.F("user")),
                name="the_credited_is_who_earned",
            ),
            models.CheckConstraint(
                condition=Q(reversed_at__isnull=True) | Q(credited_user__isnull=True),
                name="a_reversed_row_credits_nobody",
            ),
        ]
        indexes = [
            models.Index(fields=["attendance_check", "name_key"], name="attendance_by_name"),
            models.Index(fields=["name_key"], name="attendance_of_name"),
            models.Index(fields=["user", "attendance_check"], name="attendance_of_person"),
            # How many were there is read from the index alone.
            models.Index(fields=["attendance_check", "user", "status", "reversed_at"], name="attendance_counted"),
        ]

    @property
    def person_id(self) -> UserId | None:
        """Return who earned; None where the character belonged to nobody."""
        return None if self.user_id is None else UserId(self.user_id)

    def __str__(self) -> str:
        return f"{self.character_name} at {self.attendance_check}: {self.status}"


class UnmatchedName(models.Model):
    """A name from an upload that nobody here is known by: kept until somebody says who it is, and paid then."""

    class Resolution(models.TextChoices):
        OPEN = "", "open"
        AWARDED = "awarded", "awarded"
        ALREADY_PRESENT = "already_present", "the person was there already"
        IGNORED = "ignored", "ignored"

    raid = models.ForeignKey(Raid, on_delete=models.CASCADE, related_name="unmatched")
    attendance_check = models.ForeignKey(AttendanceCheck, on_delete=models.CASCADE, related_name="unmatched")
    name = models.CharField(max_length=120)
    name_key = models.CharField(max_length=200, editable=False)
    status = models.CharField(max_length=11, choices=AttendanceStatus, default=AttendanceStatus.PRESENT)
    given_points = PointsField(null=True, blank=True)
    raw = models.JSONField(default=dict, blank=True, help_text="what else the upload said: class, level, guild, flags")
    suggestions = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    resolution = models.CharField(max_length=15, choices=Resolution, default=Resolution.OPEN, blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    character = models.ForeignKey(Character, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    attendance = models.ForeignKey(
        RaidAttendance, null=True, blank=True, on_delete=models.SET_NULL, related_name="resolved_names"
    )

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["attendance_check", "name_key"], name="a_name_is_unmatched_once_a_check")
        ]
        indexes = [models.Index(fields=["raid", "resolution"])]

    def __str__(self) -> str:
        return self.name


class StatusShare(models.Model):
    """How much of the points a status earns: everywhere, or in one pool. Edited by officers.

    Where no row speaks, `policy.DEFAULT_SHARES` does. `key` is ``all:late`` or ``3:late`` and makes a row unique on every
    database, also where the pool is empty.
    """

    status = models.CharField(max_length=11, choices=AttendanceStatus)
    pool = models.ForeignKey(DKPPool, null=True, blank=True, on_delete=models.CASCADE, related_name="status_shares")
    key = models.CharField(max_length=40, unique=True, editable=False)
    percent = models.DecimalField(
        max_digits=5, decimal_places=2, validators=[MinValueValidator(0), MaxValueValidator(100)]
    )

    history = HistoricalRecords()

    class Meta:
        ordering = ["key"]
        constraints = [
            models.CheckConstraint(condition=Q(percent__gte=0) & Q(percent__lte=100), name="a_share_is_a_percentage")
        ]

    def __str__(self) -> str:
        return f"{self.get_status_display()}: {self.percent} % {f'in {self.pool}' if self.pool_id else 'everywhere'}"


class Leave(models.Model):
    """That somebody is away from one day to another: raids in that time are no part of their attendance.

    `starts_on` and `ends_on` are days in the guild's time zone, both inclusive; without `ends_on` the end is open.
    `counts_from` (inclusive) and `counts_until` (exclusive) are the moments between which a raid must start to be left out.
    They are those of the days, except that a leave that somebody takes themselves counts from the moment they took it at
    the earliest, and one that was ended early until the moment at which it was ended. A leave that was called off before
    it began is empty: both moments are the same.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="leaves")
    starts_on = models.DateField()
    ends_on = models.DateField(null=True, blank=True)
    counts_from = models.DateTimeField()
    counts_until = models.DateTimeField(null=True, blank=True)
    reason = models.CharField(max_length=300, blank=True, help_text="shown to the person and to officers")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    ended_at = models.DateTimeField(null=True, blank=True, help_text="when it was ended early or called off")
    ended_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["-starts_on", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__isnull=True) | Q(ends_on__gte=models.F("starts_on")),
                name="a_leave_ends_after_it_starts",
            ),
            models.CheckConstraint(
                condition=Q(counts_until__isnull=True) | Q(counts_until__gte=models.F("counts_from")),
                name="a_leave_counts_forward",
            ),
        ]
        indexes = [models.Index(fields=["user", "counts_from"], name="leave_of_person")]

    def __str__(self) -> str:
        return f"leave of {self.user}, {span_of_days(self.starts_on, self.ends_on)}"

    @property
    def state(self) -> str:
        """Return ``called_off``, ``coming``, ``current`` or ``over``, at this moment."""
        now = clock.now()
        if self.counts_until is not None and self.counts_until <= self.counts_from:
            return "called_off"
        if now < self.counts_from:
            return "coming"
        return "current" if self.counts_until is None or now < self.counts_until else "over"


def span_of_days(first: dt.date, last: dt.date | None) -> str:
    """Return days as a person writes them: “from 3 to 17 December”, “on 3 December”, “since 3 December” (an open end).

    Years stand where the two days are in different ones.
    """

    def day(of: dt.date, shape: str) -> str:
        return f"{of.day} {of:{shape}}"

    if last is None:
        return f"since {day(first, '%B')}"
    if first == last:
        return f"on {day(first, '%B')}"
    if first.year != last.year:
        return f"from {day(first, '%B %Y')} to {day(last, '%B %Y')}"
    if first.month == last.month:
        return f"from {first.day} to {day(last, '%B')}"
    return f"from {day(first, '%B')} to {day(last, '%B')}"


class MemberAttendanceSummary(models.Model):
    """A person's attendance over 30, 60 and 90 days and since they joined: a read model (PRD 3.10.3).

    Refreshed after every raid that changes it, and every six hours because the windows move; `computed_at` says when.
    What a decision hangs on (a vote) asks `attendance.attendance_percentage`, which reads the raids themselves at any moment.
    """

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="attendance_summary")
    attended_30d = models.PositiveIntegerField(default=0)
    held_30d = models.PositiveIntegerField(default=0)
    percentage_30d = models.DecimalField(max_digits=5, decimal_places=2, default=ZERO)
    attended_60d = models.PositiveIntegerField(default=0)
    held_60d = models.PositiveIntegerField(default=0)
    percentage_60d = models.DecimalField(max_digits=5, decimal_places=2, default=ZERO)
    attended_90d = models.PositiveIntegerField(default=0)
    held_90d = models.PositiveIntegerField(default=0)
    percentage_90d = models.DecimalField(max_digits=5, decimal_places=2, default=ZERO)
    attended_lifetime = models.PositiveIntegerField(default=0)
    held_lifetime = models.PositiveIntegerField(default=0)
    percentage_lifetime = models.DecimalField(max_digits=5, decimal_places=2, default=ZERO)
    computed_at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "member attendance summaries"

    def __str__(self) -> str:
        return f"{self.user}: {self.percentage_30d} % in 30 days"
