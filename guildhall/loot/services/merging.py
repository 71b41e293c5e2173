"""Two entries of the catalogue that are one item.

Invariants:
- Nothing is lost and nothing is counted twice: the awards, auctions and planned loot of the one become the other's; no point moves.
  The merged entry keeps its row, so that its name and its id find the item that stays (`Item.merged_into`, one step).
- Locks: the auctions of the merged item, then both items by primary key. Whoever makes an award or an auction of an item holds one of
  these, so nothing is left behind with an item that was merged (`verify_ledger`).
- A merge is undone exactly: what was moved goes back, with what has come of it since (an award that corrects a moved one, what a
  moved auction awarded). What was made of the item that stays is its own, whatever name it was made under. Built on a merge is
  another merge of the item that stays: that one is undone first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypedDict, cast

from guildhall.accounts.models import User
from guildhall.core import audit, batches, previews
from guildhall.core.errors import BadInput, Stale
from guildhall.core.model_updates import set_fields
from guildhall.core.models import Batch
from guildhall.core.transactions import use_case
from guildhall.loot.hooks import item_followers
from guildhall.loot.models import Item, LootDistribution
from guildhall.loot.names import item_key
from guildhall.loot.selectors import PriceReference, price_reference
from guildhall.raids.services.planned_loot import PlannedLootChange, planned_loot_changes, put_planned_loot

from .items import refuse_merged

ITEM_MERGE = "item_merge"
FILLED = {
    "description": "description", "category": "category", "rarity": "rarity", "game_id": "game id", "item_pool_id": "item pool",
}  # fmt: skip
"""Details that the item that stays is given where it lacks them, by field, with what people call them."""
CHUNK = 500


class MergeData(TypedDict):
    """What a batch of this kind keeps: what was moved, by keys, and what the item that stays was given of the other's details."""

    source_id: int
    target_id: int
    awards: list[int]
    followers: dict[str, list[str]]
    planned: list[PlannedLootChange]
    names: list[int]
    filled: dict[str, str | int]


@dataclass(frozen=True, slots=True)
class ItemMerge:
    """What a merge of two items would do.

    Attributes:
        source_prices, target_prices: what each went for, the item that is merged and the one that stays.
        awards: how many awards move, the undone too.
        followers: how many rows of later apps move, by their name (``auctions``).
        planned: plans that name the merged item.
        filled: details that the item that stays lacks and gets of the other's, by field.
    """

    source: Item
    target: Item
    source_prices: PriceReference
    target_prices: PriceReference
    awards: int
    followers: dict[str, int] = field(default_factory=dict)
    planned: list[PlannedLootChange] = field(default_factory=list)
    filled: dict[str, str | int] = field(default_factory=dict)

    @property
    def both(self) -> tuple[PriceReference, PriceReference]:
        """Return what the two went for, the one that is merged first."""
        return self.source_prices, self.target_prices

    @property
    def details(self) -> list[str]:
        """Return the names of the details that are taken over, for people."""
        return [FILLED[name] for name in self.filled]

    @property
    def shown(self) -> previews.Shown:
        rows: dict[str, object] = {
            f"awards of {self.source}": self.awards,
            **{f"{name} of {self.source}": count for name, count in self.followers.items()},
            f"plans that name {self.source}": len(self.planned),
            f"prices of {self.source}": _figures(self.source_prices),
            f"prices of {self.target}": _figures(self.target_prices),
            **{f"the {name}": value for name, value in zip(self.details, self.filled.values(), strict=True)},
        }
        return previews.Shown("loot.merge_items", [self.source.pk, self.target.pk], rows)

    @property
    def digest(self) -> str:
        return self.shown.digest


def _figures(prices: PriceReference) -> list[object]:
    return [prices.awards, prices.minimum, prices.median, prices.maximum]


def preview_merge_items(*, source: Item, target: Item) -> ItemMerge:
    """Return what making `source` and `target` one item would move; nothing is stored. Nine queries.

    Raises:
        BadInput: ``same_item``.
        Conflict: ``item_merged`` where one of the two was merged already.
    """
    _refuse(source, target)
    return ItemMerge(
        source=source,
        target=target,
        source_prices=price_reference(item=source),
        target_prices=price_reference(item=target),
        awards=LootDistribution.objects.filter(item=source).count(),
        followers={one.name: len(one.keys(source.pk)) for one in item_followers()},
        planned=_planned(source, target),
        filled=_filled(source, target),
    )


def _refuse(source: Item, target: Item) -> None:
    if source.pk == target.pk:
        raise BadInput("That is the same item; name the other one.", code="same_item", attr="source_item_id")
    refuse_merged(source)
    refuse_merged(target)


def _planned(source: Item, target: Item) -> list[PlannedLootChange]:
    return planned_loot_changes(
        is_old=lambda name: item_key(name) == source.name_key,
        is_new=lambda name: item_key(name) == target.name_key,
        name=target.name,
    )


def _filled(source: Item, target: Item) -> dict[str, str | int]:
    """Return the details that `target` lacks and `source` has."""
    return {name: getattr(source, name) for name in FILLED if getattr(source, name) and not getattr(target, name)}


def _lock(keys: dict[str, list[str]], ids: Sequence[int]) -> dict[int, Item]:
    """Lock the rows of later apps with these keys, and then these items; returns the items by id."""
    for one in item_followers():
        one.lock(keys.get(one.name, []))
    return {item.pk: item for item in Item.objects.select_for_update().filter(pk__in=ids).order_by("pk")}


@use_case
@previews.executes_preview(preview_merge_items)
def merge_items(
    *, source: Item, target: Item, actor: User | None, reason: str = "", digest: str | None = None
) -> Batch:
    """Make two items one, which is `target`: awards, prices, auctions and planned loot of `source` are its own from now on, and the
    name and id of `source` find it. No point moves.

    Args:
        digest: of the `preview_merge_items` that this carries out; the reason is not part of it.

    Returns:
        The batch by which it is undone.

    Raises:
        PreviewChanged: other things would move than were shown.
        BadInput: ``same_item``.
        Conflict: ``item_merged``.
        Stale: an auction of `source` was begun meanwhile.
    """
    if source.pk == target.pk:
        _refuse(source, target)
    keys = {one.name: one.keys(source.pk) for one in item_followers()}
    items = _lock(keys, [source.pk, target.pk])
    if len(items) < 2:
        raise Stale("One of the two items is gone. Open the page again.")
    source, target = items[source.pk], items[target.pk]
    _refuse(source, target)
    if any(set(one.keys(source.pk)) - set(keys[one.name]) for one in item_followers()):
        raise Stale(f"An auction of {source} was begun a moment ago. Nothing was stored; send it again.")
    previews.require(digest, lambda: preview_merge_items(source=source, target=target).shown)
    data: MergeData = {
        "source_id": source.pk,
        "target_id": target.pk,
        "awards": list(LootDistribution.objects.filter(item=source).order_by("pk").values_list("pk", flat=True)),
        "followers": keys,
        "planned": _planned(source, target),
        "names": list(Item.objects.filter(merged_into=source).order_by("pk").values_list("pk", flat=True)),
        "filled": _filled(source, target),
    }
    _move_awards(data["awards"], source.pk, target.pk)
    for one in item_followers():
        one.move(keys[one.name], source.pk, target.pk)
    put_planned_loot(data["planned"])
    # Whatever was merged into the source before is the target now: who asks needs to follow one step only.
    Item.objects.filter(pk__in=data["names"]).update(merged_into=target)
    source.merged_into = target
    source.save(update_fields=["merged_into", "updated_at"])
    if data["filled"]:
        set_fields(target, data["filled"])
        target.save(update_fields=[*data["filled"], "updated_at"])
    moved = {"awards": len(data["awards"]), **{name: len(rows) for name, rows in keys.items()}}
    batch = batches.record(
        kind=ITEM_MERGE,
        title=f"{source} merged into {target}",
        reason=reason,
        size=1 + sum(moved.values()) + len(data["planned"]) + len(data["filled"]),
        actor=actor,
        data=cast(dict[str, object], data),
    )
    audit.record(
        action="loot.merge_items",
        summary=f"item {source} merged into {target}" + (f": {reason}" if reason else ""),
        actor=actor,
        target=target,
        data={"source_id": source.pk, "target_id": target.pk, "moved": moved, "batch": str(batch.pk)},
    )
    return batch


def _move_awards(keys: Sequence[int], from_id: int, to_id: int) -> None:
    for start in range(0, len(keys), CHUNK):
        LootDistribution.objects.filter(pk__in=keys[start : start + CHUNK], item=from_id).update(item=to_id)


def data_of(batch: Batch) -> MergeData:
    """Return what a batch of this kind keeps."""
    return cast(MergeData, batch.data)


def lock_for_undo(batch: Batch) -> None:
    """Lock what undoing a merge moves back."""
    data = data_of(batch)
    _lock(data["followers"], [data["source_id"], data["target_id"]])


def awards_to_give_back(data: MergeData) -> list[int]:
    """Return the awards that go back when a merge is undone: those that were moved, what moved auctions awarded since, and what
    corrects any of these, as long as they are still of the item that stayed. Two queries, and one for each correction of a correction."""
    of_target = LootDistribution.objects.filter(item=data["target_id"]).order_by("pk")
    auctions = [key for keys in data["followers"].values() for key in keys]
    wanted: set[int] = set()
    for start in range(0, len(data["awards"]), CHUNK):
        wanted |= set(of_target.filter(pk__in=data["awards"][start : start + CHUNK]).values_list("pk", flat=True))
    for start in range(0, len(auctions), CHUNK):
        wanted |= set(of_target.filter(auction__in=auctions[start : start + CHUNK]).values_list("pk", flat=True))
    newest = sorted(wanted)
    while newest:
        found: set[int] = set()
        for start in range(0, len(newest), CHUNK):
            part = newest[start : start + CHUNK]
            found |= set(of_target.filter(corrected_from__in=part).values_list("pk", flat=True))
        newest = sorted(found - wanted)
        wanted |= found
    return sorted(wanted)


def filled_still(data: MergeData, target: Item) -> dict[str, bool]:
    """Return for each detail that the item that stays was given whether it still has it."""
    return {name: getattr(target, name) == value for name, value in data["filled"].items()}


def undo_merge(batch: Batch, actor: object, reason: str) -> None:
    """Give a merged item back what was its own, under the locks of `lock_for_undo`."""
    data = data_of(batch)
    source, target = (Item.objects.get(pk=data[name]) for name in ("source_id", "target_id"))
    _move_awards(awards_to_give_back(data), target.pk, source.pk)
    for one in item_followers():
        one.move(data["followers"].get(one.name, []), target.pk, source.pk)
    put_planned_loot(data["planned"], back=True)
    Item.objects.filter(pk__in=data["names"], merged_into=target).update(merged_into=source)
    source.merged_into = None
    source.save(update_fields=["merged_into", "updated_at"])
    emptied = [name for name, is_so in filled_still(data, target).items() if is_so]
    if emptied:
        set_fields(target, {name: None if name == "item_pool_id" else "" for name in emptied})
        target.save(update_fields=[*emptied, "updated_at"])
    audit.record(
        action="loot.undo_item_merge",
        summary=f"item {source} is an item of its own again, apart from {target}: {reason}",
        actor=cast(User | None, actor),
        target=source,
        data={"batch": str(batch.pk), "source_id": source.pk, "target_id": target.pk},
    )
