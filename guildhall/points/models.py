"""Pools, the ledger, its read model and its documents.

Invariants (docs/architecture.md, "The ledger"; docs/invariants.md says which test fails without each):
1. A balance is the sum of its entries. `UserPointsSummary` is changed in the transaction that writes the entries, and
   a CHECK constraint holds ``balance = earned - spent + adjusted``; `verify_ledger` recomputes everything from nothing.
2. `LedgerEntry` is append-only: triggers in the database refuse UPDATE and DELETE (migration 0002). An entry is
   reversed at most once: `reverses` is unique.
3. Whoever spends is locked first: their summary rows, in primary-key order (`ledger.lock_summaries`).
Signs: `amount` is signed, what comes in is positive, what goes out is negative. `bucket` says which figure of the
summary it changes; `spent` is kept positive there. A reversal keeps the bucket of what it reverses, so that a refund is
never an earning.
"""

from __future__ import annotations

import uuid
from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from simple_history.models import HistoricalRecords

from guildhall.core import clock
from guildhall.core.fields import PointsField
from guildhall.core.ids import PoolId, UserId
from guildhall.core.models import Reversible
from guildhall.core.money import ZERO, show_points


class AltPolicy(models.TextChoices):
    """What an alt earns for its person (PRD 3.3.2)."""

    FULL = "full", "as much as a main"
    PART = "part", "a share"
    NONE = "none", "nothing"


class DKPPool(models.Model):
    """A pool of points. Where a call names none, the event's pool counts, else the default one."""

    name = models.CharField(max_length=80, unique=True)
    description = models.TextField(blank=True)
    is_active = models.BooleanField(default=True, help_text="a closed pool takes no new points and no bids")
    is_default = models.BooleanField(default=False)
    allow_negative = models.BooleanField(default=False, help_text="people may spend more than they have")
    decimal_places = models.PositiveSmallIntegerField(default=2, validators=[MaxValueValidator(2)])
    alt_policy = models.CharField(max_length=4, choices=AltPolicy, default=AltPolicy.FULL)
    alt_share_percent = models.PositiveSmallIntegerField(default=100, validators=[MaxValueValidator(100)])
    start_points = PointsField(default=ZERO, help_text="given once to each member, by `grant_start_points`")
    start_points_since = models.DateTimeField(null=True, blank=True, help_text="only people who joined since then")
    created_at = models.DateTimeField(default=clock.now, editable=False)

    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        verbose_name = "DKP pool"

    def __str__(self) -> str:
        return self.name


class EntryKind(models.TextChoices):
    """What moved the points (docs/api-contract.md, "Points")."""

    RAID = "raid"
    LOOT = "loot"
    ADJUSTMENT = "adjustment"
    DECAY = "decay"
    IMPORT = "import"
    REVERSAL = "reversal"


class Bucket(models.TextChoices):
    """Which figure of the summary an entry counts in."""

    EARNED = "earned"
    SPENT = "spent"
    ADJUSTED = "adjusted"


class OfPersonAndPool:
    """Rows of one person in one pool."""

    user_id: int
    pool_id: int

    @property
    def key(self) -> tuple[UserId, PoolId]:
        """Return whose it is and where: `ledger.Key`."""
        return UserId(self.user_id), PoolId(self.pool_id)


class LedgerEntry(OfPersonAndPool, models.Model):
    """One movement of points. Written by `ledger.post` and `ledger.reverse_entries`, and never changed."""

    id = models.BigAutoField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="ledger_entries")
    pool = models.ForeignKey(DKPPool, on_delete=models.PROTECT, related_name="entries")
    kind = models.CharField(max_length=10, choices=EntryKind)
    bucket = models.CharField(max_length=8, choices=Bucket)
    amount = PointsField()
    occurred_at = models.DateTimeField(help_text="when it happened in the game")
    created_at = models.DateTimeField(help_text="when it was written here")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    character_name = models.CharField(max_length=120, blank=True, help_text="as it was then")
    description = models.CharField(max_length=300, blank=True)
    document = models.UUIDField(
        null=True, blank=True, help_text="the attendance, award, adjustment or run it belongs to"
    )
    context = models.UUIDField(null=True, blank=True, help_text="the raid it belongs to, or the run, or the import")
    reverses = models.OneToOneField("self", null=True, blank=True, on_delete=models.PROTECT, related_name="reversed_by")

    class Meta:
        ordering = ["-occurred_at", "-id"]
        verbose_name_plural = "ledger entries"
        indexes = [
            models.Index(fields=["user", "pool", "occurred_at", "id", "amount"], name="entry_statement"),
            models.Index(fields=["pool", "occurred_at"], name="entry_pool_time"),
            models.Index(fields=["occurred_at", "id"], name="entry_time"),
            models.Index(fields=["document"], name="entry_document"),
            models.Index(fields=["context"], name="entry_context"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind=EntryKind.REVERSAL, reverses__isnull=False)
                | (~Q(kind=EntryKind.REVERSAL) & Q(reverses__isnull=True)),
                name="a_reversal_reverses",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk} {self.kind} {self.amount}"


class UserPointsSummary(OfPersonAndPool, models.Model):
    """What a person has in a pool, kept in step with the ledger; the row to lock before spending.

    `held` is the sum of the person's `Hold`s in the pool, and what decides whether they can spend; `held_sealed` is the
    part of it that is secret (`points.visibility`). `version` grows with every change that others may see and is what
    ETags are made of: a change of the secret part alone leaves it, and `updated_at`, as they are.
    `is_closed` is set when the person is merged into another, in every pool: whoever was about to pay them waits on this
    row and then sees it, so that no point goes to an account that nobody looks at any more.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="points_summaries")
    pool = models.ForeignKey(DKPPool, on_delete=models.PROTECT, related_name="summaries")
    earned = PointsField(default=ZERO)
    spent = PointsField(default=ZERO)
    adjusted = PointsField(default=ZERO)
    balance = PointsField(default=ZERO)
    held = PointsField(default=ZERO)
    held_sealed = PointsField(default=ZERO, help_text="the part of held that is tied up in running sealed auctions")
    version = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(default=clock.now)
    is_closed = models.BooleanField(default=False, help_text="of somebody merged into another: takes nothing more")

    class Meta:
        verbose_name_plural = "user points summaries"
        constraints = [
            models.UniqueConstraint(fields=["user", "pool"], name="one_summary_a_person_and_pool"),
            models.CheckConstraint(
                condition=Q(balance=F("earned") - F("spent") + F("adjusted")), name="balance_adds_up"
            ),
            models.CheckConstraint(condition=Q(held__gte=0), name="held_not_negative"),
            models.CheckConstraint(
                condition=Q(held_sealed__gte=0) & Q(held_sealed__lte=F("held")), name="held_sealed_is_a_part_of_held"
            ),
        ]
        indexes = [
            models.Index(fields=["pool", "-balance", "user"], name="summary_standings"),
            models.Index(fields=["pool", "version"], name="summary_version"),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.pool}: {self.balance}"

    @property
    def available(self) -> Decimal:
        """Return what may still be spent or bid: balance less what bids hold. It decides; it is not for showing."""
        found: Decimal = self.balance - self.held
        return found

    @property
    def held_visible(self) -> Decimal:
        """Return what everybody may know to be held: without the part in running sealed auctions."""
        found: Decimal = self.held - self.held_sealed
        return found


class Hold(OfPersonAndPool, models.Model):
    """Points tied up by a leading bid. One per person, pool and reference (an auction that charges several pools holds the
    amount in each); gone when the bid no longer leads or is settled."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="holds")
    pool = models.ForeignKey(DKPPool, on_delete=models.PROTECT, related_name="holds")
    reference = models.UUIDField(db_index=True, help_text="the auction it is for")
    amount = PointsField()
    is_sealed = models.BooleanField(
        default=False,
        help_text="for a sealed auction that runs: known to its owner and to bots that bid (points.visibility)",
    )
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reference", "user", "pool"], name="one_hold_a_person_pool_and_reference"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="hold_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.amount} held"


class PointAdjustment(Reversible):
    """The document of an adjustment (PRD 3.8.1): what an officer, or a rule, gave or took, and why.

    Immutable but for `reversed_at`, `reversed_by` and `reversed_by_import`, which its reversal sets.
    """

    id = models.BigAutoField(primary_key=True)
    document = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="adjustments")
    pool = models.ForeignKey(DKPPool, on_delete=models.PROTECT, related_name="adjustments")
    amount = PointsField()
    reason = models.CharField(max_length=200)
    notes = models.TextField(blank=True)
    character_name = models.CharField(max_length=120, blank=True)
    occurred_at = models.DateTimeField(default=clock.now)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    batch = models.UUIDField(null=True, blank=True, db_index=True, help_text="adjustments made in one go")
    is_start_points = models.BooleanField(
        default=False,
        db_default=False,  # an import copies rows in without naming it
        editable=False,
        help_text="the pool's start points; each member is given them once",
    )

    class Meta:
        ordering = ["-occurred_at", "-id"]

    def __str__(self) -> str:
        return f"{self.user}: {self.amount} ({self.reason})"


class PointRule(models.Model):
    """A rule that moves points by the calendar (PRD 3.4.2, 3.8.2): decay, caps, bonuses and penalties.

    Amounts by `kind`: `decay_percent` takes `percent` of a positive balance; `decay_fixed` takes up to `amount`, never below
    zero; `cap_upper` takes what is above `amount`; `cap_lower` gives what is missing to `amount`. `bonus` gives `amount` to
    everybody; `attendance_bonus` gives it to whoever was at `percent` or more of the pool's raids of the last `days`,
    `raid_bonus` gives it for each of them; `absence_penalty` takes up to `amount`, never below zero, from whoever was at
    less than `percent` of them.
    """

    class Kind(models.TextChoices):
        DECAY_PERCENT = "decay_percent", "decay by a percentage"
        DECAY_FIXED = "decay_fixed", "decay by a fixed amount"
        CAP_UPPER = "cap_upper", "upper cap"
        CAP_LOWER = "cap_lower", "lower cap"
        BONUS = "bonus", "a bonus for everybody"
        ATTENDANCE_BONUS = "attendance_bonus", "a bonus for attendance"
        RAID_BONUS = "raid_bonus", "a bonus for each raid attended"
        ABSENCE_PENALTY = "absence_penalty", "a penalty for absence"

    BY_ATTENDANCE = frozenset({Kind.ATTENDANCE_BONUS, Kind.RAID_BONUS, Kind.ABSENCE_PENALTY})
    WITH_PERCENT = frozenset({Kind.DECAY_PERCENT, Kind.ATTENDANCE_BONUS, Kind.ABSENCE_PENALTY})

    class Period(models.TextChoices):
        DAY = "day"
        WEEK = "week"
        MONTH = "month"
        QUARTER = "quarter"
        YEAR = "year"

    class Scope(models.TextChoices):
        ALL = "all", "everybody"
        INACTIVE = "inactive", "people with no active character"
        ACTIVE = "active", "people with an active character"

    name = models.CharField(max_length=80, unique=True)
    pool = models.ForeignKey(DKPPool, on_delete=models.PROTECT, related_name="rules")
    kind = models.CharField(max_length=16, choices=Kind)
    percent = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(100)],
    )
    amount = PointsField(null=True, blank=True)
    days = models.PositiveSmallIntegerField(
        default=30,
        validators=[MinValueValidator(1), MaxValueValidator(366)],
        help_text="how far back attendance is looked at, for the kinds that ask about it",
    )
    period = models.CharField(max_length=8, choices=Period, default=Period.MONTH)
    scope = models.CharField(max_length=8, choices=Scope, default=Scope.ALL)
    automatic = models.BooleanField(default=False, help_text="run by the worker when a period begins")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    history = HistoricalRecords()

    class Meta:
        ordering = ["pool", "name"]
        constraints = [
            models.CheckConstraint(
                condition=Q(kind="decay_percent", percent__isnull=False)
                | (~Q(kind="decay_percent") & Q(amount__isnull=False)),
                name="rule_has_its_figure",
            ),
            models.CheckConstraint(
                condition=~Q(kind__in=["attendance_bonus", "absence_penalty"]) | Q(percent__isnull=False),
                name="rule_has_its_percentage",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def as_text(self) -> str:
        """Return what the rule does, for people: ``takes 10.00 % of each balance in Velious``."""
        points, days = show_points(self.amount or ZERO), f"the last {self.days} days"
        percent = f"{self.percent} %"
        what = {
            self.Kind.DECAY_PERCENT: f"takes {percent} of each balance",
            self.Kind.DECAY_FIXED: f"takes {points} from each balance, never below 0",
            self.Kind.CAP_UPPER: f"takes what is above {points}",
            self.Kind.CAP_LOWER: f"gives what is missing to {points}",
            self.Kind.BONUS: f"gives {points} to each",
            self.Kind.ATTENDANCE_BONUS: f"gives {points} to whoever was at {percent} or more of the raids of {days}",
            self.Kind.RAID_BONUS: f"gives {points} for each raid attended in {days}",
            self.Kind.ABSENCE_PENALTY: f"takes {points}, never below 0, from whoever was at less than {percent} of the "
            f"raids of {days}",
        }[self.Kind(self.kind)]
        return f"{what} in {self.pool}"


class PointRuleRun(models.Model):
    """One run of a rule for one period. A period has at most one run that stands: `standing_period` is unique per rule
    and emptied by a reversal, so that a period may be run again after its run was undone."""

    id = models.BigAutoField(primary_key=True)
    document = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    rule = models.ForeignKey(PointRule, on_delete=models.PROTECT, related_name="runs")
    period_key = models.CharField(max_length=20)
    standing_period = models.CharField(max_length=20, null=True, blank=True)
    people = models.PositiveIntegerField(default=0)
    total = PointsField(default=ZERO)
    at = models.DateTimeField(default=clock.now)
    run_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reversed_at = models.DateTimeField(null=True, blank=True)
    reversed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["-at"]
        constraints = [models.UniqueConstraint(fields=["rule", "standing_period"], name="one_run_a_period")]

    def __str__(self) -> str:
        return f"{self.rule} {self.period_key}"


class UserMerge(models.Model):
    """That two people were found to be one. While the row of a merge is open the triggers let entries change owner."""

    source = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    target = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    is_open = models.BooleanField(default=True)
    at = models.DateTimeField(default=clock.now)
    merged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    reason = models.CharField(max_length=300, blank=True)
    moved_entries = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.source} → {self.target}"
