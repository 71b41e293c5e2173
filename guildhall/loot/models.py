"""Items and awards.

Invariants:
- An item is one whatever the case or the apostrophe of its name (`Item.name_key` unique). It has no price (PRD 3.7.1).
- An item that was merged into another (`Item.merged_into`) keeps its row, so that its name and id find the other; no award and no
  auction is of it (`services/merging.py`; `verify_ledger`). One step leads to the item that stays.
- An award is a document of the ledger: `LootDistribution.document` names its entries, one of ``-points_spent`` in each pool
  that it counts in, written in the same transaction. Reversing them sets `reversed_at` (`documents.follow_reversals`);
  nothing else about an award changes. A correction reverses and awards anew, and the new one says what it corrects.
  `verify_ledger` compares each award with its entries; `loot/tests/test_awards.py` fails without.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from simple_history.models import HistoricalRecords

from guildhall.core import clock
from guildhall.core.fields import PointsField
from guildhall.core.models import Reversible


class Item(models.Model):
    """An item that drops. What it is worth is what people gave for it (`selectors.price_reference`)."""

    class Rarity(models.TextChoices):
        UNKNOWN = "", "Unknown"
        COMMON = "common"
        UNCOMMON = "uncommon"
        RARE = "rare"
        EPIC = "epic"
        LEGENDARY = "legendary"

    name = models.CharField(max_length=200)
    name_key = models.CharField(max_length=200, unique=True, editable=False)
    description = models.TextField(blank=True)
    category = models.CharField(max_length=60, blank=True, db_index=True, help_text="such as weapon, spell, armour")
    item_pool = models.ForeignKey(
        "raids.ItemPool", null=True, blank=True, on_delete=models.SET_NULL, related_name="items"
    )
    rarity = models.CharField(max_length=10, choices=Rarity, blank=True, default=Rarity.UNKNOWN)
    game_id = models.CharField(max_length=40, blank=True, db_index=True, help_text="the item's number in the game")
    metadata = models.JSONField(default=dict, blank=True)
    is_active = models.BooleanField(default=True, help_text="items that no longer drop are left out of lists")
    merged_into = models.ForeignKey(
        "self", null=True, blank=True, editable=False, on_delete=models.PROTECT, related_name="merged_from",
        help_text="the item that this turned out to be; its name and id find that one",
    )  # fmt: skip
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    history = HistoricalRecords()

    class Meta:
        ordering = ["name"]
        indexes = [models.Index(fields=["name"], name="item_by_name")]

    def __str__(self) -> str:
        return self.name


class LootDistribution(Reversible):
    """That somebody got an item and what they paid (PRD 3.7.3); names as they were then.

    `pool` is where it was paid; an award that counts in several pools (EQdkp Plus allows it) has the others in
    `extra_pools`, with an entry of the same price in each.
    """

    class Source(models.TextChoices):
        MANUAL = "manual", "awarded by hand"
        AUCTION = "auction"
        BOT = "bot", "a bot's own auction"
        IMPORT = "import"

    id = models.BigAutoField(primary_key=True)
    document = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    item = models.ForeignKey(Item, on_delete=models.PROTECT, related_name="awards")
    item_name = models.CharField(max_length=200)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="loot")
    character = models.ForeignKey(
        "roster.Character", null=True, blank=True, on_delete=models.SET_NULL, related_name="loot"
    )
    character_name = models.CharField(max_length=120, blank=True)
    raid = models.ForeignKey("raids.Raid", null=True, blank=True, on_delete=models.PROTECT, related_name="loot")
    pool = models.ForeignKey("points.DKPPool", on_delete=models.PROTECT, related_name="loot")
    extra_pools = models.ManyToManyField("points.DKPPool", blank=True, related_name="+")
    points_spent = PointsField()
    awarded_at = models.DateTimeField(default=clock.now)
    awarded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    source = models.CharField(max_length=8, choices=Source, default=Source.MANUAL)
    auction = models.UUIDField(null=True, blank=True, db_index=True, help_text="the bid session that decided it")
    note = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    reversal_reason = models.CharField(max_length=300, blank=True)
    corrected_from = models.OneToOneField(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="corrected_to"
    )

    class Meta:
        ordering = ["-awarded_at", "-id"]
        indexes = [
            models.Index(fields=["item", "reversed_at", "-awarded_at"], name="award_prices"),
            models.Index(fields=["-awarded_at", "-id"], name="award_newest"),
            models.Index(fields=["user", "-awarded_at"], name="award_of_person"),
            models.Index(fields=["raid", "awarded_at"], name="award_of_raid"),
        ]
        constraints = [models.CheckConstraint(condition=Q(points_spent__gte=0), name="award_price_not_negative")]

    def __str__(self) -> str:
        return f"{self.item_name} → {self.character_name or self.user}"
