"""Applications, their questions and answers, comments, trials and votes (PRD 3.10).

Invariants:
- A status changes only along `TRANSITIONS`, under a lock on the application, with a row in `ApplicationStatusChange`
  (`services.transitions.move`).
- A character has one open application: `open_key` is its `name_key` while the application is open and unique.
- A person has one vote in a round of an application (unique), and its attendance is the snapshot of the moment they voted.
- A vote goes by the rules that were in force when it was opened (`voting_rules`), whatever becomes of the policy meanwhile.
- Whether a vote is open is computed from the clock and `voting_ends_at`, wherever it is asked; `voting_decided_at` is set once.
- Guests and applicants never learn that there is a vote: `public_status` is what they see.
"""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from guildhall.core import clock
from guildhall.roster.models import Character, Rank

MOST_HOURS = 24 * 30
_PERCENT = [MinValueValidator(0), MaxValueValidator(100)]


class RecruitmentPolicy(models.Model):
    """How this guild recruits: one row, edited by officers, shown with every result it shaped."""

    class Tie(models.TextChoices):
        RECYCLE = "recycle", "recycle: the trial goes on"
        FAIL = "fail"
        PASS = "pass"  # noqa: S105 - a vote, not a password

    class TrialEnd(models.TextChoices):
        REMIND = "remind", "remind the recruiters"
        VOTE = "vote", "open the vote"
        PROMOTE = "promote", "promote"
        REMOVE = "remove", "remove"

    is_open = models.BooleanField(default=True, help_text="whether applications are taken at all")
    intro = models.TextField(blank=True, help_text="shown above the application form")
    trial_days = models.PositiveSmallIntegerField(default=30, validators=[MinValueValidator(1), MaxValueValidator(365)])
    trial_reminder_days = models.PositiveSmallIntegerField(default=3, validators=[MaxValueValidator(365)])
    trial_end = models.CharField(max_length=8, choices=TrialEnd, default=TrialEnd.REMIND)
    trial_rank = models.ForeignKey(Rank, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    member_rank = models.ForeignKey(Rank, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    voting_hours = models.PositiveSmallIntegerField(
        default=48, validators=[MinValueValidator(1), MaxValueValidator(MOST_HOURS)]
    )
    minimum_attendance = models.DecimalField(
        max_digits=5, decimal_places=2, default=Decimal("15.00"), validators=_PERCENT, help_text="percent over 30 days"
    )
    quorum = models.PositiveSmallIntegerField(default=1, help_text="counted votes needed for a decision")
    threshold_percent = models.DecimalField(
        max_digits=5,
        decimal_places=2,
        default=Decimal("50.00"),
        validators=_PERCENT,
        help_text="pass needs more than this share of the counted pass and fail votes",
    )
    tie = models.CharField(max_length=7, choices=Tie, default=Tie.RECYCLE)
    recycle_days = models.PositiveSmallIntegerField(
        default=14,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text="by how much a recycled trial is extended",
    )
    cooldown_days = models.PositiveSmallIntegerField(
        default=30, validators=[MaxValueValidator(3650)], help_text="before somebody who was rejected may apply again"
    )
    most_a_day = models.PositiveSmallIntegerField(default=20, help_text="applications a day, from everybody together")
    most_a_day_from_one = models.PositiveSmallIntegerField(default=3, help_text="applications a day from one address")

    history = HistoricalRecords()

    class Meta:
        verbose_name = "recruitment policy"
        verbose_name_plural = "recruitment policy"
        constraints = [
            models.CheckConstraint(
                condition=Q(minimum_attendance__gte=0) & Q(minimum_attendance__lte=100),
                name="attendance_is_a_percentage",
            ),
            models.CheckConstraint(
                condition=Q(threshold_percent__gte=0) & Q(threshold_percent__lte=100), name="threshold_is_a_percentage"
            ),
            models.CheckConstraint(
                condition=Q(voting_hours__gte=1) & Q(voting_hours__lte=MOST_HOURS),
                name="a_vote_lasts_an_hour_to_a_month",
            ),
        ]

    def __str__(self) -> str:
        return "Recruitment policy"


class ApplicationQuestion(models.Model):
    """A question of the questionnaire. Answers keep the wording they were given to."""

    class Kind(models.TextChoices):
        TEXT = "text", "one line"
        LONG = "long", "several lines"
        CHOICE = "choice", "one of several"
        MULTIPLE = "multiple", "some of several"
        YES_NO = "yes_no", "yes or no"
        NUMBER = "number"

    wording = models.CharField(max_length=300)
    help_text = models.CharField(max_length=300, blank=True)
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.LONG)
    choices = models.JSONField(default=list, blank=True)
    required = models.BooleanField(default=False)
    order = models.PositiveSmallIntegerField(default=0)
    is_active = models.BooleanField(default=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["order", "pk"]

    def __str__(self) -> str:
        return self.wording


# What people read of a status and of a step; the API and the database keep the PRD's own words.
STATUS_WORDS = {
    "draft": "draft",
    "submitted": "waiting for review",
    "trial_accepted": "on trial",
    "voting_active": "being voted on",
    "voting_complete": "voted on, undecided",
    "approved": "member",
    "rejected": "rejected",
    "withdrawn": "withdrawn",
}
STEP_WORDS = {
    "submitted": "application sent",
    "trial_accepted": "on trial",
    "voting_active": "vote opened",
    "voting_complete": "vote ended",
    "approved": "became a member",
    "rejected": "rejected",
    "withdrawn": "withdrawn",
}


class Application(models.Model):
    """Somebody's wish to join."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        SUBMITTED = "submitted"
        TRIAL_ACCEPTED = "trial_accepted"
        REJECTED = "rejected"
        VOTING_ACTIVE = "voting_active"
        VOTING_COMPLETE = "voting_complete"
        APPROVED = "approved"
        WITHDRAWN = "withdrawn"

    class Decision(models.TextChoices):
        PASS = "pass"  # noqa: S105 - a vote, not a password
        FAIL = "fail"
        RECYCLE = "recycle"
        NO_QUORUM = "no_quorum", "too few counted votes"

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="applications"
    )
    account_made = models.BooleanField(
        default=False, editable=False, help_text="`user` was made when the trial began; nobody has claimed it yet"
    )
    character_name = models.CharField(max_length=60)
    name_key = models.CharField(max_length=200, editable=False, db_index=True)
    open_key = models.CharField(
        max_length=200, unique=True, null=True, blank=True, editable=False, help_text="name_key while it is open"
    )
    server = models.CharField(max_length=60, blank=True)
    character_class = models.CharField(max_length=40, blank=True)
    level = models.PositiveIntegerField(null=True, blank=True)
    previous_guilds = models.TextField(blank=True)
    availability = models.TextField(blank=True)
    timezone = models.CharField(max_length=60, blank=True)
    references = models.TextField(blank=True)
    discord_username = models.CharField(max_length=80, blank=True)
    discord_id = models.CharField(max_length=20, blank=True)
    email = models.EmailField(blank=True)
    answers = models.JSONField(default=list, blank=True, help_text="[{question_id, wording, kind, answer}]")
    status = models.CharField(max_length=16, choices=Status, default=Status.SUBMITTED, db_index=True)
    token_hash = models.CharField(max_length=64, blank=True, db_index=True, help_text="of the applicant's private link")
    source_address = models.CharField(max_length=64, blank=True, help_text="hash of where it came from, against floods")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    submitted_at = models.DateTimeField(null=True, blank=True)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="assigned_applications"
    )
    character = models.ForeignKey(
        Character, null=True, blank=True, on_delete=models.SET_NULL, related_name="applications"
    )
    rejection_reason = models.TextField(blank=True)
    trial_started_at = models.DateTimeField(null=True, blank=True)
    trial_ends_at = models.DateTimeField(null=True, blank=True)
    trial_reminded_at = models.DateTimeField(null=True, blank=True)
    trial_ended_at = models.DateTimeField(
        null=True, blank=True, help_text="when the policy for a trial's end was applied"
    )
    voting_round = models.PositiveSmallIntegerField(default=0)
    voting_started_at = models.DateTimeField(null=True, blank=True)
    voting_ends_at = models.DateTimeField(null=True, blank=True)
    voting_decided_at = models.DateTimeField(null=True, blank=True)
    voting_rules = models.JSONField(
        default=dict, blank=True, help_text="the rules of this vote: the policy as it was when the vote was opened"
    )
    decision = models.CharField(max_length=10, choices=Decision, blank=True)
    decision_trace = models.JSONField(default=dict, blank=True, help_text="the tally and the rules it was judged by")
    closed_at = models.DateTimeField(
        null=True, blank=True, help_text="when it was approved, rejected or withdrawn; the cool-down runs from here"
    )

    class Meta:
        ordering = ["-submitted_at", "-id"]
        indexes = [models.Index(fields=["status", "voting_ends_at"]), models.Index(fields=["status", "trial_ends_at"])]

    def __str__(self) -> str:
        return f"{self.character_name} ({self.get_status_display()})"

    @property
    def voting_open(self) -> bool:
        """Return whether a vote counts right now: by the clock, whatever a worker has or has not written down."""
        return (
            self.status == self.Status.VOTING_ACTIVE
            and self.voting_ends_at is not None
            and clock.now() < self.voting_ends_at
        )

    @property
    def current_status(self) -> str:
        """Return the status as it is by the clock: a vote whose time is over is complete, worker or no worker."""
        if self.status == self.Status.VOTING_ACTIVE and not self.voting_open:
            return self.Status.VOTING_COMPLETE
        return self.status

    @property
    def current_status_label(self) -> str:
        """Return `current_status` as people say it."""
        return STATUS_WORDS[self.current_status]

    @property
    def vote_called_off(self) -> bool:
        """Return whether the latest vote ended without being decided: called off, or withdrawn under it."""
        return self.voting_round > 0 and self.voting_decided_at is None and self.status != self.Status.VOTING_ACTIVE

    @property
    def public_status(self) -> str:
        """Return what guests and applicants may know: never that there is a vote (PRD 3.10.5)."""
        if self.status in (self.Status.VOTING_ACTIVE, self.Status.VOTING_COMPLETE):
            return self.Status.TRIAL_ACCEPTED if self.trial_started_at else self.Status.SUBMITTED
        return self.status


class ApplicationStatusChange(models.Model):
    """One step of an application's way."""

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="status_changes")
    from_status = models.CharField(max_length=16, blank=True)
    to_status = models.CharField(max_length=16)
    at = models.DateTimeField(default=clock.now)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.TextField(blank=True)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.from_status or 'new'} → {self.to_status}"


class ApplicationComment(models.Model):
    """A note on an application: internal to recruiters unless it is shown to the applicant."""

    class Kind(models.TextChoices):
        NOTE = "note"
        FEEDBACK = "feedback", "feedback on the trial"

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="comments")
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.NOTE)
    body = models.TextField()
    visible_to_applicant = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        ordering = ["created_at", "id"]

    def __str__(self) -> str:
        return self.body[:60]


class ApplicationVote(models.Model):
    """A member's vote in one round. `attendance_percentage` is the snapshot of the moment they voted (or last changed)."""

    class Choice(models.TextChoices):
        PASS = "pass"  # noqa: S105 - a vote, not a password
        FAIL = "fail"
        RECYCLE = "recycle"

    application = models.ForeignKey(Application, on_delete=models.CASCADE, related_name="votes")
    round = models.PositiveSmallIntegerField()
    voter = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="application_votes")
    vote = models.CharField(max_length=7, choices=Choice)
    comment = models.TextField(blank=True)
    attendance_percentage = models.DecimalField(max_digits=5, decimal_places=2)
    raids_attended = models.PositiveIntegerField(default=0)
    raids_held = models.PositiveIntegerField(default=0)
    is_counted = models.BooleanField(help_text="the snapshot reached the minimum that was in force")
    vote_changes = models.PositiveIntegerField(default=0)
    cast_at = models.DateTimeField(default=clock.now)
    changed_at = models.DateTimeField(default=clock.now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["cast_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["application", "round", "voter"], name="one_vote_a_person_and_round"),
            models.CheckConstraint(
                condition=Q(attendance_percentage__gte=0) & Q(attendance_percentage__lte=100),
                name="a_snapshot_is_a_percentage",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.voter}: {self.vote}"


class VoteChange(models.Model):
    """Each casting, change and withdrawal of a vote, for officers."""

    vote = models.ForeignKey(ApplicationVote, on_delete=models.CASCADE, related_name="changes")
    from_vote = models.CharField(max_length=7, blank=True)
    to_vote = models.CharField(max_length=7, blank=True)
    attendance_percentage = models.DecimalField(max_digits=5, decimal_places=2)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.from_vote or 'nothing'} → {self.to_vote or 'withdrawn'}"
