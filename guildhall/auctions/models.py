"""Bid sessions, bids and what decides between them.

Invariants (issue: nobody can overspend, nothing is lost, everybody sees the same clock):
1. Locks are taken in one order: the session's row, then summaries by primary key in one call
   (`points.ledger.lock_summaries`), then the stream's counter, last. Checks come after the locks, writes after the checks,
   all in one transaction with the bid (`services.bids`). `tests/concurrency/test_auctions.py` overspends without.
2. What a session holds, in each pool that it charges, is what it may come to cost: in an open session the amount of each
   bid that leads, in a sealed one of each standing bid, once closed the price of each winner not served yet; nothing when
   it is cancelled or settled.
   `points.Hold.reference` is the session's id. `verify_ledger` compares (`documents.holds_agree_with_sessions`).
3. `BidHistory` is append-only, by triggers (`triggers.py`): every bid is a row and stays one. `ItemBid` is each person's standing bid.
4. Whether a session is over is a matter of `core.clock.now()` and `ends_at`, read under the session's lock; a
   worker that is late writes the outcome late, but lets no bid in (`BidSession.is_over`).
5. A session is closed once (its status changes under its lock) and decided by `resolution.resolve`, a pure function,
   with its trace and seed stored.
6. Stream events are numbered under one lock held to the commit, so that a higher number is never visible before a lower
   one (`stream.emit`); `auctions/tests/test_stream.py` and the concurrency test fail without.
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
from guildhall.core.money import ZERO

from .chat_models import ChatLine as ChatLine
from .chat_models import ChatWords as ChatWords


class Mode(models.TextChoices):
    """How an item is bid for."""

    OPEN = "open", "open, ascending: the leader pays their bid"
    SEALED = "sealed", "sealed: nobody sees amounts; the best pays their bid"
    SECOND_PRICE = "second_price", "sealed, the best pays the best losing bid of their tier"
    ROLL = "roll", "rolled for: nobody bids, the highest roll of the best tier has it free"


SEALED_MODES = (Mode.SEALED, Mode.SECOND_PRICE)
"""The modes in which nobody sees amounts while a session runs."""


class Status(models.TextChoices):
    """Where a session stands (docs/api-contract.md)."""

    OPEN = "open"
    CLOSED = "closed"
    AWARDED = "awarded"
    CANCELLED = "cancelled"


class TieBreak(models.TextChoices):
    """What decides between equal bids of one tier."""

    EARLIEST = "earliest", "who bid that much first"
    ATTENDANCE = "attendance", "higher attendance in 30 days"
    LEAST_RECENTLY_WON = "least_recently_won", "whose last award in the pool is longest ago"
    ROLL = "roll", "a roll from the session's seed"


class Disclosure(models.TextChoices):
    """What everybody is shown of the bids of a sealed session once it is decided. Each bidder always sees their own."""

    WINNERS = "winners", "who won and at what price, and nothing of the other bids"
    AMOUNTS = "amounts", "also the amounts of the other bids, without names"
    ALL = "all", "every bid, with its bidder"


def default_tie_breaks() -> list[str]:
    """Earliest first; it always decides."""
    return [TieBreak.EARLIEST.value]


class BiddingPolicy(models.Model):
    """What a session of a pool starts with unless the call says otherwise. A pool without a row has these defaults."""

    pool = models.OneToOneField("points.DKPPool", on_delete=models.CASCADE, related_name="bidding_policy")
    mode = models.CharField(max_length=12, choices=Mode, default=Mode.OPEN)
    minimum_bid = PointsField(default=1)
    increment = PointsField(default=1)
    duration_seconds = models.PositiveIntegerField(
        default=180, validators=[MinValueValidator(5), MaxValueValidator(7 * 86_400)]
    )
    anti_snipe_seconds = models.PositiveSmallIntegerField(
        default=15, help_text="a bid that changes the lead this close to the end resets the clock to it; 0 for none"
    )
    anti_snipe_limit = models.PositiveSmallIntegerField(default=20, help_text="how often at most in one session")
    all_in_breaks_increment = models.BooleanField(default=True)
    tie_breaks = models.JSONField(default=default_tie_breaks, blank=True)
    disclosure = models.CharField(
        max_length=7,
        choices=Disclosure,
        default=Disclosure.WINNERS,
        help_text="what everybody sees of a sealed auction once it is decided; of one that is cancelled nobody sees a bid",
    )

    history = HistoricalRecords()

    class Meta:
        verbose_name_plural = "bidding policies"

    def __str__(self) -> str:
        return f"bidding in {self.pool}"


class BiddingRule(models.Model):
    """Who may bid, how far, and who comes first: data that officers edit (PRD 3.7.2).

    A rule is about whoever meets all its conditions; an empty condition is met by everybody. Of several caps the lowest
    counts, of several tiers the first rule's. A running session keeps the rules it began with (`BidSession.rules`).
    """

    class Effect(models.TextChoices):
        DENY = "deny", "may not bid"
        CAP = "cap", "may bid at most …"
        TIER = "tier", "bids in tier … (a lower number beats a higher one, whatever the amount)"

    class Kind(models.TextChoices):
        ANY = "", "mains and alts"
        MAIN = "main", "mains"
        ALT = "alt", "alts"

    name = models.CharField(max_length=80, help_text="shown to whoever is refused")
    pool = models.ForeignKey(
        "points.DKPPool", null=True, blank=True, on_delete=models.CASCADE, related_name="bidding_rules",
        help_text="empty for every pool",
    )  # fmt: skip
    position = models.PositiveSmallIntegerField(default=100)
    is_active = models.BooleanField(default=True)
    effect = models.CharField(max_length=4, choices=Effect)
    cap = PointsField(null=True, blank=True)
    tier = models.PositiveSmallIntegerField(null=True, blank=True)
    ranks = models.ManyToManyField("roster.Rank", blank=True, related_name="bidding_rules")
    roles = models.JSONField(default=list, blank=True, help_text='such as ["applicant", "guest"]')
    character_kind = models.CharField(max_length=4, choices=Kind, blank=True, default=Kind.ANY)
    is_trial = models.BooleanField(null=True, blank=True, help_text="the character's rank is a trial rank, or is not")
    attendance_below = models.DecimalField(
        max_digits=5, decimal_places=2, null=True, blank=True, help_text="30-day attendance below this percentage"
    )
    character_classes = models.JSONField(default=list, blank=True, help_text='such as ["Cleric", "Druid"]')
    item_categories = models.JSONField(default=list, blank=True)
    item_not_for_class = models.BooleanField(
        default=False,
        help_text='the item names its classes (metadata {"classes": ["Cleric"]}) and the character\'s is not among them',
    )
    created_at = models.DateTimeField(default=clock.now, editable=False)

    history = HistoricalRecords(m2m_fields=[ranks])

    class Meta:
        ordering = ["position", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(effect="deny") | Q(effect="cap", cap__isnull=False) | Q(effect="tier", tier__isnull=False),
                name="bidding_rule_has_its_figure",
            )
        ]

    def __str__(self) -> str:
        return self.name


class BidSession(models.Model):
    """One item (or several alike) up for bids."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    item = models.ForeignKey("loot.Item", on_delete=models.PROTECT, related_name="bid_sessions")
    item_name = models.CharField(max_length=200)
    raid = models.ForeignKey("raids.Raid", null=True, blank=True, on_delete=models.PROTECT, related_name="bid_sessions")
    pool = models.ForeignKey("points.DKPPool", on_delete=models.PROTECT, related_name="bid_sessions")
    extra_pools = models.ManyToManyField(
        "points.DKPPool", blank=True, related_name="+", help_text="where the price is charged too"
    )
    mode = models.CharField(max_length=12, choices=Mode, default=Mode.OPEN)
    status = models.CharField(max_length=9, choices=Status, default=Status.OPEN)
    minimum_bid = PointsField()
    increment = PointsField()
    quantity = models.PositiveSmallIntegerField(default=1)
    started_at = models.DateTimeField(default=clock.now)
    ends_at = models.DateTimeField()
    paused_at = models.DateTimeField(null=True, blank=True)
    anti_snipe_seconds = models.PositiveSmallIntegerField(default=0)
    anti_snipe_limit = models.PositiveSmallIntegerField(default=0)
    anti_snipes = models.PositiveSmallIntegerField(default=0, help_text="how often the clock was reset")
    all_in_breaks_increment = models.BooleanField(default=True)
    tie_breaks = models.JSONField(default=default_tie_breaks)
    rules = models.JSONField(default=list, help_text="the bidding rules as they stood at the start")
    disclosure = models.CharField(
        max_length=7, choices=Disclosure, default=Disclosure.WINNERS, help_text="as the policy stood at the start"
    )
    seed = models.CharField(max_length=64, help_text="what rolls are made from; shown once the session is over")
    price_reference = models.JSONField(default=dict, help_text="what the item went for before")
    roll_tiers = models.JSONField(
        default=list, help_text='of a roll: the ranges, the best first, such as [{"high": 333, "name": "main"}]'
    )
    bids_count = models.PositiveIntegerField(default=0)
    is_rot = models.BooleanField(default=False, help_text="nobody bid")
    trace = models.JSONField(default=list, help_text="how it was decided, step by step")
    note = models.CharField(max_length=300, blank=True)
    external_reference = models.CharField(
        max_length=120, unique=True, null=True, blank=True, help_text="the number a bot knows its own auction by"
    )
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="empty if the clock did",
    )  # fmt: skip

    class Meta:
        ordering = ["-started_at", "id"]
        indexes = [
            models.Index(fields=["status", "ends_at"], name="session_due"),
            models.Index(fields=["item", "-started_at"], name="session_of_item"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__gte=1), name="session_has_an_item"),
            models.CheckConstraint(condition=Q(minimum_bid__gte=0) & Q(increment__gte=0), name="session_figures"),
        ]

    def __str__(self) -> str:
        return f"{self.item_name} ({self.status})"

    @property
    def is_sealed(self) -> bool:
        """Return whether nobody sees amounts while it runs."""
        return self.mode in SEALED_MODES

    def is_over(self, now: dt.datetime) -> bool:
        """Return whether the clock has run out, whatever has been written down yet."""
        return self.status == Status.OPEN and self.paused_at is None and now >= self.ends_at

    def takes_bids(self, now: dt.datetime) -> bool:
        """Return whether a bid at `now` is in time."""
        return takes_bids(self.status, self.paused_at, self.ends_at, now)


def takes_bids(status: str, paused_at: dt.datetime | None, ends_at: dt.datetime, now: dt.datetime) -> bool:
    """Return whether a bid at `now` is in time in a session that stands so."""
    return status == Status.OPEN and paused_at is None and now < ends_at


class ItemBid(models.Model):
    """A person's standing bid in a session: the last one accepted from them, until it is voided."""

    session = models.ForeignKey(BidSession, on_delete=models.CASCADE, related_name="bids")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bids")
    character = models.ForeignKey(
        "roster.Character", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    character_name = models.CharField(max_length=120, blank=True)
    amount = PointsField()
    tier = models.PositiveSmallIntegerField(default=1)
    placed_at = models.DateTimeField()
    latest = models.ForeignKey("BidHistory", on_delete=models.PROTECT, related_name="+")
    leads = models.BooleanField(default=False, help_text="among the best `quantity`; never told while sealed")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["session", "user"], name="one_standing_bid_a_person")]
        indexes = [models.Index(fields=["session", "leads"], name="bid_leads")]

    def __str__(self) -> str:
        return f"{self.character_name or self.user}: {self.amount}"


class BidHistory(models.Model):
    """Every bid that came in, accepted or not; never changed (PRD 3.7.1)."""

    class Outcome(models.TextChoices):
        ACCEPTED = "accepted"
        REFUSED = "refused"
        VOIDED = "voided", "voided by an officer"
        WITHDRAWN = "withdrawn", "withdrawn by the bidder"

    id = models.BigAutoField(primary_key=True)
    session = models.ForeignKey(BidSession, on_delete=models.PROTECT, related_name="bid_history")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="bid_history"
    )
    bidder = models.CharField(max_length=120, help_text="who it was, also where nobody here is known by it")
    character_name = models.CharField(max_length=120, blank=True)
    amount = PointsField()
    tier = models.PositiveSmallIntegerField(default=1)
    at = models.DateTimeField(default=clock.now)
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.ACCEPTED)
    code = models.CharField(max_length=40, blank=True, help_text="why it was refused")
    took_lead = models.BooleanField(default=False)
    available_before = PointsField(null=True, blank=True, help_text="what they could have bid then")
    placed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "bid history"
        indexes = [models.Index(fields=["session", "id"], name="history_of_session")]

    def __str__(self) -> str:
        return f"{self.character_name or self.bidder}: {self.amount} ({self.outcome})"

    @property
    def placed_for_them_by(self) -> str | None:
        """Return who placed it in the bidder's name; None where they did themselves, also under an account that is
        theirs now, and for a bid that was voided (there `placed_by` did that). Reads `placed_by`."""
        if self.outcome not in (self.Outcome.ACCEPTED, self.Outcome.REFUSED):
            return None
        other = self.placed_by if self.placed_by_id != self.user_id else None
        return None if other is None or other.merged_into_id == self.user_id else str(other)


class SessionRoll(models.Model):
    """A `/random` for a session of mode `Mode.ROLL`: who threw what, in which range, and so in which tier of it.

    Invariant: one roll of a person counts, the first, whichever of their characters threw it (`counts` is true or NULL, so
    that the unique constraint holds on every database; `services.rolls` writes it under the session's lock).
    """

    session = models.ForeignKey(BidSession, on_delete=models.CASCADE, related_name="rolls")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    character = models.ForeignKey(
        "roster.Character", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    character_name = models.CharField(max_length=120)
    high = models.PositiveIntegerField(help_text="the upper bound of the range; the lower one is 0")
    result = models.PositiveIntegerField()
    tier = models.PositiveSmallIntegerField(
        help_text="the place of the range in `BidSession.roll_tiers`, the best is 1"
    )
    tier_name = models.CharField(max_length=40, blank=True)
    counts = models.BooleanField(null=True, help_text="empty for a second roll, and for one by whom a rule keeps out")
    problem = models.CharField(max_length=20, blank=True, help_text="why it does not count: second_roll, not_allowed")
    at = models.DateTimeField(default=clock.now)
    recorded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["session", "user", "counts"], name="one_roll_of_a_person_counts"),
            models.CheckConstraint(condition=Q(result__lte=models.F("high")), name="roll_within_its_range"),
            models.CheckConstraint(condition=Q(counts=True) | Q(counts__isnull=True), name="roll_counts_or_not"),
        ]

    def __str__(self) -> str:
        return f"{self.character_name}: {self.result} of {self.high}"

    # As a closing reads who is after an item, whether they bid or rolled (`services.closing`).

    @property
    def amount(self) -> Decimal:
        """Return the result."""
        return Decimal(self.result)

    @property
    def placed_at(self) -> dt.datetime:
        """Return when it was thrown."""
        return self.at

    @property
    def latest_id(self) -> int:
        """Return a number that grows with time."""
        return int(self.pk)

    @property
    def leads(self) -> bool:
        """Return that it holds no points."""
        return False


class SessionWinner(models.Model):
    """Who won one of a session's items, at what price, and what became of it.

    One row a copy: bids win somebody one of them, an officer may give the same person another.
    """

    class State(models.TextChoices):
        WON = "won", "won, not awarded yet"
        AWARDED = "awarded"
        PASSED = "passed", "passed on it"
        UNDONE = "undone", "awarded and undone"

    session = models.ForeignKey(BidSession, on_delete=models.CASCADE, related_name="winners")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    character = models.ForeignKey(
        "roster.Character", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    character_name = models.CharField(max_length=120, blank=True)
    bid_amount = PointsField(default=ZERO)
    amount = PointsField(help_text="the price by the mode's rule")
    position = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=7, choices=State, default=State.WON)
    loot = models.OneToOneField(
        "loot.LootDistribution", null=True, blank=True, on_delete=models.PROTECT, related_name="session_winner"
    )

    class Meta:
        ordering = ["session", "position", "pk"]

    def __str__(self) -> str:
        return f"{self.character_name or self.user}: {self.amount} ({self.state})"


class StreamCounter(models.Model):
    """The one row under whose lock stream events are numbered."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    value = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return str(self.value)


class StreamEvent(models.Model):
    """One event of the live stream (docs/api-contract.md: `session`, `bid`, `closed`, `awarded`), kept for a day to resume from."""

    id = models.BigAutoField(primary_key=True)
    sequence = models.BigIntegerField(unique=True)
    kind = models.CharField(max_length=10)
    session_id = models.UUIDField()
    data = models.JSONField()
    created_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        ordering = ["sequence"]

    def __str__(self) -> str:
        return f"{self.sequence} {self.kind}"


class ChatRules(models.Model):
    """How the guild writes its auctions in chat: one row, changed by `services.conventions`; without it everything that is
    known is read. `data` is what `chat.ChatConventions.from_data` takes."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    base = models.CharField(max_length=20, default="everything", help_text="the ready-made set that it was begun from")
    data = models.JSONField(default=dict, blank=True)

    history = HistoricalRecords()

    class Meta:
        verbose_name = "chat conventions"
        verbose_name_plural = "chat conventions"
        constraints = [models.CheckConstraint(condition=Q(pk=1), name="one_row_of_chat_rules")]

    def __str__(self) -> str:
        return "Chat conventions"
